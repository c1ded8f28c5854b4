"""Tables that are in memory already: Arrow, pandas, polars, and mappings of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from seawall.adapters.tables.arrow import to_columns
from seawall.adapters.tables.source import Piece, Source, of_pieces
from seawall.kernel import BadInput
from seawall.statistics.column import Column, length, take

SLICE = 1 << 18
"""Rows that are converted at a time."""


def of_table(name: str, table: Any) -> Source:
    """A `pyarrow.Table` in slices."""
    pieces = [
        Piece(name, partial(_slice, table, start), min(SLICE, table.num_rows - start))
        for start in range(0, max(1, table.num_rows), SLICE)
    ]
    return of_pieces(name, table.schema, pieces)


def _slice(table: Any, start: int, columns: Sequence[str]) -> Any:
    return table.select(list(columns)).slice(start, SLICE)


def of_frame(name: str, frame: Any) -> Source:
    """A `pandas.DataFrame`, its index left out; `BadInput` on a column of mixed types."""
    import pyarrow as pa

    try:
        return of_table(name, pa.Table.from_pandas(frame, preserve_index=False))
    except (pa.ArrowException, ValueError, TypeError) as error:
        told = [str(part) for part in error.args]
        raise BadInput(
            f"{name} cannot be read: {'; '.join(told)[:160]}",
            remedy="give each column one type",
        ) from error


def of_mapping(name: str, columns: Mapping[str, Column]) -> Source:
    """Columns that `columns_of` made, in slices."""
    rows = length(next(iter(columns.values()))) if columns else 0
    pieces = [
        Piece(name, partial(_part, columns, start), min(SLICE, rows - start))
        for start in range(0, max(1, rows), SLICE)
    ]
    kinds = {n: "" if isinstance(v, tuple) else v.dtype.kind for n, v in columns.items()}
    times = frozenset(n for n, kind in kinds.items() if kind == "M")
    numeric = frozenset(n for n, kind in kinds.items() if kind in ("i", "u", "f"))
    return Source(name, tuple(columns), times, numeric, {}, pieces)


def _part(columns: Mapping[str, Column], start: int, names: Sequence[str]) -> dict[str, Column]:
    return {name: take(columns[name], slice(start, start + SLICE)) for name in names}


def columns_of(source: Mapping[str, Any], names: Sequence[str]) -> dict[str, Column]:
    """These columns of a mapping; `BadInput` unless each is flat, of one type and one length."""
    found: dict[str, Column] = {}
    sizes: dict[int, str] = {}
    for name in names:
        values = source[name]
        if not isinstance(values, tuple):
            values = values if isinstance(values, np.ma.MaskedArray) else _array(name, values)
            if values.ndim != 1:
                raise BadInput(f"column {name} has {values.ndim} dimensions, not one")
            if values.dtype.kind == "O":
                values = _objects(name, values)
            elif values.dtype.kind not in "biufMUS":
                raise BadInput(f"column {name} holds {values.dtype}", remedy="leave it out")
        found[name] = values
        sizes[length(values)] = name
    if len(sizes) > 1:
        told = ", ".join(f"{name} {size}" for size, name in sorted(sizes.items()))
        raise BadInput(f"columns differ in length: {told}")
    return found


def _array(name: str, values: Any) -> Any:
    try:
        return np.asarray(values)
    except ValueError as error:  # lists of unequal length
        raise BadInput(f"column {name} has more than one dimension") from error


def _objects(name: str, values: Any) -> Column:
    """Python objects by the one type that they have."""
    import pyarrow as pa

    plain = np.ma.filled(values, None) if isinstance(values, np.ma.MaskedArray) else values
    try:
        data = pa.chunked_array([pa.array(plain, from_pandas=True)])
    except (pa.ArrowException, ValueError, TypeError) as error:
        kinds = sorted({type(v).__name__ for v in plain.tolist() if v is not None})
        raise BadInput(
            f"column {name} mixes {', '.join(kinds)}", remedy="give it one type"
        ) from error
    return to_columns(pa.table({name: data}))[name]
