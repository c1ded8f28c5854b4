"""A source of rows as the summary of its columns, on a grid made from a reference.

Rows are read once. The grid is made from the first pieces that are read, which are then counted
as all others: of what can be read anywhere they lie evenly over it, of a stream they are its
beginning. Pieces are read and counted on two threads; the sums are whole numbers, so that
neither threads nor pieces show in them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seawall.adapters.spark import is_frame
from seawall.adapters.tables import Piece, Source, chosen, open_source
from seawall.kernel import BadInput
from seawall.sdk.report import Progress, Table
from seawall.sdk.saved import saved_baseline
from seawall.statistics.column import Column, any_value, encode, joined, kind_of, length
from seawall.statistics.counting import summarise
from seawall.statistics.grid import Grid, Space, make_grid
from seawall.statistics.segments import Tally
from seawall.statistics.summary import ColumnSummary, TableSummary
from seawall.statistics.text import (
    counted,
    looks_like_text,
    may_be_text,
    measured,
    sources,
    text_grids,
)

_THREADS = 2
_GRID_ROWS = 1 << 16
MOVING = "dates and times always move"
NEW = "it is not in the reference"
"""Why a column is not compared."""
Part = dict[str, ColumnSummary]


class Reference(NamedTuple):
    """A grid and a summary of each column that others are compared by, and why some have none."""

    grids: dict[str, Grid]
    summary: TableSummary
    left_out: dict[str, str]


class Counted(NamedTuple):
    """A source on given grids, and its columns that these do not have, with the reason."""

    summary: TableSummary
    extra: dict[str, str]


def reference_summary(
    source: Table, columns: Sequence[str] | None = None, progress: Progress | None = None,
    *, times: bool = False,
) -> Reference:  # fmt: skip
    """A source counted on grids that it makes itself, or a saved baseline.

    `columns`: all by default, without those that cannot be read (nested, binary) and, unless
    `times`, dates and moments, which always move: they are `left_out`. Raises `BadInput` on an
    unreadable source and an unknown column.
    """
    if saved := saved_baseline(source):
        where = Path(source).name if isinstance(source, (str, Path)) else "the baseline"
        return _of_table(saved.profile.table, columns, where)
    if is_frame(source):
        from seawall.sdk.distributed import reference_frame

        return reference_frame(source, columns, times=times)
    there = open_source(source)
    names = there.chosen(columns)
    left_out: dict[str, str] = {}
    if columns is None:
        moving = there.times if not times else frozenset[str]()
        left_out = {name: f"it holds {kind}" for name, kind in there.unreadable.items()}
        left_out |= {name: MOVING for name in names if name in moving}
        names = [n for n in names if n not in moving]
    if not names:
        raise _nothing(left_out, there.name)
    sample, rest = there.split()
    grids: dict[str, Grid] = {}

    def begin(some: Sequence[str]) -> Part:
        parts = [piece.read(some) for piece in sample]
        for name in some:
            held = [part[name] for part in parts]
            grids.update(_grids(name, held, sample, there.columns))
        first: Part = {}
        for part, piece in zip(parts, sample, strict=True):
            _add(first, _count(part, grids, piece.where))
        return first

    done: Part = {}
    groups = _groups(names, there.at_once and max(1, there.at_once // len(sample)))
    for part in _in_threads(partial(begin, some) for some in groups):
        _add(done, part)
    told = progress and partial(progress, "reference")
    summary = _fold(there, grids, names, rest, done, told)
    return Reference({name: grids[name] for name in summary.columns}, summary, left_out)


def _of_table(table: TableSummary, columns: Sequence[str] | None, where: str) -> Reference:
    grids = {name: column.grid for name, column in table.columns.items()}
    there, left_out = sources(grids), dict[str, str]()
    names = chosen(columns, there, where)
    if columns is None:
        left_out = {n: MOVING for n in names if n in grids and grids[n].kind == "datetime"}
        names = [n for n in names if n not in left_out]
    if not names:
        raise _nothing(left_out, where)
    kept = {name: table.columns[name] for name in counted(names, grids)}
    return Reference({n: grids[n] for n in kept}, TableSummary(table.rows, kept), left_out)


def _nothing(left_out: Collection[str], where: str) -> BadInput:
    names = ", ".join([*left_out][:8])
    told = f" beside times and nested ones: {names}" if names else ""
    return BadInput(
        f"there is no column to compare{told}", where=where, remedy="name the columns to compare"
    )


def refuse_empty(summary: TableSummary | Tally, where: str) -> None:
    """Raise `BadInput` on a table of no rows, with which nothing can be compared."""
    if not summary.rows:
        raise BadInput("there are no rows", where=where, remedy="give a table that has some")


def summary_on(
    source: Table, grids: Mapping[str, Grid], *, every_column: bool = True,
    progress: Progress | None = None, threads: int = _THREADS,
) -> Counted:  # fmt: skip
    """A source counted on the grids of a reference.

    With `every_column` the columns without a grid are named, else they are not looked at. Of a
    Spark data frame the workers decide, and `threads` says nothing. Raises
    `BadInput` on an unreadable source, and a column that is not there or does not fit its grid.
    """
    if saved_baseline(source):
        raise BadInput(
            "the data to compare is a saved baseline, counted on grids of its own",
            remedy="give it as the reference, or compare two by seawall baseline compare",
        )
    if is_frame(source):
        from seawall.sdk.distributed import frame_on

        return frame_on(source, grids, every_column=every_column)
    there = open_source(source)
    names = there.chosen(sources(grids))
    extra = {n: NEW for n in (*there.columns, *there.unreadable) if n not in names}
    told = progress and partial(progress, "current")
    summary = _fold(there, grids, names, there.pieces, {}, told, threads)
    for name, one in summary.columns.items():
        error = _unordered(name, one.grid, there)
        if error and one.n and (one.n == one.counts[-1] or _mixed(one.grid)):
            raise error
    return Counted(summary, extra if every_column else {})


def _unordered(name: str, grid: Grid, there: Source) -> BadInput | None:
    """What is said of numbers or times that the reference holds as names, if these are such."""
    held = "numbers" if name in there.numeric else "times" if name in there.times else ""
    if grid.ordered or not held:
        return None
    if held == "numbers" and (odd := _mixed(grid)):
        return BadInput(
            f"column {name} holds numbers where the reference has {odd!r} among them",
            where=there.name,
            remedy="correct that in the reference, or give the column as text in both (Parquet)",
        )
    wanted = "flags" if grid.kind == "boolean" else "text"
    return _another_type(name, held, wanted).at(there.name)


def _mixed(grid: Grid) -> str:
    """The first category that is no number, where others are: a file of text does not say which
    of the two was meant.
    """
    if grid.kind != "categorical":
        return ""
    numbers = [_is_number(name) for name in grid.categories]
    return grid.categories[numbers.index(False)] if any(numbers) and not all(numbers) else ""


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False


class SameTypes:
    """Whether a source that is read piece by piece holds what the reference's grids are of."""

    def __init__(self, there: Source, grids: Mapping[str, Grid]) -> None:
        self._grids = grids
        self._suspects = {n: e for n, g in grids.items() if (e := _unordered(n, g, there))}
        self._seen: set[str] = set()

    def checked(self, columns: Mapping[str, Column], where: str) -> dict[str, Column]:
        """These columns; `BadInput` on text where the reference holds numbers or times."""
        for name in list(self._suspects):
            found = set(encode(columns[name])[1])
            self._seen |= {name} if found else set()
            if found and _mixed(self._grids[name]):
                raise self._suspects[name]
            if found & set(self._grids[name].categories):
                del self._suspects[name]
        try:
            return {n: fitting(n, columns[n], grid) for n, grid in self._grids.items()}
        except BadInput as error:
            raise error.at(where) from error

    def close(self) -> None:
        """All was read: `BadInput` on numbers or times of which the reference knows none."""
        for name, error in self._suspects.items():
            if name in self._seen:
                raise error


def _fold(
    source: Source, grids: Mapping[str, Grid], names: Sequence[str], pieces: Iterable[Piece],
    done: Part, told: Callable[[int, int | None], None] | None, threads: int = _THREADS,
) -> TableSummary:  # fmt: skip
    def count(piece: Piece, some: Sequence[str]) -> Part:
        return _count(piece.read(some), grids, piece.where)

    groups = _groups(names, source.at_once)
    total = sum(p.rows for p in pieces) if isinstance(pieces, Sequence) else None
    values = 0
    works = (partial(count, piece, some) for piece in pieces for some in groups)
    for part in _in_threads(works, threads):
        _add(done, part)
        values += sum(one.rows for one in part.values())
        if told:
            told(values // len(names), total)
    rows = {one.rows for one in done.values()}
    if len(rows) > 1:
        raise BadInput("columns have different lengths", where=source.name)
    return TableSummary(rows.pop(), {name: done[name] for name in counted(names, grids)})


def _groups(names: Sequence[str], size: int | None) -> list[Sequence[str]]:
    step = size or len(names)
    return [names[at : at + step] for at in range(0, len(names), step)]


def _in_threads(works: Iterable[Callable[[], Part]], threads: int = _THREADS) -> Iterator[Part]:
    """What each work gives, in order; few are under way at once, so that memory is bounded."""
    with ThreadPoolExecutor(threads) as pool:
        under_way: deque[Future[Part]] = deque()
        try:
            for work in works:
                under_way.append(pool.submit(work))
                if len(under_way) > threads:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _add(done: Part, part: Part) -> None:
    for name, one in part.items():
        done[name] = done[name].merge(one) if name in done else one


def _grids(
    name: str, parts: Sequence[Column], pieces: Sequence[Piece], taken: Sequence[str]
) -> dict[str, Grid]:
    if not all(map(may_be_text, parts)) or not looks_like_text(whole := joined(parts)):
        return {name: _grid(name, parts, pieces)}
    made = text_grids(name, whole)
    for clash in made.keys() & set(taken):
        raise BadInput(
            f"column {clash!r} has the name of a measure of {name!r}", remedy="rename one"
        )
    return made


def _grid(name: str, parts: Sequence[Column], pieces: Sequence[Piece]) -> Grid:
    """A grid from a sample; of many real numbers evenly spaced rows are enough."""
    types = [_type_of(part) if any_value(part) else "" for part in parts]
    known = next(filter(None, types), "")
    for held, piece in zip(types, pieces, strict=True):
        if held and held != known:
            raise _another_type(name, held, known).at(piece.where)
    step = -(-sum(map(length, parts)) // _GRID_ROWS)
    if len(parts) > 1 and all(kind_of(part) == "numeric" for part in parts):
        parts = [part[::step] for part in parts if not isinstance(part, tuple)]
    return make_grid(joined(parts))


def _count(columns: Mapping[str, Column], grids: Mapping[str, Grid], where: str) -> Part:
    found: Part = {}
    space = Space()
    for source, rows in columns.items():
        for name, values in measured(source, rows, grids).items():
            try:
                found[name] = summarise(fitting(name, values, grids[name]), grids[name], space)
            except BadInput as error:
                raise error.at(where) from error
    return found


def fitting(name: str, values: Column, grid: Grid) -> Column:
    """The same values; `BadInput` where there are any and they are of another type."""
    held, wanted = _type_of(values), "times" if grid.kind == "datetime" else "numbers"
    if not grid.ordered or held == wanted:
        return values
    if not any_value(values):
        return np.full(length(values), np.nan)
    raise _another_type(name, held, wanted)


def _type_of(values: Column) -> str:
    if isinstance(values, tuple) or values.dtype.kind not in "iufbM":
        return "text"
    return "times" if values.dtype.kind == "M" else "numbers"


def _another_type(name: str, held: str, wanted: str) -> BadInput:
    return BadInput(
        f"column {name} holds {held} where the reference holds {wanted}",
        remedy="give it the reference's type, or name the columns to compare without it",
    )
