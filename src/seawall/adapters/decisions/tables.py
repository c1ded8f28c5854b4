"""The Delta tables of the decision log: their columns, and appending to them exactly once."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from seawall.adapters.decisions.read import DECISIONS, OUTCOMES, ReceivedOutcome
from seawall.adapters.decisions.segment import Segment
from seawall.adapters.decisions.shadows import SHADOWS, ShadowScore
from seawall.kernel import Unavailable, id_time
from seawall.serving.decision import DecisionRecord, to_bytes

if TYPE_CHECKING:
    from deltalake import DeltaTable

SEGMENTS = "segments"

# `record` is what is proven; the columns before it repeat what one searches, groups and charts by.
_COLUMNS: dict[str, dict[str, str]] = {
    DECISIONS: {
        "id": "string",
        "time": "time",
        "endpoint": "string",
        "day": "date32",
        "segment": "string",
        "position": "int32",
        "subject": "string",
        "unit": "string",
        "caller": "string",
        "purpose": "string",
        "model": "string",
        "version_digest": "string",
        "arm": "string",
        "score": "float64",
        "threshold": "float64",
        "action": "string",
        "fallback": "string",
        "override": "string",
        "reviewer": "string",
        "latency_ms": "float64",
        "input": "string",
        "output": "string",
        "leaf": "binary",
        "record": "binary",
    },
    OUTCOMES: {
        "decision_id": "string",
        "day": "date32",
        "label": "int32",
        "time": "time",
        "received": "time",
        "segment": "string",
        "position": "int32",
    },
    SHADOWS: {
        "decision_id": "string",
        "day": "date32",
        "endpoint": "string",
        "version": "string",
        "arm": "string",
        "threshold": "float64",
        "score": "float64",
        "segment": "string",
        "position": "int32",
    },
    SEGMENTS: {
        "id": "string",
        "gateway": "string",
        "count": "int32",
        "first_id": "string",
        "last_id": "string",
        "root": "string",
        "first_time": "time",
        "last_time": "time",
        "damaged": "int32",
        "shipped": "time",
    },
}
_PARTITIONS = {
    DECISIONS: ["endpoint", "day"],
    OUTCOMES: ["day"],
    SHADOWS: ["day"],
    SEGMENTS: list[str](),
}
_SEARCHED = {
    DECISIONS: "id,time,segment,position,subject",
    OUTCOMES: "decision_id,received",
    SHADOWS: "decision_id",
    SEGMENTS: "id,first_time,last_time,shipped",
}
_ATTEMPTS = 12

Row = Mapping[str, Any]


def day_of(decision_id: str) -> date:
    """The partition that holds a decision: the day, in UTC, of the time within its id."""
    return id_time(decision_id).date()


def decision_row(record: DecisionRecord, segment: str, position: int, leaf: bytes) -> Row:
    """A row of the table `decisions`."""
    same = {name: getattr(record, name, None) for name in _COLUMNS[DECISIONS]}
    return same | {
        "day": day_of(record.id),
        "segment": segment,
        "position": position,
        "input": msgspec.json.encode(record.input).decode(),
        "output": msgspec.json.encode(record.output).decode(),
        "leaf": leaf,
        "record": to_bytes(record),
    }


def told_row(told: ReceivedOutcome | ShadowScore, segment: str, position: int) -> Row:
    """A row of the table `outcomes` or `shadows`."""
    place = {"segment": segment, "position": position, "day": day_of(told.decision_id)}
    return msgspec.structs.asdict(told) | place


def segment_row(segment: Segment) -> Row:
    """A row of the table `segments`."""
    return msgspec.structs.asdict(segment)


def open_table(root: str, kind: str) -> DeltaTable | None:
    """The table as it now stands, or None when nothing was shipped to it yet."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    with table_errors(root, kind):
        try:
            return DeltaTable(_uri(root, kind))
        except TableNotFoundError:
            return None


def append_once(root: str, kind: str, rows: Sequence[Row], *, log: str, number: int) -> None:
    """Append the rows in one commit, unless that log's file of this number was committed before.

    The commit carries the transaction (log, number), which Delta keeps with the table: a commit
    whose answer was lost is recognised, and of two at once one is refused. One that lost to another
    is tried again on the table as it then stands.
    """
    import pyarrow as pa
    from deltalake import CommitProperties, Transaction, write_deltalake
    from deltalake.exceptions import CommitFailedError

    once = CommitProperties(app_transactions=[Transaction(log, number)])
    with table_errors(root, kind):
        data = pa.Table.from_pylist([dict(row) for row in rows], schema=schema(kind))
        for left in reversed(range(_ATTEMPTS)):
            try:
                table = open_table(root, kind) or _create(root, kind)
                if (table.transaction_version(log) or 0) < number:
                    write_deltalake(table, data, mode="append", commit_properties=once)
                return
            except CommitFailedError:
                if not left:
                    raise


def schema(kind: str) -> Any:
    """The `pyarrow.Schema` of a table. Times are in UTC, to the microsecond."""
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    types = {n: time if t == "time" else pa.type_for_alias(t) for n, t in _COLUMNS[kind].items()}
    return pa.schema(list(types.items()))


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


def _create(root: str, kind: str) -> DeltaTable:
    from deltalake import CommitProperties, DeltaTable

    return DeltaTable.create(
        _uri(root, kind),
        schema=schema(kind),
        mode="ignore",
        partition_by=_PARTITIONS[kind],
        configuration={"delta.dataSkippingStatsColumns": _SEARCHED[kind]},
        commit_properties=CommitProperties(max_commit_retries=0),
    )


def _uri(root: str, kind: str) -> str:
    return f"{root.rstrip('/')}/{kind}"
