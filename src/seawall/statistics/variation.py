"""Total variation between two samples, and how far chance alone carries it.

T̂ − T ≤ ½‖Z‖₁ with Z the sampling error of p̂ − q̂. Its covariance is that of one pooled
distribution h = (mp + nq)/(n + m) at the noise 1/n + 1/m, less a positive rank-one part, so by
Anderson's inequality (1955) ½‖Z‖₁ is largest, in law, when both samples come from h. That law is
matched by a scaled chi of the same mean and variance: exact for two categories, normal for many.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.divergence import coarse
from seawall.statistics.summary import ColumnSummary

Vector = NDArray[np.float64]


def total_variation(
    reference: ColumnSummary, current: ColumnSummary, confidence: float
) -> Estimate:
    """The share of probability that moved between categories, or between ten bins of numbers.

    The plug-in overshoots: the lower bound takes off what chance reaches at (1 + confidence)/2.
    It never undershoots on average: McDiarmid's inequality bounds the rest above.
    """
    if reference.grid.ordered:
        a, b = coarse(reference, current)
        method = f"total variation on {a.size} baseline bins, pooled chance and McDiarmid"
    else:
        a, b = reference.counts.astype(float), current.counts.astype(float)
        method = "total variation, pooled chance and McDiarmid"
    n, m = float(a.sum()), float(b.sum())
    if not n or not m:
        return Estimate(math.nan, 0.0, 1.0, confidence, int(n + m), method)
    value = float(np.abs(a / n - b / m).sum() / 2)
    tail = (1 - confidence) / 2
    low = max(0.0, value - chance(a, b, tail))
    high = min(1.0, value + math.sqrt(-math.log(tail) / 2 * (1 / n + 1 / m)))
    return Estimate(value, low, high, confidence, int(n + m), method)


def chance(a: Vector, b: Vector, tail: float) -> float:
    """What ½‖p̂ − q̂‖₁ exceeds with probability `tail` when both samples come from one pool.

    `a`, `b`: counts by category. Means of rare categories are those of the binomial split of
    their pooled count (De Moivre), since the normal's fall short there.
    """
    n, m = float(a.sum()), float(b.sum())
    noise = 1 / n + 1 / m
    both = (a + b) / (n + m)
    share = np.maximum(both, (m * a / n + n * b / m) / (n + m))
    share = share[share > 0]
    if share.size < 2:
        return math.sqrt(-math.log(tail) / 2 * noise)
    square = share * (1 - np.minimum(share, 1)) * noise
    mean = np.sqrt(2 / math.pi * square)
    exact = noise * _split(a + b, n / (n + m)) * np.sqrt(1 - both)
    mean = float(np.maximum(mean, exact[a + b > 0]).sum() / 2)
    # |Zᵢ| and |Zⱼ| of correlation ρ covary by at most (1 − 2/π) σᵢσⱼρ², all of it at ρ = ±1
    joint = share**2 * noise / np.sqrt(np.maximum(square, 1e-300))
    joint[square <= 0] = 0.0
    total = square.sum() + joint.sum() ** 2 - (joint**2).sum()
    return _chi_quantile(mean, math.sqrt((1 - 2 / math.pi) * float(total)) / 2, tail)


def _split(pooled: Vector, w: float) -> Vector:
    """E|X − Nw| of X ~ binomial(N, w), exactly."""
    from scipy.special import gammaln

    k = np.floor(pooled * w) + 1
    ways = gammaln(pooled + 1) - gammaln(k) - gammaln(np.maximum(pooled - k + 1, 0.0))
    return 2 * np.exp(ways + k * math.log(w) + (pooled - k + 1) * math.log1p(-w))


def _chi_quantile(mean: float, deviation: float, tail: float) -> float:
    """The upper quantile of a scaled chi with this mean and standard deviation."""
    from scipy.special import gammaincinv, gammaln, ndtri

    if deviation <= 0 or mean >= 60 * deviation:
        return mean - deviation * float(ndtri(tail))

    def first(df: float) -> float:
        return math.sqrt(2) * math.exp(float(gammaln((df + 1) / 2) - gammaln(df / 2)))

    low, high = 0.1, 2000.0
    for _ in range(50):
        df = (low + high) / 2
        ratio = first(df) ** 2 / (df - first(df) ** 2)
        low, high = (df, high) if ratio < (mean / deviation) ** 2 else (low, df)
    return mean / first(high) * math.sqrt(2 * float(gammaincinv(high / 2, 1 - tail)))
