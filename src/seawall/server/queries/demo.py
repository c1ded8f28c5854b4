"""The demo's controls: a small service that the demo runs beside the control plane."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from seawall.access.action import Action as Permission
from seawall.kernel import NotFound, SeawallError, Unavailable
from seawall.rollout.rollout import Rollout
from seawall.server.pages import formats, paths, views
from seawall.server.pages.views import Action, Fact, Status
from seawall.server.queries import history, pulse
from seawall.server.queries.inventory import DeploymentHead
from seawall.server.queries.overview import RolloutHead
from seawall.server.queries.rollout_controls import roll_back
from seawall.server.queries.rollout_outlook import waiting
from seawall.server.queries.visit import Visit
from seawall.server.queries.words import sentence

SECONDS = 10.0
STEPS = 10
MILESTONES = (
    "registry:version:registered",
    "approvals:version:approved",
    "approvals:version:rejected",
    "rollout:step:start",
    "rollout:step:promote",
    "rollout:step:roll_back",
    "rollout:step:abort",
    "incidents:incident:opened",
    "incidents:incident:resolved",
    "retraining:run:triggered",
)


class Fault(msgspec.Struct, frozen=True):
    """A fault that the demo can inject."""

    name: str
    title: str
    active: bool = False


class State(msgspec.Struct, frozen=True):
    """What the demo says of itself: its faults, requests sent in all and an hour, its clock."""

    faults: tuple[Fault, ...] = ()
    sent: int = 0
    hour: float | str | None = None
    clock: str = ""


def panel(visit: Visit) -> str:
    """The address of the demo's service; raises `NotFound` when no demo runs."""
    address = visit.app.settings.demo_panel
    if address is None:
        raise NotFound("no demo is running here", remedy="start one with seawall demo --serve")
    return address.rstrip("/")


def order(visit: Visit, *words: str) -> bytes:
    """Send the demo an order, such as `fault`, `drift`; returns what it answered."""
    visit.app.allow(visit.who, Permission.ROLLBACK)
    path = "/".join(quote(word, safe="") for word in words)
    return _ask(f"{panel(visit)}/{path}", data=b"")


class Answers(msgspec.Struct, frozen=True):
    """What the gateway answered to requests sent from the page, or why it refused them."""

    answers: tuple[dict[str, Any], ...] = ()
    refusal: Any = None


def reply(answered: bytes) -> views.Reply:
    """What came back of a request, for the page."""
    try:
        told = msgspec.json.decode(answered, type=Answers)
    except msgspec.MsgspecError:
        return views.Reply(status=Status("warning", "answered"), headers=(), body="")
    if told.refusal is not None:
        said = msgspec.json.format(msgspec.json.encode(told.refusal), indent=2).decode()
        return views.Reply(status=Status("bad", "refused"), headers=(), body=said)
    first = told.answers[0] if told.answers else {}
    headers = tuple(
        Fact(name=k.replace("_", " "), value=str(v), mono=True)
        for k, v in first.items()
        if isinstance(v, str | int | float) and v != ""
    )
    decision = str(first.get("decision_id") or first.get("id") or "")
    body = msgspec.json.format(msgspec.json.encode(told.answers), indent=2).decode()
    return views.Reply(
        status=Status("good", "answered"), headers=headers, body=body, decision=decision
    )


def _ask(address: str, data: bytes | None = None) -> bytes:
    request = urllib.request.Request(address, data=data)  # noqa: S310 -- http, by the settings
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return answer.read()
    except (OSError, urllib.error.URLError) as error:
        why = getattr(error, "reason", error)
        raise Unavailable(
            f"the demo does not answer: {why}", where=address, remedy="is it still running?"
        ) from error


def demo(visit: Visit, answered: views.Reply | None = None) -> views.Demo:
    """The page."""
    visit.app.allow(visit.who, Permission.READ)
    address = panel(visit)
    refused = visit.refused(Permission.ROLLBACK)
    try:
        state = msgspec.json.decode(_ask(f"{address}/state"), type=State)
        status, said = _said(state)
    except (SeawallError, msgspec.MsgspecError) as error:
        state, status = State(), Status("bad", "silent")
        said = error.what if isinstance(error, SeawallError) else "the demo's answer is unreadable"
    rollouts = [r for r in visit.app.store.find(RolloutHead) if r.open]
    going = visit.app.store.get(Rollout, rollouts[0].key) if rollouts else None
    hour = f"{formats.count(_per_hour(visit))} people an hour"
    calm = Action(
        label="End every fault",
        post=f"{paths.DEMO}/calm",
        refused=refused or ("" if any(f.active for f in state.faults) else "No fault is active."),
    )
    return views.Demo(
        frame=visit.frame(),
        steps=_steps(visit),
        status=status,
        sentence=sentence(f"{said}{f'; {waiting(going)}' if going else ''}"),
        faults=tuple(
            Action(
                label=f"End: {f.title}" if f.active else f.title,
                post=f"{paths.DEMO}/fault/{quote(f.name, safe='')}",
                effect=""
                if f.active
                else f"Every request, about {hour}, is changed until you end it.",
                refused=refused,
            )
            for f in state.faults
        ),
        request=Action(
            label="Send requests now",
            post=f"{paths.DEMO}/send",
            effect="People of the survey are sent to the gateway at once, beside the traffic.",
            refused=refused,
        ),
        reply=answered,
        controls=(calm, *((roll_back(visit, going),) if going else ())),
    )


def _per_hour(visit: Visit) -> float:
    endpoints = [d.endpoint for d in visit.app.store.find(DeploymentHead, limit=10)]
    return sum(pulse.read(visit.app, name, visit.moment).per_hour for name in endpoints)


def _steps(visit: Visit) -> tuple[views.DemoStep, ...]:
    """The milestones of the model's life, the newest first."""
    logged = [e for act in MILESTONES for e in visit.app.store.audit.find(action=act, limit=STEPS)]
    logged.sort(key=lambda e: e.entry.id, reverse=True)
    return tuple(
        views.DemoStep(
            name=history.told(e.entry),
            status=history.status(e.entry) or Status("none", "done"),
            href=history.href(e.entry),
            facts=(Fact(name="At", value=f"{e.entry.time:%d %b %H:%M} by {e.entry.actor}"),),
        )
        for e in logged[:STEPS]
    )


def _said(state: State) -> tuple[Status, str]:
    active = [f.title for f in state.faults if f.active]
    clock = state.clock
    with contextlib.suppress(ValueError):
        clock = f"{datetime.fromisoformat(state.clock):%d %b %Y %H:%M}"
    when = f"It is {clock} on the demo's clock; " if clock else ""
    said = f"{when}{state.sent:,} people were decided on"
    if active:
        return Status("warning", "fault"), f"{said}; injected: {', '.join(active)}"
    return Status("good", "running"), f"{said}; no fault is active"
