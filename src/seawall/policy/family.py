"""The judgement of a rule over a family: one measure, a member for each column in `by`.

Contracts, "Judgement": a family passes when every member passes at its own level; it fails when a
member fails after the family's error-rate correction.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from seawall.kernel import Estimate, Outcome, Reason, Rule, Verdict, all_of


def members(rule: Rule) -> tuple[str, ...]:
    """The names of the estimates a rule is judged on: `gap[SEX]`, `gap[AGE]`, or `gap` alone."""
    return tuple(f"{rule.measure}[{column}]" for column in rule.by) or (rule.measure,)


def judge(
    rule: Rule, estimates: Mapping[str, Estimate], corrected: Mapping[str, Estimate] | None = None
) -> Verdict:
    """The rule's verdict, a reason for each member.

    `estimates` hold at each member's own level; `corrected` hold for the whole family at once (a
    family of one needs none). A member that fails at its own level but was not shown to fail for
    the whole family is undecided.
    """
    names = members(rule)
    return all_of(_judge_member(rule, name, len(names), estimates, corrected) for name in names)


def _judge_member(
    rule: Rule,
    name: str,
    size: int,
    estimates: Mapping[str, Estimate],
    corrected: Mapping[str, Estimate] | None,
) -> Verdict:
    own = estimates.get(name)
    atom = msgspec.structs.replace(rule, measure=name, by=())
    verdict = atom.judge(own)
    for_all = (corrected or {}).get(name)
    if own is None or verdict.outcome is not Outcome.FAIL or (size == 1 and for_all is None):
        return verdict
    if for_all is not None and atom.judge(for_all).outcome is Outcome.FAIL:
        return atom.judge(for_all)
    shown = "after correction" if for_all is not None else "and no correction was made"
    message = (
        f"{atom.text} fails alone ({own} at {own.confidence:.0%}, n={own.n:,}) "
        f"but not among its family {shown}"
    )
    reason = Reason(atom.text, message, Outcome.UNDECIDED, for_all or own)
    return Verdict(Outcome.UNDECIDED, (reason,))
