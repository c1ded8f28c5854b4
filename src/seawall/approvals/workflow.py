"""Whether a version is approved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from seawall.approvals.approval import Approval, Conditions, combine
from seawall.approvals.challenge import Challenge
from seawall.kernel import Outcome, Reason, Verdict, all_of
from seawall.registry.model import Tier
from seawall.registry.version import Version

APPROVERS: Mapping[Tier, int] = MappingProxyType({"low": 1, "medium": 1, "high": 2})
"""How many different people must approve a version, by the tier of its model."""


def decide(
    version: Version,
    approvals: Iterable[Approval],
    tier: Tier,
    now: datetime,
    *,
    challenges: Iterable[Challenge] = (),
) -> Verdict:
    """Pass with enough approvals in force, fail on a rejection, else undecided.

    The latest decision of each approver stands. It counts when both questions are answered yes,
    it has not lapsed, and the approver is not the version's author. An open challenge leaves the
    version undecided.
    """
    verdicts = [
        _verdict(f"challenge by {c.challenger}", f"still open: {c.text}", Outcome.UNDECIDED)
        for c in challenges
        if c.version == version.key and c.open
    ]
    reasons: list[Reason] = []
    approvers = 0
    for approval in _latest(version, approvals):
        reason = _judge(approval, version, now)
        approvers += reason.outcome is Outcome.PASS
        if reason.outcome is Outcome.FAIL:
            verdicts.append(Verdict(Outcome.FAIL, (reason,)))
        else:
            reasons.append(reason)
    needed = APPROVERS[tier]
    counted = f"{approvers} of the {needed} that tier {tier} needs"
    enough = Outcome.PASS if approvers >= needed else Outcome.UNDECIDED
    verdicts.append(Verdict(enough, (*reasons, Reason("approvers", counted, enough))))
    return all_of(verdicts)


def limits(version: Version, approvals: Iterable[Approval], now: datetime) -> Conditions:
    """The conditions of every approval in force, combined: what a gateway must keep within."""
    return combine(
        a.conditions
        for a in _latest(version, approvals)
        if _judge(a, version, now).outcome is Outcome.PASS
    )


def _latest(version: Version, approvals: Iterable[Approval]) -> list[Approval]:
    standing: dict[str, Approval] = {}
    for approval in sorted(approvals, key=lambda a: (a.time, a.id)):
        if approval.version == version.key:
            standing[approval.approver] = approval
    return sorted(standing.values(), key=lambda a: (a.time, a.id))


def _judge(approval: Approval, version: Version, now: datetime) -> Reason:
    said = f": {approval.comment}" if approval.comment else ""
    if approval.decision == "reject":
        return _reason(approval, f"rejects it{said}", Outcome.FAIL)
    if approval.approver == version.provenance.author:
        return _reason(approval, "is its author and cannot approve it", Outcome.UNDECIDED)
    if not approval.suitable:
        return _reason(approval, "does not affirm that it suits its use", Outcome.UNDECIDED)
    if not approval.rating_affirmed:
        return _reason(approval, "does not affirm its risk rating", Outcome.UNDECIDED)
    limits = approval.conditions.text
    if approval.conditions.lapsed(now):
        return _reason(approval, f"approved it, and that has lapsed ({limits})", Outcome.UNDECIDED)
    return _reason(approval, f"approves it{f' ({limits})' if limits else ''}{said}", Outcome.PASS)


def _reason(approval: Approval, message: str, outcome: Outcome) -> Reason:
    return Reason(f"approval by {approval.approver}", f"{approval.approver} {message}", outcome)


def _verdict(rule: str, message: str, outcome: Outcome) -> Verdict:
    return Verdict(outcome, (Reason(rule, message, outcome),))
