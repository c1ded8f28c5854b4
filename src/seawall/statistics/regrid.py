"""A column's counts moved onto another grid, and how far off that may be."""

from __future__ import annotations

import numpy as np

from seawall.kernel import BadInput
from seawall.statistics.grid import Grid
from seawall.statistics.summary import ColumnSummary


def regrid(summary: ColumnSummary, grid: Grid) -> tuple[ColumnSummary, float]:
    """The counts on `grid`, each cell's where its middle lies, and the largest error.

    The error bounds, at every boundary of `grid`, the share of values counted on its wrong side;
    for categories, the share whose name is not known. Sums behind mean and variance are not
    moved. Raises `BadInput` when one grid has an order and the other none.
    """
    if summary.grid.digest == grid.digest:
        return summary, 0.0
    if summary.grid.ordered != grid.ordered:
        raise BadInput(f"the column was {summary.grid.kind} and is {grid.kind}")
    counts, lost = _ordered(summary, grid) if grid.ordered else _named(summary, grid)
    moved = ColumnSummary(grid=grid, counts=counts, missing=summary.missing,
                          low=summary.low, high=summary.high)  # fmt: skip
    return moved, lost / summary.n if summary.n else 0.0


def _ordered(summary: ColumnSummary, grid: Grid) -> tuple[np.ndarray, int]:
    used = np.flatnonzero(summary.counts)
    lower = np.maximum(summary.grid.edges[:-1][used], summary.low)
    upper = np.minimum(summary.grid.edges[1:][used], summary.high)
    upper = np.where(summary.grid.exact[used], lower, np.maximum(upper, lower))
    with np.errstate(invalid="ignore"):
        middle = np.where(lower == upper, lower, lower / 2 + upper / 2)
    middle = np.where(np.isnan(middle), 0.0, middle)  # between −∞ and ∞
    counts = np.zeros(grid.cells, np.int64)
    np.add.at(counts, grid.cell_of(middle), summary.counts[used])
    torn = grid.cell_of(lower) != grid.cell_of(upper)
    return counts, int(summary.counts[used][torn].max(initial=0))


def _named(summary: ColumnSummary, grid: Grid) -> tuple[np.ndarray, int]:
    place = {name: at for at, name in enumerate(grid.categories)}
    counts = np.zeros(grid.cells, np.int64)
    named = [*zip(summary.grid.categories, summary.counts.tolist(), strict=False), *summary.others]
    for name, count in named:
        counts[place.get(name, -1)] += count
    unnamed = summary.n - int(counts.sum())
    counts[-1] += unnamed
    missed = set(grid.categories) - set(summary.grid.categories)
    return counts, unnamed if missed else 0
