"""The validation report: what was checked, on what, by whom, and what was found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec

from seawall.kernel import Digest, Estimate, Outcome, Verdict, all_of, convert, to_builtins, to_json
from seawall.registry.version import Version
from seawall.serving.output import Kind
from seawall.statistics.groups import Group
from seawall.statistics.reliability import Bin
from seawall.validation.check import run_checks
from seawall.validation.evidence import Confusion, Evidence, SmallGroup
from seawall.validation.finding import Check, Finding, Severity
from seawall.validation.plan import ValidationPlan
from seawall.validation.replay import ReplayEvidence

_SEVERITY: dict[Outcome, Severity] = {Outcome.FAIL: "high", Outcome.UNDECIDED: "medium"}
_DAYS: dict[Severity, int] = {"high": 30, "medium": 60, "low": 90}


class CheckResult(msgspec.Struct, frozen=True):
    """One check and its verdict."""

    check: Check
    verdict: Verdict


class ValidationReport(msgspec.Struct, frozen=True, kw_only=True):
    """Bound to one artefact, plan and data set by their digests. Every validation has its own.

    `measures` are the estimates at their own level, `corrected` those at the level that holds for
    all of a family at once; a gate judges the same estimates again.
    """

    kind: ClassVar[str] = "validation_report"

    version: str
    artefact: Digest
    plan: Digest
    data: Digest
    rows: int
    validator: str
    author: str
    time: datetime
    verdict: Verdict
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    measures: dict[str, Estimate]
    corrected: dict[str, Estimate]
    small: tuple[SmallGroup, ...]
    groups: tuple[Group, ...]
    reliability: tuple[Bin, ...]
    conclusion: str
    limitations: tuple[str, ...]
    task: Kind = "binary"
    confusion: Confusion | None = None
    champion: str | None = None
    replay: ReplayEvidence | None = None

    @property
    def key(self) -> str:
        """The version and the time, `income@1/2026-03-01T09:00:00.000000Z`: the latest is last."""
        return f"{self.version}/{self.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"

    @property
    def digest(self) -> Digest:
        """The digest of its JSON with sorted keys, which attestation and approvals name."""
        return Digest.of(to_json(self))


def validate(
    plan: ValidationPlan, evidence: Evidence, *, version: Version, validator: str, at: datetime
) -> ValidationReport:
    """Judge the evidence by the plan.

    The validator must be another identity than the author; who checks that is
    `access.separation`, and the report names both.
    """
    checks = tuple(CheckResult(name, verdict) for name, verdict in run_checks(plan, evidence))
    verdict = all_of(check.verdict for check in checks)
    findings = (*_unmet(plan, checks, at), *_left_out(plan, evidence, at))
    report = ValidationReport(
        version=version.key,
        artefact=version.artefact.digest,
        plan=plan.digest,
        data=evidence.data,
        rows=evidence.rows,
        validator=validator,
        author=version.provenance.author,
        time=at,
        verdict=verdict,
        checks=checks,
        findings=findings,
        measures=evidence.estimates,
        corrected=evidence.corrected,
        small=evidence.small,
        groups=evidence.groups,
        reliability=evidence.reliability,
        conclusion=_conclude(version.key, verdict, evidence.rows),
        limitations=(*plan.limitations, *(group.text for group in evidence.small)),
        task=evidence.task,
        confusion=evidence.confusion,
        champion=evidence.champion,
        replay=evidence.replay,
    )
    # As it will read after storage: 1 in a field of numbers becomes 1.0, the digest stays.
    return convert(to_builtins(report), ValidationReport)


def _unmet(
    plan: ValidationPlan, checks: tuple[CheckResult, ...], at: datetime
) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            check=check.check,
            rule=reason.rule,
            outcome=reason.outcome,
            severity=_SEVERITY[reason.outcome],
            message=reason.message,
            estimate=reason.estimate,
            owner=plan.owner,
            due=_due(_SEVERITY[reason.outcome], at),
        )
        for check in checks
        for reason in check.verdict.reasons
        if reason.outcome is not Outcome.PASS
    )


def _left_out(plan: ValidationPlan, evidence: Evidence, at: datetime) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            check="fairness",
            rule=f"groups of {group.by} have enough rows",
            outcome=Outcome.UNDECIDED,
            severity="low",
            message=group.text,
            owner=plan.owner,
            due=_due("low", at),
        )
        for group in evidence.small
        if group.treatment == "waive"
    )


def _due(severity: Severity, at: datetime) -> datetime:
    return at + timedelta(days=_DAYS[severity])


def _conclude(version: str, verdict: Verdict, rows: int) -> str:
    of = {o: sum(r.outcome is o for r in verdict.reasons) for o in Outcome}
    total = len(verdict.reasons)
    if verdict.outcome is Outcome.PASS:
        return f"{version} meets all {total} rules on {rows:,} rows."
    if verdict.outcome is Outcome.FAIL:
        return f"{version} breaks {of[Outcome.FAIL]} of {total} rules on {rows:,} rows."
    open_ = of[Outcome.UNDECIDED]
    return f"{version} breaks none of {total} rules; {rows:,} rows leave {open_} undecided."
