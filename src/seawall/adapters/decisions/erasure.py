"""Erasing what is kept of a person: the values go from the disk, the proofs stay.

An erasure is first written down in the table `erasures`; from then on nobody is shown the values,
and a shipper erases them from what it ships. Then the rows that are in the table are replaced, and
the files that held them are deleted. A shipper that committed rows meanwhile looks again before it
goes on, so whichever comes first, no value is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from seawall.adapters.decisions.columns import decision_rows, subject_key
from seawall.adapters.decisions.keyring import Keyring, filed_under, opened, sealed
from seawall.adapters.decisions.schema import DECISIONS, ERASURES, SUBJECTS, schema
from seawall.adapters.decisions.tables import (
    ATTEMPTS,
    append_once,
    is_in,
    open_table,
    select,
    table_errors,
    writing,
)
from seawall.kernel import Clock, Ids, now
from seawall.serving.decision import DecisionRecord, erase, from_bytes, to_bytes, values

PERSONAL = ("subject", "unit", "input", "reasons", "override_reason", "trace_id")
"""The fields of a record that are about a person, as far as one can say for every endpoint."""
VACUUM: dict[str, Any] = {"dry_run": False, "enforce_retention_duration": False}
AT_ONCE = 20
"""Rows replaced in one commit: so many names are still looked for by a file's statistics."""


class Erasure(msgspec.Struct, frozen=True):
    """That fields of a subject's decisions up to a time are erased; `keys` say which subject's."""

    id: str
    keys: tuple[int, ...]
    fields: tuple[str, ...]
    time: datetime


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did."""

    erasure: str
    decisions: int
    """Rows of the table that were replaced, and whose old files were deleted."""


def record_erasure(
    table: str, subject: str, fields: Iterable[str], *, clock: Clock, keys: Keyring | None = None
) -> Erasure:
    """Write down that a subject's values are erased. Raises `BadInput` for a field that is none."""
    wanted = tuple(dict.fromkeys(fields))
    erase(_ANY, [name for name in wanted if not name.startswith("input.")])
    filed = tuple(subject_key(name) for name in filed_under(subject, keys))
    erasure = Erasure(Ids(clock)(), filed, wanted, now(clock))
    _write_down(table, erasure, done=False)
    return erasure


def erasures(table: str) -> list[Erasure]:
    """Every erasure so far, done or not, the oldest first."""
    return [erasure for erasure, _ in _known(table)]


def undone(table: str) -> list[Erasure]:
    """The erasures that were written down and never finished."""
    return [erasure for erasure, done in _known(table) if not done]


def _known(table: str) -> list[tuple[Erasure, bool]]:
    rows = select(table, ERASURES, "SELECT * FROM t ORDER BY id")
    done = {row["id"] for row in rows if row["done"]}
    asked = [msgspec.convert(row, Erasure) for row in rows if not row["done"]]
    return [(erasure, erasure.id in done) for erasure in asked]


def _write_down(table: str, erasure: Erasure, *, done: bool) -> None:
    import pyarrow as pa

    row = msgspec.structs.asdict(erasure) | {"done": done}
    rows = pa.Table.from_pylist([row], schema=schema(ERASURES))
    append_once(table, ERASURES, rows, log=erasure.id, number=2 if done else 1)


def erasing(known: Iterable[Erasure], keys: Keyring | None) -> Callable[[Any], DecisionRecord]:
    """What these erasures make of a record: itself when none is about it."""
    by_key = [(k, e) for e in known for k in e.keys]
    if not by_key:
        return lambda record: record

    def change(record: DecisionRecord) -> DecisionRecord:
        if record.subject is None:
            return record
        filed = {subject_key(name) for name in filed_under(record.subject, keys)}
        gone = {f for k, e in by_key if k in filed and record.time <= e.time for f in e.fields}
        return erase(record, gone & {*values(record), "input"})

    return change


def carry_out(table: str, erasure: Erasure, *, keys: Keyring | None = None) -> Erased:
    """Replace the rows of an erasure, and delete the files that held them; may be repeated."""
    wanted = is_in("key", erasure.keys)
    places = select(table, SUBJECTS, f"SELECT id, day FROM t WHERE {wanted}")  # noqa: S608
    days = {row["id"]: row["day"] for row in places}
    count = replace(table, days, erasing([erasure], keys), keys=keys)
    if "subject" in erasure.fields:
        forget(table, days)
    delete_replaced(table)
    _write_down(table, erasure, done=True)
    return Erased(erasure=erasure.id, decisions=count)


def replace(
    table: str,
    days: Mapping[str, date],
    change: Callable[[DecisionRecord], DecisionRecord],
    *,
    keys: Keyring | None,
) -> int:
    """Put changed records in the place of those with these ids, by day; returns how many."""
    ids, count = sorted(days), 0
    for at in range(0, len(ids), AT_ONCE):
        part = ids[at : at + AT_ONCE]
        count += _replace(table, part, sorted({days[i] for i in part}), change, keys)
    return count


def _replace(
    root: str,
    ids: list[str],
    days: list[date],
    change: Callable[[DecisionRecord], DecisionRecord],
    keys: Keyring | None,
) -> int:
    import pyarrow as pa
    from deltalake import write_deltalake
    from deltalake.exceptions import CommitFailedError

    where = f"{is_in('day', days)} AND {is_in('id', ids)}"
    columns = "id, day, segment, position, record"
    with table_errors(root, DECISIONS):
        for left in reversed(range(ATTEMPTS)):
            table = open_table(root, DECISIONS)
            rows: list[Any] = []
            for row in select(root, DECISIONS, f"SELECT {columns} FROM t WHERE {where}", at=table):  # noqa: S608
                record = from_bytes(opened(row["record"], keys))
                kept = change(record)
                if kept is not record:
                    packed = [sealed(to_bytes(kept), keys)]
                    place = [row["day"]], row["segment"], row["position"]
                    rows.append(decision_rows([kept], packed, *place, keys))
            if not rows or table is None:
                return 0
            data = pa.Table.from_batches(rows)
            mine = f"{is_in('day', days)} AND {is_in('id', data['id'].to_pylist())}"
            try:
                write_deltalake(
                    table,
                    data,
                    mode="overwrite",
                    predicate=mine,
                    writer_properties=writing(DECISIONS),
                )
                return len(rows)
            except CommitFailedError:
                if not left:
                    raise
    raise AssertionError


def forget(root: str, ids: Iterable[str]) -> None:
    """Take decisions out of the index of subjects."""
    gone = sorted(ids)
    with table_errors(root, SUBJECTS):
        for at in range(0, len(gone), 1_000):
            if table := open_table(root, SUBJECTS):
                table.delete(
                    is_in("id", gone[at : at + 1_000]), writer_properties=writing(SUBJECTS)
                )


def delete_replaced(root: str) -> None:
    """Delete the files that the tables refer to no more.

    Files that no commit ever named are left: somebody may be about to commit them. What a killed
    run left so is deleted by `compaction.compact`, an hour later.
    """
    for kind in (DECISIONS, SUBJECTS):
        with table_errors(root, kind):
            if table := open_table(root, kind):
                table.vacuum(0, **VACUUM)


_ANY = DecisionRecord(
    id="", time=datetime.fromisoformat("1970-01-01T00:00:00+00:00"), endpoint="", salt=bytes(16)
)
