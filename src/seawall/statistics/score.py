"""Counts of (label × group × score bin): every measure of a binary model is read off them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.statistics.codec import Counts, Reader, Writer
from seawall.statistics.column import BINARY, Column, encode, has_value, length, neither, numbers
from seawall.statistics.grid import BLOCK, Grid, refuse_unequal, score_grid

NEGATIVE, POSITIVE, UNLABELLED = 0, 1, 2
MISSING_GROUP = "(missing)"
MOST_GROUPS = 256


class Family(msgspec.Struct, frozen=True, eq=False):
    """The groups of one column, or of an intersection of columns.

    `groups` are tuples of values in the order of `columns`, sorted; `counts` int64[group, 3, cell].
    """

    columns: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    counts: Counts


class ScoreSummary(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Scores counted by label and group.

    `counts` int64[3, cells] for labels 0, 1 and none; `missing` rows without a score, which are
    counted nowhere else; `families` one per group column and declared intersection.
    """

    grid: Grid
    counts: Counts
    missing: int = 0
    families: tuple[Family, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScoreSummary) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]

    @property
    def n(self) -> int:
        """Scored rows."""
        return int(self.counts.sum())

    @property
    def labelled(self) -> int:
        """Scored rows with a label."""
        return int(self.counts[:UNLABELLED].sum())

    def family(self, *columns: str) -> Family:
        """The groups by these columns; `BadInput` when they were not counted."""
        for family in self.families:
            if family.columns == columns:
                return family
        there = ", ".join("×".join(f.columns) for f in self.families) or "none"
        raise BadInput(
            f"no groups by {'×'.join(columns)}", remedy=f"groups were counted by: {there}"
        )

    def of_group(self, family: Family, at: int) -> ScoreSummary:
        """One group's counts as a summary of its own."""
        return ScoreSummary(grid=self.grid, counts=family.counts[at])

    def merge(self, other: ScoreSummary) -> ScoreSummary:
        """Both together; `BadInput` on unequal grids or group columns."""
        refuse_unequal(self.grid, other.grid)
        if [f.columns for f in self.families] != [f.columns for f in other.families]:
            raise BadInput("score summaries counted by different group columns do not merge")
        return ScoreSummary(
            grid=self.grid,
            counts=self.counts + other.counts,
            missing=self.missing + other.missing,
            families=tuple(map(_merge_family, self.families, other.families)),
        )

    def to_bytes(self) -> bytes:
        """`SWSS`, u16 version 1, the grid's bytes with length, u64 missing, counts of labels 0,
        1 and none, u32 families; each: u32 columns and a text each, u32 groups, each group a
        text for each column and three counts.
        """
        out = Writer(b"SWSS", 1)
        out.blob(self.grid.to_bytes())
        out.number("Q", self.missing)
        for row in self.counts:
            out.counts(row)
        out.number("I", len(self.families))
        for family in self.families:
            out.number("I", len(family.columns))
            for name in family.columns:
                out.text(name)
            out.number("I", len(family.groups))
            for group, block in zip(family.groups, family.counts, strict=True):
                for value in group:
                    out.text(value)
                for row in block:
                    out.counts(row)
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes) -> ScoreSummary:
        """Read what `to_bytes` wrote; raises `Corrupt` on anything else."""
        read = Reader(data, b"SWSS", 1, "score summary")
        grid = Grid.from_bytes(read.blob())
        read.require(grid.kind == "score", f"is on a grid of kind {grid.kind}")
        (missing,) = read.number("Q")
        counts = np.stack([read.counts(grid.cells) for _ in range(3)])
        families: list[Family] = []
        for _ in range(read.number("I")[0]):
            columns = tuple(read.text() for _ in range(read.number("I")[0]))
            groups: list[tuple[str, ...]] = []
            blocks: list[Counts] = []
            for _ in range(read.number("I")[0]):
                groups.append(tuple(read.text() for _ in columns))
                blocks.append(np.stack([read.counts(grid.cells) for _ in range(3)]))
            read.require(groups == sorted(set(groups)), "has groups that do not rise")
            stacked = np.stack(blocks) if blocks else np.zeros((0, 3, grid.cells), np.int64)
            families.append(Family(columns, tuple(groups), stacked))
        read.end()
        return cls(grid=grid, counts=counts, missing=missing, families=tuple(families))


def summarise_scores(
    scores: Column,
    labels: Column | None = None,
    groups: Mapping[str, Column] | None = None,
    *,
    intersections: Sequence[tuple[str, ...]] = (),
    grid: Grid | None = None,
) -> ScoreSummary:
    """Count scores in [0, 1] by label (0, 1 or missing) and group.

    `groups` maps a column's name to its values; `intersections` names tuples of those columns.
    Rows without a score are only counted as missing. Raises `BadInput` on a score outside
    [0, 1], another label, columns of unequal length, or above 256 groups in one family.
    """
    grid = grid or score_grid()
    groups = groups or {}
    present, missing = numbers(scores)
    keep = has_value(scores) if missing else None
    if present.size and not (present.min() >= 0 and present.max() <= 1):
        raise _outside(present)
    for name, values in {"label": labels, **groups}.items():
        if values is not None and length(values) != length(scores):
            raise BadInput(f"{name} has {length(values)} rows, scores have {length(scores)}")
    cell = _cells(grid, present)
    label = np.full(present.size, UNLABELLED, np.int64)
    if labels is not None:
        label = label_codes(labels)
        label = label[keep] if keep is not None else label
    joint = label * grid.cells + cell
    size = 3 * grid.cells
    encoded = {name: group_codes(values, keep) for name, values in groups.items()}
    families: list[Family] = []
    for columns in [(name,) for name in groups] + [tuple(c) for c in intersections]:
        codes, names = cross([encoded[c] for c in columns])
        if len(names) > MOST_GROUPS:
            raise BadInput(
                f"{'×'.join(columns)} has {len(names)} groups, above {MOST_GROUPS}",
                remedy="group by a column with few values",
            )
        counted = np.bincount(codes * size + joint, minlength=len(names) * size)
        families.append(Family(columns, names, counted.reshape(-1, 3, grid.cells)))
    if families:
        counts = families[0].counts.sum(axis=0)
    else:
        counts = np.bincount(joint, minlength=size).reshape(3, grid.cells)
    return ScoreSummary(grid=grid, counts=counts, missing=missing, families=tuple(families))


def _cells(grid: Grid, scores: NDArray[Any]) -> NDArray[np.int64]:
    cells = np.empty(scores.size, np.int64)
    for start in range(0, scores.size, 4 * BLOCK):
        block = scores[start : start + 4 * BLOCK].astype(np.float64, copy=False)
        cells[start : start + block.size] = grid.cell_of(block)
    return cells


def _looked_up(table: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """`table[codes]`, without a pass over the rows where it changes nothing."""
    same = np.array_equal(table[:-1], np.arange(table.size - 1))
    return codes if same and not (codes < 0).any() else table[codes]


def _outside(scores: NDArray[Any]) -> BadInput:
    wrong = scores[(scores < 0) | (scores > 1)]
    told = f"{wrong.size:,} scores lie" if wrong.size > 1 else "a score lies"
    odd = f"{wrong.min():g} to {wrong.max():g}" if wrong.size > 1 else f"{wrong[0]:g}"
    return BadInput(
        f"{told} outside [0, 1]: {odd}", remedy="give the probability of label 1, not its logit"
    )


def label_codes(labels: Column) -> NDArray[np.int64]:
    """Labels 0, 1 (or false, true) as codes, missing as `UNLABELLED`; `BadInput` on others."""
    codes, names = encode(labels)
    table = np.full(len(names) + 1, UNLABELLED, np.int64)
    for at, name in enumerate(names):
        if name not in BINARY:
            remedy = "give a 0/1 label; several classes need --class-score or --prediction"
            raise neither(name, remedy, "label")
        table[at] = BINARY[name]
    return _looked_up(table, codes)


def group_codes(
    values: Column, keep: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A column's rows as codes into its sorted values; missing is a group of its own."""
    codes, names = encode(values)
    codes = codes[keep] if keep is not None else codes
    filled = np.bincount(codes + 1, minlength=len(names) + 1)
    order = sorted(
        {
            *(names[i] for i in np.flatnonzero(filled[1:])),
            *([MISSING_GROUP] * bool(filled[0])),
        }
    )
    place = {name: at for at, name in enumerate(order)}
    table = np.array([place.get(n, 0) for n in names] + [place.get(MISSING_GROUP, 0)], np.int64)
    return _looked_up(table, codes), tuple(order)


def cross(
    parts: Sequence[tuple[NDArray[np.int64], tuple[str, ...]]],
) -> tuple[NDArray[np.int64], tuple[tuple[str, ...], ...]]:
    """Several columns' codes as codes into the combinations that occur."""
    codes, names = parts[0][0], [(name,) for name in parts[0][1]]
    if len(parts) == 1:
        return codes, tuple(names)
    for more, values in parts[1:]:
        codes = codes * len(values) + more
        names = [(*name, value) for name in names for value in values]
    present = np.bincount(codes, minlength=len(names)) > 0
    squeeze = np.cumsum(present) - 1
    return squeeze[codes], tuple(n for n, p in zip(names, present, strict=True) if p)


def _merge_family(mine: Family, other: Family) -> Family:
    groups = tuple(sorted({*mine.groups, *other.groups}))
    place = {group: at for at, group in enumerate(groups)}
    counts = np.zeros((len(groups), *mine.counts.shape[1:]), np.int64)
    for family in (mine, other):
        for group, block in zip(family.groups, family.counts, strict=True):
            counts[place[group]] += block
    return Family(mine.columns, groups, counts)
