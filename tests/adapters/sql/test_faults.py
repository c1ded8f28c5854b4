"""Processes killed, disks full, servers away: nothing half done, nothing lost."""

from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path

import pytest
from sqlalchemy import event
from tests.adapters.sql.killing import Step, killed_at
from tests.adapters.sql.things import Thing, change, write
from tests.services.postgres import Postgres

from seawall.adapters.sql import SqlStore, TelemetryRow, migrate
from seawall.adapters.sql import database as module
from seawall.adapters.sql.database import Database
from seawall.kernel import (
    SYSTEM,
    BadInput,
    Corrupt,
    Event,
    FixedClock,
    Transaction,
    Unavailable,
)


def test_a_process_killed_inside_a_transaction_leaves_nothing(
    store: SqlStore, url: str, clock: FixedClock
) -> None:
    write(store, Thing("a"))

    def work(step: Step) -> None:
        child = SqlStore(url, clock)
        event.listen(child.database.engine, "commit", lambda connection: step())
        with change(child) as transaction:
            transaction.put(Thing("a", size=1))
            step()
            transaction.delete(Thing, "a")
            transaction.emit("test:thing:gone", "a", {})
            step()

    for step in range(3):
        assert killed_at(step, work)
        assert store.find(Thing) == [Thing("a")]
        assert store.audit.pending() == 1
    assert not killed_at(3, work)
    assert store.find(Thing) == []
    assert store.audit.pending() == 2


def test_a_worker_killed_at_any_step_delivers_each_event_once(
    store: SqlStore, url: str, clock: FixedClock
) -> None:
    def work(step: Step) -> None:
        def handle(event: Event, transaction: Transaction) -> None:
            step()
            transaction.put(Thing(event.id))
            transaction.record("test:thing:count", event.id, {})
            step()

        child = SqlStore(url, clock)
        listen = event.listen
        listen(child.database.engine, "commit", lambda connection: step())
        child.outbox.deliver({"one": ("a:b:*", handle), "two": ("a:*:c", lambda *_: step())})

    with change(store) as transaction:
        ids = [transaction.emit("a:b:c", "x", {}) for _ in range(3)]
    step = 0
    while killed_at(step % 7, work):
        step += 1
        assert step < 100
    assert [len(store.history(Thing, i)) for i in ids] == [1, 1, 1]
    assert store.outbox.dead() == []


def test_a_report_killed_before_its_commit_can_be_sent_again(
    store: SqlStore, url: str, clock: FixedClock
) -> None:
    row = TelemetryRow(endpoint="e", version="1", arm="a", stream="s", start_ns=0, body=b"x")

    def work(step: Step) -> None:
        child = SqlStore(url, clock)
        event.listen(child.database.engine, "commit", lambda connection: step())
        child.telemetry.absorb("g", 1, [row], bytes.__add__)

    assert killed_at(0, work)
    assert store.telemetry.absorb("g", 1, [row], bytes.__add__)
    assert not store.telemetry.absorb("g", 1, [row], bytes.__add__)
    assert store.telemetry.load("e", "s") == [row]


def test_threads_that_read_then_write_lose_no_update(store: SqlStore) -> None:
    write(store, Thing("count"))

    def add() -> None:
        for _ in range(10):
            with change(store) as transaction:
                size = transaction.get(Thing, "count").size
                transaction.put(Thing("count", size=size + 1))
            store.find(Thing)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get(Thing, "count").size == 80
    assert [r.number for r in store.history(Thing, "count")] == list(range(1, 82))
    assert store.audit.pending() == 81


def test_processes_that_read_then_write_lose_no_update(
    store: SqlStore, url: str, clock: FixedClock
) -> None:
    write(store, Thing("count"))
    children: list[int] = []
    for _ in range(3):
        if child := os.fork():
            children.append(child)
            continue
        try:
            other = SqlStore(url, clock)
            for _ in range(10):
                with change(other) as transaction:
                    size = transaction.get(Thing, "count").size
                    transaction.put(Thing("count", size=size + 1))
        finally:
            os._exit(0)
    for child in children:
        os.waitpid(child, 0)
    assert store.get(Thing, "count").size == 30


def test_readers_do_not_wait_for_a_writer(store: SqlStore) -> None:
    write(store, Thing("a"))
    with change(store) as transaction:
        transaction.put(Thing("a", size=1))
        assert store.get(Thing, "a") == Thing("a")
    assert store.get(Thing, "a") == Thing("a", size=1)


def test_a_writer_that_waits_too_long_is_told(
    url: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 1.0)
    one, two = SqlStore(url, clock), SqlStore(url, clock)
    with change(one):
        with pytest.raises(Unavailable, match=r"busy.*try again"), two.transaction(SYSTEM):
            pass
        failed: list[Unavailable] = []

        def wait() -> None:
            try:
                write(one, Thing("b"))
            except Unavailable as error:
                failed.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
        assert len(failed) == 1
    write(two, Thing("a"))
    one.close()
    two.close()


def test_a_full_disk_is_one_clear_error_and_loses_nothing(
    tmp_path: Path, clock: FixedClock
) -> None:
    url = f"sqlite:///{tmp_path}/seawall.db"
    migrate(url)
    store = SqlStore(url, clock)
    write(store, Thing("a"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, limits[1]))
    try:
        with pytest.raises(Unavailable, match=r"the disk takes no more.*free space"):
            write(store, *(Thing(str(i), note="x" * 9_000) for i in range(100)))
        assert store.find(Thing) == [Thing("a")]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    write(store, Thing("b"))
    assert store.find(Thing) == [Thing("a"), Thing("b")]
    store.close()


def test_a_damaged_file_is_corrupt(tmp_path: Path, clock: FixedClock) -> None:
    url = f"sqlite:///{tmp_path}/seawall.db"
    migrate(url)
    (tmp_path / "seawall.db").write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 100)
    store = SqlStore(url, clock)
    with pytest.raises(Corrupt, match="damaged"):
        store.find(Thing)
    store.close()


@pytest.mark.postgres
def test_a_server_that_was_away_is_used_again(postgres: Postgres, clock: FixedClock) -> None:
    store = SqlStore(postgres.create("away", template="migrated"), clock)
    write(store, Thing("a"))
    postgres.stop()
    try:
        with pytest.raises(Unavailable, match="does not answer"):
            store.find(Thing)
        with pytest.raises(Unavailable, match="does not answer"):
            write(store, Thing("b"))
    finally:
        postgres.start()
    write(store, Thing("c"))
    assert store.find(Thing) == [Thing("a"), Thing("c")]
    store.close()
    postgres.drop("away")


@pytest.mark.postgres
def test_a_connection_cut_inside_a_transaction_writes_nothing(
    postgres: Postgres, clock: FixedClock
) -> None:
    store = SqlStore(postgres.create("cut", template="migrated"), clock)

    def cut() -> None:
        with change(store) as transaction:
            transaction.put(Thing("a"))
            postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut'"
            )

    with pytest.raises(Unavailable, match="does not answer"):
        cut()
    assert store.find(Thing) == []
    write(store, Thing("b"))
    store.close()
    postgres.drop("cut")


@pytest.mark.postgres
def test_a_password_is_never_told(postgres: Postgres, clock: FixedClock) -> None:
    url = postgres.url("nowhere").replace("seawall@", "seawall:hunter2@")
    with pytest.raises(Unavailable) as raised:
        SqlStore(url, clock).find(Thing)
    assert "hunter2" not in str(raised.value)
    assert "nowhere" in str(raised.value)


def test_a_url_without_its_driver_s_name_is_completed() -> None:
    database = Database("postgresql://seawall@127.0.0.1/x")
    assert database.where == "postgresql+psycopg://seawall@127.0.0.1/x"
    with pytest.raises(BadInput):
        Database("postgresql+asyncpg://127.0.0.1/x")
