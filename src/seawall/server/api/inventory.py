"""Declared objects, models and the life of their versions."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Response

from seawall.access.action import Action
from seawall.app import approve, bundles, declare, gate, register, validate
from seawall.app.root import App
from seawall.approvals.approval import Approval, Conditions
from seawall.kernel import BadInput, Digest, convert, to_builtins
from seawall.registry.model import Model
from seawall.registry.provenance import DataSet, Provenance
from seawall.registry.version import Artefact, Version
from seawall.server.auth import who_asks
from seawall.validation.evidence import Evidence
from seawall.validation.report import ValidationReport

Asked = Request[Any, Any, Any]
LARGEST_OBJECT = 2 * 1024**3


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `training_run` sends."""

    artefact: dict[str, Any]
    provenance: dict[str, Any]
    objects: dict[str, str]
    datasets: list[dict[str, Any]] = []


class EvidenceGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `seawall validate` sends: the plan's digest and what was measured."""

    plan: str
    evidence: dict[str, Any]


class ApprovalGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The two answers of an approver, the limits, and a comment."""

    suitable: bool = False
    rating_affirmed: bool = False
    conditions: dict[str, Any] = {}
    comment: str = ""


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stage that a gate guards."""

    to: str


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason, for the record."""

    reason: str


def app_of(request: Asked) -> App:
    """The control plane behind this server."""
    return request.app.state.seawall


@post("/declared", sync_to_thread=True, status_code=200)
def apply_document(request: Asked, data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    """Declare an object, as `seawall apply` does."""
    value, changed = declare.apply(app_of(request), who_asks(request), data)
    digest = Digest.of(msgspec.json.encode(to_builtins(value)))
    return {
        "kind": data["kind"],
        "name": value.key,
        "changed": changed,
        "digest": str(digest),
    }


@get(["/declared/{kind:str}", "/declared/{kind:str}/{name:path}"], sync_to_thread=True)
def declared(request: Asked, kind: FromPath[str], name: FromPath[str] = "") -> list[dict[str, Any]]:
    """The declared objects of a kind, or one of them."""
    return declare.listed(app_of(request), who_asks(request), kind, name.strip("/"))


@put("/objects", request_max_body_size=LARGEST_OBJECT)
async def put_object(request: Asked) -> dict[str, str]:
    """Store the body by its digest."""
    app = app_of(request)
    app.allow(who_asks(request), Action.REGISTER)
    if int(request.headers.get("content-length") or 0) > LARGEST_OBJECT:
        raise BadInput("the object is larger than 2 GiB", remedy="store it in parts")
    return {"digest": str(app.objects.put(await request.body()))}


@get("/objects/{digest:str}", sync_to_thread=True)
def get_object(request: Asked, digest: FromPath[str]) -> Response[bytes]:
    """The bytes with this digest; who fetched an artefact is on record."""
    app, who = app_of(request), who_asks(request)
    app.allow(who, Action.READ, object=digest)
    data = app.objects.get(Digest.parse(digest))
    if bundles.is_bundle(data):
        app.allow(who, Action.TELEMETRY, object=digest)
    versions = [v.key for v in app.store.find(Version) if v.artefact.digest == digest]
    if versions:
        with app.store.transaction(who.actor) as tx:
            tx.record("registry:artefact:downloaded", versions[-1], {"digest": digest})
    return Response(data, media_type="application/octet-stream")


@post("/models/{model:str}/versions", sync_to_thread=True)
def register_version(
    request: Asked, model: FromPath[str], data: JSONBody[Registration]
) -> dict[str, Any]:
    """Register a version of a model; the author is whoever asks."""
    version = register.register_version(
        app_of(request),
        who_asks(request),
        model,
        convert(data.artefact, Artefact),
        convert(data.provenance, Provenance),
        [convert(d, DataSet) for d in data.datasets],
        {name: Digest.parse(digest) for name, digest in data.objects.items()},
    )
    return {"version": version.key, "stage": version.stage.value, "digest": version.artefact.digest}


@get("/datasets/{digest:str}", sync_to_thread=True)
def data_set(request: Asked, digest: FromPath[str]) -> dict[str, Any]:
    """The card of a registered data set."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, dataset=digest)
    return to_builtins(app.store.get(DataSet, digest))


@get("/versions", sync_to_thread=True)
def versions(request: Asked, model: FromQuery[str] = "") -> list[dict[str, Any]]:
    """Every version, or those of one model."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, model=model)
    if model:
        app.store.get(Model, model)
    found = app.store.find(Version, f"{model}@" if model else "")
    return [to_builtins(v) for v in sorted(found, key=lambda v: v.ref)]


@get("/versions/{key:str}", sync_to_thread=True)
def version(request: Asked, key: FromPath[str]) -> dict[str, Any]:
    """One version with its reports, approvals and gate verdicts."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ, version=key)
    return {
        "version": to_builtins(app.store.get(Version, key)),
        "reports": [to_builtins(r) for r in app.store.find(ValidationReport, f"{key}/")],
        "approvals": [to_builtins(a) for a in app.store.find(Approval, f"{key}/")],
        "gates": [to_builtins(g) for g in app.store.find(gate.GateResult, f"{key}/")],
    }


@get("/versions/{key:str}/plan", sync_to_thread=True)
def plan(request: Asked, key: FromPath[str]) -> dict[str, Any]:
    """The validation plan that this version is judged by, its digest, and who serves now."""
    app, who = app_of(request), who_asks(request)
    app.allow(who, Action.READ, version=key)
    with app.store.transaction(who.actor) as tx:
        model = tx.get(Version, key).model
        found, champion = validate.plan_of(tx, model), validate.champion_of(tx, model)
    return {"plan": to_builtins(found), "digest": str(found.digest), "champion": champion}


@post("/versions/{key:str}/evidence", sync_to_thread=True)
def evidence(request: Asked, key: FromPath[str], data: JSONBody[EvidenceGiven]) -> dict[str, Any]:
    """Judge what a validator measured; returns the report."""
    report, attestation = validate.record_evidence(
        app_of(request),
        who_asks(request),
        key,
        Digest.parse(data.plan),
        convert(data.evidence, Evidence),
    )
    return {
        "report": to_builtins(report),
        "digest": str(report.digest),
        "attestation": str(attestation),
    }


@post("/versions/{key:str}/gate", sync_to_thread=True)
def pass_gate(request: Asked, key: FromPath[str], data: JSONBody[Target]) -> dict[str, Any]:
    """The gate's verdict."""
    return to_builtins(gate.pass_gate(app_of(request), who_asks(request), key, data.to))


@post("/versions/{key:str}/approvals", sync_to_thread=True)
def approve_version(
    request: Asked, key: FromPath[str], data: JSONBody[ApprovalGiven]
) -> dict[str, Any]:
    """Approve a version, under conditions if any."""
    approval, verdict = approve.approve(
        app_of(request),
        who_asks(request),
        key,
        suitable=data.suitable,
        rating_affirmed=data.rating_affirmed,
        conditions=convert(data.conditions, Conditions),
        comment=data.comment,
    )
    return {"approval": to_builtins(approval), "verdict": verdict.to_dict()}


@post("/versions/{key:str}/reject", sync_to_thread=True)
def reject_version(request: Asked, key: FromPath[str], data: JSONBody[Said]) -> dict[str, Any]:
    """Reject a version for good."""
    return to_builtins(approve.reject(app_of(request), who_asks(request), key, data.reason))


HANDLERS = [
    apply_document,
    declared,
    put_object,
    get_object,
    register_version,
    data_set,
    versions,
    version,
    plan,
    evidence,
    pass_gate,
    approve_version,
    reject_version,
]
