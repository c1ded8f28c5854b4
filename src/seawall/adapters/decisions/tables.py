"""The Delta tables of the decision log: opening them, and appending to them exactly once."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from seawall.adapters.decisions.schema import (
    COLUMNS,
    DECISIONS,
    PARTITIONS,
    SEARCHED,
    SEGMENTS,
    SUBJECTS,
    schema,
)
from seawall.kernel import Unavailable

if TYPE_CHECKING:
    from deltalake import DeltaTable

ATTEMPTS = 12
"""How often a commit that lost to another is tried on the table as it then stands."""
_UNLIKE = {"id", "key", "score", "latency_ms", "time", "position", "unit"}
_OPAQUE = {"record", "input", "output", "leaves", "reason", "content"}
"""What is never skipped by; its bounds would only repeat values."""
_PAGE_BYTES = 1 << 16
"""One row is looked for: less is unpacked beside it."""
_READING = {"datafusion.execution.parquet.pushdown_filters": "true"}
_GROUP_ROWS = {DECISIONS: 65_536, SUBJECTS: 65_536, SEGMENTS: 8}
"""Rows that are read or skipped together, for the tables where one row is looked for."""


def open_table(root: str, kind: str) -> DeltaTable | None:
    """The table as it now stands, or None when nothing was shipped to it yet."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    with table_errors(root, kind):
        try:
            return DeltaTable(_uri(root, kind))
        except TableNotFoundError:
            return None


def select(root: str, kind: str, sql: str, *, at: DeltaTable | None = None) -> list[dict[str, Any]]:
    """The rows that a query finds in the table, which it knows as `t`; none when it is not there.

    `at` is the table as it was opened before. Predicates are asked while a file is read, so that a
    large column is read for few rows only.
    """
    table = at or open_table(root, kind)
    if table is None:
        return []
    import pyarrow as pa
    from deltalake import QueryBuilder

    with table_errors(root, kind):
        query = QueryBuilder(_READING).register("t", table)
        return pa.table(query.execute(sql).read_all()).to_pylist()


def is_in(name: str, values: Iterable[str | int | date]) -> str:
    """As SQL has it: a column is one of these."""
    return f'"{name}" IN ({", ".join(map(literal, values))})'


def literal(value: str | int | date) -> str:
    """A value as SQL writes it; a time is a `datetime` with its zone."""
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.astimezone(UTC).isoformat()}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def append_once(root: str, kind: str, rows: Any, *, log: str, number: int) -> bool:
    """Append a `pyarrow.Table` in one commit, unless that log's file of this number was before.

    The commit carries the transaction (log, number), which Delta keeps with the table: a commit
    whose answer was lost is recognised, and of two at once one is refused. One that lost to another
    is tried again on the table as it then stands. Returns whether this call appended them.
    """
    from deltalake import CommitProperties, Transaction, write_deltalake
    from deltalake.exceptions import CommitFailedError

    once = CommitProperties(app_transactions=[Transaction(log, number)])
    with table_errors(root, kind):
        for left in reversed(range(ATTEMPTS)):
            try:
                table = open_table(root, kind) or create(root, kind)
                if (table.transaction_version(log) or 0) >= number:
                    return False
                properties = writing(kind)
                write_deltalake(
                    table, rows, mode="append", commit_properties=once, writer_properties=properties
                )
                return True
            except CommitFailedError:
                if not left:
                    raise
    raise AssertionError


def writing(kind: str) -> Any:
    """How the table's files are written: what is unlike in every row costs no dictionary."""
    from deltalake import ColumnProperties, WriterProperties

    plain = ColumnProperties(dictionary_enabled=False)
    blind = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
    unlike = dict.fromkeys(_UNLIKE & COLUMNS[kind].keys(), plain)
    opaque = dict.fromkeys(_OPAQUE & COLUMNS[kind].keys(), blind)
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        max_row_group_size=_GROUP_ROWS.get(kind),
        data_page_size_limit=_PAGE_BYTES,
        write_batch_size=256,
        column_properties=unlike | opaque,
    )


@contextmanager
def table_errors(root: str, kind: str) -> Generator[None]:
    """Turn what storage says into `Unavailable`, naming the table."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        first = str(error).splitlines()[0]
        raise Unavailable(
            f"the decision table does not answer: {first}", where=_uri(root, kind)
        ) from error


def create(root: str, kind: str) -> DeltaTable:
    """The table, made if it is not there."""
    from deltalake import CommitProperties, DeltaTable

    return DeltaTable.create(
        _uri(root, kind),
        schema=schema(kind),
        mode="ignore",
        partition_by=PARTITIONS[kind],
        configuration={"delta.dataSkippingStatsColumns": SEARCHED[kind]},
        commit_properties=CommitProperties(max_commit_retries=0),
    )


def _uri(root: str, kind: str) -> str:
    return f"{root.rstrip('/')}/{kind}"
