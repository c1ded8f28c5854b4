"""Bets from what is counted of a window, for monitors that see summaries and no rows.

The stakes of `betting` do not follow what was seen, so a window's bet depends on its rows' counts
alone. Each function gives the log of one window's bet by each bettor, to be collected as one step.
What binning hides is rounded against the bettor.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.kernel import BadInput
from seawall.statistics.betting import STAKES, both_sides, gap_bets, risk_bets
from seawall.statistics.e_detector import Vector
from seawall.statistics.grid import Grid
from seawall.statistics.reliability import by_width
from seawall.statistics.summary import ColumnSummary

BANDS = 5
"""Bands of scores in which calibration is bet on."""
PARTS = (0.2, 0.4, 0.6, 0.8)
"""Shares of an ordered baseline that a window may have moved across."""
CATEGORIES = 8
"""The heaviest categories of a baseline; all others are bet on together."""
FEW = STAKES[::2]
"""Fewer stakes, for the many sets of a distribution."""
BETTORS = {
    "error_rate": STAKES.size,
    "gap": 2 * STAKES.size,
    "calibration": 2 * STAKES.size * BANDS,
}


def risk_bet(ones: int, n: int, tolerance: float) -> Vector:
    """That more than `tolerance` of rows are 1: `ones` of `n` were."""
    return np.array([n - ones, ones], float) @ risk_bets([0.0, 1.0], tolerance)


def gap_bet(first: tuple[int, int], second: tuple[int, int], tolerance: float, seed: int) -> Vector:
    """That the rates of two groups differ by more than `tolerance`; each is (ones, rows).

    Rows are paired in an order drawn by `seed`, which must not follow from the outcomes.
    """
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.arange(n) < ones).astype(float) for ones, n in (first, second)]
    group = np.repeat([False, True], [len(r) for r in rows])
    return gap_bets(np.concatenate(rows), group, tolerance).sum(axis=0)


def mean_gap_bet(
    first: ColumnSummary, second: ColumnSummary, tolerance: float, reach: float, seed: int
) -> Vector:
    """That the means of two groups' values differ by more than `tolerance`.

    Values beyond [−reach, reach] count as its ends. One is taken to lie in the middle of its cell,
    and what that may hide of either group is added to the tolerance. Pairs are drawn by `seed`.
    """
    rng, parts, hidden = np.random.default_rng(seed), list[Vector](), 0.0
    for column in (first, second):
        filled = np.flatnonzero(column.counts)
        low, high = (
            np.clip(
                column.grid.edges[filled + at], max(-reach, column.low), min(reach, column.high)
            )
            for at in (0, 1)
        )
        counts = column.counts[filled]
        parts.append(rng.permutation(np.repeat((low + high) / 2, counts)))
        hidden += float(((high - low) / 2).max(initial=0.0))
    if tolerance + hidden >= 2 * reach:
        return np.zeros(BETTORS["gap"])  # nothing can be shown
    group = np.repeat([False, True], [len(p) for p in parts])
    values = np.concatenate(parts)
    return gap_bets(values, group, tolerance + hidden, -reach, reach).sum(axis=0)


def calibration_bet(counts: ArrayLike, grid: Grid, tolerance: float) -> Vector:
    """That labels are off their scores by more than `tolerance` in some band of scores.

    `counts` int[2, cells], of labels 0 and 1 by the cells of a score grid. A score is taken to lie
    at whichever end of its cell says less.
    """
    rows = np.asarray(counts, float)
    if rows.shape != (2, grid.cells):
        raise BadInput(f"labels 0 and 1 need counts in each of {grid.cells} cells")
    edges = np.clip(grid.edges, 0.0, 1.0)
    band = by_width(grid, BANDS)
    found = np.zeros((BANDS, 2 * STAKES.size))
    for label in (0, 1):
        there = np.flatnonzero(rows[label])
        bets = both_sides(label - edges[there + 1], edges[there] - label, tolerance, 1.0)
        np.add.at(found, band[there], rows[label][there, None] * bets)
    return found.ravel()


class Sets:
    """The sets of values whose share is bet on, of one column of a baseline.

    Where the baseline's ordered values lie above a fifth, two, three and four of it, and where they
    do not; each heavy category and its complement. A distribution that moved by at most the
    tolerance (KS, total variation) moves no set by more. The baseline's share of a set is known up
    to `band`, which is added to the tolerance: its own uncertainty is in the bet.
    """

    def __init__(
        self, baseline: ColumnSummary, confidence: float, like: ColumnSummary | None = None
    ) -> None:
        """The baseline's sets; with their shares in `like`, if that is given."""
        self._home, parts = _parts(baseline), 1
        parts += int(self._home.max(initial=0))
        known = like or baseline
        share = np.bincount(self._home, known.counts, parts) / max(known.n, 1)
        if baseline.grid.ordered:
            share, inside = np.cumsum(share)[:-1], np.tri(parts, dtype=bool)[:-1]
            tries = 1  # Dvoretzky–Kiefer–Wolfowitz with Massart's constant: all at once
        else:
            inside, tries = np.eye(parts, dtype=bool), parts  # Hoeffding for each
        band = math.sqrt(math.log(2 * tries / (1 - confidence)) / (2 * max(known.n, 1)))
        self._inside = np.concatenate([inside, ~inside])
        self._most = np.concatenate([share, 1 - share]) + (band if known.n else 1.0)

    @property
    def bettors(self) -> int:
        """How many there are: one for each set and stake."""
        return max(1, self._most.size) * FEW.size

    def bet(self, window: ColumnSummary, tolerance: float) -> Vector:
        """That some set's share in the window's distribution exceeds the baseline's by more than
        `tolerance`."""
        rows = np.bincount(self._home, window.counts, self._inside.shape[1])
        ones, limit = self._inside @ rows, self._most + tolerance
        bets = np.zeros((max(1, limit.size), FEW.size))
        for at in np.flatnonzero(limit < 1):
            kinds = np.log1p(np.outer([-limit[at], 1 - limit[at]], FEW / limit[at]))
            bets[at] = np.array([rows.sum() - ones[at], ones[at]]) @ kinds
        return bets.ravel()


def _parts(baseline: ColumnSummary) -> NDArray[np.int64]:
    """The part that each cell of the baseline's grid belongs to."""
    counts = baseline.counts.astype(float)
    if not baseline.grid.ordered:
        order = np.argsort(-counts[:-1], kind="stable")[:CATEGORIES]
        home = np.full(counts.size, len(order), np.int64)
        home[order] = np.arange(len(order))
        return home
    upto = np.cumsum(counts) / max(counts.sum(), 1.0)
    cuts = np.unique(np.searchsorted(upto, PARTS, "left"))
    return np.searchsorted(cuts, np.arange(counts.size), "left").astype(np.int64)
