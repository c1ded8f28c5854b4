"""Audit entries become a log that someone else's program verifies, whatever is killed when."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event, text
from tests.adapters.sql.killing import Step, killed_at
from tests.adapters.sql.things import Thing

import seawall_verify
from seawall.adapters.sql import SqlStore
from seawall.adapters.sql import audit as module
from seawall.adapters.tlog import LogFolder
from seawall.audit.entry import canonical
from seawall.audit.merkle import leaf_hash, root_hash
from seawall.kernel import Actor, Conflict, Corrupt, FixedClock, NotFound

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def open_log(folder: Path) -> LogFolder:
    return LogFolder(folder, "example.com/audit", "example.com/audit", KEY)


def act(store: SqlStore, count: int, subject: str = "income") -> list[str]:
    with store.transaction(Actor("ann")) as transaction:
        return [
            transaction.record("test:thing:change", subject, {"n": i, "note": "ünï"})
            for i in range(count)
        ]


def check(store: SqlStore, log: LogFolder, size: int) -> None:
    report = seawall_verify.verify(log.folder, str(log.key))
    assert (report.findings, report.size) == ((), size)
    stored = [canonical(entry) for entry in store.audit.entries(0, size + 1)]
    assert len(stored) == size
    assert log.checkpoint().root == root_hash([leaf_hash(entry) for entry in stored])


def test_entries_get_their_index_in_commit_order(store: SqlStore, tmp_path: Path) -> None:
    ids = act(store, 2) + act(store, 1) + act(store, 3)
    assert [store.audit.index_of(i) for i in ids] == [None] * 6
    assert store.audit.pending() == 6
    log = open_log(tmp_path / "log")
    assert store.audit.sequence(log) == 6
    assert [store.audit.index_of(i) for i in ids] == list(range(6))
    assert [entry.id for entry in store.audit.entries(0, 99)] == ids
    assert [entry.id for entry in store.audit.entries(4, 1)] == ids[4:5]
    check(store, log, 6)
    leaf = leaf_hash(log.entry(3))
    assert log.inclusion(3).verify(leaf, log.checkpoint().root)
    assert store.audit.sequence(log) == 0
    with pytest.raises(NotFound):
        store.audit.index_of("nobody")


def test_an_undone_transaction_leaves_no_gap(store: SqlStore, tmp_path: Path) -> None:
    def fail() -> None:
        with store.transaction(Actor("ann")) as transaction:
            transaction.record("test:thing:change", "x", {})
            transaction.put(Thing("x"), expect=9)

    act(store, 1)
    with pytest.raises(Conflict):
        fail()
    act(store, 1)
    log = open_log(tmp_path / "log")
    assert store.audit.sequence(log) == 2
    check(store, log, 2)


def test_entries_are_found_by_subject_and_action(store: SqlStore, tmp_path: Path) -> None:
    first = act(store, 2, "income")
    store.audit.sequence(open_log(tmp_path / "log"))
    second = act(store, 1, "loans") + act(store, 1, "income")
    find = store.audit.find
    assert [(f.entry.id, f.index) for f in find(subject="income")] == [
        (second[1], None),
        (first[1], 1),
        (first[0], 0),
    ]
    assert [f.entry.id for f in find(action="test:thing:change", limit=2)] == [second[1], second[0]]
    assert find(subject="income", action="test:thing:other") == []
    assert [f.entry.actor for f in find()] == ["ann"] * 4


def test_many_entries_are_logged_in_batches(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 100)
    log = open_log(tmp_path / "log")
    act(store, 530)
    assert store.audit.sequence(log) == 530
    act(store, 1)
    assert store.audit.sequence(log) == 1
    check(store, log, 531)


def test_several_sequencers_make_one_log(
    store: SqlStore, url: str, clock: FixedClock, tmp_path: Path
) -> None:
    def sequence() -> None:
        other = SqlStore(url, clock)
        for i in range(5):
            act(other, 1 + i)
            gained.append(other.audit.sequence(open_log(tmp_path / "log")))
        other.close()

    gained: list[int] = []
    threads = [threading.Thread(target=sequence) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(gained) == 3 * 15
    check(store, open_log(tmp_path / "log"), 45)


def test_a_log_is_rebuilt_from_the_database(store: SqlStore, tmp_path: Path) -> None:
    log = open_log(tmp_path / "log")
    act(store, 300)
    store.audit.sequence(log)
    note = log.note()
    shutil.rmtree(tmp_path / "log")
    assert store.audit.sequence(log) == 300
    assert log.note() == note


def test_a_database_older_than_the_log_is_told(store: SqlStore, tmp_path: Path) -> None:
    log = open_log(tmp_path / "log")
    ids = act(store, 3)
    store.audit.sequence(log)
    with store.database.writing() as connection:
        where = {"id": ids[-1]}
        connection.execute(text("DELETE FROM audit_entries WHERE id = :id"), where)
    with pytest.raises(Corrupt, match="the audit log has 3 entries, the database 2"):
        store.audit.sequence(log)
    act(store, 2)
    with pytest.raises(Corrupt, match="entry 2 differs"):
        store.audit.sequence(log)


def test_killed_at_any_step_the_next_run_makes_the_same_log(
    store: SqlStore, url: str, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 150)
    folder = tmp_path / "log"

    def work(step: Step) -> None:
        before(Path, "replace", step)
        before(os, "fsync", step)
        before(os, "rmdir", step)
        child = SqlStore(url, clock)
        event.listen(child.database.engine, "commit", lambda connection: step())
        child.audit.sequence(open_log(folder))

    size, steps, killed = 250, 0, True
    act(store, size)
    store.audit.sequence(open_log(folder))
    while killed:
        act(store, 200)
        size += 200
        killed = killed_at(steps, work)
        if steps % 2:  # or nothing comes in between
            act(store, 60)
            size += 60
        store.audit.sequence(open_log(folder))
        assert open_log(folder).size == size
        assert not (folder / ".draft").exists()
        steps += 1
    assert steps > 20
    check(store, open_log(folder), size)


def before(place: Any, name: str, step: Callable[[], None]) -> None:
    real = getattr(place, name)

    def stepping(*arguments: Any, **named: Any) -> Any:
        step()
        return real(*arguments, **named)

    setattr(place, name, stepping)
