"""Where rows come from: pieces that can be read one by one, in any order, on any thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seawall.adapters.tables.arrow import is_number, is_time, to_columns, unreadable
from seawall.kernel import BadInput, SeawallError, nearest
from seawall.statistics.column import Column

SAMPLE_ROWS = 1 << 18
"""Rows that a grid is made from, where there are as many."""
_PLACED = re.compile(
    r"(Row #[\d,]+: )?Expected \d+ columns, got \d+"
    r"|In CSV column #\d+: (Row #[\d,]+: )?CSV conversion error to \w+|Empty CSV file"
)
_SPREAD = 4
_VALUES = 1 << 24
"""Values that a sample may hold where all its columns come at once."""


class Piece(NamedTuple):
    """Some rows of a source; `load` gives a `pyarrow.Table` or columns, and is thread-safe."""

    where: str
    load: Callable[[Sequence[str]], Any]
    rows: int = 0

    def read(self, columns: Sequence[str]) -> dict[str, Column]:
        """Columns of these rows; `BadInput` that names the place."""
        try:
            found = self.load(columns)
            return found if isinstance(found, dict) else to_columns(found)
        except SeawallError as error:
            if error.where or self.where in error.what:
                raise
            raise error.at(self.where) from error


def without_rows(where: str, schema: Any) -> list[Piece]:
    """The one piece of a source that has columns only."""

    def load(names: Sequence[str]) -> Any:
        return schema.empty_table().select(list(names))

    return [Piece(where, load)]


class Source(NamedTuple):
    """A table, wherever it is.

    `columns` can be read, `times` among them hold dates or moments, `numeric` ones numbers;
    `unreadable` ones (with their type) cannot. `pieces` are in the order of rows: a list where
    any can be read at any time, else an iterator that is gone through once. `at_once`: how many
    columns to ask a piece for, to stay within memory; all when None.
    """

    name: str
    columns: tuple[str, ...]
    times: frozenset[str]
    numeric: frozenset[str]
    unreadable: Mapping[str, str]
    pieces: Iterable[Piece]
    at_once: int | None = None

    def chosen(self, columns: Sequence[str] | None) -> list[str]:
        """These columns, or all; `BadInput` on one that is not there or cannot be read."""
        if columns is None:
            return list(self.columns)
        for name in columns:
            if name in self.unreadable:
                raise BadInput(
                    f"column {name} holds {self.unreadable[name]}, which has no place in a table "
                    "of features",
                    where=self.name,
                    remedy="leave it out",
                )
        return chosen(columns, self.columns, self.name)

    def split(self) -> tuple[list[Piece], Iterable[Piece]]:
        """Pieces whose rows stand for all, and the others.

        Of a list: its ends and evenly between. Of an iterator: the first.
        """
        enough = SAMPLE_ROWS
        if self.at_once is None:
            enough = min(enough, max(1 << 14, _VALUES // max(1, len(self.columns))))
        if isinstance(self.pieces, Sequence):
            return _spread(self.pieces, enough)
        first: list[Piece] = []
        rest = iter(self.pieces)
        for piece in rest:
            first.append(piece)
            if sum(p.rows for p in first) >= enough:
                break
        return first, rest


def of_pieces(
    name: str, schema: Any, pieces: Iterable[Piece], at_once: int | None = None
) -> Source:
    """A source of pieces with this Arrow schema."""
    names = chosen(None, schema.names, name)
    odd = unreadable(schema)
    times = frozenset(field.name for field in schema if is_time(field.type))
    numeric = frozenset(field.name for field in schema if is_number(field.type))
    readable = tuple(n for n in names if n not in odd)
    return Source(name, readable, times, numeric, odd, pieces, at_once)


def _spread(pieces: Sequence[Piece], enough: int) -> tuple[list[Piece], list[Piece]]:
    rows = sum(piece.rows for piece in pieces)
    if rows <= enough or len(pieces) <= _SPREAD:
        return list(pieces), []
    each = max(1, rows // len(pieces))
    wanted = min(max(_SPREAD, -(-enough // each)), len(pieces))
    step = (len(pieces) - 1) / (wanted - 1)
    taken = {round(k * step) for k in range(wanted)}
    sample = [piece for at, piece in enumerate(pieces) if at in taken]
    return sample, [piece for at, piece in enumerate(pieces) if at not in taken]


def chosen(columns: Sequence[str] | None, there: Sequence[str], where: str) -> list[str]:
    """The named columns, or all; `BadInput` on one that is not there or occurs twice."""
    if len(set(there)) != len(there):
        twice = sorted({name for name in there if there.count(name) > 1})
        raise BadInput(f"column {twice[0]!r} occurs twice", where=where, remedy="rename one")
    if columns is None:
        return list(there)
    for name in columns:
        if name not in there:
            raise BadInput(f"there is no column {name!r}", where=where, remedy=nearest(name, there))
    return list(dict.fromkeys(columns))


def damaged(where: Any, kind: str, error: Exception) -> BadInput:
    """What is said of a file that its own library cannot read; that has the rest as its cause.

    Of the library's words only those about a place: others are its internals, or a row's values.
    """
    if isinstance(where, Path) and kind != "Parquet" and _begins(where, b"PAR1"):
        return BadInput(f"{where} is no {kind}: it holds Parquet", remedy="name it .parquet")
    placed = _PLACED.search(str(error))
    return BadInput(
        f"{where} cannot be read as {kind}: "
        + (placed[0] if placed else "it is damaged, cut short, or something else"),
        remedy="check that it is complete and of that format",
    )


def _begins(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError:
        return False
