"""Kolmogorov–Smirnov distances between binned samples that hold however often one looks."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.rate import STRENGTH, bounds

MOST_EDGES = 64
"""Above this many inner edges the band over the whole CDF is tighter than one bound per edge."""
_GRID = 65
_SCALE = 0.85


def cdf_band(n: int, confidence: float = 0.95, first: int = 1) -> float:
    """Half-width of the band around an empirical CDF of n independent rows, at any time from the
    `first` row on.

    0.85·√((ln ln(e·n/first) + C)/n) with C = 0.8·ln(1612/α) from the first row on, and the constant
    of theorem 2 (a little less) after more (Howard & Ramdas 2022); 1 before that.
    """
    if n < max(first, 1):
        return 1.0
    inner = math.log(math.log(math.e * n / first)) if n > first else 0.0
    constant = 0.8 * math.log(1612 / (1 - confidence)) if first == 1 else _constant(1 - confidence)
    return min(1.0, _SCALE * math.sqrt((inner + constant) / n))


@lru_cache(maxsize=64)
def _constant(alpha: float) -> float:
    """The least C at which the best η makes 4·e^(−γ²C)·(1 + 1/((γ² − 1)·ln η)) at most α, with
    γ = √(2/η)·(A − √(2(η − 1)/C)) and A = 0.85."""
    eta = np.linspace(1.0005, 1.4, 40_000)

    def spent(constant: float) -> float:
        gamma = np.sqrt(2 / eta) * (_SCALE - np.sqrt(2 * (eta - 1) / constant))
        square = np.where(gamma > 1, gamma**2, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = 4 * np.exp(-square * constant) * (1 + 1 / ((square - 1) * np.log(eta)))
        return float(np.nanmin(np.append(error, np.inf)))

    low, high = 1.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if spent(middle) <= alpha else (middle, high)
    return high


def shift_from_baseline(
    baseline: ArrayLike, counts: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """The KS distance of a growing stream from a baseline that does not grow, at any time.

    The stream's band holds at any time at α/2, the baseline's (DKW) once and for all at α/2, so the
    baseline's own uncertainty is inside and is not paid for again at every look. Both counted in
    the same ordered bins; distances are between the binned distributions.
    """
    a, b = np.asarray(baseline, float), np.asarray(counts, float)
    if a.shape != b.shape or a.ndim != 1 or a.size < 2:
        raise BadInput("two samples need counts in the same bins")
    n, m = int(a.sum()), int(b.sum())
    method = "KS of bins against a fixed baseline"
    if not n or not m:
        return Estimate(math.nan, 0.0, 1.0, confidence, n + m, method, "anytime")
    gap = np.cumsum(a)[:-1] / n - np.cumsum(b)[:-1] / m
    once = math.sqrt(math.log(4 / (1 - confidence)) / (2 * n))
    half = once + cdf_band(m, (1 + confidence) / 2)
    return _distance(gap, gap - half, gap + half, confidence, n + m, method)


def distribution_shift(
    counts_a: ArrayLike, counts_b: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """The KS distance between two samples counted in the same ordered bins, at any time.

    One confidence sequence of a rate for each arm and inner edge at α/(2·edges); above 64 edges
    one band over each whole CDF at α/2. Distances are between the binned distributions.
    """
    a, b = np.asarray(counts_a, float), np.asarray(counts_b, float)
    if a.shape != b.shape or a.ndim != 1 or a.size < 2:
        raise BadInput("two samples need counts in the same bins")
    n, m, edges = a.sum(), b.sum(), a.size - 1
    if not n or not m:
        return Estimate(math.nan, 0.0, 1.0, confidence, int(n + m), "KS of bins", "anytime")
    ups = np.cumsum(a)[:-1], np.cumsum(b)[:-1]
    gap = ups[0] / n - ups[1] / m
    if edges > MOST_EDGES:
        half = sum(cdf_band(int(k), (1 + confidence) / 2) for k in (n, m))
        low, high = gap - half, gap + half
    else:
        limit = np.full(edges, math.log(2 * edges / (1 - confidence)))
        (low_a, high_a), (low_b, high_b) = (
            bounds(up, np.full(edges, k), limit) for up, k in zip(ups, (n, m), strict=True)
        )
        low, high = low_a - high_b, high_a - low_b
    return _distance(gap, low, high, confidence, int(n + m))


def paired_shift(joint: ArrayLike, confidence: float = 0.95) -> Estimate:
    """The KS distance between the marginals of a square count matrix, at any time.

    `joint[i, j]` counts units that the first scorer put into bin i and the second into bin j.
    At each edge only units on different sides matter: u above by the one, v by the other. For
    every (u, v) a Dirichlet mixture centred there is a martingale; the bound at α/edges is the
    range of u − v over the pairs that it has not rejected.
    """
    counts = np.asarray(joint, float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.shape[0] < 2:
        raise BadInput("paired bins need a square matrix of counts")
    n, edges = counts.sum(), counts.shape[0] - 1
    if not n:
        return Estimate(math.nan, 0.0, 1.0, confidence, 0, "paired KS of bins", "anytime")
    upto = np.cumsum(np.cumsum(counts, 0), 1)
    first, second = upto[:-1, -1], upto[-1, :-1]
    both = np.diagonal(upto)[:-1]
    u, v = first - both, second - both
    limit = math.log(edges / (1 - confidence))
    high = _largest_gap(u, v, n, limit)
    low = -_largest_gap(v, u, n, limit)
    return _distance((u - v) / n, low, high, confidence, int(n), "paired KS of bins")


def _distance(
    gap: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64],
    confidence: float, n: int, method: str = "KS of bins",
) -> Estimate:  # fmt: skip
    value = float(np.abs(gap).max())
    least = float(np.maximum(np.maximum(low, -high), 0.0).max())
    most = min(1.0, float(np.maximum(high, -low).max()))
    return Estimate(value, min(least, value), max(most, value), confidence, n, method, "anytime")


def _largest_gap(
    u: NDArray[np.float64], v: NDArray[np.float64], n: float, limit: float
) -> NDArray[np.float64]:
    """The largest p_u − p_v, for each edge, whose Dirichlet mixture is below the limit."""
    from scipy.special import gammaln, xlogy

    counts = (u[:, None], v[:, None], (n - u - v)[:, None])
    edge = float(gammaln(STRENGTH) - gammaln(STRENGTH + n))

    def least(gap: NDArray[np.float64]) -> NDArray[np.float64]:
        """The least log evidence over all pairs with this difference (golden grid on p_v)."""
        bottom = np.maximum(-gap, 0.0)
        top = (1 - gap) / 2
        best = np.full(gap.shape, np.inf)
        for _ in range(4):
            pv = bottom[:, None] + (top - bottom)[:, None] * np.linspace(0, 1, _GRID)
            parts = (pv + gap[:, None], pv, 1 - gap[:, None] - 2 * pv)
            value = np.full(pv.shape, edge)
            for p, c in zip(parts, counts, strict=True):
                q = np.maximum(p, 1e-12)
                value = value + gammaln(STRENGTH * q + c) - gammaln(STRENGTH * q) - xlogy(c, q)
            at = np.argmin(value, axis=1)
            rows = np.arange(len(at))
            best = np.minimum(best, value[rows, at])
            bottom = pv[rows, np.maximum(at - 1, 0)]
            top = pv[rows, np.minimum(at + 1, _GRID - 1)]
        return best

    near, far = (u - v) / n, np.ones_like(u)
    for _ in range(32):
        middle = (near + far) / 2
        inside = least(middle) <= limit
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return far
