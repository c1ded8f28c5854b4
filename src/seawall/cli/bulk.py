"""Rows of a file as they are sent: Parquet, CSV, or JSON lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seawall.kernel import BadInput, nearest

KINDS = (".parquet", ".csv", ".jsonl")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Every row by the names of its columns.

    Raises `BadInput`, naming the place, for a file that is none of these or cannot be read.
    """
    if path.suffix not in KINDS:
        remedy = nearest(path.suffix, KINDS)
        raise BadInput(f"rows are read from {', '.join(KINDS)}", where=str(path), remedy=remedy)
    try:
        return _lines(path) if path.suffix == ".jsonl" else _table(path)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror or error}", where=str(path)) from error


def _lines(path: Path) -> list[dict[str, Any]]:
    import msgspec

    rows: list[dict[str, Any]] = []
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                rows.append(decode(line))
            except msgspec.DecodeError as error:
                raise BadInput(f"no JSON object: {error}", where=f"{path}:{number}") from None
    return rows


def _table(path: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    from seawall.adapters.tables.source import damaged

    kind = "Parquet" if path.suffix == ".parquet" else "CSV"
    try:
        table = parquet.read_table(path) if kind == "Parquet" else csv.read_csv(path)
    except pa.ArrowException as error:
        raise damaged(path, kind, error) from error
    return table.to_pylist()
