"""What an endpoint serves now, and the signed bundle that tells its gateways so."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from seawall.adapters.signing.envelope import seal
from seawall.app import standing
from seawall.app.root import App
from seawall.approvals.workflow import decide, limits
from seawall.kernel import (
    BadInput,
    Conflict,
    Digest,
    NotFound,
    Outcome,
    Transaction,
    from_json,
    now,
)
from seawall.policy.policy import Policy
from seawall.registry.model import Model
from seawall.registry.version import Version
from seawall.serving.bundle import PAYLOAD_TYPE, Arm, Bundle, Conditions
from seawall.serving.condition import Condition, Where
from seawall.serving.endpoint import Endpoint
from seawall.serving.output import Output
from seawall.serving.signature import Signature
from seawall.statistics.grid import Grid
from seawall.statistics.summary import ColumnSummary, TableSummary


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions an endpoint runs, in which part; every change issues the next bundle.

    `mode` and `share` tell how the candidate takes part. `variants` are the arms of an experiment,
    each a version and a share of all units; without a version the champion's answers. What they
    leave is shared by champion and canary, so a rollout goes on beside an experiment. `shared` is
    since when the shares are what they are. `falls_back` answers invalid requests by the fallback
    although the endpoint would reject them; `killed` answers all so.
    """

    kind: ClassVar[str] = "deployment"

    endpoint: str
    number: int
    issued: datetime
    salt: bytes
    champion: str
    candidate: str | None = None
    mode: Literal["shadow", "canary"] | None = None
    share: float = 0.0
    variants: dict[str, tuple[str | None, float]] = {}
    shared: datetime | None = None
    falls_back: bool = False
    killed: bool = False
    bundle: Digest | None = None

    @property
    def key(self) -> str:
        """The endpoint's name."""
        return self.endpoint

    @property
    def arms(self) -> dict[str, tuple[str, float]]:
        """Each arm's version and share of the traffic."""
        share = self.share if self.mode == "canary" else 0.0
        rest = 1.0 - math.fsum(share for _, share in self.variants.values())
        found = {"champion": (self.champion, rest * (1.0 - share))}
        if self.candidate and self.mode:
            found[self.mode] = (self.candidate, rest * share)
        return found | {arm: (v or self.champion, part) for arm, (v, part) in self.variants.items()}


def first_deployment(app: App, endpoint: str, champion: str) -> Deployment:
    """An endpoint's first deployment: one champion, all the traffic."""
    return Deployment(
        endpoint=endpoint,
        number=0,
        issued=now(app.clock),
        salt=secrets.token_bytes(32),
        champion=champion,
    )


def issue(app: App, tx: Transaction, deployment: Deployment, why: str) -> Deployment:
    """Store the deployment under the next number with its signed bundle, on record.

    Raises `Conflict` when no valid bundle follows from what is declared and approved.
    """
    endpoint = tx.get(Endpoint, deployment.endpoint)
    moment = now(app.clock)
    before = tx.get(Deployment, endpoint.name) if deployment.number else None
    alike = before is not None and before.arms == deployment.arms
    following = msgspec.structs.replace(
        deployment,
        number=deployment.number + 1,
        issued=moment,
        shared=deployment.shared if alike else moment,
    )
    try:
        bundle = _bundle(app, tx, endpoint, following)
    except ValueError as error:
        raise Conflict(f"no bundle can be issued: {error}", where=endpoint.name) from error
    envelope = seal(PAYLOAD_TYPE, bundle.to_bytes(), app.key)
    following = msgspec.structs.replace(following, bundle=app.objects.put(envelope))
    tx.put(following)
    tx.record(
        "serving:bundle:issued",
        endpoint.name,
        {
            "number": following.number,
            "bundle": str(bundle.digest),
            "arms": {name: f"{v} {share:.4g}" for name, (v, share) in following.arms.items()},
            "why": why,
        },
    )
    tx.emit("serving:bundle:issued", endpoint.name, {"number": following.number, "why": why})
    return following


def current_bundle(app: App, endpoint: str) -> tuple[Deployment, bytes]:
    """The deployment and its signed envelope; raises `NotFound` while nothing is deployed."""
    deployment = app.store.get(Deployment, endpoint)
    if deployment.bundle is None:
        raise NotFound(f"nothing is deployed on {endpoint!r}", remedy="start a rollout")
    return deployment, app.objects.get(deployment.bundle)


def is_bundle(data: bytes) -> bool:
    """Whether stored bytes are a bundle's envelope, whose salt is for gateways alone."""
    return data.startswith(b'{"payload":') and PAYLOAD_TYPE.encode() in data[-1_000:]


def _bundle(app: App, tx: Transaction, endpoint: Endpoint, deployment: Deployment) -> Bundle:
    champion = tx.get(Version, deployment.champion)
    signature = signature_of(app, champion)
    output = output_of(app, champion)
    arms: list[Arm] = []
    advisers = {name: (key, 0.0) for name, key in endpoint.advisers.items()}
    for name, (key, share) in (advisers | deployment.arms).items():
        version = tx.get(Version, key)
        if _inputs(other := signature_of(app, version)) != _inputs(signature):
            raise Conflict(
                f"{key} takes other inputs than {champion.key}",
                where=", ".join(sorted(set(other.names) ^ set(signature.names))) or endpoint.name,
                remedy="give it an endpoint of its own",
            )
        if output_of(app, version) != output:
            raise Conflict(
                f"{key} answers in another way than {champion.key}",
                where=f"{output_of(app, version).kind} beside {output.kind}",
                remedy="give it an endpoint of its own, or train it for the same classes",
            )
        arms.append(
            Arm(
                name=name,
                version=key,
                artefact=version.artefact.digest,
                format=version.artefact.format,
                weight=share,
                threshold=endpoint.threshold,
                timeout_ms=endpoint.timeouts_ms.get(name),
                conditions=_conditions(app, tx, version, endpoint, signature),
                cost=endpoint.costs.get(name) or endpoint.costs.get("*"),
            )
        )
    baseline = TableSummary.from_bytes(app.objects.get(champion.objects["baseline"]))
    return Bundle(
        endpoint=endpoint.name,
        number=deployment.number,
        issued=deployment.issued,
        salt=deployment.salt,
        signature=signature,
        arms=tuple(arms),
        unit=endpoint.unit,
        on_invalid="fallback" if deployment.falls_back else endpoint.on_invalid,
        guards=endpoint.guards,
        limits=endpoint.limits,
        fallback=endpoint.fallback,
        privacy=endpoint.privacy,
        protected=endpoint.protected,
        grids={name: baseline.columns[name].grid for name in signature.names},
        output=output,
        value=endpoint.value,
        value_grid=_value_grid(app, champion, output),
        sampling=endpoint.sampling,
        label_age_seconds=endpoint.label_age_seconds,
        latency_objective_ms=endpoint.latency_objective_ms,
        log=endpoint.log,
        mode=endpoint.mode,
        log_failure=endpoint.log_failure,
        policy=tx.get(Policy, endpoint.policy).digest,
        safe=deployment.candidate is None and not deployment.variants,
        killed=deployment.killed,
    )


def signature_of(app: App, version: Version) -> Signature:
    """The signature that was registered with a version."""
    return from_json(app.objects.get(version.objects["signature"]), Signature)


def output_of(app: App, version: Version) -> Output:
    """What a version's numbers mean, as registered; one that says nothing has two classes."""
    digest = version.objects.get("output")
    return Output() if digest is None else from_json(app.objects.get(digest), Output)


def _value_grid(app: App, champion: Version, output: Output) -> Grid | None:
    """The grid of what a regression answered on its training data."""
    digest = champion.objects.get("baseline_answers")
    if output.kind != "regression" or digest is None:
        return None
    return ColumnSummary.from_bytes(app.objects.get(digest)).grid


def _inputs(signature: Signature) -> list[tuple[object, ...]]:
    """What the columns of a model's matrix mean: texts enter as their place in the list."""
    return [
        (f.name, f.unit, tuple(c for c in f.categories if isinstance(c, str)))
        for f in signature.fields
    ]


def _conditions(
    app: App, tx: Transaction, version: Version, endpoint: Endpoint, signature: Signature
) -> Conditions:
    """What the approvals in force allow; once they have lapsed, nothing from now on."""
    approvals, moment = standing.approvals(tx, version), now(app.clock)
    if decide(version, approvals, tx.get(Model, version.model).tier, moment).outcome is not (
        Outcome.PASS
    ):
        return Conditions(expires=moment)
    allowed = limits(version, approvals, moment)
    where = approved_segment(allowed.segment, signature, f"the approval of {version.key}")
    if allowed.amount is not None:
        if endpoint.amount is None:
            raise Conflict(
                f"{version.key} is approved for amounts up to {allowed.amount:,g}",
                where=f"endpoint {endpoint.name}",
                remedy="name the field that holds the amount in its `amount`",
            )
        where.append(Condition(endpoint.amount, at_most=allowed.amount))
    return Conditions(
        traffic_share_max=allowed.traffic_share or 1.0, expires=allowed.expires, where=tuple(where)
    )


def approved_segment(
    segment: Mapping[str, Sequence[str]], signature: Signature, where: str
) -> list[Condition]:
    """The approved values of some columns, in the signature's own types.

    Raises `BadInput` for a column or a category that the model does not know.
    """
    found: list[Condition] = []
    for column, values in segment.items():
        field = next((f for f in signature.fields if f.name == column), None)
        texts = field and field.categories and isinstance(field.categories[0], str)
        try:
            allowed = tuple(v if texts else int(v) for v in values)
        except ValueError:
            what = f"{column} holds numbers, and {', '.join(values)} are none"
            raise BadInput(what, where=where, remedy="approve whole numbers") from None
        found.append(Condition(column, one_of=allowed))
    Where(found, signature, where)
    return found
