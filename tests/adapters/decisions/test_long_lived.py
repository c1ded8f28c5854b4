"""What a deployment meets in time: slow disks, many gateways on one table, days that end while
people read."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.adapters.decisions import DecisionLog, compact, find, segments, ship
from seawall.adapters.decisions.schema import DECISIONS
from seawall.adapters.decisions.tables import open_table
from seawall.kernel import FixedClock, Ids, now
from seawall.serving.decision import DecisionRecord

SEAL_ROWS = 10


def ids_in(table: str) -> list[str]:
    found = open_table(table, DECISIONS)
    return sorted(found.to_pyarrow_table().column("id").to_pylist()) if found else []


def test_a_file_that_a_slow_disk_seals_late_is_shipped_before_those_after_it(
    log, wal, table, decide, clock, monkeypatch
):
    sync, go_on, slow = os.fsync, threading.Event(), list[str]()

    def fsync(fd: int) -> None:
        name = Path(f"/proc/self/fd/{fd}").readlink().name
        if name.endswith("000001.open"):
            slow.append(name)
            assert go_on.wait(60)
        sync(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    made = decide(20)  # two files
    for record in made:
        log.append([record], durable=False)
    folder = wal / "decisions"
    while not (slow and list(folder.glob("*000002.wal"))):
        threading.Event().wait(0.01)
    early = ship(wal, table, clock=clock)
    go_on.set()
    log.close()
    assert early == []
    assert [s.count for s in ship(wal, table, clock=clock)] == [10, 10]
    assert ids_in(table) == [r.id for r in made]


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_whichever_files_may_go_when_everything_is_shipped_once_and_in_order(data: st.DataObject):
    from seawall.kernel import from_ns

    clock = FixedClock(from_ns(1_772_000_000_000_000_000))
    ids = Ids(clock)
    with tempfile.TemporaryDirectory() as place:
        wal, table, made = Path(place) / "wal", f"{place}/table", list[str]()
        logs = [DecisionLog(wal, gateway=name, clock=clock, seal_rows=2) for name in "ab"]
        for _ in range(3):
            for log in logs:
                records = [DecisionRecord(id=ids(), time=now(clock), endpoint="m") for _ in "123"]
                made += [r.id for r in records]
                for record in records:
                    log.append([record], durable=False)
                log.seal()

            def may_go(_: Path) -> bool:
                return data.draw(st.booleans())

            ship(wal, table, clock=clock, may_go=may_go)
        ship(wal, table, clock=clock)
        assert ids_in(table) == sorted(made)
        by_writer: dict[str, list[str]] = {}
        for segment in sorted(segments(table), key=lambda s: s.id):
            by_writer.setdefault(segment.gateway, []).append(segment.first_id)
        assert by_writer.keys() == {"a", "b"}
        assert all(firsts == sorted(firsts) for firsts in by_writer.values())


def together(*works: Callable[[], Any]) -> None:
    """Do all of these at once; raises what the first of them raised."""
    failed: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- raised below
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_readers_of_what_is_kept_notice_nothing_of_days_that_end_and_files_that_are_merged(
    tmp_path, table, decide, clock
):
    logs = [DecisionLog(tmp_path / name, gateway=name, clock=clock, seal_rows=2) for name in "abc"]
    kept, stop = decide(3, "kept"), threading.Event()
    logs[0].append(kept, durable=False)
    made: list[str] = [r.id for r in kept]

    def serve() -> None:
        try:
            for _ in range(8):
                for log, name in zip(logs, "abc", strict=True):
                    records = decide(3, "short")
                    log.append(records, durable=False)
                    log.seal()
                    ship(tmp_path / name, table, clock=clock)
                clock.advance(timedelta(days=1))
        finally:
            stop.set()

    def read() -> None:
        folders = [tmp_path / name for name in "abc"]
        while not stop.is_set():
            for record in kept:
                assert find(table, record.id, wal_folders=folders) == record

    def keep() -> None:
        while not stop.is_set():
            compact(table, clock=clock, retention={"short": 2})

    together(serve, read, read, keep)
    compact(table, clock=clock, retention={"short": 2})
    left = ids_in(table)
    assert set(made) <= set(left)
    assert len(left) == len(set(left)) == 3 + 2 * 9
