"""What is kept of a column or a table: counts on a grid, extremes and integer sums.

Everything merges exactly: the result is bit-identical for any partition, order or machine.
"""

from __future__ import annotations

import hashlib
import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.statistics.codec import Counts, Reader, Writer
from seawall.statistics.grid import Grid, refuse_unequal

OTHERS = 64
"""How many values outside the known categories are kept by name."""

FURTHEST = float(np.finfo(np.float64).max)
"""The largest number; infinity is drawn there."""


class Histogram(msgspec.Struct, frozen=True):
    """Counts in few bins for people: `edges` (one more than counts) or `categories`."""

    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()


class ColumnSummary(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One column's counts on its grid.

    `counts` int64[grid.cells]; `missing` rows without a value; `low`, `high` the extremes (inf
    and −inf without any value); `total`, `squares` Σq and Σq² with q = rint((x − centre)/scale)
    clipped to ±2²⁰, `clipped` how many were; `others` the values outside the known categories
    with the smallest SHA-256, each with its exact count.
    """

    grid: Grid
    counts: Counts
    missing: int = 0
    low: float = math.inf
    high: float = -math.inf
    total: int = 0
    squares: int = 0
    clipped: int = 0
    others: tuple[tuple[str, int], ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ColumnSummary) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]

    @property
    def n(self) -> int:
        """Rows with a value."""
        return int(self.counts.sum())

    @property
    def rows(self) -> int:
        """Rows, missing ones included."""
        return self.n + self.missing

    @property
    def missing_share(self) -> float:
        """Missing rows as a share of all; NaN without rows."""
        return self.missing / self.rows if self.rows else math.nan

    @property
    def mean(self) -> float:
        """The mean, within scale/2 of the exact one where nothing was clipped; NaN if empty."""
        if not self.n or not self.grid.ordered:
            return math.nan
        return self.grid.centre + self.grid.scale * (self.total / self.n)

    @property
    def sd(self) -> float:
        """The sample standard deviation; NaN below two values."""
        n = self.n
        if n < 2 or not self.grid.ordered:
            return math.nan
        ratio = (n * self.squares - self.total**2) / (n * (n - 1))
        return self.grid.scale * math.sqrt(max(ratio, 0.0))

    def quantile(self, q: float) -> float:
        """The value below which a share q lies, within its bin; NaN if empty or unordered."""
        n = self.n
        if not n or not self.grid.ordered:
            return math.nan
        if not 0 <= q <= 1:
            raise BadInput(f"quantile {q:g} is outside [0, 1]")
        upto = np.cumsum(self.counts)
        rank = q * (n - 1) + 0.5
        at = int(np.searchsorted(upto, rank, "left"))
        edges = self.grid.edges
        low, high = max(float(edges[at]), self.low), min(float(edges[at + 1]), self.high)
        if self.grid.exact[at] or high <= low:
            return min(max(float(edges[at]), self.low), self.high)
        if math.isinf(low) or math.isinf(high):  # a cell without an end, and who knows where in it
            return low if math.isinf(low) else high
        inside = (rank - (int(upto[at]) - int(self.counts[at]))) / int(self.counts[at])
        part = min(max(inside, 0.0), 1.0)
        if math.isinf(high - low):  # beyond the largest number
            return low * (1.0 - part) + high * part
        return low + (high - low) * part

    def histogram(self, bins: int = 20) -> Histogram:
        """Counts for a chart: categories by weight with the rest last, or equal-width bins.

        The bins span the middle 99% of values; what lies outside is in the first and last.
        """
        if not self.grid.ordered:
            order = np.argsort(-self.counts[:-1], kind="stable")[: bins - 1]
            names = [self.grid.categories[i] for i in order]
            top = [int(self.counts[i]) for i in order]
            return Histogram((*top, self.n - sum(top)), (), (*names, "other"))
        if not self.n:
            return Histogram(())
        low, high = self.quantile(0.005), self.quantile(0.995)
        if not low < high:
            low, high = low - 0.5, low + 0.5
        return self.binned(equal_bins(low, high, bins))

    def binned(self, edges: NDArray[np.float64]) -> Histogram:
        """Counts in given rising edges, each cell counted where its middle lies."""
        # a cell without an end has a middle all the same
        low = max(min(self.low, float(edges[0])), -FURTHEST)
        high = min(max(self.high, float(edges[-1])), FURTHEST)
        lower = np.clip(self.grid.edges[:-1], low, FURTHEST)
        upper = np.clip(self.grid.edges[1:], -FURTHEST, high)
        middle = np.where(self.grid.exact, lower, lower / 2 + upper / 2)
        at = np.clip(np.searchsorted(edges, middle, "right") - 1, 0, len(edges) - 2)
        counts = np.zeros(len(edges) - 1, np.int64)
        np.add.at(counts, at, self.counts)
        return Histogram(tuple(counts.tolist()), tuple(float(e) for e in edges))

    def merge(self, other: ColumnSummary) -> ColumnSummary:
        """Both columns' rows together; `BadInput` naming both digests on unequal grids."""
        refuse_unequal(self.grid, other.grid)
        return ColumnSummary(
            grid=self.grid,
            counts=self.counts + other.counts,
            missing=self.missing + other.missing,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            total=self.total + other.total,
            squares=self.squares + other.squares,
            clipped=self.clipped + other.clipped,
            others=smallest((*self.others, *other.others)),
        )

    def to_bytes(self) -> bytes:
        """`SWCS`, u16 version 1, the grid's bytes with length, u64 missing, f64 low, f64 high,
        i128 total, i128 squares, u64 clipped, counts, u32 others and (text, u64) each.
        """
        out = Writer(b"SWCS", 1)
        out.blob(self.grid.to_bytes())
        out.number("Qdd", self.missing, self.low, self.high)
        out.large(self.total)
        out.large(self.squares)
        out.number("Q", self.clipped)
        out.counts(self.counts)
        out.number("I", len(self.others))
        for name, count in self.others:
            out.text(name)
            out.number("Q", count)
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes) -> ColumnSummary:
        """Read what `to_bytes` wrote; raises `Corrupt` on anything else."""
        read = Reader(data, b"SWCS", 1, "column summary")
        grid = Grid.from_bytes(read.blob())
        missing, low, high = read.number("Qdd")
        total, squares = read.large(), read.large()
        (clipped,) = read.number("Q")
        counts = read.counts(grid.cells)
        others = tuple((read.text(), read.number("Q")[0]) for _ in range(read.number("I")[0]))
        read.end()
        n, named = sum(counts.tolist()), sum(count for _, count in others)
        read.require(low <= high if grid.ordered and n else low == math.inf == -high,
                     "has extremes that do not fit its counts")  # fmt: skip
        read.require(math.copysign(1, low or 1) != -1 or low != 0, "has −0 as an extreme")
        read.require(abs(total) <= n << 20 and 0 <= squares <= n << 40 and clipped <= n,
                     "has sums that do not fit its counts")  # fmt: skip
        read.require(not grid.ordered or not others, "names values of an ordered column")
        read.require(others == smallest(others) and all(count for _, count in others)
                     and named <= int(counts[-1]) and not {name for name, _ in others}
                     & set(grid.categories), "names values that do not fit its counts")  # fmt: skip
        return cls(grid=grid, counts=counts, missing=missing, low=low, high=high, total=total,
                   squares=squares, clipped=clipped, others=others)  # fmt: skip


class TableSummary(msgspec.Struct, frozen=True, eq=False):
    """The summaries of a table's columns and the number of its rows."""

    rows: int
    columns: dict[str, ColumnSummary]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableSummary) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]

    def merge(self, other: TableSummary) -> TableSummary:
        """Both tables' rows together; `BadInput` unless columns and grids are the same."""
        if self.columns.keys() != other.columns.keys():
            odd = sorted(self.columns.keys() ^ other.columns.keys())
            raise BadInput(f"tables differ in columns {', '.join(odd)} and do not merge")
        merged = {name: one.merge(other.columns[name]) for name, one in self.columns.items()}
        return TableSummary(self.rows + other.rows, merged)

    def to_bytes(self) -> bytes:
        """`SWTS`, u16 version 1, u64 rows, u32 columns; each, by name, a text and a blob."""
        out = Writer(b"SWTS", 1)
        out.number("QI", self.rows, len(self.columns))
        for name in sorted(self.columns):
            out.text(name)
            out.blob(self.columns[name].to_bytes())
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes) -> TableSummary:
        """Read what `to_bytes` wrote; raises `Corrupt` on anything else."""
        read = Reader(data, b"SWTS", 1, "table summary")
        rows, size = read.number("QI")
        found = [(read.text(), ColumnSummary.from_bytes(read.blob())) for _ in range(size)]
        read.end()
        columns = dict(found)
        read.require([name for name, _ in found] == sorted(columns), "has columns out of order")
        odd = [name for name, column in found if column.rows != rows]
        read.require(not odd, f"of {rows} rows has other numbers of rows in {', '.join(odd)}")
        return cls(rows, columns)


def equal_bins(low: float, high: float, bins: int) -> NDArray[np.float64]:
    """Edges of so many equal bins; `high - low` may be beyond the largest float, or infinite."""
    part = np.linspace(0.0, 1.0, bins + 1)
    return (1.0 - part) * max(low, -FURTHEST) + part * min(high, FURTHEST)


def smallest(pairs: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """The values with the smallest SHA-256, at most `OTHERS`, with their counts added up."""
    if not pairs:
        return ()
    sums: dict[str, int] = {}
    for name, count in pairs:
        sums[name] = sums.get(name, 0) + count
    order = sorted(sums, key=lambda name: hashlib.sha256(name.encode()).digest())
    return tuple((name, sums[name]) for name in order[:OTHERS])
