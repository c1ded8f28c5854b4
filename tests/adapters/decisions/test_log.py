"""The write-ahead log: acknowledged means kept, through full disks, failed syncs and rot."""

import errno
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from seawall.adapters.decisions import DecisionLog
from seawall.kernel import BadInput, Corrupt, Unavailable, now
from seawall.serving.outcome import Outcome

SEAL_ROWS = 10


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(p.name for p in (folder / "decisions").glob(pattern))


@pytest.mark.parametrize("durable", [False, True])
def test_what_was_appended_is_pending_in_order(log, decide, clock, durable):
    made = decide(25)
    for record in made:
        log.append([record], durable=durable)
    assert list(log.pending(now(clock))) == made


def test_only_decisions_since_the_given_time_are_pending(log, decide, clock):
    log.append(decide(3), durable=False)
    clock.advance(timedelta(hours=1))
    later = decide(2)
    log.append(later, durable=False)
    assert list(log.pending(now(clock))) == later


def test_outcomes_are_kept_with_the_time_they_were_received(log, decide, clock):
    (record,) = decide(1)
    seen = now(clock)
    clock.advance(timedelta(days=2))
    log.append_outcomes([Outcome(record.id, 1, seen), Outcome(record.id, 0)])
    kept = list(log.pending_outcomes(seen))
    assert [(o.decision_id, o.label, o.time, o.received) for o in kept] == [
        (record.id, 1, seen, now(clock)),
        (record.id, 0, now(clock), now(clock)),
    ]


def test_a_file_is_sealed_when_it_is_full(log, decide, wal):
    for record in decide(25):
        log.append([record], durable=True)
    assert len(names(wal, "*.wal")) == 2
    assert len(names(wal, "*.open")) == 1
    log.close()
    assert names(wal, "*.open") == []


def test_a_file_is_sealed_when_it_is_old_with_or_without_traffic(log, decide, clock, wal):
    log.append(decide(1), durable=False)
    log.seal_if_due()
    assert names(wal, "*.wal") == []
    clock.advance(timedelta(seconds=61))
    log.append(decide(1), durable=True)
    clock.advance(timedelta(seconds=61))
    log.seal_if_due()
    log.close()
    assert len(names(wal, "*.wal")) == 2


def test_closing_a_log_without_rows_leaves_no_file(log, wal):
    log.append([], durable=True)
    log.close()
    assert names(wal, "*") == []


def test_a_gateway_may_have_any_name(tmp_path, decide, clock):
    log = DecisionLog(tmp_path, gateway="a,b/c.wal ü%2C", clock=clock)
    log.append(decide(2), durable=False)
    log.close()
    assert len(list(log.pending(now(clock)))) == 2


def test_two_gateways_may_share_a_folder_and_neither_recovers_the_other(tmp_path, decide, clock):
    one = DecisionLog(tmp_path, gateway="edge-1", clock=clock)
    first, second = decide(2), decide(2)
    one.append(first, durable=False)
    two = DecisionLog(tmp_path, gateway="edge-2", clock=clock)
    two.append(second, durable=False)
    assert two.recovered == ()
    found = sorted(one.pending(now(clock)), key=lambda record: record.id)
    assert found == [*first, *second]


def test_an_id_that_is_no_uuid7_is_refused_and_nothing_is_kept(log, decide, clock):
    one, two = decide(2)
    with pytest.raises(BadInput, match="not a Seawall id"):
        log.append([one, msgspec.structs.replace(two, id="x")], durable=False)
    with pytest.raises(BadInput, match="not a Seawall id"):
        log.append_outcomes([Outcome("x", 1)])
    assert list(log.pending(now(clock))) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"output": object()},
        {"output": 2**65},
        {"output": {1: 2}},
        {"output": "\ud800"},
        {"score": "0.5"},
    ],
)
def test_a_value_that_could_not_be_read_or_hashed_later_is_refused_now(log, decide, clock, wrong):
    one, two = decide(2)
    with pytest.raises(BadInput, match=f"a value cannot be kept.*decision {two.id}"):
        log.append([one, msgspec.structs.replace(two, **wrong)], durable=False)
    assert list(log.pending(now(clock))) == []


def test_a_full_disk_keeps_none_of_the_batch_and_all_of_those_before(
    log, decide, clock, monkeypatch
):
    kept = decide(3)
    log.append(kept, durable=False)
    write = os.write

    def half(fd: int, data: memoryview) -> int:
        monkeypatch.setattr(os, "write", full)
        return write(fd, data[: len(data) // 2])

    def full(fd: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(Unavailable, match=r"cannot be written: No space left.*free some space"):
        log.append(decide(2), durable=True)
    monkeypatch.setattr(os, "write", write)
    after = decide(1)
    log.append(after, durable=True)
    assert list(log.pending(now(clock))) == kept + after


def test_a_failed_sync_acknowledges_nobody_and_a_new_file_is_begun(
    log, decide, clock, wal, monkeypatch
):
    sync = os.fdatasync
    log.append(decide(1), durable=True)

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(Unavailable, match="cannot be synced"):
        log.append(decide(1), durable=True)
    monkeypatch.setattr(os, "fdatasync", sync)
    after = decide(1)
    log.append(after, durable=True)
    assert len(names(wal, "*.open")) == 2
    assert list(log.pending(now(clock)))[-1:] == after


def test_one_sync_serves_all_that_wrote_while_the_last_was_under_way(log, decide, wal, monkeypatch):
    sync, began, go, calls = os.fdatasync, threading.Event(), threading.Event(), list[int]()

    def slow(fd: int) -> None:
        calls.append(fd)
        began.set()
        go.wait(30)
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    work = [
        threading.Thread(target=log.append, args=([r],), kwargs={"durable": True})
        for r in decide(9)
    ]
    work[0].start()
    began.wait(30)
    (path,) = (wal / "decisions").glob("*.open")
    one = path.stat().st_size
    for thread in work[1:]:
        thread.start()
    while path.stat().st_size < 9 * one - 50:
        time.sleep(0.001)
    go.set()
    for thread in work:
        thread.join(30)
    assert len(calls) == 2


def test_many_threads_lose_and_repeat_nothing(tmp_path, decide, clock):
    log = DecisionLog(tmp_path, gateway="edge-1", clock=clock, seal_rows=7)
    made = decide(200)
    shares = [made[i::8] for i in range(8)]

    def run(share, durable):
        for record in share:
            log.append([record], durable=durable)

    work = [threading.Thread(target=run, args=(s, i % 2 == 0)) for i, s in enumerate(shares)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(60)
    log.close()
    assert names(tmp_path, "*.open") == []
    assert sorted(r.id for r in log.pending(now(clock))) == [r.id for r in made]


def test_a_flipped_bit_is_reported_with_its_place_after_everything_else_was_read(
    log, decide, clock, wal
):
    made = decide(5)
    for record in made:
        log.append([record], durable=False)
    log.close()
    (path,) = (wal / "decisions").glob("*.wal")
    data = bytearray(path.read_bytes())
    second = len(data) // 5
    data[second + 40] ^= 4
    path.write_bytes(data)
    pending = log.pending(now(clock))
    assert [next(pending) for _ in range(4)] == [made[0], *made[2:]]
    with pytest.raises(Corrupt) as reported:
        next(pending)
    assert reported.value.where.startswith(f"{path}:")
    assert abs(int(reported.value.where.rpartition(":")[2]) - second) < 10


def test_a_stray_file_in_the_folder_is_named(log, wal, clock):
    (wal / "decisions" / "notes.wal").write_text("x")
    with pytest.raises(Corrupt, match=r"not the name of a write-ahead log file \(notes\.wal\)"):
        list(log.pending(now(clock)))
