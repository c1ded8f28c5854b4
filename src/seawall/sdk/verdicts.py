"""Default tolerances of an evaluation, and the verdicts that no measure gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seawall.kernel import Outcome, Reason, Rule, Verdict, all_of

CALIBRATION = Rule("ece_debiased", at_most=0.05)
"""Default tolerance of calibration."""
SMALLEST_GROUP = 50
"""Groups with fewer rows are in no gap and keep the verdict undecided."""


def conclude(verdicts: Sequence[Verdict]) -> Verdict:
    """All of them; without any, undecided with the reason."""
    if verdicts:
        return all_of(verdicts)
    what = "no rule applies: there are no scores to judge calibration by, and no groups"
    reason = Reason("evaluation", what, Outcome.UNDECIDED)
    return Verdict(Outcome.UNDECIDED, (reason,))


def too_small(name: str, groups: Iterable[tuple[Iterable[str], int]]) -> Verdict:
    """Groups too small to judge, by their values and rows, keep the verdict undecided."""
    who = ", ".join(f"{' '.join(values)} ({n})" for values, n in groups)
    reason = Reason(
        f"{name}: every group large enough", f"too few rows to judge: {who}", Outcome.UNDECIDED
    )
    return Verdict(Outcome.UNDECIDED, (reason,))
