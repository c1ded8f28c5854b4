"""Scored rows by call, label and score; the call is the threshold's, or a column's."""

from __future__ import annotations

import msgspec
import numpy as np

from seawall.kernel import BadInput
from seawall.statistics.codec import Counts
from seawall.statistics.column import BINARY, neither
from seawall.statistics.grid import Grid, score_grid
from seawall.statistics.performance import called
from seawall.statistics.score import MISSING_GROUP, POSITIVE, ScoreSummary


class CalledScores(msgspec.Struct, frozen=True, eq=False):
    """Counts int64[call, label, cell] of calls 0 and 1, labels 0, 1 and none, on a score's grid.

    `by_score`: whether the score decides the call, as a threshold does.
    """

    grid: Grid
    counts: Counts
    by_score: bool

    @property
    def n(self) -> int:
        """Scored rows."""
        return int(self.counts.sum())

    @property
    def labelled(self) -> int:
        """Scored rows with a label."""
        return int(self.counts[:, : POSITIVE + 1].sum())

    def scores(self) -> ScoreSummary:
        """The same rows whatever their call."""
        return ScoreSummary(grid=self.grid, counts=self.counts.sum(axis=0))

    def calls(self) -> ScoreSummary:
        """The same rows with the call for a score: measures of calls at a threshold of ½."""
        grid = score_grid((0.0, 1.0))
        counts = np.zeros((3, grid.cells), np.int64)
        counts[:, grid.cell_of(np.array([0.0, 1.0]))] = self.counts.sum(axis=2).T
        return ScoreSummary(grid=grid, counts=counts)


def call_by_threshold(summary: ScoreSummary, threshold: float) -> CalledScores:
    """Scores at or above the threshold are called positive."""
    positive, _ = called(summary.grid, threshold)
    counts = np.stack(
        [np.where(positive, 0, summary.counts), np.where(positive, summary.counts, 0)]
    )
    return CalledScores(summary.grid, counts, True)


def call_by_column(summary: ScoreSummary, column: str) -> CalledScores:
    """Calls as counted in the groups by a column of 0 and 1; `BadInput` on other values."""
    family = summary.family(column)
    counts = np.zeros((2, *summary.counts.shape), np.int64)
    for (value,), block in zip(family.groups, family.counts, strict=True):
        if value == MISSING_GROUP:
            raise BadInput(
                f"prediction {column} lacks in {int(block.sum()):,} rows",
                remedy="leave those rows out, or give the threshold instead",
            )
        if value not in BINARY:
            remedy = "give calls as --prediction and scores as --score"
            raise neither(value, remedy).at(f"column {column}")
        counts[BINARY[value]] += block
    return CalledScores(summary.grid, counts, False)
