"""How what models say is counted: scores, classes by name, values on the baseline's grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.serving.bundle import Bundle
from seawall.serving.decide import Answer
from seawall.serving.output import Output, call_of
from seawall.serving.question import Said
from seawall.serving.telemetry import SHADOW_BINS, Joint, joint_of
from seawall.statistics.column import Column
from seawall.statistics.grid import Grid, score_grid
from seawall.statistics.regression import ErrorGrids
from seawall.statistics.summary import ColumnSummary

SCORE_EDGES = np.linspace(0.0, 1.0, SHADOW_BINS + 1)
_WHEREVER = Grid(kind="numeric", scale=2.0**-10, low=0, high=40, bits=5)
"""For values of which there is no baseline."""
_MIDDLE = 1448.0
"""A numeric grid's scale is a deviation of its baseline over 1,024 to 2,048."""


class Counting:
    """Of a bundle's models: each answer as one number, and those as columns and bins.

    The number is the score or the value; of several classes the place of the one called, from 0;
    NaN where nothing, or nothing of its kind, was said.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._output, self._value = bundle.output, bundle.value
        self._names = tuple(map(str, bundle.output.classes))
        self.classes = bundle.output.kind == "multiclass"
        self.grid = grid_of(bundle.output, bundle.value_grid)

    def said(self, answers: Sequence[Answer]) -> NDArray[np.float64]:
        """What the arm's own model said of each row."""
        if not self.classes:
            return np.array([a.model_score for a in answers], dtype=np.float64)
        return self._places([a.probabilities for a in answers])

    def numbers(self, said: Said) -> NDArray[np.float64]:
        """What a model said, as it came from it."""
        return self._places(said) if self.classes else np.array(said, dtype=np.float64)

    def valid(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of them can be an answer."""
        if self._output.kind == "binary":
            return (numbers >= 0.0) & (numbers <= 1.0)
        if self.classes:
            return ~np.isnan(numbers)
        return (numbers >= self._value.low) & (numbers <= self._value.high)

    def column(self, numbers: NDArray[np.float64]) -> Column:
        """The numbers as a column for `grid`."""
        if self.classes:
            return np.where(np.isnan(numbers), -1.0, numbers).astype(np.int64), self._names
        if self._output.kind == "binary":
            return numbers
        return np.where(np.isfinite(numbers), numbers, np.nan)

    def joint(
        self,
        champion: NDArray[np.float64],
        shadow: NDArray[np.float64],
        thresholds: tuple[float, float],
    ) -> Joint:
        """A shadow's valid numbers beside the champion's, and on how many rows they differ.

        Two values differ by more than the declared tolerance, or without one by lying in other
        bins. Of more classes than bins the last share one.
        """
        if self.classes:
            bins = [np.minimum(n, SHADOW_BINS - 1).astype(np.int64) for n in (champion, shadow)]
            flips = champion != shadow
        elif self._output.kind == "binary":
            bins = [_bin(SCORE_EDGES, n) for n in (champion, shadow)]
            flips = (champion >= thresholds[0]) != (shadow >= thresholds[1])
        else:
            edges = value_edges(self.grid)
            bins = [_bin(edges, n) for n in (champion, shadow)]
            tolerance = self._value.tolerance
            flips = bins[0] != bins[1]
            if tolerance is not None:
                flips = np.abs(champion - shadow) > tolerance
        return joint_of(bins[0], bins[1], int(np.count_nonzero(flips)))

    def _places(self, rows: Sequence[Any]) -> NDArray[np.float64]:
        places = [call_of(row, len(self._names)).place for row in rows]
        return np.array([math.nan if place < 0 else place for place in places], np.float64)


def grid_of(output: Output, value_grid: Grid | None) -> Grid:
    """The grid that the answers of models of a kind are counted on."""
    if output.kind == "binary":
        return score_grid()
    if output.kind == "multiclass":
        return Grid(kind="categorical", categories=tuple(sorted(map(str, output.classes))))
    return value_grid or _WHEREVER


def value_edges(grid: Grid) -> NDArray[np.float64]:
    """Bins that hold about as many of the baseline's values each, were those normal."""
    inner = [NormalDist().inv_cdf(k / SHADOW_BINS) for k in range(1, SHADOW_BINS)]
    return grid.centre + grid.scale * _MIDDLE * np.array([-8.0, *inner, 8.0])


def answer_bins(summary: ColumnSummary) -> tuple[int, ...]:
    """The counts by which two arms are compared: scores and values in 20 bins, classes as such."""
    if not summary.grid.ordered:
        return tuple(summary.counts.tolist())
    edges = SCORE_EDGES if summary.grid.kind == "score" else value_edges(summary.grid)
    return summary.binned(edges).counts


def error_grids(grid: Grid | None) -> ErrorGrids:
    """The grids of a regression's errors, labels and relative errors, from that of its values."""
    value = grid or _WHEREVER
    error = Grid(kind="numeric", scale=value.scale, low=0, high=24)
    label = Grid(kind="numeric", centre=value.centre, scale=value.scale, low=0, high=24)
    return ErrorGrids(error, label, Grid(kind="numeric", scale=2.0**-12, low=0, high=24))


def _bin(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(edges, values, "right") - 1, 0, SHADOW_BINS - 1)
