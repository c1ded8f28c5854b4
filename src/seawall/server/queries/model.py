"""The page of a model: one sentence on its health, and the evidence for it."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from seawall.access.action import Action
from seawall.app import decisions
from seawall.app.bundles import Deployment
from seawall.incidents.alert import Alert
from seawall.kernel import NotFound
from seawall.registry.model import Model
from seawall.registry.version import Version
from seawall.rollout.rollout import Rollout
from seawall.server.pages import formats, paths, views
from seawall.server.pages.views import Fact, Mark, Need, Status
from seawall.server.queries import (
    budgets,
    experiments,
    fairness,
    gateways,
    history,
    inputs,
    monitors,
    quality,
    service,
)
from seawall.server.queries.inventory import health
from seawall.server.queries.overview import RolloutHead
from seawall.server.queries.rollout_controls import roll_back
from seawall.server.queries.rollout_outlook import waiting
from seawall.server.queries.traffic import Traffic
from seawall.server.queries.visit import IncidentHead, Visit
from seawall.server.queries.words import listed, number, plain
from seawall.serving.decision import DecisionRecord
from seawall.serving.endpoint import Endpoint

DECISIONS = 12


def model(visit: Visit, name: str) -> views.Model:
    """The page; raises `NotFound` for a model that is not declared."""
    app = visit.app
    app.allow(visit.who, Action.READ, model=name)
    declared = app.store.get(Model, name)
    endpoints = [e for e in app.store.find(Endpoint, limit=1_000_000) if e.model == name]
    deployed = {d.endpoint: d for e in endpoints for d in _deployment(visit, e)}
    endpoint = next((e for e in endpoints if e.name in deployed), None)
    if endpoint is None:
        return _waiting(visit, declared, endpoints)
    deployment = deployed[endpoint.name]
    traffic = Traffic(app, endpoint)
    champion = app.store.get(Version, deployment.champion)
    heads = [r for r in app.store.find(RolloutHead, f"{endpoint.name}/") if r.open]
    rollout = app.store.get(Rollout, heads[0].key) if heads else None
    alerts = [
        a for a in app.store.find(Alert) if a.firing and a.labels.get("endpoint") == endpoint.name
    ]
    opened = [i for i in visit.open_incidents() if i.endpoint == endpoint.name]
    spent = budgets.budgets(app, endpoint.name, visit.moment)
    left = min((b.left for b in spent if b.status.shape != "undecided"), default=None)
    state = health(True, alerts, opened, left)
    compared = inputs.against_baseline(traffic, champion)
    said = state.words if state.status.shape != "good" else "nothing alerts"
    used_up = [b.name.lower() for b in spent if b.left <= 0 and b.status.shape == "bad"]
    if used_up and not alerts and not opened:
        said = f"its error budget for {listed(used_up)} is used up"
    if state.status.shape == "good" and compared.reading is not None:
        said = compared.reading.sentence
    going = f"; {waiting(rollout)}" if rollout else ""
    return views.Model(
        frame=visit.frame(),
        name=name,
        status=state.status,
        sentence=f"{name} is {state.status.word}: {said}{going}.",
        facts=_facts(declared, endpoint, endpoints, traffic),
        needs=tuple(
            Need(
                status=Status("bad" if i.state == "open" else "warning", "operator"),
                text=i.title,
                href=paths.incident(i.id),
                since=i.started,
            )
            for i in opened
        ),
        actions=(roll_back(visit, rollout),) if rollout else (),
        budgets=spent,
        versions=service.versions(traffic, deployment) + _others(visit, name, deployment),
        rollout=heads[0].id if heads else "",
        rollout_status=heads[0].words if heads else "",
        features=compared.features,
        features_window=compared.window,
        prediction=compared.prediction,
        prediction_drift=compared.prediction_drift,
        threshold=endpoint.threshold,
        variants=experiments.rows(app, endpoint.name),
        monitors=monitors.rows(app, endpoint.name, visit.moment),
        quality=quality.quality(traffic, _marks(visit, endpoint.name)),
        fairness=fairness.by_group(traffic),
        service=service.service(traffic),
        invalid=service.invalid(traffic),
        gateways=gateways.gateways(app, endpoint.name),
        bundle=deployment.number,
        decisions=tuple(
            _row(r) for r in decisions.recent(app, visit.who, endpoint.name, DECISIONS)
        ),
        history=_history(visit, name, endpoint.name, rollout),
    )


def _deployment(visit: Visit, endpoint: Endpoint) -> list[Deployment]:
    try:
        return [visit.app.store.get(Deployment, endpoint.name)]
    except NotFound:
        return []


def _waiting(visit: Visit, declared: Model, endpoints: list[Endpoint]) -> views.Model:
    """The page of a model that serves nobody yet."""
    versions = visit.app.store.find(Version, f"{declared.name}@")
    newest = max(versions, key=lambda v: v.number, default=None)
    if newest is None:
        said = "no version is registered yet"
    else:
        said = f"its newest version, {newest.key}, is {newest.stage.replace('_', ' ')}"
    return views.Model(
        frame=visit.frame(),
        name=declared.name,
        status=Status("none", "not serving"),
        sentence=f"{declared.name} does not serve: {said}.",
        facts=_facts(declared, endpoints[0] if endpoints else None, endpoints, None),
        versions=_others(visit, declared.name, None),
        history=_history(visit, declared.name, endpoints[0].name if endpoints else "", None),
    )


def _facts(
    declared: Model, endpoint: Endpoint | None, endpoints: list[Endpoint], traffic: Traffic | None
) -> tuple[Fact, ...]:
    facts = [
        Fact(name="Owner", value=declared.owner),
        Fact(name="Tier", value=declared.tier),
        Fact(name="Purpose", value=declared.purpose),
    ]
    if declared.approved_uses:
        facts.append(Fact(name="Approved uses", value=", ".join(declared.approved_uses)))
    if endpoint is not None:
        others = [e.name for e in endpoints if e.name != endpoint.name]
        facts.append(Fact(name="Endpoint", value=", ".join([endpoint.name, *others]), mono=True))
    if traffic is not None:
        hour = sum(c.decisions for c in traffic.last(timedelta(hours=1)))
        facts.append(Fact(name="Decisions", value=f"{formats.count(hour)} in the last hour"))
    return tuple(facts)


def _others(
    visit: Visit, name: str, deployment: Deployment | None
) -> tuple[views.VersionShare, ...]:
    """The other versions, newest first."""
    from seawall.server.queries.words import STAGES

    running = {key for key, _ in deployment.arms.values()} if deployment else set[str]()
    rest = [v for v in visit.app.store.find(Version, f"{name}@") if v.key not in running]
    rest.sort(key=lambda v: v.number, reverse=True)
    return tuple(
        views.VersionShare(
            version=str(v.number),
            stage="",
            status=STAGES[v.stage],
            since=v.history[-1].at if v.history else v.created,
            digest=v.artefact.digest.short,
            note=plain(v.history[-1].why)
            if v.stage in ("rolled_back", "rejected") and v.history
            else "",
        )
        for v in rest[:8]
    )


def _marks(visit: Visit, endpoint: str) -> tuple[Mark, ...]:
    """Deploys and incidents, for the charts over time."""
    issued = visit.app.store.audit.find(subject=endpoint, action="serving:bundle:issued", limit=30)
    marks = [
        Mark(i.entry.time, words, "deploy")
        for i in issued
        if (words := _deploy(str(i.entry.detail.get("why", ""))))
    ][:8]
    marks += [
        Mark(i.started, i.title, "incident")
        for i in visit.open_incidents()
        if i.endpoint == endpoint
    ]
    return tuple(sorted(marks, key=lambda m: m.time))


def _deploy(why: str) -> str:
    """What a new bundle changed for the people decided about; empty for a shadow or a pause."""
    act, _, version = why.removeprefix("rollout ").partition(": ")
    words = {
        "advance": "a larger share for {}",
        "promote": "{} took over",
        "roll_back": "{} rolled back",
        "abort": "{} taken off",
    }
    if why.startswith("rollout "):
        return words[act].format(version) if act in words else ""
    return why


def _row(r: DecisionRecord) -> views.DecisionRow:
    said = [f"{name}: {verdict}" for name, verdict in r.guards.items() if verdict != "pass"]
    status = Status("good", "pass")
    if r.fallback:
        status = Status("warning", "fallback")
    elif said:
        status = Status("warning", said[0])
    return views.DecisionRow(
        id=r.id,
        time=r.time,
        version=number(r.model or ""),
        arm=r.arm or "",
        output=output(r.output),
        status=status,
        score=r.score,
        latency_ms=r.latency_ms,
    )


def output(value: object) -> str:
    """A decision's output on one line: its label alone, where it has one."""
    if isinstance(value, dict):
        answer = cast("dict[str, object]", value)
        return output(answer["label"]) if "label" in answer else str(answer)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _history(
    visit: Visit, name: str, endpoint: str, rollout: Rollout | None
) -> tuple[views.HistoryEntry, ...]:
    subjects = [v.key for v in visit.app.store.find(Version, f"{name}@")][-8:]
    subjects += [f"Model/{name}", f"Endpoint/{endpoint}"]
    subjects += [i.id for i in visit.app.store.find(IncidentHead) if i.endpoint == endpoint][-5:]
    if rollout is not None:
        subjects.append(rollout.id)
    return history.of(visit.app, subjects, [(endpoint, "serving:bundle:issued")])
