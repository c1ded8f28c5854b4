"""Intervals for one planned look, shared by the measures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.kernel import Estimate

Interval = tuple[float, float]


def normal_quantile(confidence: float) -> float:
    """The two-sided standard normal quantile."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))


def clopper_pearson(successes: float, n: float, confidence: float) -> Interval:
    """The exact interval of a binomial rate; [0, 1] without rows."""
    from scipy.special import betaincinv

    if n <= 0:
        return 0.0, 1.0
    half, failures = (1 - confidence) / 2, n - successes
    low = float(betaincinv(successes, failures + 1, half)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - half)) if failures > 0 else 1.0
    return low, high


def clopper_pearson_each(
    successes: ArrayLike, n: ArrayLike, confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`clopper_pearson` of many rates at once, in their shape."""
    from scipy.special import betaincinv

    successes, n = np.asarray(successes, float), np.asarray(n, float)
    half, failures = (1 - confidence) / 2, n - successes
    low = betaincinv(np.maximum(successes, 1e-300), failures + 1, half)
    high = betaincinv(successes + 1, np.maximum(failures, 1e-300), 1 - half)
    return np.where(successes > 0, low, 0.0), np.where(failures > 0, high, 1.0)


def rate(successes: int, n: int, confidence: float) -> Estimate:
    """A binomial rate with its exact interval."""
    low, high = clopper_pearson(successes, n, confidence)
    value = successes / n if n else math.nan
    return Estimate(value, low, high, confidence, n, "Clopper-Pearson")


def difference(a: Interval, b: Interval, at_a: float, at_b: float) -> Interval:
    """The interval of a − b from intervals of independent a and b (MOVER, Newcombe 1998)."""
    low = at_a - at_b - math.hypot(at_a - a[0], b[1] - at_b)
    high = at_a - at_b + math.hypot(a[1] - at_a, at_b - b[0])
    return low, high


def student_quantile(freedom: float, confidence: float) -> float:
    """The two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2))


def mean_of(value: float, variance: float, n: int, confidence: float) -> Interval:
    """Student's interval of a mean; unbounded below two rows."""
    if n < 2:
        return -math.inf, math.inf
    half = student_quantile(n - 1, confidence) * math.sqrt(max(variance, 0.0) / n)
    return value - half, value + half


def skewed_mean(
    value: float, variance: float, third: float, n: float, confidence: float
) -> Interval:
    """The interval of a mean of skewed values: Student's and Hall's, whichever reaches further.

    `third` is the third central moment. Hall's monotone transformation of Student's statistic
    (JRSS B 54, 1992) takes out its skewness, which for losses pulls the bounds too low.
    """
    low, high = mean_of(value, variance, int(n), confidence)
    if n < 2 or variance <= 0:
        return low, high
    deviation, half = math.sqrt(variance), student_quantile(n - 1, confidence) / math.sqrt(n)
    skewness = third / deviation**3
    if abs(skewness) < 1e-6:
        return low, high

    def undone(t: float) -> float:
        return 3 / skewness * (math.cbrt(1 + skewness * (t - skewness / (6 * n))) - 1)

    ends = value - deviation * undone(half), value - deviation * undone(-half)
    return min(low, *ends), max(high, *ends)


def on_logit(value: float, half: float) -> Interval:
    """A share's interval of this half width, made symmetric on the logit scale instead."""
    if not 0 < value < 1:
        return 0.0, 1.0
    half /= value * (1 - value)
    centre = math.log(value / (1 - value))
    low, high = (
        1 / (1 + math.exp(-min(max(c, -700), 700))) for c in (centre - half, centre + half)
    )
    return low, high


def noncentrality(statistic: float, df: int, confidence: float) -> Interval:
    """The noncentralities under which a noncentral χ² statistic is not extreme.

    Exact by `scipy.special.chndtr` below 20,000; above, √χ'² is normal with unit variance.
    """
    from scipy.special import chndtr

    tail = (1 - confidence) / 2
    z = normal_quantile(confidence)
    if statistic > 20_000:
        root = math.sqrt(statistic - df + 1)
        return max(root - z, 0.0) ** 2, (root + z) ** 2

    def solve(target: float) -> float:
        low, high = 0.0, statistic + 10 * math.sqrt(statistic + df) + 50
        if float(chndtr(statistic, df, 0.0)) <= target:
            return 0.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if float(chndtr(statistic, df, middle)) > target else (low, middle)
            )
        return high

    return solve(1 - tail), solve(tail)


def clip(interval: Interval, low: float, high: float) -> Interval:
    """The interval cut to a range."""
    return min(max(interval[0], low), high), min(max(interval[1], low), high)


def poisson_rate(events: int, span: float, confidence: float) -> Estimate:
    """Events per unit of time with the exact interval (Garwood 1936); [0, ∞) without time.

    Events come one by one, independently; n is their number.
    """
    from scipy.special import gammaincinv

    if span <= 0:
        return Estimate(math.nan, 0.0, math.inf, confidence, events, "Poisson, exact")
    half = (1 - confidence) / 2
    low = float(gammaincinv(events, half)) if events else 0.0
    high = float(gammaincinv(events + 1, 1 - half))
    at = events / span
    return Estimate(at, low / span, high / span, confidence, events, "Poisson, exact")
