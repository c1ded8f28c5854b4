"""Audit entries: pending from the transaction that wrote them, then numbered and put in the log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
from sqlalchemy import Connection, bindparam, func, select, update

from seawall.adapters.sql.database import Database, Lock
from seawall.adapters.sql.tables import audit_entries
from seawall.audit.entry import Entry, parse
from seawall.kernel import Corrupt, NotFound

BATCH = 1_024
"""Entries that share one checkpoint at most."""


class LogWriter(Protocol):
    """A log that this process alone may extend."""

    @property
    def size(self) -> int:
        """How many entries its checkpoint covers."""
        ...

    def entry(self, index: int) -> bytes:
        """The bytes of an entry that it covers."""
        ...

    def append(self, entries: Sequence[bytes]) -> object:
        """Add entries and a checkpoint over them: all, or none that a reader can see."""
        ...


class Log(Protocol):
    """Where sequenced entries go: `adapters.tlog.LogFolder`."""

    def writing(self) -> AbstractContextManager[LogWriter]:
        """The right to extend the log, which one process at a time has."""
        ...


class Logged(msgspec.Struct, frozen=True):
    """An audit entry and its index in the log; None while it is pending."""

    entry: Entry
    index: int | None


class SqlAudit:
    """The audit entries of one database, in the order in which their transactions committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sequence(self, log: Log) -> int:
        """Give pending entries their index and put them into the log; how many the log gained.

        The index is committed first; the log is then brought up to what the database says, from
        where its checkpoint stands. Stopped anywhere, the next call ends with the same log.
        Raises `Corrupt` when the log is not the beginning of what the database holds, as after a
        database was restored from an old backup.
        """
        self._number_pending()
        gained = 0
        with log.writing() as writer, self._database.excluding(Lock.SEQUENCE) as connection:
            self._check(writer, connection)
            while entries := _bodies(connection, writer.size, BATCH):
                writer.append(entries)
                gained += len(entries)
        return gained

    def entries(self, first: int, count: int) -> list[Entry]:
        """The entries with index `first <= i < first + count`, as far as there are any."""
        with self._database.reading() as connection:
            return [parse(body) for body in _bodies(connection, first, count)]

    def find(
        self, subject: str | None = None, action: str | None = None, limit: int = 100
    ) -> list[Logged]:
        """The newest entries on this subject, with this action, or both; pending ones too."""
        table = audit_entries.c
        query = select(table.body, table.leaf).order_by(table.number.desc()).limit(limit)
        if subject is not None:
            query = query.where(table.subject == subject)
        if action is not None:
            query = query.where(table.action == action)
        with self._database.reading() as connection:
            return [Logged(parse(body), leaf) for body, leaf in connection.execute(query)]

    def index_of(self, entry_id: str) -> int | None:
        """The entry's index in the log, None while it is pending; raises `NotFound`."""
        query = select(audit_entries.c.leaf).where(audit_entries.c.id == entry_id)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"there is no audit entry {entry_id[:60]!r}")
        return row[0]

    def pending(self) -> int:
        """How many entries have no index yet."""
        query = select(func.count()).where(audit_entries.c.leaf.is_(None))
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one()

    def _number_pending(self) -> None:
        table = audit_entries.c
        pending = select(table.number).where(table.leaf.is_(None)).order_by(table.number)
        with self._database.reading() as connection:
            if connection.execute(pending.limit(1)).first() is None:
                return
        with self._database.writing(Lock.SEQUENCE) as connection:
            first = _size(connection)
            numbers = connection.execute(pending).scalars().all()
            rows = [{"row": n, "index": first + i} for i, n in enumerate(numbers)]
            change = update(audit_entries).where(table.number == bindparam("row"))
            if rows:
                connection.execute(change.values(leaf=bindparam("index")), rows)

    def _check(self, writer: LogWriter, connection: Connection) -> None:
        size, known = writer.size, _size(connection)
        remedy = "restore the newest backup of the database; the log itself is whole"
        if size > known:
            raise Corrupt(
                f"the audit log has {size:,} entries, the database {known:,}",
                where=self._database.where,
                remedy=remedy,
            )
        if known > size > 0 and _bodies(connection, size - 1, 1) != [writer.entry(size - 1)]:
            raise Corrupt(
                f"entry {size - 1:,} differs between the audit log and the database",
                where=self._database.where,
                remedy=remedy,
            )


def _size(connection: Connection) -> int:
    last = connection.execute(select(func.max(audit_entries.c.leaf))).scalar()
    return 0 if last is None else int(last) + 1


def _bodies(connection: Connection, first: int, count: int) -> list[bytes]:
    table = audit_entries.c
    query = (
        select(table.body)
        .where(table.leaf >= first, table.leaf < first + count)
        .order_by(table.leaf)
    )
    return [bytes(body) for body in connection.execute(query).scalars()]
