"""Which gateway serves which bundle, who lags since when, and who refused one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.app.bundles import Deployment
from seawall.app.root import App
from seawall.incidents import incident as incidents
from seawall.incidents.alert import Alert, fingerprint, make_alert
from seawall.incidents.incident import Incident
from seawall.kernel import NotFound, Transaction, from_ns, now, to_ns
from seawall.serving.gateways import GatewayStatus, Refusal

SILENT = timedelta(minutes=2)
"""A gateway that was not heard for so long is called silent; it speaks every half minute."""
FORGOTTEN = timedelta(days=1)
"""One that was not heard for so long is gone, and so are its alerts."""
GRACE = timedelta(seconds=30)
"""A gateway has so long to take a new bundle before it is called behind."""
State = Literal["current", "behind", "refuses", "waiting", "silent"]


class RefusedBundle(msgspec.Struct, frozen=True):
    """A refusal as a gateway told it; its first revision is from when it was `told`."""

    kind: ClassVar[str] = "refused_bundle"

    gateway: str
    refusal: Refusal
    told: datetime

    @property
    def key(self) -> str:
        """By endpoint, gateway, envelope and moment: told again it is the same."""
        r = self.refusal
        return f"{r.endpoint}/{self.gateway}/{r.offered[7:19]}/{to_ns(r.at)}"

    @property
    def labels(self) -> dict[str, str]:
        """What its alert is named by."""
        return {
            "alert": "bundle_refused",
            "endpoint": self.refusal.endpoint,
            "gateway": self.gateway,
            "bundle": self.refusal.offered[7:19],
        }

    @property
    def sentence(self) -> str:
        """What happened, and what is served meanwhile."""
        r = self.refusal
        number = "a bundle" if r.number is None else f"bundle {r.number}"
        held = "it serves nothing" if r.held is None else f"it serves bundle {r.held} on"
        return f"{r.endpoint}: gateway {self.gateway} refused {number}: {r.message}; {held}"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway at one endpoint.

    `since` is when the bundle after the one it serves was issued (behind), when it refused
    (refuses), started (waiting), or was heard last (silent); None when it is current.
    """

    gateway: str
    endpoint: str
    state: State
    bundle: int | None
    issued: int
    since: datetime | None
    heard: datetime
    started: datetime
    software: str
    killed: bool
    refusal: Refusal | None


def attend(app: App, who: Identity, status: GatewayStatus) -> None:
    """Keep what a gateway says of itself; what it refused goes on record, each refusal once."""
    app.allow(who, Action.TELEMETRY, gateway=status.gateway)
    moment = now(app.clock)
    news = [r for r in status.refusals if _held(app, RefusedBundle(status.gateway, r, moment)) != r]
    if news:
        with app.store.transaction(who.actor) as tx:
            for refusal in news:
                _note(app, tx, status.gateway, refusal)
    forget = to_ns(moment - FORGOTTEN)
    app.store.gateways.put(status, to_ns(moment), forget_ns=forget)


def refusals(app: App, endpoint: str) -> list[Alert]:
    """The alerts that hold: bundles refused with no good one taken since, or not told so far."""
    known = {status.gateway for status, _ in app.store.gateways.all()}
    found: list[Alert] = []
    for one in app.store.find(RefusedBundle, f"{endpoint}/"):
        if one.gateway in known and (one.refusal.ended is None or not _was_told(app, one)):
            found.append(make_alert("page", one.labels, one.sentence, now(app.clock)))
    return found


def standings(app: App, endpoint: str = "") -> list[Standing]:
    """Every gateway at every deployed endpoint, or at one; by endpoint and name."""
    heard = app.store.gateways.all()
    names = [endpoint] if endpoint else [d.endpoint for d in app.store.find(Deployment)]
    found: list[Standing] = []
    for name in names:
        try:
            deployment = app.store.get(Deployment, name)
        except NotFound:
            continue
        opened = {
            r.gateway: r.refusal
            for r in app.store.find(RefusedBundle, f"{name}/")
            if r.refusal.ended is None
        }
        for status, at in heard:
            refusal = opened.get(status.gateway)
            if name in status.serving or refusal:
                found.append(_standing(app, deployment, status, from_ns(at), refusal))
    return found


def _standing(
    app: App,
    deployment: Deployment,
    status: GatewayStatus,
    heard: datetime,
    refusal: Refusal | None,
) -> Standing:
    moment, serving = now(app.clock), status.serving.get(deployment.endpoint)
    state: State = "current"
    since: datetime | None = None
    if moment - heard > SILENT:
        state, since = "silent", heard
    elif refusal is not None:
        state, since = "refuses", refusal.at
    elif serving is None:
        state, since = "waiting", status.started
    elif serving.number < deployment.number:
        due = _issued_after(app, deployment.endpoint, serving.number)
        if moment - due > GRACE:
            state, since = "behind", due
    return Standing(
        gateway=status.gateway,
        endpoint=deployment.endpoint,
        state=state,
        bundle=serving.number if serving else None,
        issued=deployment.number,
        since=since,
        heard=heard,
        started=status.started,
        software=status.software,
        killed=bool(serving and serving.killed),
        refusal=refusal,
    )


def _issued_after(app: App, endpoint: str, number: int) -> datetime:
    """When the bundle that follows this number was issued."""
    revisions = app.store.history(Deployment, endpoint)
    later: Sequence[Deployment] = [
        r.value for r in revisions if r.value is not None and r.value.number > number
    ]
    return min(later, key=lambda d: d.number).issued


def _held(app: App, one: RefusedBundle) -> Refusal | None:
    try:
        return app.store.get(RefusedBundle, one.key).refusal
    except NotFound:
        return None


def _note(app: App, tx: Transaction, gateway: str, refusal: Refusal) -> None:
    one = RefusedBundle(gateway, refusal, now(app.clock))
    try:
        before = tx.get(RefusedBundle, one.key)
    except NotFound:
        before = None
    if before is None:
        detail = msgspec.to_builtins(refusal) | {"gateway": gateway}
        tx.record("serving:bundle:refused", refusal.endpoint, detail)
        tx.emit("serving:bundle:refused", refusal.endpoint, detail)
    else:
        one = msgspec.structs.replace(one, told=before.told)
    tx.put(one)
    if refusal.ended is not None and (before is None or before.refusal.ended is None):
        detail = {"gateway": gateway, "refused": refusal.offered, "taken": refusal.taken}
        tx.record("serving:bundle:taken", refusal.endpoint, detail)
        for incident in tx.find(Incident):
            if incident.state != "resolved" and fingerprint(one.labels) in {
                a.fingerprint for a in incident.alerts
            }:
                said = f"gateway {gateway} took bundle {refusal.taken} at {refusal.ended:%H:%M:%S}"
                tx.put(incidents.note(incident, actor="seawall", text=said, now=now(app.clock)))


def _was_told(app: App, one: RefusedBundle) -> bool:
    try:
        return app.store.get(Alert, fingerprint(one.labels)).started >= one.told
    except NotFound:
        return False
