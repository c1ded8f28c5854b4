"""How differently a regression errs on groups: gaps of mean errors, with bounds that hold."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seawall.kernel import Estimate, Rule
from seawall.statistics.regression import RegressionSummary, largest_gap, regression

GAP = Rule("standardised_bias_difference", at_most=0.10)
"""The deciding gap, in standard deviations of all labels."""


def error_gaps(parts: Sequence[RegressionSummary], confidence: float) -> dict[str, Estimate]:
    """`mae_difference` and `bias_difference`, the largest over pairs of groups.

    In the value's unit. The bounds hold for all pairs together; of fewer than two groups nothing is
    known.
    """
    pairs = max(1, math.comb(len(parts), 2))
    each = [regression(part, None, 1 - (1 - confidence) / pairs) for part in parts]
    method = "largest pairwise difference, simultaneous MOVER"
    return {
        f"{measure}_difference": largest_gap([one[measure] for one in each], confidence, method)
        for measure in ("mae", "bias")
    }


def per_deviation(gap: Estimate, deviation: float) -> Estimate:
    """A gap in standard deviations of the labels; unknown where they have none."""
    if not deviation > 0:
        return Estimate(math.nan, 0.0, math.inf, gap.confidence, gap.n, gap.method, gap.validity)
    low, value, high = (v / deviation for v in (gap.low, gap.value, gap.high))
    return Estimate(value, low, high, gap.confidence, gap.n, gap.method, gap.validity)
