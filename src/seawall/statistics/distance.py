"""Distances between two columns counted on one grid, each with its interval: KS, Wasserstein, and
the shares that are missing or out of range.

What binning hides is bounded and widens the interval.
"""

from __future__ import annotations

import math

import numpy as np

from seawall.kernel import Estimate
from seawall.statistics.intervals import clip, clopper_pearson, difference
from seawall.statistics.summary import ColumnSummary


def dkw(n: int, m: int, confidence: float) -> float:
    """How far the KS distance of two samples may lie from the true one: both DKW bands at α/2."""
    cost = math.log(4 / (1 - confidence)) / 2
    return math.sqrt(cost / n) + math.sqrt(cost / m)


def band(n: int, m: int, confidence: float) -> float:
    """How far two empirical CDFs' difference strays anywhere from F − G: one band for both.

    √(ln(2.17/α)/2 · (1/n + 1/m)): DKW for two samples of one distribution (Wei & Dudley 2012).
    Unequal F and G stray less, in the limit: their difference has the covariance of one pooled
    distribution less a positive rank-one part, so Anderson's inequality (1955) orders them.
    """
    return math.sqrt(math.log(2.17 / (1 - confidence)) / 2 * (1 / n + 1 / m))


def ks(reference: ColumnSummary, current: ColumnSummary, confidence: float) -> Estimate:
    """The Kolmogorov–Smirnov distance of an ordered column.

    At cell boundaries the samples' distance is exact; inside a cell it exceeds what was seen at
    its start by at most that cell's mass, and that widens the upper bound. The lower bound, which
    a failure needs, takes one `band`; the upper both samples' proven DKW bands (±0.296 at n = 100
    and 95%). Both are missed only where the band is left, so the pair holds at `confidence`.
    """
    n, m = reference.n, current.n
    method = "KS, two-sample DKW"
    if not n or not m:
        return Estimate(math.nan, 0.0, 1.0, confidence, n + m, method)
    p, q = reference.counts / n, current.counts / m
    after = np.cumsum(reference.counts) / n - np.cumsum(current.counts) / m
    before = np.concatenate([[0.0], after[:-1]])
    value = float(np.abs(after).max())
    loose = ~reference.grid.exact
    inside = np.maximum(before + p, q - before)[loose]
    most = max(value, float(inside.max(initial=0.0)))
    low, high = value - band(n, m, confidence), most + dkw(n, m, confidence)
    return Estimate(value, max(0.0, low), min(1.0, high), confidence, n + m, method)


WIDEST = 1e300
"""Of a cell, in units of the baseline; sums of such cells are still numbers."""


def wasserstein(reference: ColumnSummary, current: ColumnSummary, confidence: float) -> Estimate:
    """Wasserstein-1 of values clipped to the baseline's middle 99.8%, in its interquartile ranges.

    Where the range is zero the standard deviation, then 1, is the unit. Bounds integrate the
    DKW band over the clipped range.
    """
    n, m = reference.n, current.n
    method = "Wasserstein-1 of clipped values / baseline IQR, DKW"
    if not n or not m:
        return Estimate(math.nan, 0.0, math.inf, confidence, n + m, method)
    grid = reference.grid
    left, right = reference.quantile(0.001), reference.quantile(0.999)
    if not math.isfinite(right - left):  # an infinite value lies beyond all cells that have a width
        inner = grid.edges[np.isfinite(grid.edges)]
        left, right = max(left, float(inner[0])), min(right, float(inner[-1]))
    quarters = [min(max(reference.quantile(q), left), right) for q in (0.25, 0.75)]
    unit = quarters[1] - quarters[0]
    unit = unit or (reference.sd if n > 1 else 0.0) or 1.0
    if grid.kind in ("integer", "datetime"):
        right += 2.0**grid.shift
    with np.errstate(over="ignore"):  # in the tiniest units the widest cells are no numbers
        widths = np.minimum(np.diff(np.clip(grid.edges, left, right)) / unit, WIDEST)
    p, q = reference.counts / n, current.counts / m
    after = np.abs(np.cumsum(p - q))
    start = np.concatenate([[0.0], after[:-1]])
    height = np.where(grid.exact, after, (after + start) / 2)
    hidden = float((widths * np.where(grid.exact, 0.0, np.maximum(p, q))).sum())
    near, half = band(n, m, confidence), dkw(n, m, confidence)
    low = float((widths * np.maximum(height - near, 0.0)).sum()) - hidden
    high = float((widths * np.minimum(height + half, 1.0)).sum()) + hidden
    return Estimate(float((widths * height).sum()), max(low, 0.0), high, confidence, n + m, method)


def missing_difference(
    reference: ColumnSummary, current: ColumnSummary, confidence: float
) -> Estimate:
    """The missing share now less the baseline's (MOVER over Clopper–Pearson intervals)."""
    rows = reference.rows, current.rows
    method = "difference of shares, MOVER"
    if not rows[0] or not rows[1]:
        return Estimate(math.nan, -1.0, 1.0, confidence, sum(rows), method)
    shares = reference.missing / rows[0], current.missing / rows[1]
    old = clopper_pearson(reference.missing, rows[0], confidence)
    new = clopper_pearson(current.missing, rows[1], confidence)
    low, high = clip(difference(new, old, shares[1], shares[0]), -1.0, 1.0)
    return Estimate(shares[1] - shares[0], low, high, confidence, sum(rows), method)


def out_of_range(reference: ColumnSummary, current: ColumnSummary, confidence: float) -> Estimate:
    """The share of current values below the baseline's least or above its greatest.

    Of categories, the share of values that the baseline does not have. Exact but for the two
    cells that hold the baseline's extremes: their rows may lie on either side, and widen the
    upper bound. The interval (Clopper-Pearson) is of the share outside this very range.
    """
    n = current.n
    method = "share outside the baseline's range, Clopper-Pearson"
    if not n or not reference.n:
        return Estimate(math.nan, 0.0, 1.0, confidence, n, method)
    if not reference.grid.ordered:
        least = most = int(current.counts[reference.counts == 0].sum())
    else:
        outside, either = _beyond(reference, current)
        least, most = outside, outside + either
    low, high = (clopper_pearson(k, n, confidence) for k in (least, most))
    return Estimate(least / n, low[0], high[1], confidence, n, method)


def _beyond(reference: ColumnSummary, current: ColumnSummary) -> tuple[int, int]:
    """Current rows surely outside the baseline's extremes, and those that may be."""
    filled = np.flatnonzero(reference.counts)
    first, last = int(filled[0]), int(filled[-1])
    outside = int(current.counts[:first].sum() + current.counts[last + 1 :].sum())
    open_ends = {
        at
        for at, beyond in (
            (first, current.low < reference.low),
            (last, current.high > reference.high),
        )
        if beyond and not reference.grid.exact[at]
    }
    return outside, sum(int(current.counts[at]) for at in open_ends)
