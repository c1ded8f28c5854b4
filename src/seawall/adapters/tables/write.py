"""Columns written as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seawall.kernel import BadInput


def write_table(columns: Mapping[str, Any], path: Path) -> None:
    """Write columns of one length as CSV or Parquet, by the file's ending.

    Raises `BadInput` on another ending, and where the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    write = {".csv": csv.write_csv, ".parquet": pq.write_table}.get(path.suffix.lower())
    if write is None:
        raise BadInput(f"cannot write rows as {path.name}", remedy="end it in .csv or .parquet")
    try:
        write(pa.table(dict(columns)), path)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}") from error
