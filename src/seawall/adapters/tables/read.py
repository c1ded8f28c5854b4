"""Read Parquet, CSV and Arrow files, and the tables of other libraries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.tables.arrow import to_columns
from seawall.kernel import BadInput, nearest
from seawall.statistics.column import Column

ROWS_AT_ONCE = 1_000_000
"""Rows that `batches` holds in memory at a time."""
_FORMATS = {
    ".parquet": "Parquet", ".pq": "Parquet", ".csv": "CSV", ".tsv": "CSV", ".txt": "CSV",
    ".arrow": "Arrow", ".feather": "Arrow", ".ipc": "Arrow",
}  # fmt: skip


def read_columns(source: Any, columns: Sequence[str] | None = None) -> dict[str, Column]:
    """All rows of a source as columns, text as (codes, dictionary).

    `source`: a path to .parquet, .csv, .tsv, .arrow or .feather; a mapping of names to arrays;
    or anything with the Arrow C stream interface (pyarrow, pandas, polars, duckdb). `columns`
    picks and orders. Raises `BadInput` on a missing, damaged or unknown file, or a column that
    is not there.
    """
    if isinstance(source, (str, Path)):
        return to_columns(_read_file(Path(source), columns))
    if isinstance(source, Mapping):
        return _from_mapping(source, columns)
    table = _as_arrow(source)
    return to_columns(table.select(_chosen(columns, table.column_names, "the table")))


def read_table(source: Any, columns: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """The same as `read_columns` with text as object arrays, None for null."""
    found: dict[str, NDArray[Any]] = {}
    for name, values in read_columns(source, columns).items():
        if isinstance(values, tuple):
            codes, words = values
            found[name] = np.array([*words, None], object)[codes]
        else:
            found[name] = values
    return found


def batches(
    source: Any, columns: Sequence[str] | None = None, rows: int = ROWS_AT_ONCE
) -> Iterator[dict[str, Column]]:
    """A source in pieces of at most this many rows; only Parquet files are not read whole."""
    if isinstance(source, (str, Path)) and _format(Path(source)) == "Parquet":
        yield from _parquet_batches(Path(source), columns, rows)
    else:
        yield read_columns(source, columns)


def row_count(source: Any) -> int | None:
    """How many rows a Parquet file says it has; None for what must be read to know."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not isinstance(source, (str, Path)) or _format(Path(source)) != "Parquet":
        return None
    try:
        return pq.read_metadata(source).num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(Path(source), "Parquet", error) from error


def _parquet_batches(
    path: Path, columns: Sequence[str] | None, rows: int
) -> Iterator[dict[str, Column]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            chosen = _chosen(columns, file.schema_arrow.names, path.name)
            empty = True
            for batch in file.iter_batches(rows, columns=chosen):
                empty = False
                yield to_columns(pa.Table.from_batches([batch]))
            if empty:
                yield to_columns(file.schema_arrow.empty_table().select(chosen))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, "Parquet", error) from error


def _read_file(path: Path, columns: Sequence[str] | None) -> Any:
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    kind = _format(path)
    try:
        if kind == "Parquet":
            with pq.ParquetFile(path) as file:
                return file.read(_chosen(columns, file.schema_arrow.names, path.name))
        if kind == "Arrow":
            table = feather.read_table(path)
        else:
            split = csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            table = csv.read_csv(path, parse_options=split)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, kind, error) from error
    return table.select(_chosen(columns, table.column_names, path.name))


def _format(path: Path) -> str:
    if not path.exists():
        near = path.parent.iterdir() if path.parent.is_dir() else ()
        names = [p.name for p in near if p.suffix.lower() in _FORMATS]
        remedy = nearest(path.name, names) if names else "check the path"
        raise BadInput(f"there is no file {path}", remedy=remedy)
    if path.is_dir():
        raise BadInput(f"{path} is a folder", remedy="give one file")
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise BadInput(
            f"{path} is of an unknown format",
            remedy="give a .parquet, .csv, .tsv, .arrow or .feather file",
        )
    return kind


def _damaged(path: Path, kind: str, error: Exception) -> BadInput:
    told = str(error).strip().splitlines()
    return BadInput(
        f"{path} cannot be read as {kind}: {told[0][:160] if told else type(error).__name__}",
        remedy="check that it is complete and of that format",
    )


def _chosen(columns: Sequence[str] | None, there: Sequence[str], where: str) -> list[str]:
    if len(set(there)) != len(there):
        twice = sorted({name for name in there if there.count(name) > 1})
        raise BadInput(f"column {twice[0]!r} occurs twice", where=where, remedy="rename one")
    if columns is None:
        return list(there)
    for name in columns:
        if name not in there:
            raise BadInput(f"there is no column {name!r}", where=where, remedy=nearest(name, there))
    return list(columns)


def _as_arrow(source: Any) -> Any:
    import pyarrow as pa

    if isinstance(source, pa.Table):
        return source
    if not hasattr(source, "__arrow_c_stream__"):
        raise BadInput(
            f"a {type(source).__name__} is not a table",
            remedy="give a path, a mapping of arrays, or a pyarrow, pandas or polars table",
        )
    return pa.table(source)


def _from_mapping(source: Mapping[str, Any], columns: Sequence[str] | None) -> dict[str, Column]:
    found: dict[str, Column] = {}
    sizes: dict[int, str] = {}
    for name in _chosen(columns, list(source), "the table"):
        values = source[name]
        if not isinstance(values, tuple):
            values = np.ma.asanyarray(values) if _masked(values) else np.asarray(values)
            if values.ndim != 1:
                raise BadInput(f"column {name} has {values.ndim} dimensions, not one")
        found[name] = values
        sizes[len(values[0]) if isinstance(values, tuple) else len(values)] = name
    if len(sizes) > 1:
        told = ", ".join(f"{name} {size}" for size, name in sorted(sizes.items()))
        raise BadInput(f"columns differ in length: {told}")
    return found


def _masked(values: Any) -> bool:
    return isinstance(values, np.ma.MaskedArray)
