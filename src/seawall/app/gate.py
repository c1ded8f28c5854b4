"""Hold a version against its endpoint's policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.app import standing
from seawall.app.root import App
from seawall.approvals.workflow import decide
from seawall.kernel import BadInput, Digest, Estimate, Outcome, Transaction, Verdict, now
from seawall.policy.gate import evaluate
from seawall.policy.policy import Policy
from seawall.registry.lifecycle import MOVES, move
from seawall.registry.model import Model
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.serving.endpoint import Endpoint
from seawall.validation.report import ValidationReport


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict of a gate: on which version, to which stage, by which policy."""

    kind: ClassVar[str] = "gate_result"

    id: str
    version: str
    to: str
    policy: str
    policy_digest: Digest
    verdict: Verdict
    actor: str
    time: datetime

    @property
    def key(self) -> str:
        """The version, then the result's id."""
        return f"{self.version}/{self.id}"


def pass_gate(app: App, who: Identity, key: str, to: str) -> GateResult:
    """Judge a version for a stage; a pass to `validated` moves it there."""
    app.allow(who, Action.GATE, version=key)
    with app.store.transaction(who.actor) as tx:
        result = judge(app, tx, key, to, who.id)
        version = tx.get(Version, key)
        passed = result.verdict.outcome is Outcome.PASS
        if passed and to == Stage.VALIDATED and Stage.VALIDATED in MOVES[version.stage]:
            tx.put(move(version, Stage.VALIDATED, now(app.clock), f"passed {result.policy}"))
    return result


def judge(app: App, tx: Transaction, key: str, to: str, actor: str) -> GateResult:
    """The verdict of the gate to a stage, on record whatever it is."""
    version = tx.get(Version, key)
    policy = tx.get(Policy, policy_of(tx, version.model))
    held = standing.reports(tx, version)
    report = held[-1] if held else None
    estimates: Mapping[str, Estimate] = report.measures if report else {}
    verdict = evaluate(
        policy.gate(to),
        _facts(app, tx, version, report, to),
        estimates,
    )
    result = GateResult(
        id=app.ids(),
        version=key,
        to=to,
        policy=policy.name,
        policy_digest=policy.digest,
        verdict=verdict,
        actor=actor,
        time=now(app.clock),
    )
    tx.put(result)
    detail = {
        "to": to,
        "outcome": verdict.outcome.value,
        "policy": str(policy.digest),
        "failed": [r.rule for r in verdict.reasons if r.outcome is Outcome.FAIL],
    }
    tx.record("policy:gate:judged", key, detail)
    tx.emit("policy:gate:judged", key, detail)
    return result


def policy_of(tx: Transaction, model: str) -> str:
    """The policy of the endpoint that serves this model."""
    for endpoint in tx.find(Endpoint):
        if endpoint.model == model:
            return endpoint.policy
    raise BadInput(
        f"no endpoint is declared for model {model!r}",
        remedy="apply a document of kind Endpoint that names its policy and plan",
    )


def _facts(
    app: App, tx: Transaction, version: Version, report: ValidationReport | None, to: str
) -> dict[str, Any]:
    """The plain facts that a policy's CEL may speak of."""
    model = tx.get(Model, version.model)
    moment = now(app.clock)
    approvals = standing.approvals(tx, version)
    verdict = decide(version, approvals, model.tier, moment)
    missing = [w for w in version.provenance.missing if w not in ("code commit", "clean work tree")]
    validation: dict[str, Any] = {"exists": report is not None, "outcome": "undecided"}
    if report is not None:
        validation |= {
            "outcome": report.verdict.outcome.value,
            "validator": report.validator,
            "independent": report.validator != version.provenance.author,
            "same_artefact": report.artefact == version.artefact.digest,
            "age_days": (moment - report.time).total_seconds() / 86_400,
        }
    return {
        "to": to,
        "model": {"name": model.name, "tier": model.tier, "owner": model.owner},
        "version": {
            "key": version.key,
            "stage": version.stage.value,
            "author": version.provenance.author,
            "format": version.artefact.format,
            "sealed": "seal" in version.objects,
        },
        "provenance": {
            "complete": not missing,
            "missing": missing,
            "commit": version.provenance.commit,
            "dirty": bool(version.provenance.dirty),
        },
        "validation": validation,
        "approvals": {
            "outcome": verdict.outcome.value,
            "approvers": sorted({a.approver for a in approvals if a.decision == "approve"}),
        },
    }
