"""Rows counted on grids: the one place where data is read into summaries."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from seawall.kernel import BadInput, nearest
from seawall.statistics.column import Column, length, numbers, tally
from seawall.statistics.grid import BLOCK, Q_LIMIT, Grid, Space
from seawall.statistics.summary import ColumnSummary, TableSummary, smallest

_ROWS = 8192
"""Rows whose Σq² stays within 2⁵³, where each integer is a float64: sums are exact in any order.
Also few enough that no BLAS starts threads of its own."""


def summarise(values: Column, grid: Grid, space: Space | None = None) -> ColumnSummary:
    """Count one column on a grid; `BadInput` when it holds text and the grid holds numbers."""
    if not grid.ordered:
        return _summarise_categories(values, grid)
    present, missing = numbers(values)
    if grid.kind not in ("integer", "datetime"):
        present = present.astype(np.float64, copy=False)
    whole = present.dtype.kind == "i"
    limit, inverse = float(Q_LIMIT), 1.0 / grid.scale
    counts = np.zeros(grid.cells, np.int64)
    space = space or Space()
    low, high, total, squares, clipped = math.inf, -math.inf, 0, 0, 0
    for start in range(0, present.size, BLOCK):
        block = present[start : start + BLOCK]
        least, most = float(block.min()), float(block.max())
        low, high = min(low, least), max(high, most)
        grid.tally(block, counts, grid.bin_of(block, space))
        q = space.whole[: block.size]
        if whole:
            top = min(2**62, grid.origin + 2**63 - 1)  # so that the difference is an int64
            near = np.clip(block, -(2**62), top, out=space.bins[: block.size])
            near -= grid.origin
            np.rint(np.multiply(near, inverse, out=q), out=q)
        elif grid.kind == "numeric":  # whose bins are read off the scaled values
            np.rint(space.real[: block.size], out=q)
        else:
            np.rint(grid.scaled(block, space), out=q)
        if not max(abs(least - grid.centre), abs(most - grid.centre)) * inverse < limit - 1:
            clipped += int(np.count_nonzero(np.abs(q) > limit))
            np.clip(q, -limit, limit, out=q)
        total += int(q.sum())
        for first in range(0, q.size, _ROWS):
            part = q[first : first + _ROWS]
            squares += int(part @ part)
    return ColumnSummary(grid=grid, counts=counts, missing=missing, low=low + 0.0,
                         high=high + 0.0, total=total, squares=squares,
                         clipped=clipped)  # fmt: skip


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
            raise error.at(f"column {name}") from error
    if len(sizes) > 1:
        raise BadInput(f"columns have different lengths: {', '.join(map(str, sorted(sizes)))}")
    return TableSummary(sizes.pop() if sizes else 0, done)
