"""Slope and intercept of the logistic recalibration: too extreme, too timid, too high, too low."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.intervals import normal_quantile
from seawall.statistics.score import NEGATIVE, POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
LEAST = 2.0**-24
"""Scores are clipped to [2⁻²⁴, 1 − 2⁻²⁴], as for log loss."""


def calibration_slope(summary: ScoreSummary, confidence: float) -> Estimate:
    """b of logit P(y=1) = a + b·logit(score): 1 when calibrated, below 1 when over-confident
    (Cox 1958; Van Calster et al. 2019).

    The larger of the model's and the sandwich variance, normal; cells widen it to first order.
    Unbounded where labels are of one kind or parted by the score.
    """
    return _fit(summary, confidence, with_slope=True)


def calibration_intercept(summary: ScoreSummary, confidence: float) -> Estimate:
    """a of logit P(y=1) = a + logit(score), in log odds: 0 when scores are right on average,
    below 0 when they promise too many. Interval as of the slope.
    """
    return _fit(summary, confidence, with_slope=False)


def _fit(summary: ScoreSummary, confidence: float, *, with_slope: bool) -> Estimate:
    filled = np.flatnonzero(summary.counts[: POSITIVE + 1].sum(axis=0))
    p = summary.counts[POSITIVE][filled].astype(float)
    n = p + summary.counts[NEGATIVE][filled]
    total = int(n.sum())
    method = "logistic recalibration, normal"
    unknown = Estimate(math.nan, -math.inf, math.inf, confidence, total, method)
    edges = np.clip(summary.grid.edges, LEAST, 1 - LEAST)
    lower, upper = edges[filled], edges[filled + 1]
    middle = (lower + upper) / 2
    x = np.log(middle / (1 - middle))
    half = (np.log(upper / (1 - upper)) - np.log(lower / (1 - lower))) / 2
    if not 0 < p.sum() < total or (with_slope and np.ptp(x) < 1e-9):
        return unknown
    design = np.stack([np.ones_like(x), x]) if with_slope else np.ones((1, x.size))
    fixed = np.zeros_like(x) if with_slope else x
    beta = _newton(design, fixed, p, n)
    if beta is None:
        return unknown
    rate = _expit(fixed + beta @ design)
    spread = n * rate * (1 - rate)
    inverse = np.linalg.inv((design * spread) @ design.T)
    scores = design * np.sqrt(p * (1 - rate) ** 2 + (n - p) * rate**2)
    sandwich = inverse @ (scores @ scores.T) @ inverse
    deviation = math.sqrt(max(float(inverse[-1, -1]), float(sandwich[-1, -1])))
    # how far moving each score within its cell moves the estimate, to first order
    slope = float(beta[-1]) if with_slope else 1.0
    pull = np.abs(inverse[-1] @ design) * spread * abs(slope) * half
    if with_slope:
        pull = pull + float(inverse[-1, -1]) * (p * (1 - rate) + (n - p) * rate) * half
    reach = normal_quantile(confidence) * deviation + float(pull.sum())
    value = float(beta[-1])
    return Estimate(value, value - reach, value + reach, confidence, total, method)


def _newton(design: Vector, fixed: Vector, p: Vector, n: Vector) -> Vector | None:
    """The maximum of the likelihood, or none where it has none."""
    beta, step = np.zeros((2, len(design)))
    before = -math.inf
    for _ in range(60):
        at = fixed + beta @ design
        rate = _expit(at)
        likelihood = float(p @ at - n @ np.logaddexp(0.0, at))
        weight = n * rate * (1 - rate)
        information = (design * weight) @ design.T
        if not np.isfinite(beta).all() or np.linalg.cond(information) > 1e13:
            return None
        if likelihood < before - 1e-9 * abs(before):
            step = step / 2
            beta = beta - step
            continue
        before = likelihood
        step = np.linalg.solve(information, design @ (p - n * rate))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            return beta if np.abs(beta).max() < 1e3 else None
    return None


def _expit(at: Vector) -> Vector:
    from scipy.special import expit

    return expit(at)
