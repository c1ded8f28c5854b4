"""Judge a version on evidence that an independent identity gathered, and attest to the report."""

from __future__ import annotations

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.access.separation import require_separation
from seawall.adapters.signing.envelope import seal
from seawall.app import standing
from seawall.app.bundles import Deployment
from seawall.app.register import SEAL
from seawall.app.root import App
from seawall.kernel import BadInput, Conflict, Digest, Transaction, now
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.serving.endpoint import Endpoint
from seawall.validation.attestation import statement_bytes
from seawall.validation.evidence import Evidence
from seawall.validation.plan import ValidationPlan
from seawall.validation.report import ValidationReport, validate


def plan_of(tx: Transaction, model: str) -> ValidationPlan:
    """The plan of the endpoint that serves this model."""
    for endpoint in tx.find(Endpoint):
        if endpoint.model == model:
            return tx.get(ValidationPlan, endpoint.plan)
    raise BadInput(
        f"no endpoint is declared for model {model!r}",
        remedy="apply a document of kind Endpoint that names its policy and plan",
    )


def champion_of(tx: Transaction, model: str) -> str:
    """The version that serves this model's endpoint; empty when none does yet."""
    served = {endpoint.name for endpoint in tx.find(Endpoint) if endpoint.model == model}
    found = (d.champion for d in tx.find(Deployment) if d.endpoint in served)
    return next(found, "")


def record_evidence(
    app: App, who: Identity, key: str, plan: Digest, evidence: Evidence
) -> tuple[ValidationReport, Digest]:
    """The report on this evidence and the digest of its signed attestation.

    The client measures, the control plane judges by the declared plan. `plan` is the digest the
    evidence was gathered for: `Conflict` when the plan has changed since. The author of a version
    cannot validate it (`Forbidden`).
    """
    with app.store.transaction(who.actor) as tx:
        version = tx.get(Version, key)
        author = version.provenance.author
        for approver in {approval.approver for approval in standing.approvals(tx, version)} or {
            None
        }:
            require_separation(author=author, validator=who.id, approver=approver)
        app.allow(who, Action.VALIDATE, version=key, author=author)
        if version.stage not in (Stage.REGISTERED, Stage.VALIDATED, Stage.ROLLED_BACK):
            raise Conflict(f"{key} is {version.stage} and is not validated again")
        declared = plan_of(tx, version.model)
        if declared.digest != plan:
            raise Conflict(
                f"the validation plan {declared.name!r} has changed",
                where=plan[:19],
                remedy="run seawall validate again",
            )
        serving = champion_of(tx, version.model)
        if declared.champion and evidence.champion != (serving if serving != key else ""):
            raise Conflict(
                f"{serving or 'no version'} serves {version.model}, and the evidence compares with "
                f"{evidence.champion or 'none'}",
                remedy="run seawall validate again",
            )
        if evidence.replay and not app.objects.has(evidence.replay.report):
            raise BadInput("the report of the replay is not stored", remedy="upload it first")
        report = validate(declared, evidence, version=version, validator=who.id, at=now(app.clock))
        attestation = app.objects.put(seal(SEAL, statement_bytes(report, version), app.key))
        tx.put(report)
        detail = {
            "report": str(report.digest),
            "attestation": str(attestation),
            "plan": str(report.plan),
            "data": str(report.data),
            "outcome": report.verdict.outcome.value,
            "findings": len(report.findings),
        }
        tx.record("validation:report:recorded", key, detail)
        tx.emit("validation:report:recorded", key, detail)
    return report, attestation
