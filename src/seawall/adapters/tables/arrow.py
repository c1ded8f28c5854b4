"""Arrow columns as numpy arrays: integers stay integers, nulls become a mask or NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from seawall.kernel import BadInput
from seawall.statistics.column import Column


def to_columns(table: Any) -> dict[str, Column]:
    """Every column of a `pyarrow.Table`.

    Numbers keep their width; integers and booleans with nulls are masked arrays; floats have
    NaN; dates and times are datetime64 in microseconds UTC; text is (codes, dictionary) with -1
    for null. Raises `BadInput` on nested and binary columns.
    """
    return {name: _column(name, table.column(name)) for name in table.column_names}


def _column(name: str, data: Any) -> Column:
    import pyarrow as pa

    kind = data.type
    types = pa.types
    if types.is_dictionary(kind) or types.is_string(kind) or types.is_large_string(kind) or (
        str(kind) == "string_view"
    ):  # fmt: skip
        return _text(data)
    if types.is_null(kind):
        return np.full(len(data), np.nan)
    if types.is_decimal(kind) or types.is_float16(kind):
        data = data.cast(pa.float64())
    elif types.is_timestamp(kind) or types.is_date(kind):
        data = data.cast(pa.timestamp("us"), safe=False) if not types.is_timestamp(kind) else data
        whole = data.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        stamps = whole.fill_null(np.iinfo(np.int64).min).to_numpy()
        return stamps.astype("datetime64[us]")
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        raise BadInput(
            f"column {name} holds {kind}, which has no place in a table of features",
            remedy="name the columns to read",
        )
    if types.is_floating(data.type):
        return data.to_numpy()  # nulls become NaN
    if not data.null_count:
        return data.to_numpy()
    mask = data.is_null().to_numpy()
    return np.ma.MaskedArray(
        data.fill_null(False if types.is_boolean(kind) else 0).to_numpy(), mask
    )


def _text(data: Any) -> Column:
    import pyarrow as pa

    if str(data.type) == "string_view":
        data = data.cast(pa.large_string())
    if not pa.types.is_dictionary(data.type):
        data = data.dictionary_encode()
    whole = data.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        if not whole.num_chunks:
            return np.zeros(0, np.int64), []
        whole = whole.chunk(0)
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, whole.dictionary.to_pylist()
