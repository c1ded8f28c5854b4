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

    Chunking and metadata do not count; column order and types do.
    """
    import pyarrow as pa

    sink = hashlib.sha256()
    plain = table.replace_schema_metadata(None).combine_chunks()

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

    A path is known by its file's bytes, a table by its values.
    """
    import pyarrow.parquet as pq

    if isinstance(data, (str, Path)):
        schema, rows = pq.read_schema(data), pq.read_metadata(data).num_rows
        digest, source = file_digest(data), source or Path(data).name
    else:
        schema, rows, digest = data.schema, data.num_rows, table_digest(data)
    columns = {field.name: str(field.type) for field in schema}
    return DataSet(
        digest=digest, name=name, rows=rows, columns=columns, parents=parents, source=source
    )
