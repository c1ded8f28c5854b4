"""One database, SQLite or PostgreSQL: how to read it, and how to write it one writer at a time.

Writers queue: on SQLite `BEGIN IMMEDIATE` lets one in, on PostgreSQL an advisory lock does. What a
transaction read is therefore still true when it commits, no commit fails for another's sake, and
the numbers that rows get are in commit order. A lock of the process stands before the database's,
so that its threads queue without polling and never use up the connections.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from seawall.kernel import BadInput, Corrupt, SeawallError, Unavailable

WAIT = 15.0
"""Seconds that a writer waits for the one before it."""


class Lock(IntEnum):
    """What only one at a time may do; the value is PostgreSQL's advisory lock."""

    WRITE = 0x5EA0_0001
    TELEMETRY = 0x5EA0_0002
    SEQUENCE = 0x5EA0_0003
    MIGRATE = 0x5EA0_0004


class Database:
    """The engine of one database. Safe to use from many threads.

    Raises `BadInput` for a url that is neither `sqlite:///FILE` nor `postgresql+psycopg://…`.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.where = self.url.render_as_string(hide_password=True)
        self.engine = _engine(self.url, self.sqlite)
        one = threading.Lock()
        self._gates = {lock: one if self.sqlite else threading.Lock() for lock in Lock}
        self._held = threading.local()

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A connection that sees what is committed and changes nothing."""
        with self._explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, lock: Lock = Lock.WRITE) -> Generator[Connection]:
        """A connection that holds the lock; commits on leaving, rolls back on an exception.

        Raises `Unavailable` when the lock does not come free, and `RuntimeError` when this thread
        is writing already: it would wait for itself.
        """
        gate = self._gates[lock]
        held: set[int] = self._held.__dict__.setdefault("gates", set())
        if id(gate) in held:
            raise RuntimeError("a transaction was opened inside another one of the same thread")
        if not gate.acquire(timeout=WAIT):
            raise self._busy()
        held.add(id(gate))
        try:
            with self._explained(), self.engine.connect() as connection:
                writer = connection.execution_options(seawall_writes=True)
                with writer.begin():
                    if not self.sqlite:
                        writer.execute(select(func.pg_advisory_xact_lock(int(lock))))
                    yield writer
        finally:
            held.discard(id(gate))
            gate.release()

    @contextmanager
    def excluding(self, lock: Lock) -> Generator[Connection]:
        """A connection to read on while no other process does the same.

        On SQLite it keeps nobody out: writers should not wait for what is done here, and all
        processes are on one machine, where the caller has a file lock.
        """
        with self.reading() if self.sqlite else self.writing(lock) as connection:
            yield connection

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            raise self._explain(error) from error

    def _explain(self, error: DBAPIError | PoolTimeout) -> Exception:
        """What a database error means to the one who runs Seawall; a fault of ours stays as is."""
        if isinstance(error, PoolTimeout):
            return self._busy()
        text = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no answer"
        lower, where = text.lower(), self.where
        if "locked" in lower or "lock timeout" in lower:
            return self._busy()
        if "no such table" in lower or ("relation" in lower and "does not exist" in lower):
            return Unavailable("the database has no tables yet", where=where, remedy="migrate it")
        if "malformed" in lower or "not a database" in lower:
            return Corrupt(f"the database file is damaged: {text}", where=where)
        if "full" in lower or "no space" in lower or "disk i/o" in lower:
            return Unavailable(f"the disk takes no more: {text}", where=where, remedy="free space")
        kinds = (InterfaceError,)
        if isinstance(error, kinds) or type(error).__name__ == "OperationalError":
            return Unavailable(f"the database does not answer: {text}", where=where)
        return error

    def _busy(self) -> SeawallError:
        return Unavailable("the database is busy", where=self.where, remedy="try again")


def _checked(url: str) -> URL:
    remedy = "write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadInput("the database url cannot be read", remedy=remedy) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise BadInput(f"no such kind of database: {parsed.drivername}", remedy=remedy)
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise BadInput("the store needs a database in a file", remedy="write sqlite:///FILE")
    return parsed


def _engine(url: URL, sqlite: bool) -> Engine:
    if sqlite:
        assert url.database is not None
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": WAIT, "isolation_level": None})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = f"-c lock_timeout={WAIT:.0f}s -c idle_in_transaction_session_timeout=60s"
    try:
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_size=10,
            connect_args={
                "connect_timeout": 10,
                "options": options,
                "application_name": "seawall",
            },
        )
    except (ImportError, NoSuchModuleError):
        remedy = "install seawall[postgresql]"
        raise BadInput("PostgreSQL's driver is not installed", remedy=remedy) from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # FULL: a commit that was acknowledged survives power loss. WAL itself is set by `migrate`.
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    # The driver's own transaction control is off (isolation_level None): it would begin too late.
    writes = connection.get_execution_options().get("seawall_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
