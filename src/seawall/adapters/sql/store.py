"""The control plane's state in one database."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from seawall.adapters.sql.audit import SqlAudit
from seawall.adapters.sql.database import Database
from seawall.adapters.sql.gateways import SqlGateways
from seawall.adapters.sql.outbox import SqlOutbox
from seawall.adapters.sql.tables import commits, record_history
from seawall.adapters.sql.telemetry import SqlTelemetry
from seawall.adapters.sql.transaction import (
    Revision,
    SqlTransaction,
    all_present,
    missing,
    present,
    under,
)
from seawall.adapters.sql.values import decode
from seawall.kernel import Actor, Clock, Ids, NotFound, R, to_ns


class SqlStore:
    """The kernel's `Store` on SQLite (`sqlite:///FILE`) or PostgreSQL (`postgresql+psycopg://…`).

    The tables must exist: call `migrate(url)` first. Safe to use from many threads. Every method
    raises `Unavailable` when the database does not answer; the next call connects anew.
    `audit`, `outbox`, `telemetry` and `gateways` are its other tables.
    """

    def __init__(self, url: str, clock: Clock, ids: Ids | None = None) -> None:
        self.database = Database(url)
        self.clock, self.ids = clock, ids or Ids(clock)
        self.audit = SqlAudit(self.database)
        self.outbox = SqlOutbox(self.database, clock, self.transaction)
        self.telemetry = SqlTelemetry(self.database)
        self.gateways = SqlGateways(self.database)

    @contextmanager
    def transaction(self, actor: Actor) -> Generator[SqlTransaction]:
        """A transaction in this actor's name: commits on leaving, rolls back on an exception.

        Writers queue, so keep it short and do slow work before. Opened inside another one of
        the same thread it raises `RuntimeError`.
        """
        with self.database.writing() as connection:
            transaction = SqlTransaction(connection, actor, self.clock, self.ids)
            yield transaction
            transaction.close()

    def get(self, kind: type[R], key: str, *, at: datetime | None = None) -> R:
        """The value now, or as it stood at a past moment; raises `NotFound`."""
        with self.database.reading() as connection:
            if at is None:
                return present(connection, kind, key)
            history = record_history.c
            query = (
                select(history.body)
                .where(history.kind == kind.kind, history.key == key)
                .where(history.commit <= _last_commit(connection, at))
                .order_by(history.revision.desc())
                .limit(1)
            )
            body = connection.execute(query).scalar()
            if body is not None:
                return decode(body, kind, key)
            if connection.execute(select(history.key).where(history.key == key)).first():
                raise NotFound(f"there was no {kind.kind} {key!r} at {at.isoformat()}")
            raise missing(connection, kind, key)

    def find(
        self, kind: type[R], prefix: str = "", *, at: datetime | None = None, limit: int = 10_000
    ) -> list[R]:
        """The values under a prefix, now or at a past moment, in key order."""
        with self.database.reading() as connection:
            if at is None:
                return all_present(connection, kind, prefix, limit)
            history = record_history.c
            age = func.row_number().over(partition_by=history.key, order_by=history.revision.desc())
            past = (
                select(history.key, history.body, age.label("age"))
                .where(history.kind == kind.kind, *under(history.key, prefix))
                .where(history.commit <= _last_commit(connection, at))
                .subquery()
            )
            latest = (
                select(past.c.key, past.c.body)
                .where(past.c.age == 1, past.c.body.is_not(None))
                .order_by(past.c.key)
                .limit(limit)
            )
            return [decode(body, kind, key) for key, body in connection.execute(latest)]

    def history(self, kind: type[R], key: str) -> list[Revision]:
        """Every revision of a value, the first one first; raises `NotFound` if it never was."""
        old = record_history.c
        query = (
            select(old.revision, commits.c.time_ns, commits.c.actor, old.body)
            .join(commits, commits.c.number == old.commit)
            .where(old.kind == kind.kind, old.key == key)
            .order_by(old.revision)
        )
        with self.database.reading() as connection:
            rows: list[Any] = list(connection.execute(query))
            if not rows:
                raise missing(connection, kind, key)
        return [
            Revision(number, time, actor, None if body is None else decode(body, kind, key))
            for number, time, actor, body in rows
        ]

    def close(self) -> None:
        """Close the pooled connections."""
        self.database.close()


def _last_commit(connection: Connection, at: datetime) -> int:
    """The newest commit that was made at this moment or before.

    Commits are ordered by number, not by time: when the clock was set back, a past state is
    still one that there was.
    """
    query = select(commits.c.number).where(commits.c.time_ns <= to_ns(at) + 999)
    return connection.execute(query.order_by(commits.c.number.desc()).limit(1)).scalar() or 0
