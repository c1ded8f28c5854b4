"""Scores beside the rates of positives, bin by bin: the reliability diagram and its bands."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.grid import Grid
from seawall.statistics.intervals import clopper_pearson_each
from seawall.statistics.score import NEGATIVE, POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
BINS = 15
"""Bins of about equal mass, fewer below `BINS * LEAST_ROWS` rows."""
LEAST_ROWS = 10
"""Rows that a bin of equal mass has at least, about."""


class Bin(msgspec.Struct, frozen=True):
    """Labelled rows with scores from `low` to `high`: mean score and the rate of positives."""

    low: float
    high: float
    n: int
    score: float
    positive: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return msgspec.structs.asdict(self) | {"positive": self.positive.to_dict()}


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
    bins: int | None = None,
    confidence: float = 0.95,
    assigned: NDArray[np.int64] | None = None,
) -> tuple[Bin, ...]:
    """The reliability diagram: non-empty bins of about equal mass, or as `assigned` by cell.

    The bands hold for all bins at once: Clopper–Pearson at (1 − α)^(1/bins) (Šidák, for the labels
    of different bins are independent). Where rows of one bin differ in their rate, it is their
    mean that is covered (Hoeffding 1956).
    """
    table = Table(summary, bins, assigned)
    level = confidence ** (1 / max(table.n.size, 1))
    low, high = clopper_pearson_each(table.positives, table.n, level)
    method = f"Clopper-Pearson, simultaneous over {table.n.size} bins"
    return tuple(
        Bin(
            float(table.low[i]), float(table.high[i]), int(table.n[i]), float(table.score[i]),
            Estimate(float(table.positive[i]), float(low[i]), float(high[i]), confidence,
                     int(table.n[i]), method, "simultaneous"),
        )
        for i in range(table.n.size)
    )  # fmt: skip


class Table:
    """Labelled rows by bin: rows, positives, edges, mean score, rate of positives, variance.

    Without `assigned`, `bins` of about equal mass: by default 15, and fewer where they would hold
    fewer than ten rows. `variance` is that of (score − label), with two positives and two negatives
    added to a bin where that makes it larger (Agresti & Coull 1998), so that a bin of few rows
    or of one kind of label is not taken as certain. `hidden` is how far a row may be from
    its cell's middle, averaged over rows.
    """

    def __init__(
        self,
        summary: ScoreSummary,
        bins: int | None = None,
        assigned: NDArray[np.int64] | None = None,
    ) -> None:
        both = summary.counts[: POSITIVE + 1].sum(axis=0)
        filled = np.flatnonzero(both)
        negative = summary.counts[NEGATIVE][filled].astype(float)
        positive = summary.counts[POSITIVE][filled].astype(float)
        mass = negative + positive
        self.total = float(mass.sum())
        edges = np.clip(summary.grid.edges, 0.0, 1.0)
        lower, upper = edges[filled], edges[filled + 1]
        middle = (lower + upper) / 2
        if assigned is None:
            bins = bins or max(1, min(BINS, int(self.total // LEAST_ROWS)))
            at = by_mass(mass, bins) if mass.size else filled
        else:
            at = assigned[filled]
        _, first, at = np.unique(at, return_index=True, return_inverse=True)
        self.n = np.bincount(at, mass)
        self.positives = np.bincount(at, positive)
        self.weight = self.n / max(self.total, 1.0)
        self.score = np.bincount(at, mass * middle) / self.n
        self.positive = self.positives / self.n
        self.gap = self.score - self.positive
        squares = np.bincount(at, positive * (1 - middle) ** 2 + negative * middle**2) / self.n
        smoothed = (self.positives + 2) / (self.n + 4)
        extra = smoothed * (1 - smoothed) - self.positive * (1 - self.positive)
        self.variance = np.maximum(squares - self.gap**2, 0.0) + np.maximum(extra, 0.0)
        self.low = lower[first]
        self.high = upper[np.append(first[1:], filled.size) - 1] if filled.size else lower
        self.hidden = float((mass * (upper - lower)).sum() / (2 * max(self.total, 1.0)))
