"""Rows that come once: readers of record batches, relations, lazy frames, iterators of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from seawall.adapters.tables.memory import SLICE
from seawall.adapters.tables.source import Piece, Source, damaged, of_pieces
from seawall.kernel import BadInput, SeawallError, nearest


def of_reader(name: str, reader: Any, *, checked: bool = False) -> Source:
    """A `pyarrow.RecordBatchReader`; `checked` where its bytes may be damaged."""
    return of_pieces(name, reader.schema, _batches(name, reader, checked))


def _batches(name: str, reader: Any, checked: bool) -> Iterator[Piece]:
    import pyarrow as pa

    held: list[Any] = []
    rows = 0
    try:
        for batch in reader:
            if checked:
                batch.validate(full=True)
            held.append(batch)
            rows += batch.num_rows
            if rows >= SLICE // 2:
                yield from _sliced(name, pa.Table.from_batches(held), rows)
                held, rows = [], 0
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(name, "a stream of record batches", error) from error
    yield from _sliced(name, pa.Table.from_batches(held, reader.schema), rows)


def _sliced(name: str, table: Any, rows: int) -> Iterator[Piece]:
    for start in range(0, max(1, rows), SLICE):
        part = table.slice(start, SLICE)
        yield Piece(name, partial(_pick, part), part.num_rows)


def _pick(table: Any, columns: Sequence[str]) -> Any:
    return table.select(list(columns))


def of_lazy(name: str, lazy: Any, opened: Callable[[Any], Source]) -> Source:
    """A `polars.LazyFrame`, run once, batch by batch where polars can."""
    from importlib import import_module

    failed = import_module("polars.exceptions").PolarsError
    try:
        parts = getattr(lazy, "collect_batches", None)
        return opened(lazy.collect()) if parts is None else of_iterable(name, parts(), opened)
    except failed as error:
        raise BadInput(f"the lazy frame cannot be run: {str(error).splitlines()[0]}") from error


def of_iterable(name: str, items: Iterable[Any], opened: Callable[[Any], Source]) -> Source:
    """An iterable of tables, each of any kind that `opened` takes, all with the same columns."""
    each = iter(items)
    head = next(each, None)
    if head is None:
        raise BadInput(f"{name} gave no batch", remedy="give at least one, be it without rows")
    first = opened(head)
    return first._replace(
        name=name, at_once=None, pieces=chain(_named(first, 1), _later(first, each, opened))
    )


def _later(first: Source, each: Iterator[Any], opened: Callable[[Any], Source]) -> Iterator[Piece]:
    for at, item in enumerate(each, 2):
        try:
            source = opened(item)
        except SeawallError as error:
            raise BadInput(
                error.what, where=error.where or f"batch {at}", remedy=error.remedy
            ) from error
        for one, other, has in ((first, source, "lacks"), (source, first, "has a further")):
            for name in one.columns:
                if name not in other.columns:
                    raise BadInput(
                        f"batch {at} {has} column {name!r}",
                        where=source.name, remedy=nearest(name, other.columns),
                    )  # fmt: skip
        yield from _named(source, at)


def _named(source: Source, at: int) -> Iterator[Piece]:
    for piece in source.pieces:
        yield piece if "." in piece.where else piece._replace(where=f"batch {at}")
