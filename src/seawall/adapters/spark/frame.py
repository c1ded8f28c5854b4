"""A Spark data frame, read through Arrow by the workers.

`mapInArrow` hands each partition to Python as Arrow batches; what comes back to the driver is
the bytes of one summary per partition, and merging these gives what one machine would have
counted, bit for bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from seawall.kernel import BadInput, SeawallError

_ROWS = 1 << 18
"""Rows that a worker counts at once."""
Count = Callable[[Any], bytes]
"""A `pyarrow.Table` into the bytes of its summary; it is pickled and sent to the workers."""
Merge = Callable[[bytes, bytes], bytes]


def is_frame(source: Any) -> bool:
    """Whether this is a Spark data frame, classic or Connect; Spark is not imported to see it."""
    home = type(source).__module__
    return home.startswith("pyspark.sql") and hasattr(source, "mapInArrow")


def types(frame: Any) -> Any:
    """The columns and their types as a `pyarrow.Schema`."""
    return frame.limit(0).toArrow().schema


def head(frame: Any, columns: Sequence[str], rows: int) -> Any:
    """The first rows of every partition as a `pyarrow.Table`, together about this many."""
    chosen = frame.select([_quoted(name) for name in columns])
    each = max(1, rows // max(1, chosen.rdd.getNumPartitions()))

    def first(batches: Iterator[Any]) -> Iterator[Any]:
        left = each
        for batch in batches:  # a partition is always read to its end, which Spark expects
            if left > 0:
                yield batch.slice(0, left)
                left -= batch.num_rows

    found = _mapped(chosen, first, chosen.schema).toArrow()
    return found if found.num_rows else types(chosen).empty_table()


def count(frame: Any, columns: Sequence[str], counted: Count, merge: Merge) -> bytes:
    """The bytes of the summary of these columns, one made per partition and merged here."""

    def summarised(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as arrow

        total: bytes | None = None
        refused: str | None = None
        for rows in _joined(batches):  # read to the end, which Spark expects, even if refused
            if refused is not None:
                continue
            try:
                part = counted(arrow.Table.from_batches(rows))
                total = part if total is None else merge(total, part)
            except SeawallError as error:
                refused = str(error)
        if total is not None or refused is not None:
            yield arrow.RecordBatch.from_pydict(
                {"summary": [total or b""], "refused": [refused or ""]}
            )

    chosen = frame.select([_quoted(name) for name in columns])
    total: bytes | None = None
    for row in _mapped(chosen, summarised, "summary binary, refused string").collect():
        if row["refused"]:
            raise BadInput(row["refused"], where="the Spark data frame")
        part = bytes(row["summary"])
        total = part if total is None else merge(total, part)
    if total is None:
        return counted(types(chosen).empty_table())
    return total


def _joined(batches: Iterator[Any]) -> Iterator[list[Any]]:
    held: list[Any] = []
    for batch in batches:
        held.append(batch)
        if sum(b.num_rows for b in held) >= _ROWS:
            yield held
            held = []
    if held:
        yield held


def _mapped(frame: Any, work: Callable[[Iterator[Any]], Iterator[Any]], schema: Any) -> Any:
    with warnings.catch_warnings():  # of a pandas newer than Spark's, which is not used here
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return frame.mapInArrow(work, schema)
        except ImportError as error:
            raise BadInput(
                f"Spark cannot hand rows to Python: {error}", remedy="pip install 'seawall[spark]'"
            ) from error


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
