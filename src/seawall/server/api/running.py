"""Endpoints, rollouts, what gateways fetch and report, incidents, retraining."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Response

from seawall.access.action import Action
from seawall.adapters.decisions import Segment
from seawall.app import (
    again,
    bundles,
    decisions,
    experiments,
    gateways,
    monitor_standing,
    respond,
    rollouts,
    telemetry,
    watch,
)
from seawall.incidents.alert import Alert
from seawall.incidents.incident import Incident
from seawall.kernel import BadInput, NotFound, convert, now, to_builtins
from seawall.retraining.run import RetrainingRun
from seawall.rollout.rollout import Rollout
from seawall.server.api.inventory import Asked, Said, app_of
from seawall.server.auth import who_asks
from seawall.serving.endpoint import Endpoint
from seawall.serving.gateways import GatewayStatus
from seawall.serving.telemetry import Report
from seawall.slo.budget import budget
from seawall.slo.objective import Objective


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version to take to production, and where."""

    endpoint: str
    candidate: str


@post("/rollouts", sync_to_thread=True)
def start_rollout(request: Asked, data: JSONBody[Start]) -> dict[str, Any]:
    """Begin a rollout; the first version of an endpoint serves at once."""
    begun = rollouts.start(app_of(request), who_asks(request), data.endpoint, data.candidate)
    if isinstance(begun, Rollout):
        return {"rollout": begun.key, "state": begun.state, "sentence": begun.sentence}
    return {
        "rollout": None,
        "state": "promoted",
        "sentence": f"{begun.champion} is the first version to serve {begun.endpoint}.",
    }


@get("/rollouts", sync_to_thread=True)
def list_rollouts(request: Asked, endpoint: FromQuery[str] = "") -> list[dict[str, Any]]:
    """The rollouts of an endpoint, oldest first, each told by its last sentence."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, endpoint=endpoint)
    if endpoint:
        app.store.get(Endpoint, endpoint)
    return [
        {
            "rollout": r.key,
            "candidate": r.candidate,
            "control": r.control,
            "state": r.state,
            "step": r.current.name,
            "share": r.share,
            "started": r.started,
            "sentence": r.sentence,
        }
        for r in app.store.find(Rollout, f"{endpoint}/" if endpoint else "")
    ]


@get("/rollouts/{endpoint:str}/{key:str}", sync_to_thread=True)
def show_rollout(request: Asked, endpoint: FromPath[str], key: FromPath[str]) -> dict[str, Any]:
    """One rollout with its whole history of evidence."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, endpoint=endpoint)
    return to_builtins(app.store.get(Rollout, f"{endpoint}/{key}"))


@post("/rollouts/{endpoint:str}/{key:str}/{action:str}", sync_to_thread=True, status_code=200)
def move_rollout(
    request: Asked,
    endpoint: FromPath[str],
    key: FromPath[str],
    action: FromPath[str],
    data: JSONBody[Said],
) -> dict[str, Any]:
    """Advance, promote, pause, resume or abort by hand."""
    app, who = app_of(request), who_asks(request)
    if action == "analyse":
        raise BadInput("analyse is read with GET")
    moved = rollouts.by_hand(app, who, f"{endpoint}/{key}", action, data.reason)
    return {"rollout": moved.key, "state": moved.state, "sentence": moved.sentence}


@get("/experiments", sync_to_thread=True)
def list_experiments(request: Asked, endpoint: FromQuery[str] = "") -> list[dict[str, Any]]:
    """The experiments of an endpoint, or all, the newest first, each with its evidence."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, endpoint=endpoint)
    if endpoint:
        app.store.get(Endpoint, endpoint)
    return experiments.standing(app, endpoint)


@post("/experiments/{endpoint:str}/{name:str}/end", sync_to_thread=True, status_code=200)
def end_experiment(
    request: Asked, endpoint: FromPath[str], name: FromPath[str], data: JSONBody[Said]
) -> dict[str, Any]:
    """End an experiment; the champion answers every unit again."""
    run = experiments.end(app_of(request), who_asks(request), f"{endpoint}/{name}", data.reason)
    sentence = f"{run.key} has ended; the champion answers every unit of {endpoint}."
    return {"experiment": run.key, "state": run.state, "sentence": sentence}


@get("/endpoints/{name:str}", sync_to_thread=True)
def show_endpoint(request: Asked, name: FromPath[str]) -> dict[str, Any]:
    """What an endpoint declares and what it runs now."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, endpoint=name)
    endpoint = app.store.get(Endpoint, name)
    try:
        deployment = app.store.get(bundles.Deployment, name)
    except NotFound:
        return {"endpoint": to_builtins(endpoint), "deployment": None}
    running = to_builtins(msgspec.structs.replace(deployment, salt=b""))
    running.pop("salt")
    arms = {arm: {"version": v, "share": share} for arm, (v, share) in deployment.arms.items()}
    return {"endpoint": to_builtins(endpoint), "deployment": running | {"arms": arms}}


@get("/endpoints/{name:str}/slo", sync_to_thread=True)
def slo_status(request: Asked, name: FromPath[str]) -> list[dict[str, Any]]:
    """What is left of each error budget."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, endpoint=name)
    app.store.get(Endpoint, name)
    moment = now(app.clock)
    found: list[dict[str, Any]] = []
    counted = watch.event_counts(app, app.store.find(Objective, f"{name}/"))
    for objective, counts in counted.items():
        spent = budget(objective, counts, moment)
        found.append(
            {
                "objective": objective.name,
                "indicator": objective.indicator,
                "target": objective.target,
                "good": spent.good,
                "total": spent.total,
                "consumed": spent.consumed,
                "remaining": spent.remaining,
                "bad": spent.bad.to_dict() if spent.bad else None,
            }
        )
    return found


@get("/endpoints/{name:str}/monitors", sync_to_thread=True)
def monitor_status(request: Asked, name: FromPath[str]) -> list[dict[str, Any]]:
    """How each declared monitor of an endpoint stands."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, endpoint=name)
    app.store.get(Endpoint, name)
    return monitor_standing.standing(app, name)


@get("/endpoints/{name:str}/drift", sync_to_thread=True)
def drift(request: Asked, name: FromPath[str]) -> dict[str, Any] | None:
    """The newest look at an endpoint's inputs; null before the first."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, endpoint=name)
    app.store.get(Endpoint, name)
    look = watch.last_look(app, name)
    return to_builtins(look) if look else None


@get("/bundles/{endpoint:str}", sync_to_thread=True)
def bundle(request: Asked, endpoint: FromPath[str]) -> Response[bytes]:
    """The endpoint's signed bundle; 304 when the gateway has it."""
    app = app_of(request)
    app.allow(who_asks(request), Action.TELEMETRY, endpoint=endpoint)  # its salt is a secret
    deployment, envelope = bundles.current_bundle(app, endpoint)
    tag = f'"{deployment.bundle}"'
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers={"etag": tag})
    return Response(envelope, media_type="application/json", headers={"etag": tag})


@post("/telemetry", status_code=200)
async def report(request: Asked) -> dict[str, bool]:
    """Absorb a gateway's report (MessagePack), once."""
    from anyio.to_thread import run_sync

    app, who, body = app_of(request), who_asks(request), await request.body()
    try:
        told = msgspec.msgpack.decode(body, type=Report)
    except msgspec.MsgspecError as error:
        raise BadInput(f"not a telemetry report: {error}") from error
    return {"new": await run_sync(telemetry.absorb, app, who, told)}


@post("/gateways", sync_to_thread=True, status_code=200)
def gateway_status(request: Asked, data: JSONBody[dict[str, Any]]) -> dict[str, bool]:
    """Take what a gateway says of itself."""
    gateways.attend(app_of(request), who_asks(request), convert(data, GatewayStatus))
    return {"known": True}


@get("/gateways", sync_to_thread=True)
def list_gateways(request: Asked, endpoint: FromQuery[str] = "") -> list[dict[str, Any]]:
    """Which gateway serves which bundle, at one endpoint or at all."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, endpoint=endpoint)
    if endpoint:
        app.store.get(Endpoint, endpoint)
    return [to_builtins(s) for s in gateways.standings(app, endpoint)]


@post("/segments", sync_to_thread=True, status_code=200)
def sealed_segment(request: Asked, data: JSONBody[dict[str, Any]]) -> dict[str, bool]:
    """Put the root of a sealed decision segment on the audit log, once."""
    segment = convert(data, Segment)
    if not re.fullmatch("[0-9a-f]{64}", segment.root):
        raise BadInput("a segment's root is 64 hexadecimal digits", where=segment.id)
    return {"new": decisions.record_segment(app_of(request), who_asks(request), segment)}


@get("/decisions/{key:str}", sync_to_thread=True)
def show_decision(request: Asked, key: FromPath[str]) -> dict[str, Any]:
    """One decision whole."""
    return decisions.show(app_of(request), who_asks(request), key)


@get("/decisions/{key:str}/proof", sync_to_thread=True)
def prove_decision(request: Asked, key: FromPath[str]) -> Response[bytes]:
    """The proof file that `seawall-verify` checks offline."""
    data = decisions.prove(app_of(request), who_asks(request), key)
    return Response(data, media_type="application/json")


@get("/decisions/{key:str}/again", sync_to_thread=True)
def perform_again(request: Asked, key: FromPath[str]) -> dict[str, Any]:
    """The decision performed again, compared bit by bit."""
    return again.again(app_of(request), who_asks(request), key)


@get("/endpoints/{name:str}/decisions", sync_to_thread=True)
def recent_decisions(
    request: Asked, name: FromPath[str], limit: FromQuery[int] = 20
) -> list[dict[str, Any]]:
    """The newest decisions of an endpoint."""
    app, who = app_of(request), who_asks(request)
    app.allow(who, Action.READ, endpoint=name)
    app.store.get(Endpoint, name)
    found = decisions.recent(app, who, name, min(limit, 1_000))
    return [
        {
            "id": r.id,
            "time": r.time,
            "model": r.model,
            "arm": r.arm,
            "score": r.score,
            "output": r.output,
            "fallback": r.fallback,
        }
        for r in found
    ]


@get("/incidents", sync_to_thread=True)
def list_incidents(request: Asked) -> list[dict[str, Any]]:
    """Every incident, oldest first."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ)
    return [to_builtins(i) for i in app.store.find(Incident)]


@get("/incidents/{key:str}", sync_to_thread=True)
def show_incident(request: Asked, key: FromPath[str]) -> dict[str, Any]:
    """One incident with its timeline."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ)
    return to_builtins(app.store.get(Incident, key))


@post("/incidents/{key:str}/{to:str}", sync_to_thread=True, status_code=200)
def move_incident(
    request: Asked, key: FromPath[str], to: FromPath[str], data: JSONBody[Said]
) -> dict[str, Any]:
    """Mitigate or resolve an incident."""
    moves = {"mitigate": respond.mitigate, "resolve": respond.resolve}
    if to not in moves:
        raise BadInput(f"an incident cannot {to!r}", remedy="choose mitigate or resolve")
    return to_builtins(moves[to](app_of(request), who_asks(request), key, data.reason))


@get("/alerts", sync_to_thread=True)
def list_alerts(request: Asked, days: FromQuery[float] = 30.0) -> list[dict[str, Any]]:
    """Alerts that fire or ended within some days."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ)
    if not 0 <= days <= 36_500:
        raise BadInput(f"{days:g} days", remedy="ask for 0 to 36,500")
    since = now(app.clock) - timedelta(days=days)
    return [to_builtins(a) for a in app.store.find(Alert) if a.ended is None or a.ended >= since]


@get("/retraining/{model:str}", sync_to_thread=True)
def retraining_runs(request: Asked, model: FromPath[str]) -> list[dict[str, Any]]:
    """The retraining runs of a model, oldest first."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, model=model)
    return [to_builtins(r) for r in app.store.find(RetrainingRun, f"{model}/")]


HANDLERS = [
    start_rollout,
    list_rollouts,
    show_rollout,
    move_rollout,
    list_experiments,
    end_experiment,
    show_endpoint,
    slo_status,
    monitor_status,
    drift,
    bundle,
    report,
    gateway_status,
    list_gateways,
    sealed_segment,
    show_decision,
    prove_decision,
    perform_again,
    recent_decisions,
    list_incidents,
    show_incident,
    move_incident,
    list_alerts,
    retraining_runs,
]
