"""How unequally a model's errors fall: generalised entropy of benefits, of people and of groups."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.groups import Rates
from seawall.statistics.intervals import clopper_pearson
from seawall.statistics.noncentral import squared_norm
from seawall.statistics.performance import confusion
from seawall.statistics.score import ScoreSummary

Vector = NDArray[np.float64]


def inequality(
    summary: ScoreSummary, threshold: float = 0.5, confidence: float = 0.95
) -> dict[str, Estimate]:
    """`generalized_entropy` (α = 2) and `theil_index` of the labelled rows' benefits.

    A row's benefit is call − label + 1: 0 for a positive called negative, 1 for a right call, 2 for
    a negative called positive (Speicher et al. 2018, section 3). 0 when all benefit alike. Both
    depend on the shares of the two errors alone; their exact intervals are joined by MOVER.
    """
    c = confusion(summary, threshold)
    n = c.tp + c.fp + c.fn + c.tn
    return {
        "generalized_entropy": _of_errors(_entropy, c.fn, c.fp, n, sum(c.unsure), confidence),
        "theil_index": _of_errors(_theil, c.fn, c.fp, n, sum(c.unsure), confidence),
    }


def _entropy(missed: float, given: float) -> float:
    mean = 1 - missed + given
    return ((1 - missed + 3 * given) / mean**2 - 1) / 2 if mean > 0 else math.inf


def _theil(missed: float, given: float) -> float:
    mean = 1 - missed + given
    return 2 * given * math.log(2) / mean - math.log(mean) if mean > 0 else math.inf


def _of_errors(
    index: Callable[[float, float], float], missed: int, given: int, n: int, unsure: int,
    confidence: float,
) -> Estimate:  # fmt: skip
    method = "MOVER over the shares of both errors"
    if not n:
        return Estimate(math.nan, 0.0, math.inf, confidence, 0, method)
    f, q = missed / n, given / n
    value = index(f, q)
    ends = [
        (clopper_pearson(max(k - unsure, 0), n, confidence)[0],
         clopper_pearson(min(k + unsure, n), n, confidence)[1])
        for k in (missed, given)
    ]  # fmt: skip
    # each index rises in the share missed; in the share given it rises, then falls
    first = [index(x, min(q, 1 - x)) - value for x in ends[0]]
    along = [index(f, min(x, 1 - f)) - value for x in np.linspace(*ends[1], 33)]
    low = value - math.hypot(min(*first, 0.0), min(*along, 0.0))
    high = value + math.hypot(max(*first, 0.0), max(*along, 0.0))
    return Estimate(value, max(low, 0.0), high, confidence, n, method)


def between_groups(rates: dict[str, Rates], confidence: float) -> Estimate:
    """The part of the generalised entropy (α = 2) that lies between groups: ½Σ w[(μ_g/μ)² − 1].

    Twice it times μ² is a weighted sum of squares, biased upwards by noise; the interval inverts
    its distribution and is not. `rates` as of `rates_of`, of the groups compared.
    """
    method = "between groups, noncentral chi-squared"
    recall, wrong = rates["recall"], rates["false_positive_rate"]
    missed, given = recall.n - recall.successes, wrong.successes
    n = recall.n + wrong.n
    total = float(n.sum())
    kept = n > 0
    if kept.sum() < 2:
        return Estimate(math.nan, 0.0, math.inf, confidence, int(total), method)
    missed, given, n = missed[kept], given[kept], n[kept]
    weight = n / total
    benefit = 1 + (given - missed) / n
    mean = float(weight @ benefit)
    if not mean > 0:  # nobody has any benefit that could be unequal
        return Estimate(math.nan, 0.0, math.inf, confidence, int(total), method)
    squares = weight * (benefit - mean) ** 2
    spread = (missed + given) / n - (benefit - 1) ** 2
    # two more rows of either error, lest a group without errors be taken as certain to make none
    added = (missed + given + 4) / (n + 4) - ((given - missed) / (n + 4)) ** 2
    remains = 1 - weight
    excess = float(squares.sum() - (spread / total * n / np.maximum(n - 1, 1) * remains).sum())
    noise = np.maximum(spread, added) / total * remains
    low, high = squared_norm(np.array([excess]), noise[None], squares[None], confidence)
    scale = 2 * mean**2
    value = float(squares.sum()) / scale
    low, high = float(low[0]) / scale, float(high[0]) / scale
    return Estimate(value, min(low, value), max(high, value), confidence, int(total), method)
