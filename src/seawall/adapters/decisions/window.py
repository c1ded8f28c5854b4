"""A window of the log read from its beginning to its end, thousands of decisions at a time.

What waits in log folders is read before the table, as in query.py, and each decision comes once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from seawall.adapters.decisions.erasure import erasing, erasures
from seawall.adapters.decisions.keyring import Keyring, opened
from seawall.adapters.decisions.query import AT_ONCE, Folders
from seawall.adapters.decisions.read import read_decisions, read_told
from seawall.adapters.decisions.schema import COLUMNS, DECISIONS, OUTCOMES, day_of
from seawall.adapters.decisions.tables import is_in, literal, open_table, select, table_errors
from seawall.adapters.decisions.told import ReceivedOutcome, from_row, in_order
from seawall.kernel import Corrupt, Unavailable
from seawall.serving.decision import DecisionRecord, from_bytes
from seawall.serving.sampling import position

ROWS = 4_096


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which decisions: of one endpoint, from `since` until before `until`, of these arms (or all).

    `sample` is how many at most. The choice is uniform and the same each time.
    """

    endpoint: str
    since: datetime | None = None
    until: datetime | None = None
    arms: tuple[str, ...] = ()
    sample: int | None = None

    def holds(self, record: DecisionRecord) -> bool:
        """Whether a decision is in the window, but for the sample."""
        return (
            record.endpoint == self.endpoint
            and (self.since is None or record.time >= self.since)
            and (self.until is None or record.time < self.until)
            and (not self.arms or record.arm in self.arms)
        )

    @property
    def sql(self) -> str:
        """The same as a predicate."""
        terms = [is_in("endpoint", [self.endpoint])]
        if self.since is not None:
            terms += [f'"time" >= {literal(self.since)}', f'"day" >= {_day(self.since, -1)}']
        if self.until is not None:
            terms += [f'"time" < {literal(self.until)}', f'"day" <= {_day(self.until, 1)}']
        if self.arms:
            terms.append(is_in("arm", self.arms))
        return " AND ".join(terms)


class Found(msgspec.Struct, frozen=True):
    """What is in a window: how many decisions, and how many of them are read.

    `kept` is the least probability with which any of them was kept: of those kept with a higher
    one as many are read as would have been kept with this (sampling.py), so that what is read
    stands for all. `cut` is where the sample ends, among the ids' random bits.
    """

    window: Window
    decisions: int
    read: int
    kept: float = 1.0
    cut: str = ""

    def chosen(self, decision_id: str) -> bool:
        """Whether a decision of the window is read."""
        thin = self.kept < 1.0 and position(decision_id) >= self.kept
        return not thin and (not self.cut or decision_id[19:] <= self.cut)


def look(
    table: str, window: Window, *, wal_folders: Folders = (), keys: Keyring | None = None
) -> Found:
    """How many decisions a window has, and which are read."""
    waiting = {r.id: r for r in _waiting(wal_folders, keys) if window.holds(r)}
    sql = f"SELECT count(*) AS n, min(kept_probability) AS p FROM t WHERE {window.sql}"  # noqa: S608
    (told,) = _select(table, sql) or [{"n": 0, "p": None}]
    rates = [told["p"], *(r.kept_probability for r in waiting.values())]
    kept = min((p for p in rates if p is not None), default=1.0)
    every = told["n"] + len(waiting) - _twice(table, waiting)
    found = Found(window, every, every, kept)
    if kept == 1.0 and window.sample is None:
        return found
    ids = {r["id"] for r in _select(table, f"SELECT id FROM t WHERE {window.sql}")}  # noqa: S608
    read = sorted(id_[19:] for id_ in ids | waiting.keys() if found.chosen(id_))
    if window.sample is not None:
        read = read[: window.sample]
        found = msgspec.structs.replace(found, cut=read[-1] if read else "")
    return msgspec.structs.replace(found, read=len(read))


def _twice(table: str, waiting: Mapping[str, DecisionRecord]) -> int:
    """How many of the decisions that wait to be shipped are in the table already."""
    if not waiting:
        return 0
    first = literal(min(r.time for r in waiting.values()))
    rows = _select(table, f'SELECT id FROM t WHERE "time" >= {first}')  # noqa: S608
    return len(waiting.keys() & {r["id"] for r in rows})


def read_window(
    table: str, found: Found, *, wal_folders: Folders = (), keys: Keyring | None = None
) -> Iterator[list[DecisionRecord]]:
    """The decisions that were found, `ROWS` or fewer at a time.

    Values whose erasure is written down are gone from them. Raises `Corrupt`, naming the file,
    when some of the table or of a log folder cannot be read, and `Unavailable`.
    """
    change, window = erasing(erasures(table), keys), found.window
    seen = set[str]()
    part: list[DecisionRecord] = []
    for record in _waiting(wal_folders, keys):
        if record.id not in seen and window.holds(record) and found.chosen(record.id):
            seen.add(record.id)
            part.append(change(record))
            if len(part) >= ROWS:
                yield part
                part = []
    if part:
        yield part
    sql = f"SELECT id, record FROM t WHERE {window.sql}"  # noqa: S608 -- quoted
    for rows in _stream(table, sql):
        read = [
            change(from_bytes(opened(row["record"], keys)))
            for row in rows
            if row["id"] not in seen and found.chosen(row["id"])
        ]
        if read:
            yield read


def outcomes_in(
    table: str, ids: Collection[str], *, wal_folders: Folders = ()
) -> dict[str, ReceivedOutcome]:
    """The outcome that counts of each of these decisions that has one: the last observed."""
    if not ids:
        return {}
    wanted = ids if isinstance(ids, set) else set(ids)
    told: dict[str, list[ReceivedOutcome]] = {}
    for folder in wal_folders:
        for one in read_told(Path(folder), OUTCOMES):
            if one.decision_id in wanted:
                told.setdefault(one.decision_id, []).append(one)
    days = sorted({day_of(id_) for id_ in wanted})
    columns = ", ".join(f'"{name}"' for name in COLUMNS[OUTCOMES] if name != "day")
    for at in range(0, len(days), AT_ONCE):
        where = is_in("day", days[at : at + AT_ONCE])
        for rows in _stream(table, f"SELECT {columns} FROM t WHERE {where}", OUTCOMES):  # noqa: S608
            for row in rows:
                if row["decision_id"] in wanted:
                    one = from_row(OUTCOMES, row)
                    told.setdefault(one.decision_id, []).append(one)
    return {i: in_order(those)[-1] if those[1:] else those[0] for i, those in told.items()}


def request_of(
    table: str, record: DecisionRecord, *, wal_folders: Folders = (), keys: Keyring | None = None
) -> list[DecisionRecord]:
    """The decisions of the request that a decision was part of, in the order of its rows.

    They have the same time and the same latency, which are measured once for a request.
    """
    same = [r for r in _waiting(wal_folders, keys) if _together(r, record)]
    where = (
        f"{is_in('endpoint', [record.endpoint])} AND {is_in('day', [day_of(record.id)])}"
        f' AND "time" = {literal(record.time)}'
    )
    for rows in _stream(table, f"SELECT id, record FROM t WHERE {where}"):  # noqa: S608
        read = (from_bytes(opened(row["record"], keys)) for row in rows)
        same += [r for r in read if _together(r, record)]
    change = erasing(erasures(table), keys)
    once = {r.id: change(r) for r in same}
    return [once[id_] for id_ in sorted(once)]


def _together(one: DecisionRecord, other: DecisionRecord) -> bool:
    names = ("endpoint", "time", "latency_ms", "caller", "trace_id", "bundle_digest")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _waiting(folders: Folders, keys: Keyring | None) -> Iterator[DecisionRecord]:
    for folder in folders:
        yield from read_decisions(Path(folder), keys)


def _day(moment: datetime, beside: int) -> str:
    """A day more or less: the day is that of the id, which is made just before or after."""
    return literal(moment.astimezone(UTC).date() + timedelta(days=beside))


def _select(root: str, sql: str) -> list[dict[str, Any]]:
    try:
        return select(root, DECISIONS, sql)
    except Exception as error:
        raise _told(error, root, DECISIONS) from error


def _stream(root: str, sql: str, kind: str = DECISIONS) -> Iterator[list[dict[str, Any]]]:
    """The rows that a query finds, batch by batch; none when the table is not there."""
    import pyarrow as pa
    from deltalake import QueryBuilder

    table = open_table(root, kind)
    if table is None:
        return
    try:
        with table_errors(root, kind):
            for batch in QueryBuilder().register("t", table).execute(sql):
                rows: list[dict[str, Any]] = pa.record_batch(batch).to_pylist()
                for at in range(0, len(rows), ROWS):
                    yield rows[at : at + ROWS]
    except Exception as error:
        raise _told(error, root, kind) from error


def _told(error: Exception, root: str, kind: str) -> Exception:
    """What the engine raises bare, by the file that cannot be read; anything else as it is."""
    if type(error) is not Exception:
        return error
    first = str(error).splitlines()[0][:200]
    for uri in _local(open_table(root, kind)):
        if not Path(uri).exists():
            what = "a file of the decision table is gone"
            return Unavailable(what, where=uri, remedy="if it was merged meanwhile, read again")
        if _is_broken(uri):
            root = uri
            break
    return Corrupt(
        f"the decision table cannot be read: {first}",
        where=root,
        remedy="restore the file from a backup or replica; nothing was skipped",
    )


def _is_broken(path: str) -> bool:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        parquet.ParquetFile(path).read()
    except (pa.ArrowException, OSError):
        return True
    return False


def _local(table: Any) -> list[str]:
    """The files of a table in a folder of this machine; none of one elsewhere."""
    paths = [uri.removeprefix("file://") for uri in (table.file_uris() if table else ())]
    return [path for path in paths if path.startswith("/")]
