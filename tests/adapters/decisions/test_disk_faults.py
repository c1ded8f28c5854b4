"""A disk that fails again while its failure is dealt with: callers are told, and what was
acknowledged stays."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seawall.adapters.decisions import DecisionLog
from seawall.kernel import Unavailable, now
from seawall.serving.decision import to_bytes


def failing(number: int) -> Callable[..., Any]:
    """What the system says with this error, whatever it is asked."""

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@contextmanager
def broken(*calls: str, number: int = errno.EIO) -> Iterator[None]:
    """These calls of the system fail; a write does so when half is written."""
    write, written = os.write, list[int]()

    def half(fd: int, data: Any) -> int:
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(write(fd, bytes(data)[: len(data) // 2]))
        return written[0]

    with pytest.MonkeyPatch.context() as patch:
        for name in calls:
            place = Path if name in ("rename", "unlink") else os
            patch.setattr(place, name, half if name == "write" else failing(number))
        yield


def pending(log: DecisionLog, clock: Any) -> list[Any]:
    return list(log.pending(now(clock)))


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(
    "more", [("ftruncate",), ("unlink",), ("ftruncate", "unlink", "fsync", "rename")], ids="+".join
)
@pytest.mark.parametrize("before", [0, 3])
def test_a_write_that_fails_is_refused_though_the_disk_fails_again_in_cleaning_up(
    log, decide, clock, wal, before, more, durable
):
    kept = decide(before)
    log.append(kept, durable=durable)
    with broken("write", *more):
        with pytest.raises(Unavailable, match=r"cannot be (written|opened)"):
            log.append(decide(1), durable=durable)
        if "rename" in more:
            log.seal()
    after = decide(2)
    log.append(after, durable=durable)
    assert pending(log, clock) == kept + after
    log.close()
    again = DecisionLog(wal, gateway="edge-1", clock=clock)  # takes up what was left open
    assert pending(again, clock) == kept + after
    assert list(wal.rglob("*.open")) == []


def test_a_file_that_cannot_be_sealed_is_sealed_by_the_next_start(log, decide, clock, wal):
    kept = decide(3)
    log.append(kept, durable=True)
    with broken("rename"):
        log.seal()
    assert len(list(wal.rglob("*.open"))) == 1
    after = decide(1)
    log.append(after, durable=True)
    log.close()
    again = DecisionLog(wal, gateway="edge-1", clock=clock)
    assert [(r.rows, r.torn_bytes) for r in again.recovered] == [(3, 0)]
    assert pending(again, clock) == kept + after


def test_who_waits_for_a_file_that_cannot_be_sealed_is_told(log, decide, clock):
    wal = log._decisions
    ticket = wal.write([to_bytes(one) for one in decide(1)])
    with broken("fsync", number=errno.EIO):
        log.seal()
    with pytest.raises(Unavailable, match="cannot be synced"):
        wal.sync(ticket)
    log.append(decide(1), durable=True)


def test_a_close_that_fails_after_a_failed_sync_leaves_no_writer_on_the_closed_file(
    log, decide, clock
):
    kept, lost, after = decide(3)
    log.append([kept], durable=True)
    real = os.close

    def closed_all_the_same(fd: int) -> None:
        real(fd)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with broken("fdatasync"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "close", closed_all_the_same)
        with pytest.raises(Unavailable):
            log.append([lost], durable=True)
    other = os.open(os.devnull, os.O_WRONLY)  # gets the number that was closed
    log.append([after], durable=True)
    os.close(other)
    assert {r.id for r in pending(log, clock)} >= {kept.id, after.id}


def test_a_close_that_fails_when_a_file_is_sealed_keeps_nobody_waiting(log, decide, clock):
    made = decide(2)
    log.append(made[:1], durable=True)
    real = os.close

    def closed_all_the_same(fd: int) -> None:
        real(fd)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "close", closed_all_the_same)
        log.seal()
    log.append(made[1:], durable=True)
    log.close()
    assert pending(log, clock) == made


def test_without_a_free_file_number_a_durable_append_is_refused_and_the_next_is_tried(
    log, decide, clock
):
    log.append(decide(1), durable=True)
    with broken("dup", number=errno.EMFILE), pytest.raises(Unavailable, match="cannot be synced"):
        log.append(decide(1), durable=True)
    after = decide(1)
    log.append(after, durable=True)
    assert pending(log, clock)[-1:] == after


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), Unavailable("full")])
def test_all_who_wait_for_one_sync_are_told_when_it_fails_and_the_next_are_answered(
    log, decide, clock, monkeypatch, error
):
    def fail(_: Any) -> None:
        raise error

    async def work() -> list[Any]:
        one, two, three = ([to_bytes(r) for r in decide(1)] for _ in range(3))
        with monkeypatch.context() as patch:
            patch.setattr(log._decisions, "sync", fail)
            waiting = asyncio.gather(log.commit(one), log.commit(two), return_exceptions=True)
            told = await asyncio.wait_for(waiting, 20)
        await asyncio.wait_for(log.commit(three), 20)
        return told

    assert [type(one) for one in asyncio.run(work())] == [Unavailable, Unavailable]
