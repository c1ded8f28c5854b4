"""Columns written as a file, at once or part by part."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seawall.kernel import BadInput


def write_table(columns: Mapping[str, Any], path: Path) -> None:
    """Write columns of one length as CSV or Parquet, by the file's ending.

    Raises `BadInput` on another ending, and where the file cannot be written.
    """
    with table_writer(path) as write:
        write(columns)


@contextmanager
def table_writer(path: Path) -> Generator[Callable[[Mapping[str, Any]], None]]:
    """What writes parts of a table, all with the same columns, one below the other.

    The file appears under its name when all is written, or not at all. Raises as `write_table`.
    """
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    make = {".csv": csv.CSVWriter, ".parquet": pq.ParquetWriter}.get(path.suffix.lower())
    if make is None:
        raise BadInput(f"cannot write rows as {path.name}", remedy="end it in .csv or .parquet")
    if not path.parent.is_dir():
        raise BadInput(f"there is no folder {path.parent}", where=str(path), remedy="make it first")
    draft = path.with_name(f".{path.name}.part")
    opened: list[tuple[Any, Any]] = []

    def write(columns: Mapping[str, Any]) -> None:
        part = pa.table(dict(columns))
        if not opened:
            opened.append((make(draft, part.schema), part.schema))
        writer, schema = opened[0]
        writer.write_table(part.cast(schema))

    try:
        yield write
        for writer, _ in opened:
            writer.close()
            draft.replace(path)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
