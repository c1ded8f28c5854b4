"""The page of a version: where it came from, what was checked, who approved it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from seawall.access.action import Action as Permission
from seawall.adapters.signing.envelope import unseal
from seawall.app.bundles import Deployment
from seawall.app.gate import GateResult
from seawall.app.root import App
from seawall.approvals.approval import Approval
from seawall.approvals.workflow import APPROVERS, decide
from seawall.kernel import Corrupt, Digest, NotFound, Outcome
from seawall.policy.policy import Policy
from seawall.registry.model import Model
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.server.pages import paths, views
from seawall.server.pages.views import Action, Fact, Input, Status
from seawall.server.queries import history, provenance
from seawall.server.queries.visit import Visit
from seawall.server.queries.words import STAGES, judged, listed, plural
from seawall.serving.endpoint import Endpoint
from seawall.validation.report import ValidationReport


def version(visit: Visit, model: str, number: str) -> views.Version:
    """The page; raises `NotFound`."""
    app, key = visit.app, f"{model}@{number}"
    app.allow(visit.who, Permission.READ, version=key)
    held = app.store.get(Version, key)
    declared = app.store.get(Model, model)
    reports = app.store.find(ValidationReport, f"{key}/")
    approvals = app.store.find(Approval, f"{key}/")
    gates = app.store.find(GateResult, f"{key}/")
    verdict = decide(held, approvals, declared.tier, visit.moment)
    report = reports[-1] if reports else None
    return views.Version(
        frame=visit.frame(),
        model=model,
        version=number,
        status=STAGES[held.stage],
        sentence=_sentence(held, report, _missing(approvals, declared)),
        facts=_facts(held),
        actions=_actions(visit, held, report),
        gate=_gate(app, gates[-1]) if gates else None,
        validation=_validation(report) if report else None,
        approvals=_approvals(approvals, declared, held, verdict.outcome),
        provenance=provenance.picture(app, held),
        attestations=_attestations(app, held),
        history=_history(app, held),
    )


def _missing(approvals: list[Approval], declared: Model) -> int:
    """How many more people must approve, by the model's tier."""
    given = len({a.approver for a in approvals if a.decision == "approve"})
    return max(0, APPROVERS[declared.tier] - given)


def _sentence(held: Version, report: ValidationReport | None, missing: int) -> str:
    last = held.history[-1].why if held.history else ""
    match held.stage:
        case Stage.REGISTERED:
            if report is None:
                return f"{held.key} is registered; nobody has validated it yet."
            return f"{held.key} is registered, not validated: {report.conclusion}"
        case Stage.VALIDATED:
            waits = plural(max(1, missing), "approval")
            return f"{held.key} passed validation and waits for {waits}."
        case Stage.APPROVED:
            return f"{held.key} is approved for its use: {last.rstrip('.')}."
        case Stage.SHADOW:
            return f"{held.key} sees a copy of the traffic and decides nothing yet."
        case Stage.CANARY:
            return f"{held.key} decides a part of the traffic, on trial."
        case Stage.PRODUCTION:
            return f"{held.key} is in production; {last.rstrip('.')}."
        case _:
            return f"{held.key} is {held.stage.replace('_', ' ')}: {last.rstrip('.')}."


def _facts(held: Version) -> tuple[Fact, ...]:
    origin, artefact = held.provenance, held.artefact
    metrics = ", ".join(f"{k} {v:.3g}" for k, v in list(origin.metrics.items())[:4])
    return (
        Fact(name="Author", value=origin.author),
        Fact(name="Registered", value=f"{held.created:%Y-%m-%d %H:%M}"),
        Fact(name="Format", value=f"{artefact.format}, {artefact.size / 1e3:,.0f} kB"),
        Fact(name="Artefact", value=artefact.digest, mono=True),
        *((Fact(name="Reported by its author", value=metrics),) if metrics else ()),
    )


def _actions(visit: Visit, held: Version, report: ValidationReport | None) -> tuple[Action, ...]:
    here = paths.version(held.model, str(held.number))
    facts = {
        "version": held.key,
        "author": held.provenance.author,
        "validator": report.validator if report else None,
    }
    found: list[Action] = []
    if held.stage in (Stage.REGISTERED, Stage.ROLLED_BACK) and report is not None:
        found.append(
            Action(
                label="Ask the gate",
                post=here,
                effect=f"The policy judges whether {held.key} counts as validated.",
                fields={"action": "gate", "to": Stage.VALIDATED.value},
                refused=visit.refused(Permission.GATE, version=held.key),
            )
        )
    if held.stage in (Stage.VALIDATED, Stage.APPROVED):
        found.append(
            Action(
                label="Approve",
                post=here,
                effect=f"You answer for {held.key}: it may then be rolled out.",
                fields={"action": "approve"},
                inputs=(
                    Input(name="suitable", label="It suits its intended use", kind="checkbox"),
                    Input(name="rating", label="Its risk rating holds", kind="checkbox"),
                    Input(
                        name="share",
                        label="At most this per cent of traffic",
                        kind="number",
                        help="empty: no limit",
                    ),
                    Input(name="comment", label="Comment", kind="textarea"),
                ),
                refused=visit.refused(
                    Permission.APPROVE, **{k: v for k, v in facts.items() if v is not None}
                ),
            )
        )
    if held.stage in (Stage.REGISTERED, Stage.VALIDATED, Stage.APPROVED, Stage.ROLLED_BACK):
        found.append(
            Action(
                label="Reject",
                post=here,
                effect=f"{held.key} is refused for good; only another version can replace it.",
                fields={"action": "reject"},
                inputs=(Input(name="comment", label="Why", kind="textarea", required=True),),
                danger=True,
                refused=visit.refused(Permission.REJECT, version=held.key),
            )
        )
    if held.stage is Stage.APPROVED:
        found += _starts(visit, held, here)
    return tuple(found)


def _starts(visit: Visit, held: Version, here: str) -> Iterable[Action]:
    for endpoint in visit.app.store.find(Endpoint, limit=1_000_000):
        if endpoint.model != held.model:
            continue
        try:
            running = visit.app.store.get(Deployment, endpoint.name)
            refused = f"{running.candidate} is on its way already." if running.candidate else ""
            effect = f"{held.key} starts against {running.champion} by the plan {endpoint.rollout}."
        except NotFound:
            refused, effect = "", f"{held.key} becomes the first version to serve {endpoint.name}."
        yield Action(
            label=f"Roll out on {endpoint.name}",
            post=here,
            effect=effect,
            fields={"action": "start", "endpoint": endpoint.name},
            refused=refused or visit.refused(Permission.DEPLOY, endpoint=endpoint.name),
        )


def _gate(app: App, result: GateResult) -> views.Gate:
    clauses: dict[str, str] = {}
    try:
        for gate in app.store.get(Policy, result.policy).gates:
            clauses |= {r.name: r.clause for r in gate.rules}
    except NotFound:
        pass
    reasons = result.verdict.reasons
    against = [r.rule for r in reasons if r.outcome is not Outcome.PASS]
    said = f"All {plural(len(reasons), 'rule')} of policy {result.policy} hold."
    if against:
        said = f"{plural(len(against), 'rule')} of {len(reasons)} not met: {listed(against)}."
    return views.Gate(
        to=result.to,
        status=views.status_of(result.verdict.outcome),
        sentence=said,
        rules=tuple(judged(r, clauses.get(r.rule, "")) for r in reasons),
    )


def _validation(report: ValidationReport) -> views.ValidationReport:
    return views.ValidationReport(
        status=views.status_of(report.verdict.outcome),
        sentence=report.conclusion,
        checks=tuple(judged(r, c.check) for c in report.checks for r in c.verdict.reasons),
        findings=tuple(
            views.FindingRow(
                id=f"{f.check}: {f.rule}",
                severity=f.severity,
                title=f.rule.replace("_", " "),
                status=views.status_of(f.outcome, bad="broken", undecided="not shown"),
                detail=f.message,
                owner=f.owner,
                due=f.due,
            )
            for f in report.findings
        ),
        validator=report.validator,
        time=report.time,
        data=f"{report.rows:,} rows ({report.data.short})",
    )


def _approvals(
    approvals: list[Approval], declared: Model, held: Version, outcome: Outcome
) -> tuple[views.ApprovalRow, ...]:
    rows = [
        views.ApprovalRow(
            role="approver",
            status=Status("good", "approved")
            if a.decision == "approve"
            else Status("bad", "rejected"),
            actor=a.approver,
            time=a.time,
            comment=a.comment,
            condition=a.conditions.text,
        )
        for a in approvals
    ]
    if outcome is Outcome.UNDECIDED and held.stage in (Stage.VALIDATED, Stage.APPROVED):
        rows += [
            views.ApprovalRow(role="approver", status=Status("undecided", "awaited"))
            for _ in range(_missing(approvals, declared))
        ]
    return tuple(rows)


def _attestations(app: App, held: Version) -> tuple[views.Attestation, ...]:
    """Signed statements, each with its signature checked now."""
    found: list[views.Attestation] = []
    if "seal" in held.objects:
        seal = held.objects["seal"]
        found.append(_attestation(app, "registration", held.provenance.author, seal, held.created))
    logged = app.store.audit.find(subject=held.key, action="validation:report:recorded", limit=5)
    for item in logged:
        digest = Digest.parse(str(item.entry.detail["attestation"]))
        found.append(_attestation(app, "validation", item.entry.actor, digest, item.entry.time))
    return tuple(found)


def _attestation(
    app: App, kind: str, signer: str, digest: Digest, time: datetime
) -> views.Attestation:
    try:
        unseal(app.objects.get(digest), (app.key.public_key(),))
        status = Status("good", "verified")
    except (Corrupt, NotFound) as error:
        status = Status("bad", error.what)
    return views.Attestation(
        kind=kind, signer=f"seawall, for {signer}", status=status, time=time, digest=digest.short
    )


def _history(app: App, held: Version) -> tuple[views.HistoryEntry, ...]:
    return history.of(app, [held.key], limit=20)
