"""Intervals and e-values that hold however often one looks.

Each confidence sequence inverts a nonnegative martingale that starts at 1 (Ville's inequality):
P(ever outside) ≤ 1 − confidence. Units are independent; each arm's rate is constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.counts import excess, ratio, sample_ratio, share
from seawall.statistics.rate import bounds, log_evidence, upper_bound
from seawall.statistics.running_mean import BernsteinMean
from seawall.statistics.shift import cdf_band, distribution_shift, paired_shift

__all__ = [
    "cdf_band",
    "difference_bounds",
    "distribution_shift",
    "excess",
    "mean_interval",
    "paired_shift",
    "proportion",
    "proportion_difference",
    "ratio",
    "sample_ratio",
    "share",
    "two_proportions",
]

Vector = NDArray[np.float64]

_GRID = 33


def proportion(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """A success rate with an anytime-valid interval from the totals alone.

    Robbins' method of mixtures with the prior of `log_evidence`. [0, 1] without rows.
    """
    _check(successes, n, confidence)
    at = successes / n if n else math.nan
    threshold = np.array(-math.log1p(-confidence))
    low, high = bounds(np.array(float(successes)), np.array(float(n)), threshold)
    return Estimate(at, float(low), float(high), confidence, n, "beta-binomial mixture", "anytime")


def proportion_difference(s1: int, n1: int, s0: int, n0: int, confidence: float = 0.95) -> Estimate:
    """The difference of two arms' rates, first minus second, anytime-valid from the totals.

    For every pair (p1, p0) the average of E1(p1), E0(p0) and E1(p1)·E0(p0), with E as in
    `log_evidence`, is a martingale under that pair however the arms interleave; the interval is
    the range of p1 − p0 over the pairs it has not rejected. Half-width 0.050 at n1 = 800,
    n0 = 15,000 and rates of 0.17.
    """
    _check(s1, n1, confidence)
    _check(s0, n0, confidence)
    value = float(s1 / n1 - s0 / n0) if n1 and n0 else math.nan
    lows, highs = difference_bounds([s1], [n1], [s0], [n0], confidence)
    low, high = float(lows[0]), float(highs[0])
    if not math.isnan(value):
        low, high = min(low, value), max(high, value)
    return Estimate(
        value, low, high, confidence, n1 + n0, "beta-binomial mixture, projected", "anytime"
    )


def difference_bounds(
    s1: ArrayLike, n1: ArrayLike, s0: ArrayLike, n0: ArrayLike, confidence: float = 0.95
) -> tuple[Vector, Vector]:
    """The bounds of `proportion_difference` for many totals at once; all of one length."""
    a, n, b, m = (np.asarray(v, float) for v in (s1, n1, s0, n0))
    # the smallest difference of successes is the largest of failures, turned round
    totals = [np.concatenate(v) for v in ((a, n - a), (n, n), (b, m - b), (m, m))]
    most = _largest_difference(*totals, bound=-math.log1p(-confidence))
    return -most[a.size :], most[: a.size]


def _largest_difference(s1: Vector, n1: Vector, s0: Vector, n0: Vector, *, bound: float) -> Vector:
    """The largest p1 − p0 with (E1 + E0 + E1·E0)/3 ≤ exp(bound)."""
    level = bound + math.log(3)
    left, _ = bounds(s0, n0, np.full_like(s0, level))
    right = np.where(n0 > 0, s0 / np.maximum(n0, 1), 1.0)
    best = np.full_like(s0, -1.0)
    wide, rows = np.ones(_GRID), np.arange(s0.size)
    successes, size = np.outer(s1, wide), np.outer(n1, wide)
    for _ in range(4):
        p0 = np.linspace(left, right, _GRID, axis=1)
        e0 = np.exp(np.minimum(log_evidence(p0, s0[:, None], n0[:, None]), 700.0))
        room = np.log(np.maximum(math.exp(level) - e0, 1e-300)) - np.log1p(e0)
        p1 = upper_bound(successes, size, room)
        gap = np.where(np.isnan(p1), -1.0, p1 - p0)
        at = np.argmax(gap, axis=1)
        best = np.maximum(best, gap[rows, at])
        left, right = p0[rows, np.maximum(at - 1, 0)], p0[rows, np.minimum(at + 1, _GRID - 1)]
    return np.minimum(best + 1e-6, 1.0)


def two_proportions(
    ones_a: Sequence[int], ones_b: Sequence[int], sizes: tuple[int, int] = (1, 1), *,
    prior: float = 0.18,
) -> Vector:  # fmt: skip
    """The path of log e-values that two arms have the same rate, over blocks in time order.

    `ones_a`, `ones_b` count successes in blocks of `sizes` rows. Each block is bet on with the
    rates estimated from the blocks before it under Beta(prior, prior) priors (Turner, Ly,
    Grünwald 2024). The base rate may drift between blocks.
    """
    a, b = np.asarray(ones_a, float), np.asarray(ones_b, float)
    if a.shape != b.shape or (a > sizes[0]).any() or (b > sizes[1]).any():
        raise BadInput("blocks of the two arms do not match their sizes")
    before = np.arange(a.size)
    rates = [
        (np.cumsum(x) - x + prior) / (before * size + 2 * prior)
        for x, size in ((a, sizes[0]), (b, sizes[1]))
    ]
    null = (sizes[0] * rates[0] + sizes[1] * rates[1]) / sum(sizes)
    steps = sum(
        x * np.log(rate / null) + (size - x) * np.log((1 - rate) / (1 - null))
        for x, rate, size in ((a, rates[0], sizes[0]), (b, rates[1], sizes[1]))
    )
    return np.cumsum(steps)


def mean_interval(
    values: ArrayLike, confidence: float = 0.95, low: float = 0.0, high: float = 1.0
) -> Estimate:
    """The running mean of values in [low, high], in the order they came, at any time.

    Predictable plug-in empirical Bernstein (Waudby-Smith & Ramdas 2024, theorem 2, c = 1/2).
    The reported value is that method's weighted mean. `BadInput` on values out of range.
    """
    return BernsteinMean(confidence, low, high).update(values).estimate()


def _check(successes: int, n: int, confidence: float) -> None:
    if not 0 <= successes <= n:
        raise BadInput(f"{successes} successes of {n} rows is impossible")
    if not 0 < confidence < 1:
        raise BadInput(f"confidence {confidence:g} is not between 0 and 1")
