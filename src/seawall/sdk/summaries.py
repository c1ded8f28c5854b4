"""A source of rows as the summary of its columns, on a grid made from a reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from seawall.adapters.tables import batches, row_count
from seawall.kernel import BadInput
from seawall.sdk.report import Progress, Table
from seawall.statistics.column import Column, length
from seawall.statistics.counting import summarise_table
from seawall.statistics.grid import Grid, make_grid
from seawall.statistics.summary import TableSummary


class Reference(NamedTuple):
    """What others are compared with: a grid and a summary of each column, and what has none."""

    grids: dict[str, Grid]
    summary: TableSummary
    left_out: list[str]


class Counted(NamedTuple):
    """A source on given grids, and its columns that these do not have."""

    summary: TableSummary
    extra: list[str]


def reference_summary(
    source: Table, columns: Sequence[str] | None = None, progress: Progress | None = None
) -> Reference:
    """A source counted on grids that it makes itself.

    `columns`: all by default, without dates and times, which always move and are `left_out`.
    Raises `BadInput` on an unreadable source and an unknown column.
    """
    # a saved baseline comes in here, before anything is read as a table
    pieces, grids, left_out = _baseline(source, columns)
    told = reported(pieces, "reference", source, progress)
    return Reference(
        grids, reduce(TableSummary.merge, (summarise_table(b, grids) for b in told)), left_out
    )


def summary_on(
    source: Table, grids: Mapping[str, Grid], *, every_column: bool = True,
    progress: Progress | None = None,
) -> Counted:  # fmt: skip
    """A source counted on the grids of a reference.

    With `every_column` the columns without a grid are named, else they are not looked at. Raises
    `BadInput` on an unreadable source, and a column that is not there or does not fit its grid.
    """
    total: TableSummary | None = None
    extra: list[str] = []
    pieces = batches(source, None if every_column else list(grids))
    for batch in reported(pieces, "current", source, progress):
        extra = [name for name in batch if name not in grids]
        part = summarise_table(batch, grids)
        total = part if total is None else total.merge(part)
    assert total is not None
    return Counted(total, extra)


def reported(
    pieces: Iterable[dict[str, Column]], what: str, source: Table, progress: Progress | None
) -> Iterator[dict[str, Column]]:
    """The same pieces; `progress` is told after each how many rows were dealt with."""
    if progress is None:
        yield from pieces
        return
    total, done = row_count(source), 0
    progress(what, done, total)
    for piece in pieces:
        yield piece
        done += length(next(iter(piece.values()), ()))
        progress(what, done, total)


def _baseline(
    reference: Table, columns: Sequence[str] | None
) -> tuple[Iterable[dict[str, Column]], dict[str, Grid], list[str]]:
    """The reference in pieces, a grid for each compared column, and what is not compared.

    A reference of several pieces is read twice: every 16th row for the grids, then all.
    """
    stream = batches(reference, columns)
    whole, more = next(stream), next(stream, None)
    pieces: Iterable[dict[str, Column]] = [whole]
    if more is not None:
        whole = _joined([_sixteenth(b) for b in chain([whole, more], stream)])
        pieces = batches(reference, columns)
    grids: dict[str, Grid] = {}
    left_out: list[str] = []
    for name, values in whole.items():
        grid = make_grid(values)
        if grid.kind == "datetime" and columns is None:
            left_out.append(name)
        else:
            grids[name] = grid
    if not grids:
        raise BadInput("the reference has no column to compare")
    return pieces, grids, left_out


def _sixteenth(batch: dict[str, Column]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in batch.items():
        if isinstance(values, tuple):
            words = np.array([*values[1], None], object)
            found[name] = words[values[0][::16]]
        else:
            found[name] = values[::16]
    return found


def _joined(parts: list[dict[str, Any]]) -> dict[str, Column]:
    whole: dict[str, Column] = {}
    for name in parts[0]:
        columns = [p[name] for p in parts]
        masked = any(isinstance(c, np.ma.MaskedArray) for c in columns)
        whole[name] = np.ma.concatenate(columns) if masked else np.concatenate(columns)
    return whole
