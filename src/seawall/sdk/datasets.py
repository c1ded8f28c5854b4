"""Tables as immutable data sets, known by the digest of their content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from seawall.kernel import BadInput, Digest
from seawall.registry.provenance import DataSet

Table = Any
"""A `pyarrow.Table`; pyarrow ships no types."""


def file_digest(path: str | Path) -> Digest:
    """The digest of a file's bytes; raises `BadInput` when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise BadInput(
            f"the data file cannot be read: {error.strerror}", where=str(path)
        ) from error


def table_digest(table: Table) -> Digest:
    """The digest of a table's values: its uncompressed Arrow IPC stream, in one batch.

    Chunking, metadata, and what memory holds outside a slice or under a null do not count; column
    order and types do.
    """
    import numpy as np
    import pyarrow as pa

    sink = hashlib.sha256()
    schema = pa.schema([field.remove_metadata() for field in table.schema])
    plain = pa.Table.from_arrays(table.columns, schema=schema).combine_chunks()
    plain = plain.take(pa.array(np.arange(table.num_rows))).combine_chunks()  # written afresh

    class _Sink:
        closed = False

        def write(self, data: Any) -> int:
            sink.update(data)
            return len(data)

        def flush(self) -> None: ...

    with pa.ipc.new_stream(pa.PythonFile(_Sink(), mode="w"), plain.schema) as writer:
        writer.write_table(plain)
    return Digest("sha256:" + sink.hexdigest())


def describe(
    data: Table | str | Path,
    *,
    name: str,
    parents: tuple[Digest, ...] = (),
    source: str = "",
) -> DataSet:
    """A data set's card: digest, rows, column types, parents and source.

    A path is known by its file's bytes, a table by its values. Raises `BadInput` for a file that
    cannot be read as a table.
    """
    if isinstance(data, (str, Path)):
        digest, source = file_digest(data), source or str(data)
        columns, rows = _card(Path(data))
    else:
        digest, rows = table_digest(data), data.num_rows
        columns = {field.name: str(field.type) for field in data.schema}
    return DataSet(
        digest=digest, name=name, rows=rows, columns=columns, parents=parents, source=source
    )


def _card(path: Path) -> tuple[dict[str, str], int]:
    """Column types and rows; of Parquet only the footer is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from seawall.adapters.tables import read_columns
    from seawall.adapters.tables.source import damaged
    from seawall.statistics.column import length

    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            schema, rows = pq.read_schema(path), pq.read_metadata(path).num_rows
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, "Parquet", error) from error
        return {field.name: str(field.type) for field in schema}, rows
    found = read_columns(path)
    types = {n: "string" if isinstance(v, tuple) else str(v.dtype) for n, v in found.items()}
    return types, length(next(iter(found.values()))) if found else 0
