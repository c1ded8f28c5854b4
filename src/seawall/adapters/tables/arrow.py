"""Arrow columns as numpy arrays: integers stay integers, nulls become a mask or NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.statistics.column import Column


def to_columns(table: Any) -> dict[str, Column]:
    """Every column of a `pyarrow.Table`.

    Numbers keep their width; integers and booleans with nulls are masked arrays; floats have
    NaN; dates and times are datetime64 in microseconds UTC; text is (codes, dictionary) with -1
    for null. Raises `BadInput` on nested and binary columns.
    """
    return {name: _column(name, table.column(name)) for name in table.column_names}


def unreadable(schema: Any) -> Mapping[str, str]:
    """The columns of a schema that no table of features holds, with their type."""
    return {field.name: str(field.type) for field in schema if not _readable(field.type)}


def is_time(kind: Any) -> bool:
    """Whether a type holds dates or moments."""
    import pyarrow as pa

    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def is_number(kind: Any) -> bool:
    """Whether a type holds numbers."""
    import pyarrow as pa

    types = pa.types
    return types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)


def is_text(kind: Any) -> bool:
    """Whether a type holds plain text, of any layout."""
    import pyarrow as pa

    types = pa.types
    return types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view"


def _readable(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return _readable(kind.value_type)
    return any(
        holds(kind) for holds in (is_number, is_time, is_text, types.is_boolean, types.is_null)
    )


def _column(name: str, data: Any) -> Column:
    import pyarrow as pa

    kind = data.type
    types = pa.types
    if not _readable(kind):
        raise BadInput(
            f"column {name} holds {kind}, which has no place in a table of features",
            remedy="name the columns to read",
        )
    if types.is_dictionary(kind) or is_text(kind):
        return _text(name, data)
    if types.is_null(kind):
        return np.full(len(data), np.nan)
    if is_time(kind):
        whole = data.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return _flat(whole.fill_null(np.iinfo(np.int64).min)).view("datetime64[us]")
    if types.is_decimal(kind) or types.is_float16(kind):
        data = data.cast(pa.float64())
    if types.is_floating(data.type):
        return _flat(data.fill_null(math.nan) if data.null_count else data)
    if not data.null_count:
        return _flat(data)
    filled = data.fill_null(False if types.is_boolean(kind) else 0)
    return np.ma.MaskedArray(_flat(filled), _flat(data.is_null()))


def _flat(data: Any) -> NDArray[Any]:
    """Numbers without nulls, not copied where they are in one chunk.

    By their buffers: Arrow's own conversion imports pandas, which takes longer than all else.
    """
    import pyarrow as pa

    chunks = data.chunks if isinstance(data, pa.ChunkedArray) else [data]
    if pa.types.is_boolean(data.type):
        return _flat(data.cast(pa.uint8())).view(np.bool_)
    dtype = np.dtype(data.type.to_pandas_dtype())
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)
        for chunk in chunks
        if len(chunk)
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _text(name: str, data: Any) -> Column:
    import pyarrow as pa

    if str(data.type) == "string_view":
        data = data.cast(pa.large_string())
    if not pa.types.is_dictionary(data.type):
        data = data.dictionary_encode()
    if data.num_chunks > 1:
        if str(data.type.value_type) == "string_view":  # whose dictionaries Arrow does not unify
            data = data.cast(pa.large_string()).dictionary_encode()
        data = data.unify_dictionaries()
    whole = data.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        if not whole.num_chunks:
            return np.zeros(0, np.int64), []
        whole = whole.chunk(0)
    codes = whole.indices
    if codes.null_count:
        codes = codes.cast(pa.int64()).fill_null(-1)
    codes = _flat(codes)
    words = whole.dictionary.to_pylist()
    if codes.size and int(codes.max()) >= len(words):
        raise BadInput(f"column {name} refers to text that it does not hold")
    return codes, words
