"""Decisions found again: by id, by subject, the latest, a sample; and the proof of one.

Every function takes the root of the tables as `ship` does. `wal_folders` are log folders whose
decisions may not be shipped yet; they are read before the tables, since shipping moves that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import msgspec

from seawall.adapters.decisions.columns import subject_key
from seawall.adapters.decisions.erased import WORDED, marked, wordless
from seawall.adapters.decisions.erasures import TOLD, Erasing, erasures
from seawall.adapters.decisions.keyring import Keyring, filed_under, opened
from seawall.adapters.decisions.read import read_decisions, read_told
from seawall.adapters.decisions.schema import (
    COLUMNS,
    DECISIONS,
    OUTCOMES,
    SEGMENTS,
    SUBJECTS,
    day_of,
)
from seawall.adapters.decisions.segment import DecisionProof, Segment
from seawall.adapters.decisions.tables import is_in, literal, open_table, select
from seawall.adapters.decisions.told import KINDS, ReceivedOutcome, from_row, in_order
from seawall.audit.merkle import HASH_SIZE
from seawall.audit.proof import inclusion
from seawall.kernel import Corrupt, NotFound, Unavailable
from seawall.serving.decision import DecisionRecord, from_bytes

AT_ONCE = 20
"""Values of a list that files and row groups are still skipped by."""
Folders = Iterable[Path | str]


def find(
    table: str, decision_id: str, *, wal_folders: Folders = (), keys: Keyring | None = None
) -> DecisionRecord | None:
    """The decision with this id, or None.

    Raises `BadInput` when the id is no UUIDv7; `Corrupt` when it is not found and some of a log
    folder, where it may be, cannot be read.
    """
    day = day_of(decision_id)
    damaged: Corrupt | None = None
    for folder in wal_folders:
        try:
            for record in read_decisions(Path(folder), keys):
                if record.id == decision_id:
                    return Erasing(erasures(table), keys)(record)
        except Corrupt as error:
            damaged = error
    for row in _rows(table, DECISIONS, ["record"], day=day, id=decision_id):
        return _record(row, keys)
    if damaged:
        raise damaged
    return None


def find_subject(
    table: str, subject: str, *, wal_folders: Folders = (), keys: Keyring | None = None
) -> list[DecisionRecord]:
    """Every decision about a subject, oldest first, by way of the index `subjects`."""
    waiting = [r for r in _waiting(table, wal_folders, keys) if r.subject == subject]
    filed = [subject_key(name) for name in filed_under(subject, keys)]
    places = _rows(table, SUBJECTS, ["id", "day", "endpoint"], key=filed)
    shipped = [r for r in _records(table, places, keys) if r.subject == subject]
    return _in_order([*shipped, *waiting])


def outcomes_of(
    table: str, decision_id: str, *, wal_folders: Folders = ()
) -> list[ReceivedOutcome]:
    """The outcomes of a decision, each once, in the order they were observed: the last counts."""
    return told_of(table, OUTCOMES, decision_id, wal_folders=wal_folders)


def told_of(
    table: str,
    kind: str,
    decision_id: str,
    *,
    wal_folders: Folders = (),
    keys: Keyring | None = None,
) -> list[Any]:
    """The outcomes, actions, overrides or events of a decision, each once, in their order.

    Without their text when the person decided about was erased.
    """
    folders = tuple(wal_folders)
    waiting = [
        one
        for folder in folders
        for one in read_told(Path(folder), kind)
        if one.decision_id == decision_id
    ]
    columns = [name for name in COLUMNS[kind] if name != "day"]
    rows = _rows(table, kind, columns, day=day_of(decision_id), decision_id=decision_id)
    rows.sort(key=lambda row: (row["segment"], row["position"]))
    told = in_order([*(from_row(kind, row) for row in rows), *waiting])
    if told and kind in WORDED and _is_erased(table, decision_id, folders, keys):
        return in_order(map(wordless, told))
    return told


def _is_erased(table: str, decision_id: str, folders: Folders, keys: Keyring | None) -> bool:
    """Whether a decision was about somebody who was erased."""
    if marked(table, [decision_id]):
        return True
    change = Erasing(erasures(table), keys)
    return bool(change) and any(
        TOLD in change.fields(record)
        for folder in folders
        for record in read_decisions(Path(folder), keys)
        if record.id == decision_id
    )


def story(
    table: str, decision_id: str, *, wal_folders: Folders = (), keys: Keyring | None = None
) -> list[tuple[str, Any]]:
    """All that was told of a decision since, with its kind, in the order it happened."""
    folders = tuple(wal_folders)
    told = [
        (kind, one)
        for kind in KINDS
        for one in told_of(table, kind, decision_id, wal_folders=folders, keys=keys)
    ]
    return sorted(told, key=lambda t: (t[1].time, t[1].received))


def recent(
    table: str,
    wal_folders: Folders,
    endpoint: str | None,
    limit: int,
    *,
    keys: Keyring | None = None,
) -> list[DecisionRecord]:
    """The latest decisions, newest first, of one endpoint or (None) of all."""
    waiting = _waiting(table, wal_folders, keys)
    found = {r.id: r for r in waiting if endpoint in (None, r.endpoint)}
    where: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    for day in _days(table, endpoint):
        if len(found) >= limit and min(map(day_of, sorted(found)[-limit:])) > day:
            break
        ids = [row["id"] for row in _rows(table, DECISIONS, ["id"], day=day, **where)]
        latest = sorted(ids)[-limit:]
        for row in _rows(table, DECISIONS, ["record"], day=day, id=latest, **where):
            record = _record(row, keys)
            found[record.id] = record
    return [found[id_] for id_ in sorted(found, reverse=True)[:limit]]


def sample(
    table: str,
    since: datetime,
    limit: int,
    *,
    endpoint: str | None = None,
    keys: Keyring | None = None,
) -> list[DecisionRecord]:
    """At most this many of the shipped decisions made since then, oldest first, all with inputs.

    The choice is uniform, and the same each time: those whose random bits (the last 62 of a UUIDv7)
    are smallest, so that samples of overlapping spans overlap. Where a policy left inputs out it is
    uniform within a stratum; each record's `weight` evens that out.
    """
    where: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    rows = _rows(table, DECISIONS, ["id", "minimal"], since=since, **where)
    rows = [row for row in rows if not row["minimal"]]
    chosen = sorted((row["id"] for row in rows), key=lambda id_: id_[19:])[:limit]
    days = sorted({day_of(id_) for id_ in chosen})
    rows = _rows(table, DECISIONS, ["record"], day=days, id=chosen, **where)
    return _in_order(_record(row, keys) for row in rows)


def segments(table: str, *, since: datetime | None = None) -> list[Segment]:
    """The segments shipped (since then), in that order."""
    rows = _rows(table, SEGMENTS, list(Segment.__struct_fields__))
    found = [msgspec.convert(row, Segment) for row in rows]
    kept = [s for s in found if since is None or s.shipped >= since]
    return sorted(kept, key=lambda s: (s.shipped, s.id))


def prove(table: str, decision_id: str, *, keys: Keyring | None = None) -> DecisionProof:
    """The proof that a decision stands in its segment, checked before it is returned.

    The segment's leaves are kept with it, so a decision is proven after others were erased or
    their retention has ended. Raises `NotFound` when it is in no shipped segment, and `Corrupt`
    when the tables no longer hold what was logged.
    """
    columns = ["record", "segment", "position"]
    rows = _rows(table, DECISIONS, columns, day=day_of(decision_id), id=decision_id)
    columns = ["id", "root", "count", "leaves"]
    named = _rows(table, SEGMENTS, columns, id=rows[0]["segment"]) if rows else []
    if not named:
        remedy = "a decision is shipped when its log file is full or old enough"
        raise NotFound(f"decision {decision_id} is in no shipped segment", remedy=remedy)
    row, segment = rows[0], named[0]
    packed: bytes = segment["leaves"]
    leaves = [packed[at : at + HASH_SIZE] for at in range(0, len(packed), HASH_SIZE)]
    if len(leaves) != segment["count"] or not 0 <= row["position"] < len(leaves):
        what = f"{len(leaves)} leaves for {segment['count']} records"
        raise Corrupt(what, where=f"segment {segment['id']}")
    proof = DecisionProof(
        _record(row, keys),
        leaves[row["position"]],
        segment["id"],
        inclusion(leaves, row["position"]),
        segment["root"],
    )
    proof.check()
    return proof


def _records(
    table: str, places: Iterable[Mapping[str, Any]], keys: Keyring | None
) -> Iterator[DecisionRecord]:
    """The decisions with these ids, in these days and endpoints."""
    ordered = sorted(places, key=lambda place: place["id"])
    for at in range(0, len(ordered), AT_ONCE):
        part = ordered[at : at + AT_ONCE]
        where: dict[str, Any] = {
            name: sorted({place[name] for place in part}) for name in ("day", "endpoint", "id")
        }
        for row in _rows(table, DECISIONS, ["record"], **where):
            yield _record(row, keys)


def _record(row: Mapping[str, Any], keys: Keyring | None) -> DecisionRecord:
    return from_bytes(opened(row["record"], keys))


def _waiting(table: str, folders: Folders, keys: Keyring | None) -> list[DecisionRecord]:
    """What is not shipped yet, without what was erased meanwhile."""
    change = Erasing(erasures(table), keys)
    return [change(r) for folder in folders for r in read_decisions(Path(folder), keys)]


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
    if [] in where.values():
        return []
    terms = " AND ".join(_term(name, value) for name, value in where.items()) or "true"
    names = ", ".join(f'"{name}"' for name in columns)
    sql = f"SELECT {names} FROM t WHERE {terms}"  # noqa: S608 -- quoted
    try:
        return select(root, kind, sql)
    except Unavailable:  # a file may have been compacted away since its name was read
        return select(root, kind, sql)


def _term(name: str, value: Any) -> str:
    if name == "since":
        return f'"time" >= {literal(value)}'
    return is_in(name, cast("list[Any]", value) if isinstance(value, list) else [value])
