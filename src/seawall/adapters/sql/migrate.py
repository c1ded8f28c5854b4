"""Brings a database's tables to what this version of Seawall needs."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from seawall.adapters.sql.database import WAIT, Database, Lock
from seawall.kernel import BadInput, Conflict, Unavailable


def migrate(url: str) -> None:
    """Create or upgrade the tables; does nothing when they are up to date.

    Safe when several processes start at once: one migrates, the others wait. All or nothing.
    Raises `Conflict` when the tables were made by a newer Seawall.
    """
    database = Database(url)
    try:
        if database.sqlite:
            assert database.url.database is not None
            _use_write_ahead_log(Path(database.url.database))
        _upgrade(database)
    finally:
        database.close()


def _upgrade(database: Database) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", "seawall.adapters.sql:migrations")
    with database.writing(Lock.MIGRATE) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Conflict(
                f"the database was made by another version of Seawall: {error}",
                where=database.where,
                remedy="use that version or a newer one",
            ) from error


def _use_write_ahead_log(path: Path) -> None:
    """Readers and the writer do not wait for each other; the file remembers the mode."""
    until = time.monotonic() + WAIT
    while True:  # the busy time-out does not cover this change, so wait here
        try:
            with closing(sqlite3.connect(path, timeout=WAIT)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                what = f"the database cannot be opened: {error}"
                raise Unavailable(what, where=str(path)) from error
            time.sleep(0.02)
        except sqlite3.DatabaseError as error:
            raise BadInput(str(error), where=str(path), remedy="name another file") from error
