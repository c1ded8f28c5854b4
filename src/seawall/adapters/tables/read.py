"""What a table may be: files of several formats, folders, and the tables of other libraries."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.tables.arrow import to_columns
from seawall.adapters.tables.memory import columns_of, of_frame, of_mapping, of_table
from seawall.adapters.tables.source import Source, chosen
from seawall.adapters.tables.streams import of_iterable, of_lazy, of_reader
from seawall.kernel import BadInput, nearest
from seawall.statistics.column import Column, joined

_FORMATS = {
    ".parquet": "Parquet", ".pq": "Parquet", ".csv": "CSV", ".tsv": "CSV", ".txt": "CSV",
    ".arrow": "Arrow", ".feather": "Arrow", ".ipc": "Arrow", ".arrows": "Arrow",
}  # fmt: skip
_TABLE = "the table"


def open_source(source: Any) -> Source:
    """A source whose columns are known and whose rows are still to be read.

    `source`: a path to .parquet, .csv, .tsv, .arrow or .feather, to a folder of such files (with
    `key=value` folders as columns) or a Delta table, or with * for several; a mapping of names
    to arrays; a pyarrow, pandas or polars table, lazy frame, dataset or reader, a duckdb
    relation, anything with the Arrow C stream interface; or an iterable of any of these, taken
    once. Raises `BadInput` on what is missing, damaged or no table.
    """
    if isinstance(source, (str, Path)):
        return _open_path(Path(source))
    if isinstance(source, Mapping):
        return of_mapping(_TABLE, columns_of(source, chosen(None, list(source), _TABLE)))
    return _open_object(source)


def _open_object(source: Any) -> Source:
    import pyarrow as pa

    home = type(source).__module__.partition(".")[0]
    if isinstance(source, pa.RecordBatch):
        source = pa.Table.from_batches([source])
    if isinstance(source, pa.Table):
        return of_table(_TABLE, source)
    if isinstance(source, pa.RecordBatchReader):
        return of_reader("the reader", source)
    if home == "pandas" and hasattr(source, "columns"):
        return of_frame(_TABLE, source)
    if home == "polars" and hasattr(source, "collect"):
        return of_lazy("the lazy frame", source, open_source)
    if home == "polars" and hasattr(source, "__arrow_c_stream__"):
        return of_table(_TABLE, pa.table(source))
    if type(source).__module__ == "pyarrow._dataset":
        from seawall.adapters.tables.parquet import dataset

        return dataset("the dataset", source)
    if hasattr(source, "__arrow_c_stream__"):
        return of_reader(f"the {type(source).__name__}", pa.RecordBatchReader.from_stream(source))
    if isinstance(source, Iterable) and not isinstance(source, (bytes, np.ndarray)):
        return of_iterable("the iterator", source, open_source)
    raise BadInput(
        f"a {type(source).__name__} is not a table",
        remedy="give a path, a mapping of arrays, a pyarrow, pandas or polars table, or batches",
    )


def read_columns(source: Any, columns: Sequence[str] | None = None) -> dict[str, Column]:
    """All rows of what `open_source` takes as columns, text as (codes, dictionary).

    `columns` picks and orders. Raises `BadInput` on an unreadable source, or a column that is
    not there or holds what no table of features does.
    """
    if isinstance(source, Mapping):
        return columns_of(source, chosen(columns, list(source), _TABLE))
    there = open_source(source)
    names = there.chosen([*there.columns, *there.unreadable] if columns is None else columns)
    parts = [piece.load(names) for piece in there.pieces]
    if any(isinstance(part, dict) for part in parts):
        done = [part if isinstance(part, dict) else to_columns(part) for part in parts]
        return {name: joined([part[name] for part in done]) for name in names}
    import pyarrow as pa

    return to_columns(pa.concat_tables(parts, promote_options="permissive"))


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


def _open_path(path: Path) -> Source:
    if not path.exists():
        found = [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 -- an absolute pattern is fine
        return _several(str(path), found, None) if found else _missing(path)
    if not path.is_dir():
        return _open_file(path)
    if (path / "_delta_log").is_dir():
        from seawall.adapters.tables.delta import delta_table

        return delta_table(path)
    return _several(str(path), list(_files(path)), path)


def _open_file(path: Path) -> Source:
    kind = _FORMATS.get(path.suffix.lower())
    if kind == "Parquet":
        from seawall.adapters.tables.parquet import parquet_file

        return parquet_file(path)
    if kind == "Arrow":
        from seawall.adapters.tables.ipc import arrow_file

        return arrow_file(path)
    if kind == "CSV":
        from seawall.adapters.tables.delimited import delimited_file

        return delimited_file(path)
    if path.suffix.lower() == ".baseline":
        raise BadInput(
            f"{path} is a saved baseline: counts, no rows, and this needs rows",
            remedy="give the table that it was saved from",
        )
    raise BadInput(
        f"{path} is of an unknown format",
        remedy="give a .parquet, .csv, .tsv, .arrow or .feather file",
    )


def _several(name: str, paths: Sequence[Path], root: Path | None) -> Source:
    """Files of one format as one table; `root` is where `key=value` folders begin."""
    kinds = {_FORMATS.get(path.suffix.lower(), path.suffix) for path in paths}
    if not paths:
        raise BadInput(f"{name} holds no table", remedy="put .parquet, .csv or .arrow files there")
    if len(kinds) > 1:
        raise BadInput(f"{name} holds {' and '.join(sorted(kinds))} files", remedy="name one kind")
    if len(paths) == 1 and root is None:
        return _open_path(paths[0])
    if kinds == {"Parquet"}:
        from seawall.adapters.tables.parquet import parquet_files

        return parquet_files(name, paths, root)
    return of_iterable(name, paths, open_source)


def _files(folder: Path) -> Iterator[Path]:
    """Tables below a folder; what begins with a dot or an underscore is not data."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.suffix.lower() in _FORMATS and not any(p.startswith((".", "_")) for p in inside):
            yield path


def _missing(path: Path) -> Source:
    near = path.parent.iterdir() if path.parent.is_dir() else ()
    names = [p.name for p in near if p.suffix.lower() in _FORMATS]
    remedy = nearest(path.name, names) if names else "check the path"
    raise BadInput(f"there is no file {path}", remedy=remedy)
