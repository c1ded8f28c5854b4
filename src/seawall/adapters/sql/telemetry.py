"""What gateways counted, merged by window; a report that comes twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from seawall.adapters.sql.database import Database, Lock
from seawall.adapters.sql.tables import telemetry, telemetry_reports

REMEMBERED = 4_096
"""How many sequence numbers of a source are kept; older ones count as repeated."""

Merge = Callable[[bytes, bytes], bytes]
_Key = tuple[str, str, int, str, str]


class TelemetryRow(msgspec.Struct, frozen=True, kw_only=True):
    """The summary of one stream in the window that begins at `start_ns`, as the stream writes it.

    `stream` names what was counted and so how its bytes merge.
    """

    endpoint: str
    version: str
    arm: str
    stream: str
    start_ns: int
    body: bytes


class SqlTelemetry:
    """The merged windows of all endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def absorb(
        self, source: str, sequence: int, rows: Sequence[TelemetryRow], merge: Merge
    ) -> bool:
        """Merge a report into the windows; False, with nothing changed, when it is a repetition.

        `merge(stored, new)` must be associative and commutative. Reports of one source may come
        out of order by up to `REMEMBERED` numbers; a source that lost its count needs a new name.
        """
        new: dict[_Key, bytes] = {}
        for row in rows:
            key = (row.endpoint, row.stream, row.start_ns, row.version, row.arm)
            new[key] = merge(new[key], row.body) if key in new else row.body
        with self._database.writing(Lock.TELEMETRY) as connection:
            if not _is_new(connection, source, sequence):
                return False
            stored = _stored(connection, new)
            merged = {
                key: merge(stored[key], body) if key in stored else body
                for key, body in new.items()
            }
            _write(connection, merged, sqlite_dialect=self._database.sqlite)
        return True

    def load(
        self,
        endpoint: str,
        stream: str,
        *,
        version: str | None = None,
        arm: str | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> list[TelemetryRow]:
        """The windows that begin at `start_ns <= t < end_ns`, by time, version and arm."""
        table = telemetry.c
        query = select(table.version, table.arm, table.start_ns, table.body).where(
            table.endpoint == endpoint, table.stream == stream
        )
        if version is not None:
            query = query.where(table.version == version)
        if arm is not None:
            query = query.where(table.arm == arm)
        if start_ns is not None:
            query = query.where(table.start_ns >= start_ns)
        if end_ns is not None:
            query = query.where(table.start_ns < end_ns)
        query = query.order_by(table.start_ns, table.version, table.arm)
        with self._database.reading() as connection:
            return [
                TelemetryRow(
                    endpoint=endpoint, version=v, arm=a, stream=stream, start_ns=t, body=bytes(b)
                )
                for v, a, t, b in connection.execute(query)
            ]


def _is_new(connection: Connection, source: str, sequence: int) -> bool:
    """Note the report's number; False when it was noted before."""
    table = telemetry_reports.c
    newest = connection.execute(
        select(func.max(table.sequence)).where(table.source == source)
    ).scalar()
    if newest is not None and sequence <= newest:
        this = select(table.sequence).where(table.source == source, table.sequence == sequence)
        if sequence <= newest - REMEMBERED or connection.execute(this).first():
            return False
    else:
        old = table.sequence <= sequence - REMEMBERED
        connection.execute(delete(telemetry_reports).where(table.source == source, old))
    connection.execute(insert(telemetry_reports).values(source=source, sequence=sequence))
    return True


def _stored(connection: Connection, keys: Iterable[_Key]) -> dict[_Key, bytes]:
    """What is stored under these keys: a query for each stream, which the primary key serves."""
    table = telemetry.c
    streams: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
    for endpoint, stream, start, version, arm in keys:
        streams.setdefault((endpoint, stream), []).append((start, version, arm))
    found: dict[_Key, bytes] = {}
    for (endpoint, stream), windows in streams.items():
        for first in range(0, len(windows), 1_000):  # SQLite takes 32,766 parameters
            starts, versions, arms = map(set, zip(*windows[first : first + 1_000], strict=True))
            query = select(table.start_ns, table.version, table.arm, table.body).where(
                table.endpoint == endpoint,
                table.stream == stream,
                table.start_ns.in_(starts),
                table.version.in_(versions),
                table.arm.in_(arms),
            )
            for start, version, arm, body in connection.execute(query):
                found[endpoint, stream, start, version, arm] = bytes(body)
    return found


def _write(connection: Connection, merged: dict[_Key, bytes], *, sqlite_dialect: bool) -> None:
    if not merged:
        return
    names = ("endpoint", "stream", "start_ns", "version", "arm")
    if sqlite_dialect:
        put = sqlite.insert(telemetry)
        put = put.on_conflict_do_update(index_elements=names, set_={"body": put.excluded.body})
    else:
        put = postgresql.insert(telemetry)
        put = put.on_conflict_do_update(index_elements=names, set_={"body": put.excluded.body})
    rows = [dict(zip(names, key, strict=True)) | {"body": body} for key, body in merged.items()]
    connection.execute(put, rows)
