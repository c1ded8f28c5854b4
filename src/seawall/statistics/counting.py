"""Rows counted on grids: the one place where data is read into summaries."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from seawall.kernel import BadInput, nearest
from seawall.statistics.column import Column, encode, length, numbers
from seawall.statistics.grid import BLOCK, Q_LIMIT, Grid
from seawall.statistics.summary import ColumnSummary, TableSummary, smallest


def summarise(values: Column, grid: Grid) -> ColumnSummary:
    """Count one column on a grid; `BadInput` when it holds text and the grid holds numbers."""
    if not grid.ordered:
        return _summarise_categories(values, grid)
    present, missing = numbers(values)
    integers = grid.kind in ("integer", "datetime")
    limit, inverse = float(Q_LIMIT), 1.0 / grid.scale
    counts = np.zeros(grid.cells, np.int64)
    low, high, total, squares, clipped = math.inf, -math.inf, 0, 0, 0
    for start in range(0, present.size, BLOCK):
        block = present[start : start + BLOCK]
        if not integers:
            block = block.astype(np.float64, copy=False)
        counts += np.bincount(grid.cell_of(block), minlength=grid.cells)
        least, most = block.min(), block.max()
        low, high = min(low, float(least)), max(high, float(most))
        with np.errstate(over="ignore"):
            if integers and block.dtype.kind == "i":
                block = np.clip(block, -(2**62), 2**62) - grid.origin
                q = np.rint(block * inverse)
            else:
                q = np.rint((block - grid.centre) * inverse)
        if not (q.min() >= -limit and q.max() <= limit):
            clipped += int(np.count_nonzero(np.abs(q) > limit))
            np.clip(q, -limit, limit, out=q)
        total += int(q.sum())
        squares += int(q @ q)
    return ColumnSummary(grid=grid, counts=counts, missing=missing, low=low + 0.0,
                         high=high + 0.0, total=total, squares=squares,
                         clipped=clipped)  # fmt: skip


def _summarise_categories(values: Column, grid: Grid) -> ColumnSummary:
    codes, names = encode(values)
    present = codes[codes >= 0]
    per = np.bincount(present, minlength=len(names))
    place = {name: at for at, name in enumerate(grid.categories)}
    counts = np.zeros(grid.cells, np.int64)
    strange: list[tuple[str, int]] = []
    for name, count in zip(names, per.tolist(), strict=True):
        at = place.get(name, -1)
        counts[at] += count
        if at < 0 and count:
            strange.append((name, count))
    return ColumnSummary(grid=grid, counts=counts, missing=codes.size - present.size,
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
