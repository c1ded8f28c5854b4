"""Proper scoring rules of a binary model: log loss and the Brier score."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.grid import Grid
from seawall.statistics.intervals import Interval, clip, skewed_mean
from seawall.statistics.score import UNLABELLED, ScoreSummary

LEAST = 2.0**-24
"""Scores are clipped to [2⁻²⁴, 1 − 2⁻²⁴] for log loss: the outermost cells of a score grid begin
there (`grid.score_grid`), so that counts know nothing finer, and no row weighs above 16.6 nats.
`clipped_loss` says what that cuts off given rows."""


def log_loss(summary: ScoreSummary, confidence: float) -> Estimate:
    """Mean −log of the label's probability (nats), scores clipped to [2⁻²⁴, 1 − 2⁻²⁴]."""
    return _mean(summary, logarithmic(summary.grid), confidence, math.inf)


def brier(summary: ScoreSummary, confidence: float) -> Estimate:
    """Mean squared distance of score and label."""
    return _mean(summary, quadratic(summary.grid), confidence, 1.0)


def logarithmic(grid: Grid) -> NDArray[np.float64]:
    """Log loss at the lower and upper edge of each cell: float64[edge, label, cell]."""
    edges = np.clip(_edges(grid), LEAST, 1 - LEAST)
    return np.stack([-np.log1p(-edges), -np.log(edges)], axis=1)


def quadratic(grid: Grid) -> NDArray[np.float64]:
    """The Brier score at the lower and upper edge of each cell: float64[edge, label, cell]."""
    edges = _edges(grid)
    return np.stack([edges**2, (1 - edges) ** 2], axis=1)


def _edges(grid: Grid) -> NDArray[np.float64]:
    edges = np.clip(grid.edges, 0.0, 1.0)
    return np.stack([edges[:-1], edges[1:]])


def _mean(
    summary: ScoreSummary, sides: NDArray[np.float64], confidence: float, top: float
) -> Estimate:
    """The mean of a loss that is monotone within each cell, between its values at the edges.

    The interval of the rows, and of them with one row more of either label that has anybody's
    score, whichever reaches further: where a label is rare or absent, what it would cost is known
    from the scores though it did not happen.
    """
    filled = np.flatnonzero(summary.counts[:UNLABELLED].any(axis=0))
    counts, sides = summary.counts[:UNLABELLED, filled].astype(float), sides[:, :, filled]
    total = counts.sum()
    method = "mean, Hall"
    if not total:
        return Estimate(math.nan, 0.0, top, confidence, 0, method)
    middle, half = sides.mean(axis=0), np.abs(sides[0] - sides[1]) / 2
    value = float((counts * middle).sum() / total)
    hidden = float((counts * half).sum() / total)
    more = counts + counts.sum(axis=0) / total
    found = [_skewed(c, middle, confidence) for c in (counts, more)]
    low, high = min(f[0] for f in found), max(f[1] for f in found)
    low, high = clip((low - hidden, high + hidden), 0.0, top)
    return Estimate(value, low, high, confidence, int(total), method)


def _skewed(counts: NDArray[np.float64], at: NDArray[np.float64], confidence: float) -> Interval:
    n = float(counts.sum())
    mean = float((counts * at).sum()) / n
    weighted = counts * (at - mean)
    second, third = (float((weighted * (at - mean) ** k).sum()) for k in (1, 2))
    return skewed_mean(mean, second / max(n - 1, 1), third / n, n, confidence)
