"""The error rate of a family of judgements: false discoveries among those that fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seawall.kernel import Estimate, Outcome, Rule

Member = tuple[Rule, Callable[[float], Estimate]]
"""A rule, and its measure at any confidence; more confidence never narrows the interval."""


def discovery_confidence(members: Sequence[Member], confidence: float) -> float:
    """The confidence at which a member of the family must fail to be counted as failing.

    Benjamini & Hochberg's step-up on p-values that invert the intervals at the tolerance: with k
    members, the most lenient 1 − α·r/k at which at least r fail; with none, Bonferroni's 1 − α/k.
    Of the failures at it the expected share of false ones is at most α where the measures depend
    positively on one another (Benjamini & Yekutieli 2001), a false one being a true effect within
    its tolerance; where all effects are, that is the chance of any failure.
    """
    size, alpha = max(1, len(members)), 1 - confidence

    def at(rank: int) -> float:
        return 1 - alpha * rank / size

    ranks = sorted(
        _first_rank(member, at, size) for member in members if _fails(member, confidence)
    )
    shown = max((r for r in range(1, len(ranks) + 1) if ranks[r - 1] <= r), default=1)
    return at(shown)


def _fails(member: Member, confidence: float) -> bool:
    rule, measure = member
    return rule.judge(measure(confidence)).outcome is Outcome.FAIL


def _first_rank(member: Member, at: Callable[[int], float], size: int) -> int:
    """The least rank at whose confidence the member fails; it does at the last."""
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fails(member, at(middle)) else (middle, high)
    return high
