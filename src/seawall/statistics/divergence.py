"""Divergences between two samples on at most ten bins that the baseline fixes.

PSI, KL, JS, Hellinger, chi-squared and, of ordered columns, total variation between those bins.
The scaled divergence of equal distributions is χ², of unequal ones noncentral χ², whose inversion
gives intervals that hold at no drift, where a percentile bootstrap covers 0%.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.intervals import noncentrality, normal_quantile
from seawall.statistics.summary import ColumnSummary

Vector = NDArray[np.float64]
BINS = 10
"""Bins of about equal baseline mass, or the nine commonest categories and the rest."""


def bin_of_cell(reference: ColumnSummary) -> NDArray[np.int64]:
    """The bin of each cell of the grid, 0 … at most `BINS` − 1, fixed by the baseline's counts."""
    counts = reference.counts.astype(float)
    if not reference.grid.ordered:
        order = np.append(np.argsort(-counts[:-1], kind="stable"), counts.size - 1)
        at = np.empty(order.size, np.int64)
        at[order] = np.minimum(np.arange(order.size), BINS - 1)
        return at
    upto = np.cumsum(counts)
    middle = (upto - counts / 2) / max(float(upto[-1]), 1.0)
    at = np.minimum((middle * BINS).astype(np.int64), BINS - 1)
    return np.unique(at, return_inverse=True)[1].astype(np.int64)


def coarse(reference: ColumnSummary, current: ColumnSummary) -> tuple[Vector, Vector]:
    """Both samples' counts in the baseline's bins."""
    at = bin_of_cell(reference)
    size = int(at.max()) + 1
    counts = (np.bincount(at, s.counts, size).astype(float) for s in (reference, current))
    old, new = counts
    return old, new


def divergence(
    name: str, reference: ColumnSummary, current: ColumnSummary, confidence: float
) -> Estimate:
    """One of `NAMES`, on bins of the baseline that either sample fills, half a row added to each.

    `psi`, `kl` (of current from reference) and `js` in nats, unbounded, unbounded and at most
    ln 2; `hellinger` the distance √(1 − Σ√pq); `chi2` Σ(p−q)²/pooled, the two-sample statistic ×
    (1/n + 1/m). Near zero the scaled divergence is noncentral χ² with bins − 1 degrees and is
    inverted for its noncentrality; far from zero it is normal with the delta method's variance;
    the wider of both bounds is given.
    """
    return _estimate(name, *coarse(reference, current), _chosen(reference), confidence)


def divergences(
    reference: ColumnSummary, current: ColumnSummary, confidence: float
) -> dict[str, Estimate]:
    """All of `NAMES`, binned once."""
    counts = coarse(reference, current)
    chosen = _chosen(reference)
    return {name: _estimate(name, *counts, chosen, confidence) for name in NAMES}


def _chosen(reference: ColumnSummary) -> int:
    """1 where the baseline's own noise chose which categories stand alone, a freedom more."""
    return int(not reference.grid.ordered and np.count_nonzero(reference.counts) > BINS)


class _Form(NamedTuple):
    """A divergence's value, its slopes by p and q, and its χ² scale as value × factor."""

    value: float
    slope_p: Vector
    slope_q: Vector
    factor: float


def _estimate(name: str, a: Vector, b: Vector, chosen: int, confidence: float) -> Estimate:
    a, b = a[a + b > 0], b[a + b > 0]  # what neither has is no degree of freedom
    n, m = int(a.sum()), int(b.sum())
    method = f"{name} on {a.size} baseline bins, noncentral chi-squared"
    top = _TOP.get(name, math.inf)
    if not n or not m or a.size < 2:
        value = math.nan if not n or not m else 0.0
        return Estimate(value, 0.0, top, confidence, n + m, method)
    p, q = (a + 0.5) / (n + a.size / 2), (b + 0.5) / (m + a.size / 2)
    form = _FORMS[name](p, q, n / (n + m))
    noise = 1 / n + 1 / m
    statistic = form.value * form.factor / noise
    low, high = noncentrality(statistic, a.size - 1, confidence)
    if chosen and low:
        low = noncentrality(statistic, a.size, confidence)[0]
    variance = _variance(p, form.slope_p) / n + _variance(q, form.slope_q) / m
    half = normal_quantile(confidence) * math.sqrt(max(variance, 0.0))  # of equal samples 0
    low = max(0.0, min(low * noise / form.factor, form.value - half))
    high = min(top**2 if name == "hellinger" else top,
               max(high * noise / form.factor, form.value + half))  # fmt: skip
    value, high = form.value, max(high, form.value)
    if name == "hellinger":
        value, low, high = (math.sqrt(max(x, 0.0)) for x in (value, low, high))
    return Estimate(value, low, high, confidence, n + m, method)


def _variance(p: Vector, slope: Vector) -> float:
    return max(0.0, float((p * slope**2).sum() - (p * slope).sum() ** 2))


def _psi(p: Vector, q: Vector, _: float) -> _Form:
    log = np.log(p / q)
    return _Form(float(((p - q) * log).sum()), log + 1 - q / p, 1 - p / q - log, 1.0)


def _js(p: Vector, q: Vector, _: float) -> _Form:
    middle = (p + q) / 2
    slope_p, slope_q = np.log(p / middle) / 2, np.log(q / middle) / 2
    return _Form(float((p * slope_p + q * slope_q).sum()), slope_p, slope_q, 8.0)


def _kl(p: Vector, q: Vector, _: float) -> _Form:
    log = np.log(q / p)
    return _Form(float((q * log).sum()), -q / p, log + 1, 2.0)


def _hellinger(p: Vector, q: Vector, _: float) -> _Form:
    both = np.sqrt(p * q)
    return _Form(1 - float(both.sum()), -both / (2 * p), -both / (2 * q), 8.0)


def _chi2(p: Vector, q: Vector, share: float) -> _Form:
    pooled = share * p + (1 - share) * q
    ratio = (p - q) / pooled
    value = float((ratio * (p - q)).sum())
    slopes = 2 * ratio - share * ratio**2, -2 * ratio - (1 - share) * ratio**2
    return _Form(value, *slopes, 1.0)


_FORMS: dict[str, Callable[[Vector, Vector, float], _Form]] = {
    "psi": _psi, "js": _js, "kl": _kl, "hellinger": _hellinger, "chi2": _chi2,
}  # fmt: skip
_TOP = {"js": math.log(2), "hellinger": 1.0}
NAMES = tuple(_FORMS)
"""The divergences."""
