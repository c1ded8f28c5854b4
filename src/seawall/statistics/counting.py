"""Rows counted on grids: the one place where data is read into summaries."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, nearest
from seawall.statistics.column import Column, length, numbers, tally
from seawall.statistics.grid import BLOCK, Q_LIMIT, Grid
from seawall.statistics.summary import ColumnSummary, TableSummary, smallest

_EXACT = 1 << 53
"""Below this every integer is a float64, so float sums of integers are exact in any order."""


def summarise(values: Column, grid: Grid) -> ColumnSummary:
    """Count one column on a grid; `BadInput` when it holds text and the grid holds numbers."""
    if not grid.ordered:
        return _summarise_categories(values, grid)
    present, missing = numbers(values)
    whole = grid.kind in ("integer", "datetime") and present.dtype.kind == "i"
    limit, inverse = float(Q_LIMIT), 1.0 / grid.scale
    counts = np.zeros(grid.cells, np.int64)
    buffer = np.empty((2, min(BLOCK, present.size)))
    low, high, total, squares, clipped = math.inf, -math.inf, 0, 0, 0
    for start in range(0, present.size, BLOCK):
        block = present[start : start + BLOCK]
        scaled, q = buffer[:, : block.size]
        least, most = float(block.min()), float(block.max())
        low, high = min(low, least), max(high, most)
        if whole:
            grid.tally(block, counts)
            near = np.clip(block, -(2**62), 2**62)
            near -= grid.origin
            np.multiply(near, inverse, out=scaled)
        else:
            grid.scaled(block, out=scaled)
            grid.tally(block, counts, scaled)
        np.rint(scaled, out=q)
        reach = max(abs(least - grid.centre), abs(most - grid.centre)) * inverse + 1
        if not reach < limit:
            clipped += int(np.count_nonzero(np.abs(q) > limit))
            np.clip(q, -limit, limit, out=q)
            reach = limit
        total += int(q.sum())
        squares += _sum_of_squares(q, reach)
    return ColumnSummary(grid=grid, counts=counts, missing=missing, low=low + 0.0,
                         high=high + 0.0, total=total, squares=squares,
                         clipped=clipped)  # fmt: skip


def _sum_of_squares(q: NDArray[np.float64], reach: float) -> int:
    """Σq² of integers of at most this magnitude, each partial sum below 2⁵³."""
    most = int(_EXACT // max(reach * reach, 1.0))
    return sum(int(part @ part) for part in np.split(q, range(most, q.size, most)))


def _summarise_categories(values: Column, grid: Grid) -> ColumnSummary:
    names, per, missing = tally(values)
    place = {name: at for at, name in enumerate(grid.categories)}
    counts = np.zeros(grid.cells, np.int64)
    strange: list[tuple[str, int]] = []
    for name, count in zip(names, per, strict=True):
        at = place.get(name, -1)
        counts[at] += count
        if at < 0:
            strange.append((name, count))
    return ColumnSummary(grid=grid, counts=counts, missing=missing,
                         others=smallest(tuple(strange)))  # fmt: skip


def summarise_table(columns: Mapping[str, Column], grids: Mapping[str, Grid]) -> TableSummary:
    """Count the columns that have a grid; `BadInput` naming a column that lacks or misfits."""
    done: dict[str, ColumnSummary] = {}
    sizes: set[int] = set()
    for name, grid in grids.items():
        if name not in columns:
            raise BadInput(f"there is no column {name!r}", remedy=nearest(name, columns))
        sizes.add(length(columns[name]))
        try:
            done[name] = summarise(columns[name], grid)
        except BadInput as error:
            raise BadInput(error.what, where=f"column {name}", remedy=error.remedy) from error
    if len(sizes) > 1:
        raise BadInput(f"columns have different lengths: {', '.join(map(str, sorted(sizes)))}")
    return TableSummary(sizes.pop() if sizes else 0, done)
