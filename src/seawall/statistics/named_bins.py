"""A column's rows gathered into a few bins with names that people read."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.statistics.column import Column, has_value, length, placed
from seawall.statistics.grid import Grid
from seawall.statistics.summary import ColumnSummary

MISSING, OTHERS, UNSEEN = "(missing)", "(other values)", "(not in the reference)"


class NamedBins(msgspec.Struct, frozen=True, eq=False):
    """Which bin each cell of a grid belongs to.

    `at` int64[grid.cells]; `labels` a name for each bin, the last for missing values; `unseen`
    the bins that no row of the reference is in, whatever they hold.
    """

    grid: Grid
    at: NDArray[np.int64]
    labels: tuple[str, ...]
    unseen: NDArray[np.bool_]

    def codes(self, values: Column) -> NDArray[np.int64]:
        """The bin of each row; `BadInput` where text stands and numbers are expected."""
        found = np.full(length(values), len(self.labels) - 1, np.int64)
        if not self.grid.ordered:
            place = {name: at for at, name in enumerate(self.grid.categories)}
            cells = placed(values, place, other=self.grid.cells - 1)
            return np.where(cells < 0, len(self.labels) - 1, self.at[cells])
        there = has_value(values)
        present = np.asarray(values[0] if isinstance(values, tuple) else values)[there]
        if present.dtype.kind == "M":
            present = present.astype("datetime64[us]").astype(np.int64)
        elif present.dtype.kind in "biuf":  # cells are counted beyond what narrow numbers hold
            whole = present.dtype.kind != "f" and present.dtype != np.uint64
            present = present.astype(np.int64 if whole else np.float64, copy=False)
        found[there] = self.at[self.grid.cell_of(present)]
        return found

    def counts(self, summary: ColumnSummary) -> NDArray[np.int64]:
        """How many rows of a summary on this grid are in each bin."""
        found = np.bincount(self.at, summary.counts, len(self.labels)).astype(np.int64)
        found[-1] += summary.missing
        return found


def named_bins(reference: ColumnSummary, bins: int = 10, least: int = 1) -> NamedBins:
    """At most `bins` bins of about equal reference mass (categories: the heaviest, then others).

    Bins have at least `least` reference rows where that is possible. What lies outside the
    reference's range, or is none of its categories, has bins of its own.
    """
    bins = max(1, min(bins, reference.n // max(least, 1)))
    if not reference.grid.ordered:
        return _of_categories(reference, bins)
    counts = reference.counts.astype(float)
    filled = np.flatnonzero(counts)
    if not filled.size:
        return NamedBins(reference.grid, np.zeros(counts.size, np.int64), (UNSEEN, MISSING),
                      np.array([True, reference.missing == 0]))  # fmt: skip
    upto = np.cumsum(counts)
    middle = (upto - counts / 2) / upto[-1]
    inner = np.unique(
        np.minimum((middle * bins).astype(np.int64), bins - 1)[filled[0] : filled[-1] + 1],
        return_inverse=True,
    )[1]
    at = np.empty(counts.size, np.int64)
    at[filled[0] : filled[-1] + 1] = inner + 1
    at[: filled[0]] = 0
    at[filled[-1] + 1 :] = size = int(inner.max()) + 2
    labels = (f"below {_number(reference.low)}", *_ranges(reference, at, size),
              f"above {_number(reference.high)}", MISSING)  # fmt: skip
    unseen = np.zeros(len(labels), np.bool_)
    unseen[[0, -2, -1]] = True, True, reference.missing == 0
    return NamedBins(reference.grid, at, labels, unseen)


def _ranges(reference: ColumnSummary, at: NDArray[np.int64], size: int) -> list[str]:
    edges, exact = reference.grid.edges, reference.grid.exact
    whole = reference.grid.kind == "integer"
    found: list[str] = []
    for one in range(1, size):
        cells = np.flatnonzero(at == one)
        low = max(float(edges[cells[0]]), reference.low)
        high = min(float(edges[cells[-1] + 1]), reference.high)
        if exact[cells[-1]] and whole:
            high = float(edges[cells[-1]])
        if low == high or (cells.size == 1 and exact[cells[0]]):
            found.append(_number(low))
        else:
            found.append(f"{_number(low)} to {_number(high)}")
    return found


def _of_categories(reference: ColumnSummary, bins: int) -> NamedBins:
    counts = reference.counts[:-1]
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    alone = order if order.size <= bins else order[: bins - 1]
    labels = [reference.grid.categories[i] for i in alone]
    at = np.full(reference.grid.cells, len(labels), np.int64)
    at[alone] = np.arange(alone.size)
    pooled = order.size > alone.size
    if pooled:
        at[order[alone.size :]] = len(labels)
        labels.append(OTHERS)
    absent = np.setdiff1d(np.arange(counts.size), order)
    seen_others = int(reference.counts[-1]) > 0
    if seen_others and not pooled:
        labels.append(OTHERS)
    place_of_new = len(labels) - 1 if seen_others else len(labels)
    at[-1] = place_of_new
    at[absent] = place_of_new if seen_others else len(labels)
    labels += [UNSEEN, MISSING]
    unseen = np.zeros(len(labels), np.bool_)
    unseen[-2:] = True, reference.missing == 0
    return NamedBins(reference.grid, at, tuple(labels), unseen)


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.3g}"
