"""One change: state, its audit entry and its events, committed together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from seawall.adapters.sql.tables import audit_entries, commits, events, record_history, records
from seawall.adapters.sql.values import checked_key, decode, encode, end_of_prefix
from seawall.audit.entry import Entry, canonical
from seawall.kernel import (
    Actor,
    BadInput,
    Clock,
    Conflict,
    Event,
    Ids,
    NotFound,
    R,
    Record,
    from_ns,
    nearest,
    to_builtins,
    to_json,
)


class SqlTransaction:
    """The kernel's `Transaction` on a connection that holds the write lock.

    Its moment is the clock's at its first write; every revision, entry and event bears it.
    """

    def __init__(self, connection: Connection, actor: Actor, clock: Clock, ids: Ids) -> None:
        self.connection, self.actor = connection, actor
        self._clock, self._ids = clock, ids
        self._commit: int | None = None
        self._changed: list[str] = []
        self._recorded = False

    def get(self, kind: type[R], key: str) -> R:
        """The stored value; raises `NotFound`, suggesting the nearest key."""
        return present(self.connection, kind, key)

    def find(self, kind: type[R], prefix: str = "", *, limit: int = 10_000) -> list[R]:
        """The stored values whose key starts with the prefix, in key order."""
        return all_present(self.connection, kind, prefix, limit)

    def revision(self, kind: type[R], key: str) -> int:
        """How often the value was written; 0 when it does not exist."""
        return self._revision(kind.kind, key)

    def put(self, value: Record, *, expect: int | None = None) -> int:
        """Write a value and return its revision; `Conflict` if it is not at revision `expect`."""
        kind, key, body = value.kind, checked_key(value.key), encode(value)
        current = self._revision(kind, key)
        if expect is not None and expect != current:
            raise Conflict(
                f"{kind} {key!r} is at revision {current}, not {expect}",
                remedy="read it again and decide anew" if current else "it does not exist",
            )
        revision = 1 + (current or self._last_revision(kind, key))
        row = {"revision": revision, "commit": self._number(), "body": body}
        if current:
            where = (records.c.kind == kind, records.c.key == key)
            self.connection.execute(update(records).where(*where).values(row))
        else:
            self.connection.execute(insert(records).values(kind=kind, key=key, **row))
        self.connection.execute(insert(record_history).values(kind=kind, key=key, **row))
        self._changed.append(f"{kind} {key}")
        return revision

    def delete(self, kind: type[R], key: str) -> None:
        """Remove a value from the present; its history stays."""
        current = self._revision(kind.kind, key)
        if not current:
            raise missing(self.connection, kind, key)
        where = (records.c.kind == kind.kind, records.c.key == key)
        self.connection.execute(delete(records).where(*where))
        self.connection.execute(
            insert(record_history).values(
                kind=kind.kind, key=key, revision=current + 1, commit=self._number(), body=None
            )
        )
        self._changed.append(f"{kind.kind} {key}")

    def record(self, action: str, subject: str, detail: Mapping[str, Any]) -> str:
        """Add an audit entry (`action` reads source:subject:action) and return its id."""
        number = self._number()
        try:
            entry = Entry(
                id=self._ids(),
                time=self._time,
                actor=str(self.actor),
                action=action,
                subject=subject,
                detail=to_builtins(dict(detail)),
            )
        except ValueError as error:
            raise BadInput(str(error)) from None
        self.connection.execute(
            insert(audit_entries).values(
                id=entry.id, commit=number, action=action, subject=subject, body=canonical(entry)
            )
        )
        self._recorded = True
        return entry.id

    def emit(self, type_: str, subject: str, data: Mapping[str, Any]) -> str:
        """Put an event into the outbox and return its id."""
        number = self._number()
        plain = to_builtins(dict(data))
        try:
            event = Event(self._ids(), type_, subject, self._time, str(self.actor), plain)
        except ValueError as error:
            raise BadInput(str(error)) from None
        self.connection.execute(
            insert(events).values(
                id=event.id, commit=number, type=type_, body=to_json(event).decode()
            )
        )
        return event.id

    def close(self) -> None:
        """Called before the commit; raises `RuntimeError` if a change has no audit entry."""
        if self._changed and not self._recorded:
            changed = ", ".join(self._changed[:3])
            raise RuntimeError(f"state was changed with no audit entry: {changed}")

    def _number(self) -> int:
        """This transaction's commit number, taken at its first write."""
        if self._commit is None:
            time_ns = self._clock.now_ns()
            self._time = from_ns(time_ns)
            row = {"time_ns": time_ns, "actor": str(self.actor)}
            result = self.connection.execute(insert(commits).values(row))
            assert result.inserted_primary_key is not None
            self._commit = int(result.inserted_primary_key[0])
        return self._commit

    def _revision(self, kind: str, key: str) -> int:
        query = select(records.c.revision).where(records.c.kind == kind, records.c.key == key)
        return self.connection.execute(query).scalar() or 0

    def _last_revision(self, kind: str, key: str) -> int:
        history = record_history.c
        query = select(func.max(history.revision)).where(history.kind == kind, history.key == key)
        return self.connection.execute(query).scalar() or 0


def present(connection: Connection, kind: type[R], key: str) -> R:
    """The value under this key now; raises `NotFound`."""
    query = select(records.c.body).where(records.c.kind == kind.kind, records.c.key == key)
    body = connection.execute(query).scalar()
    if body is None:
        raise missing(connection, kind, key)
    return decode(body, kind, key)


def all_present(connection: Connection, kind: type[R], prefix: str, limit: int) -> list[R]:
    """The values now under a prefix, in key order."""
    query = select(records.c.key, records.c.body).where(records.c.kind == kind.kind)
    query = query.where(*under(records.c.key, prefix)).order_by(records.c.key).limit(limit)
    return [decode(body, kind, key) for key, body in connection.execute(query)]


def under(column: Any, prefix: str) -> list[ColumnElement[bool]]:
    """The conditions that keep the keys that begin with the prefix."""
    end = end_of_prefix(prefix)
    above = [column >= prefix] if prefix else []
    return above if end is None else [*above, column < end]


def missing(connection: Connection, kind: type[Record], key: str) -> NotFound:
    """The error that names the nearest key there is."""
    query = select(records.c.key).where(records.c.kind == kind.kind).limit(5_000)
    known = connection.execute(query).scalars().all()
    return NotFound(f"there is no {kind.kind} {key!r}", remedy=nearest(key, known))


class Revision(msgspec.Struct, frozen=True):
    """One state of a value: who wrote it when. `value` is None where it was deleted."""

    number: int
    time_ns: int
    actor: str
    value: Any
