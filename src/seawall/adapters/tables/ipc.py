"""Arrow files (Feather): each record batch is a piece, checked before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from seawall.adapters.tables.source import Piece, Source, damaged, of_pieces, without_rows
from seawall.adapters.tables.streams import of_reader

_MAGIC = b"ARROW1"
_VALUES_AT_ONCE = 1 << 22


def arrow_file(path: Path) -> Source:
    """One file in the format with a footer, else in the streaming one."""
    import pyarrow as pa

    with path.open("rb") as file:
        streaming = file.read(len(_MAGIC)) != _MAGIC
    try:
        if streaming:
            return of_reader(str(path), pa.ipc.open_stream(pa.OSFile(str(path))), checked=True)
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
            schema, batches = reader.schema, reader.num_record_batches
            rows = reader.get_batch(0).num_rows if batches else 0  # about what each holds
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, "Arrow", error) from error
    load = partial(_read, path, schema.names)
    pieces = [Piece(str(path), partial(load, at), rows) for at in range(batches)]
    pieces = pieces or without_rows(str(path), schema)
    return of_pieces(str(path), schema, pieces, max(1, _VALUES_AT_ONCE // max(1, rows)))


def _read(path: Path, there: list[str], at: int, columns: Sequence[str]) -> Any:
    import pyarrow as pa

    wanted = pa.ipc.IpcReadOptions(
        included_fields=[there.index(name) for name in columns], use_threads=False
    )
    try:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file, options=wanted) as reader:
            batch = reader.get_batch(at)
            batch.validate(full=True)
            return pa.Table.from_batches([batch]).select(list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, "Arrow", error) from error
