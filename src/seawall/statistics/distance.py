"""Distances between two counted distributions on one grid, each with its interval.

What binning hides is bounded and widens the interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.intervals import (
    clip,
    clopper_pearson,
    difference,
    noncentrality,
    normal_quantile,
)
from seawall.statistics.summary import ColumnSummary

Vector = NDArray[np.float64]
BINS = 10
"""Bins of about equal baseline mass behind PSI, JS, KL and chi-squared."""


def dkw(n: int, m: int, confidence: float) -> float:
    """How far the KS distance of two samples may lie from the true one: both DKW bands at α/2."""
    cost = math.log(4 / (1 - confidence)) / 2
    return math.sqrt(cost / n) + math.sqrt(cost / m)


def ks(reference: ColumnSummary, current: ColumnSummary, confidence: float) -> Estimate:
    """The Kolmogorov–Smirnov distance of an ordered column.

    At cell boundaries the samples' distance is exact; inside a cell it exceeds what was seen at
    its start by at most that cell's mass, and that widens the upper bound.
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
    half = dkw(n, m, confidence)
    return Estimate(value, max(0.0, value - half), min(1.0, most + half), confidence, n + m, method)


def total_variation(
    reference: ColumnSummary, current: ColumnSummary, confidence: float
) -> Estimate:
    """The share of probability that moved between categories.

    The plug-in overshoots by at most E = Σ√Var/2; McDiarmid's inequality bounds the rest. Up to
    32 categories E is taken at its largest, above it is estimated from counts + 1, and each row
    then moves the bound by √2 as much.
    """
    n, m = reference.n, current.n
    method = "total variation, McDiarmid"
    if not n or not m:
        return Estimate(math.nan, 0.0, 1.0, confidence, n + m, method)
    p, q = reference.counts / n, current.counts / m
    value = float(np.abs(p - q).sum() / 2)
    noise = 1 / n + 1 / m
    spread = math.sqrt(math.log(2 / (1 - confidence)) / 2 * noise)
    if p.size <= 32:
        bias, factor = math.sqrt((p.size - 1) * noise) / 2, 1.0
    else:
        bias = float(np.sqrt((p + 1 / n) / n + (q + 1 / m) / m).sum() / 2)
        factor = math.sqrt(2)
    low = max(0.0, value - bias - factor * spread)
    return Estimate(value, low, min(1.0, value + spread), confidence, n + m, method)


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
    unit = reference.quantile(0.75) - reference.quantile(0.25)
    unit = unit or math.sqrt(max(reference.variance, 0.0)) or 1.0
    if grid.kind in ("integer", "datetime"):
        right += 2.0**grid.shift
    widths = np.diff(np.clip(grid.edges, left, right)) / unit
    p, q = reference.counts / n, current.counts / m
    after = np.abs(np.cumsum(p - q))
    start = np.concatenate([[0.0], after[:-1]])
    height = np.where(grid.exact, after, (after + start) / 2)
    hidden = float((widths * np.where(grid.exact, 0.0, np.maximum(p, q))).sum())
    half = dkw(n, m, confidence)
    low = float((widths * np.maximum(height - half, 0.0)).sum()) - hidden
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


def divergences(
    reference: ColumnSummary, current: ColumnSummary, confidence: float
) -> dict[str, Estimate]:
    """`psi`, `js`, `kl` (current from reference; all in nats) and, for categories, `chi2`.

    On at most ten bins fixed by baseline mass, half a row added to each. Near zero the scaled
    divergence is noncentral χ² with bins − 1 degrees and is inverted for its noncentrality; far
    from zero it is normal with the delta method's variance; the wider of both bounds is given.
    `chi2` is Σ(p−q)²/pooled, the two-sample statistic × (1/n + 1/m).
    """
    a, b = coarse(reference, current)
    n, m = reference.n, current.n
    names = ("psi", "js", "kl") if reference.grid.ordered else ("psi", "js", "kl", "chi2")
    return {name: _divergence(name, a, b, n, m, confidence) for name in names}


def coarse(reference: ColumnSummary, current: ColumnSummary) -> tuple[Vector, Vector]:
    """Both samples' counts in ten bins of about equal baseline mass, fixed by the baseline."""
    old, new = reference.counts.astype(float), current.counts.astype(float)
    if not reference.grid.ordered:
        order = np.argsort(-old[:-1], kind="stable")
        order = np.append(order, old.size - 1)
        at = np.minimum(np.arange(order.size), BINS - 1)
        old, new = old[order], new[order]
    else:
        upto = np.cumsum(old)
        middle = (upto - old / 2) / max(float(upto[-1]), 1.0)
        at = np.minimum((middle * BINS).astype(np.int64), BINS - 1)
        at = np.unique(at, return_inverse=True)[1]
    size = int(at.max()) + 1
    return np.bincount(at, old, size).astype(float), np.bincount(at, new, size).astype(float)


def _divergence(name: str, a: Vector, b: Vector, n: int, m: int, confidence: float) -> Estimate:
    method = f"{name} on {a.size} baseline bins, noncentral chi-squared"
    if not n or not m or a.size < 2:
        value = math.nan if not n or not m else 0.0
        return Estimate(value, 0.0, math.inf, confidence, n + m, method)
    p, q = (a + 0.5) / (n + a.size / 2), (b + 0.5) / (m + a.size / 2)
    value, slope_p, slope_q, factor = _FORMS[name](p, q, n / (n + m))
    noise = 1 / n + 1 / m
    low, high = noncentrality(value * factor / noise, a.size - 1, confidence)
    variance = _variance(p, slope_p) / n + _variance(q, slope_q) / m
    half = normal_quantile(confidence) * math.sqrt(variance)
    low = max(0.0, min(low * noise / factor, value - half))
    high = max(high * noise / factor, value + half)
    return Estimate(value, low, high, confidence, n + m, method)


Form = tuple[float, Vector, Vector, float]


def _variance(p: Vector, slope: Vector) -> float:
    return float((p * slope**2).sum() - (p * slope).sum() ** 2)


def _psi(p: Vector, q: Vector, _: float) -> Form:
    log = np.log(p / q)
    return float(((p - q) * log).sum()), log + 1 - q / p, 1 - p / q - log, 1.0


def _js(p: Vector, q: Vector, _: float) -> Form:
    middle = (p + q) / 2
    slope_p, slope_q = np.log(p / middle) / 2, np.log(q / middle) / 2
    return float((p * slope_p + q * slope_q).sum()), slope_p, slope_q, 8.0


def _kl(p: Vector, q: Vector, _: float) -> Form:
    log = np.log(q / p)
    return float((q * log).sum()), -q / p, log + 1, 2.0


def _chi2(p: Vector, q: Vector, share: float) -> Form:
    pooled = share * p + (1 - share) * q
    ratio = (p - q) / pooled
    value = float((ratio * (p - q)).sum())
    return value, 2 * ratio - share * ratio**2, -2 * ratio - (1 - share) * ratio**2, 1.0


_FORMS: dict[str, Callable[[Vector, Vector, float], Form]] = {
    "psi": _psi, "js": _js, "kl": _kl, "chi2": _chi2,
}  # fmt: skip
