"""Whether scores mean what they say: reliability bins and calibration errors with intervals."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.grid import Grid
from seawall.statistics.intervals import clopper_pearson, mean_of, noncentrality
from seawall.statistics.score import NEGATIVE, POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
BINS = 15
"""Bins of about equal mass behind the calibration errors."""


class Bin(msgspec.Struct, frozen=True):
    """Labelled rows with scores from `low` to `high`: mean score and the rate of positives."""

    low: float
    high: float
    n: int
    score: float
    positive: Estimate


def middles(grid: Grid) -> Vector:
    """The score that stands for each cell of a score grid."""
    edges = np.clip(grid.edges, 0.0, 1.0)
    return (edges[:-1] + edges[1:]) / 2


def by_mass(counts: Vector, bins: int) -> NDArray[np.int64]:
    """Each cell's bin when cells are divided into bins of about equal mass."""
    upto = np.cumsum(counts)
    middle = (upto - counts / 2) / max(float(upto[-1]), 1.0)
    return np.minimum((middle * bins).astype(np.int64), bins - 1)


def by_width(grid: Grid, bins: int) -> NDArray[np.int64]:
    """Each cell's bin when [0, 1] is divided evenly; a cell belongs where its middle lies."""
    return np.minimum((middles(grid) * bins).astype(np.int64), bins - 1)


def reliability(
    summary: ScoreSummary,
    bins: int = BINS,
    confidence: float = 0.95,
    assigned: NDArray[np.int64] | None = None,
) -> tuple[Bin, ...]:
    """The reliability diagram: non-empty bins of about equal mass, or as `assigned` by cell."""
    table = _Table(summary, _assign(summary, bins, assigned))
    found: list[Bin] = []
    for n, low, high, score, positive in zip(
        table.n, table.low, table.high, table.score, table.positive, strict=True
    ):
        interval = clopper_pearson(positive * n, n, confidence)
        rate = Estimate(positive, *interval, confidence, int(n), "Clopper-Pearson")
        found.append(Bin(float(low), float(high), int(n), float(score), rate))
    return tuple(found)


def calibration(
    summary: ScoreSummary,
    confidence: float = 0.95,
    bins: int = BINS,
    assigned: NDArray[np.int64] | None = None,
) -> dict[str, Estimate]:
    """`ece`, `ece_debiased` and `calibration_bias` (mean score − rate of positives).

    `ece` is the binned L1 error; it overshoots, so its lower bound takes off the largest bias
    and McDiarmid's bound. `ece_debiased` is √Σwᵢ[(p̄ᵢ−ȳᵢ)² − ȳᵢ(1−ȳᵢ)/(nᵢ−1)] (Kumar, Liang, Ma
    2019), 0 where the sum is negative; its interval inverts a noncentral χ² with the largest
    bin's variance, so that it is wide enough for every bin. Both concern the stated bins.
    """
    table = _Table(summary, _assign(summary, bins, assigned))
    total = float(table.n.sum())
    if not total:
        empty = Estimate(math.nan, 0.0, 1.0, confidence, 0, "no labelled rows")
        bias = Estimate(math.nan, -1.0, 1.0, confidence, 0, "no labelled rows")
        return {"ece": empty, "ece_debiased": empty, "calibration_bias": bias}
    n, weight = table.n, table.n / total
    gap = table.score - table.positive
    noise = np.sqrt(table.variance / n)
    value = float((weight * np.abs(gap)).sum())
    spread = math.sqrt(math.log(2 / (1 - confidence)) / (2 * total))
    low = max(0.0, value - float((weight * noise).sum()) - spread - table.hidden)
    high = min(1.0, value + spread + table.hidden)
    ece = Estimate(value, low, high, confidence, int(total), "binned L1, McDiarmid")
    mean = float((weight * gap).sum())
    second = float((weight * (table.variance + gap**2)).sum())
    bias_low, bias_high = mean_of(mean, second - mean**2, int(total), confidence)
    bias = Estimate(
        mean, max(bias_low - table.hidden, -1.0), min(bias_high + table.hidden, 1.0),
        confidence, int(total), "mean, Student",
    )  # fmt: skip
    return {
        "ece": ece, "ece_debiased": _debiased(table, total, confidence), "calibration_bias": bias,
    }  # fmt: skip


def _debiased(table: _Table, total: float, confidence: float) -> Estimate:
    n, weight = table.n, table.n / total
    method = "debiased L2, noncentral chi-squared"
    rate = table.positive
    correction = rate * (1 - rate) / np.maximum(n - 1, 1)
    squared = float((weight * ((table.score - rate) ** 2 - correction)).sum())
    value = math.sqrt(max(squared, 0.0))
    if n.size == 0 or total < 2 * n.size:
        return Estimate(value, 0.0, 1.0, confidence, int(total), method)
    # every bin's share of noise in Σwᵢ(p̄ᵢ−ȳᵢ)² is σᵢ²/total; with one row it is unknown, so ¼
    unit = float(np.maximum(table.variance, np.where(n < 10, 0.25, 0.0)).max()) / total
    if unit <= 0:
        unit = 0.25 / total
    statistic = max(squared / unit + n.size, 0.0)
    low, high = (math.sqrt(c * unit) for c in noncentrality(statistic, n.size, confidence))
    low, high = max(0.0, low - table.hidden), min(1.0, high + table.hidden)
    return Estimate(value, min(low, value), max(high, value), confidence, int(total), method)


def _assign(
    summary: ScoreSummary, bins: int, assigned: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    if assigned is not None:
        return assigned
    return by_mass(summary.counts[: POSITIVE + 1].sum(axis=0).astype(float), bins)


class _Table:
    """Per bin: rows, edges, mean score, rate of positives, variance of (score − label).

    `hidden` is how far a bin's mean score may be from its cells' middles, averaged over rows.
    """

    def __init__(self, summary: ScoreSummary, at: NDArray[np.int64]) -> None:
        negative = summary.counts[NEGATIVE].astype(float)
        positive = summary.counts[POSITIVE].astype(float)
        both = negative + positive
        edges, middle = np.clip(summary.grid.edges, 0.0, 1.0), middles(summary.grid)
        size = int(at.max()) + 1
        n = np.bincount(at, both, size)
        kept = n > 0
        self.n = n[kept]
        self.score = np.bincount(at, both * middle, size)[kept] / self.n
        self.positive = np.bincount(at, positive, size)[kept] / self.n
        squares = np.bincount(at, positive * (1 - middle) ** 2 + negative * middle**2, size)
        degrees = np.maximum(self.n - 1, 1)
        gap = self.score - self.positive
        self.variance = np.maximum((squares[kept] - self.n * gap**2) / degrees, 0.0)
        half = (both * np.diff(edges) / 2).sum()
        self.hidden = float(half / both.sum()) if both.sum() else 0.0
        filled = np.flatnonzero(both)
        first = np.full(size, 1.0)
        last = np.zeros(size)
        np.minimum.at(first, at[filled], edges[filled])
        np.maximum.at(last, at[filled], edges[filled + 1])
        self.low, self.high = first[kept], last[kept]
