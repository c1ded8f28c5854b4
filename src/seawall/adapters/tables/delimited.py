"""CSV and TSV: a small file whole, a large one in blocks of lines, its types found beforehand."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from seawall.adapters.tables.memory import of_table
from seawall.adapters.tables.source import Piece, Source, damaged, of_pieces
from seawall.kernel import BadInput

BLOCK_BYTES = 1 << 25
"""Bytes of a block of lines; a file of at most two is read whole."""
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def delimited_file(path: Path) -> Source:
    """One file whose first line names the columns; a quoted field holds no line break."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(2) in _WIDE:
            raise _not_utf8(f"{path} is UTF-16")
    if size <= 2 * BLOCK_BYTES:
        return of_table(str(path), _parse(path, path))
    lines = _Lines(path, size)
    pieces = [Piece(str(path), partial(lines.read, at), n) for at, n in enumerate(lines.rows)]
    return of_pieces(str(path), lines.schema, pieces)


class _Lines:
    """A large file: where its blocks begin, and types that hold in all of them."""

    def __init__(self, path: Path, size: int) -> None:
        import pyarrow as pa

        self._path, self._starts = path, [0]
        with path.open("rb") as file:
            for start in range(BLOCK_BYTES, size, BLOCK_BYTES):
                file.seek(start)
                file.readline()
                if self._starts[-1] < file.tell() < size:
                    self._starts.append(file.tell())
        self._starts.append(size)
        self.schema: Any = None
        self.rows: list[int] = []
        for at in range(len(self._starts) - 1):
            part = self._parsed(at)
            self.rows.append(part.num_rows)
            wider = zip(self.schema or part.schema, part.schema, strict=True)
            self.schema = pa.schema([(a.name, _wider(a.type, b.type)) for a, b in wider])

    def read(self, at: int, columns: Sequence[str]) -> Any:
        """Columns of a block."""
        return self._parsed(at, self.schema, list(columns)).select(list(columns))

    def _parsed(self, at: int, types: Any = None, columns: list[str] | None = None) -> Any:
        with self._path.open("rb") as file:
            file.seek(self._starts[at])
            text = file.read(self._starts[at + 1] - self._starts[at])
        names = self.schema.names if at else None
        return _parse(self._path, io.BytesIO(text), names, types, columns)


def _parse(
    path: Path, text: Any, names: list[str] | None = None, types: Any = None,
    columns: list[str] | None = None,
) -> Any:  # fmt: skip
    import pyarrow as pa
    import pyarrow.csv as csv

    try:
        table = csv.read_csv(
            text,
            read_options=csv.ReadOptions(column_names=names),
            parse_options=csv.ParseOptions(
                delimiter="\t" if path.suffix.lower() == ".tsv" else ","
            ),
            convert_options=csv.ConvertOptions(column_types=types, include_columns=columns),
        )
        kinds = zip(table.column_names, table.schema.types, strict=True)
    except UnicodeDecodeError as error:
        raise _not_utf8(f"the head of {path} is not UTF-8") from error
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "CSV", error) from error
    for name, kind in kinds:
        if pa.types.is_binary(kind):
            raise _not_utf8(f"column {name} of {path} is not UTF-8")
    return table


def _not_utf8(what: str) -> BadInput:
    return BadInput(what, remedy="save it as UTF-8")


def _wider(one: Any, other: Any) -> Any:
    """The type that both are read as, as if the whole column had been looked at."""
    import pyarrow as pa

    types = pa.types
    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    moments = {pa.date32(), pa.timestamp("s"), pa.timestamp("ns")}
    if one in moments and other in moments:
        return pa.timestamp("ns" if pa.timestamp("ns") in (one, other) else "s")
    return pa.string()
