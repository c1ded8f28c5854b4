"""Decisions found again: by id, by subject, the latest, a sample; and the proof of one.

Every function takes the root of the tables as `ship` does. `wal_folders` are log folders whose
decisions may not be shipped yet; they are read before the tables, since shipping moves that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import msgspec

from seawall.adapters.decisions.read import (
    DECISIONS,
    OUTCOMES,
    ReceivedOutcome,
    read_decisions,
    read_outcomes,
)
from seawall.adapters.decisions.segment import DecisionProof, Segment
from seawall.adapters.decisions.tables import SEGMENTS, day_of, open_table, table_errors
from seawall.audit.proof import inclusion
from seawall.kernel import Corrupt, NotFound
from seawall.serving.decision import DecisionRecord, from_bytes

Folders = Iterable[Path | str]


def find(table: str, decision_id: str, *, wal_folders: Folders = ()) -> DecisionRecord | None:
    """The decision with this id, or None.

    Raises `BadInput` when the id is no UUIDv7; `Corrupt` when it is not found and some of a log
    folder, where it may be, cannot be read.
    """
    day = day_of(decision_id)
    damaged: Corrupt | None = None
    for folder in wal_folders:
        try:
            for record in read_decisions(Path(folder)):
                if record.id == decision_id:
                    return record
        except Corrupt as error:
            damaged = error
    for row in _rows(table, DECISIONS, ["record"], day=day, id=decision_id):
        return from_bytes(row["record"])
    if damaged:
        raise damaged
    return None


def find_subject(table: str, subject: str, *, wal_folders: Folders = ()) -> list[DecisionRecord]:
    """Every decision about a subject, oldest first."""
    waiting = [r for r in _waiting(wal_folders) if r.subject == subject]
    shipped = [
        from_bytes(r["record"]) for r in _rows(table, DECISIONS, ["record"], subject=subject)
    ]
    return _in_order([*shipped, *waiting])


def outcomes_of(
    table: str, decision_id: str, *, wal_folders: Folders = ()
) -> list[ReceivedOutcome]:
    """What was reported of a decision, in the order it was received: the last one counts."""
    waiting = [
        outcome
        for folder in wal_folders
        for outcome in read_outcomes(Path(folder))
        if outcome.decision_id == decision_id
    ]
    columns = [*ReceivedOutcome.__struct_fields__, "segment", "position"]
    day = day_of(decision_id)
    rows = _rows(table, OUTCOMES, columns, day=day, decision_id=decision_id)
    rows.sort(key=lambda row: (row["received"], row["segment"], row["position"]))
    shipped = [msgspec.convert(row, ReceivedOutcome) for row in rows]
    return shipped + [outcome for outcome in waiting if outcome not in shipped]


def recent(
    table: str, wal_folders: Folders, endpoint: str | None, limit: int
) -> list[DecisionRecord]:
    """The latest decisions, newest first, of one endpoint or (None) of all."""
    found = {r.id: r for r in _waiting(wal_folders) if endpoint in (None, r.endpoint)}
    where: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    for day in _days(table, endpoint):
        if len(found) >= limit and min(map(day_of, sorted(found)[-limit:])) > day:
            break
        ids = [row["id"] for row in _rows(table, DECISIONS, ["id"], day=day, **where)]
        latest = sorted(ids)[-limit:]
        for row in _rows(table, DECISIONS, ["record"], day=day, id=latest, **where):
            record = from_bytes(row["record"])
            found[record.id] = record
    return [found[id_] for id_ in sorted(found, reverse=True)[:limit]]


def sample(
    table: str, since: datetime, limit: int, *, endpoint: str | None = None
) -> list[DecisionRecord]:
    """At most this many of the shipped decisions made since then, oldest first.

    The choice is uniform, and the same each time: those whose random bits (the last 62 of a UUIDv7)
    are smallest, so that samples of overlapping spans overlap.
    """
    where: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    rows = _rows(table, DECISIONS, ["id"], since=since, **where)
    chosen = sorted((row["id"] for row in rows), key=lambda id_: id_[19:])[:limit]
    days = sorted({day_of(id_) for id_ in chosen})
    rows = _rows(table, DECISIONS, ["record"], day=days, id=chosen, **where)
    return _in_order(from_bytes(row["record"]) for row in rows)


def segments(table: str, *, since: datetime | None = None) -> list[Segment]:
    """The segments shipped (since then), in that order."""
    rows = _rows(table, SEGMENTS, list(Segment.__struct_fields__))
    found = [msgspec.convert(row, Segment) for row in rows]
    kept = [s for s in found if since is None or s.shipped >= since]
    return sorted(kept, key=lambda s: (s.shipped, s.id))


def prove(table: str, decision_id: str) -> DecisionProof:
    """The proof that a decision stands in its segment, checked before it is returned.

    Raises `NotFound` when it is in no shipped segment, and `Corrupt` when the table no longer holds
    what was logged.
    """
    columns = ["record", "leaf", "segment", "position"]
    rows = _rows(table, DECISIONS, columns, day=day_of(decision_id), id=decision_id)
    named = [s for s in segments(table) if rows and s.id == rows[0]["segment"]]
    if not named:
        remedy = "a decision is shipped when its log file is full or old enough"
        raise NotFound(f"decision {decision_id} is in no shipped segment", remedy=remedy)
    (row, *_), (segment, *_) = rows, named
    leaves = _leaves(table, segment)
    path = inclusion(leaves, row["position"])
    proof = DecisionProof(from_bytes(row["record"]), row["leaf"], segment.id, path, segment.root)
    proof.check()
    return proof


def _leaves(table: str, segment: Segment) -> list[bytes]:
    rows = _rows(table, DECISIONS, ["position", "leaf"], segment=segment.id)
    rows.sort(key=lambda row: row["position"])
    if [row["position"] for row in rows] != list(range(segment.count)):
        raise Corrupt(
            f"{len(rows)} of {segment.count} records found", where=f"segment {segment.id}"
        )
    return [row["leaf"] for row in rows]


def _waiting(folders: Folders) -> list[DecisionRecord]:
    return [record for folder in folders for record in read_decisions(Path(folder))]


def _in_order(records: Iterable[DecisionRecord]) -> list[DecisionRecord]:
    once = {record.id: record for record in records}
    return [once[id_] for id_ in sorted(once)]


def _days(root: str, endpoint: str | None) -> list[date]:
    """The days that have decisions, the latest first."""
    table = open_table(root, DECISIONS)
    parts = table.partitions() if table else []
    days = {str(p["day"]) for p in parts if endpoint in (None, p["endpoint"])}
    return [date.fromisoformat(day) for day in sorted(days, reverse=True)]


def _rows(root: str, kind: str, columns: Sequence[str], **where: Any) -> list[dict[str, Any]]:
    """The columns of the rows that agree; files are skipped by their partition and statistics."""
    table = open_table(root, kind)
    if table is None or [] in where.values():
        return []
    import pyarrow as pa
    from deltalake import QueryBuilder

    terms = " AND ".join(_term(name, value) for name, value in where.items()) or "true"
    names = ", ".join(f'"{name}"' for name in columns)
    with table_errors(root, kind):
        query = QueryBuilder().register("t", table)
        found = query.execute(f"SELECT {names} FROM t WHERE {terms}").read_all()  # noqa: S608 -- quoted
        return pa.table(found).to_pylist()


def _term(name: str, value: Any) -> str:
    if name == "since":
        return f'"time" >= {_literal(value)}'
    if isinstance(value, list):
        return f'"{name}" IN ({", ".join(map(_literal, cast("list[Any]", value)))})'
    return f'"{name}" = {_literal(value)}'


def _literal(value: str | date | datetime) -> str:
    """A value as SQL writes it."""
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.astimezone(UTC).isoformat()}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return "'" + value.replace("'", "''") + "'"
