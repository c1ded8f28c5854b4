"""Parquet: one file by its row groups, a folder, several files, any dataset of Arrow's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from seawall.adapters.tables.arrow import is_text
from seawall.adapters.tables.source import Piece, Source, damaged, of_pieces, without_rows
from seawall.kernel import BadInput, nearest

_VALUES_AT_ONCE = 1 << 20
"""Values that one read decodes: what a thread holds of a file at a time, about."""


def parquet_file(path: Path) -> Source:
    """One file; each row group is a piece."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "Parquet", error) from error
    readers = _Readers(path, metadata, [f.name for f in schema if is_text(f.type)])
    sizes = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
    pieces = [Piece(str(path), partial(readers.read, at), rows) for at, rows in enumerate(sizes)]
    return of_pieces(str(path), schema, pieces or without_rows(str(path), schema), _at_once(sizes))


class _Readers:
    """Open readers of one file: a reader serves one thread at a time, its footer is read once."""

    def __init__(self, path: Path, metadata: Any, words: list[str]) -> None:
        self._path, self._metadata, self._words = path, metadata, words
        self._idle: list[Any] = []

    def read(self, group: int, columns: Sequence[str]) -> Any:
        """Columns of a row group, text as dictionaries, decoded on this thread."""
        import pyarrow as pa

        try:
            reader = self._idle.pop() if self._idle else self._open()
            table = reader.read_row_group(group, columns=list(columns), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise damaged(f"row group {group} of {self._path}", "Parquet", error) from error
        self._idle.append(reader)
        if table.num_rows != self._metadata.row_group(group).num_rows:
            short = ValueError(f"it holds {table.num_rows} rows, not what its footer says")
            raise damaged(f"row group {group} of {self._path}", "Parquet", short)
        return table.select(list(columns))

    def _open(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(
            self._path, metadata=self._metadata, read_dictionary=self._words, pre_buffer=False,
            page_checksum_verification=True,
        )  # fmt: skip


def _at_once(sizes: Sequence[int]) -> int:
    return max(1, _VALUES_AT_ONCE // max(1, max(sizes, default=1)))


def parquet_files(name: str, paths: Sequence[Path], root: Path | None = None) -> Source:
    """Several files of one schema; folders named `key=value` under `root` are columns."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    schemas: list[Any] = []
    for path in paths:
        try:
            schemas.append(pq.read_schema(path))
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, "Parquet", error) from error
        _same(schemas[0], schemas[-1], paths[0], path)
    words = [f.name for f in schemas[0] if is_text(f.type)]
    files = ds.ParquetFileFormat(dictionary_columns=words)  # pyright: ignore[reportAbstractUsage]
    keys = None if root is None else ds.partitioning(flavor="hive")
    try:
        whole = ds.dataset([str(path) for path in paths], format=files, partitioning=keys,
                           partition_base_dir=None if root is None else str(root))  # fmt: skip
        return dataset(name, whole)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise damaged(name, "Parquet", error) from error


def _same(first: Any, other: Any, path: Path, then: Path) -> None:
    for here, there, where, beside in (
        (first, other, then, path), (other, first, path, then)
    ):  # fmt: skip
        for field in here:
            if field.name not in there.names:
                raise BadInput(
                    f"{where} has no column {field.name!r}, which {beside.name} has",
                    remedy=f"{nearest(field.name, there.names)} Write both alike",
                )
    for field in first:
        kind = other.field(field.name).type
        if kind != field.type:
            raise BadInput(
                f"column {field.name} is {kind} in {then}, and {field.type} in {path.name}",
                remedy="write both alike",
            )


def dataset(name: str, whole: Any) -> Source:
    """A `pyarrow.dataset.Dataset`: each row group of each file is a piece."""
    import pyarrow as pa

    schema = whole.schema
    pieces: list[Piece] = []
    at_once: int | None = None
    for fragment in whole.get_fragments():
        where = str(getattr(fragment, "path", name))
        try:
            groups = getattr(fragment, "row_groups", None)
        except (pa.ArrowException, OSError) as error:
            raise damaged(where, "Parquet", error) from error
        if groups is None:
            pieces.append(Piece(where, partial(_scan, fragment, schema, where)))
            continue
        at_once = min(at_once or _VALUES_AT_ONCE, _at_once([g.num_rows for g in groups]))
        for group in groups:
            part = fragment.subset(row_group_ids=[group.id])
            pieces.append(Piece(where, partial(_scan, part, schema, where), group.num_rows))
    return of_pieces(name, schema, pieces or without_rows(name, schema), at_once)


def _scan(fragment: Any, schema: Any, where: str, columns: Sequence[str]) -> Any:
    import pyarrow as pa

    try:
        return fragment.to_table(schema=schema, columns=list(columns), use_threads=False)
    except (pa.ArrowException, OSError, NotImplementedError) as error:
        raise damaged(where, "a part of this dataset", error) from error
