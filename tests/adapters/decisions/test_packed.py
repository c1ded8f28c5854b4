"""Packed records: the hot path's way into the log, waiting for the disk on an event loop."""

import asyncio
import errno
import os

import msgspec
import pytest

from seawall.adapters.decisions import prove, ship
from seawall.kernel import Corrupt, Unavailable, now
from seawall.serving.decision import to_bytes

SEAL_ROWS = 10


@pytest.mark.parametrize("durable", [False, True])
def test_packed_records_are_kept_as_records_are(log, decide, clock, durable):
    made = decide(7)
    log.append_packed([to_bytes(r) for r in made[:3]], durable=durable)
    for record in made[3:]:
        log.append_packed([to_bytes(record)], durable=durable)
    assert list(log.pending(now(clock))) == made


def test_a_record_packed_in_another_order_is_proven_all_the_same(log, wal, table, decide, clock):
    (made,) = decide(1)
    log.append_packed([msgspec.msgpack.encode(made)], durable=False)
    log.close()
    ship(wal, table, clock=clock)
    assert prove(table, made.id).record == made


def test_bytes_that_are_no_record_become_damage_and_nothing_else_is_lost(
    log, wal, table, decide, clock
):
    made = decide(2)
    strange = [b"", b"\xc1", b"\x80", msgspec.msgpack.encode({"id": "x", "time": 1})]
    log.append_packed([to_bytes(made[0]), *strange, to_bytes(made[1])], durable=False)
    log.close()
    with pytest.raises(Corrupt, match="and 3 more places"):
        ship(wal, table, clock=clock)
    assert [prove(table, r.id).record for r in made] == made


def test_everybody_who_waits_on_a_loop_is_answered_by_few_syncs(log, decide, clock, monkeypatch):
    made, syncs = decide(9), []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (syncs.append(fd), real(fd)))

    async def run():
        await asyncio.gather(*(log.commit([to_bytes(r)]) for r in made))

    asyncio.run(run())
    assert list(log.pending(now(clock))) == made
    assert 1 <= len(syncs) <= 2


def test_waiting_goes_on_over_a_change_of_files(log, decide, clock):
    made = decide(57)

    async def run():
        await asyncio.gather(*(log.commit([to_bytes(r)]) for r in made))

    asyncio.run(run())
    log.close()
    assert list(log.pending(now(clock))) == made


def test_who_stops_waiting_does_not_keep_others_waiting(log, decide, clock):
    made = decide(3)

    async def run():
        tasks = [asyncio.create_task(log.commit([to_bytes(r)])) for r in made]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    kept, cancelled, last = asyncio.run(run())
    assert (kept, last) == (None, None)
    assert isinstance(cancelled, asyncio.CancelledError)


def test_a_sync_that_fails_is_told_to_everybody_who_waited_for_it(log, decide, clock, monkeypatch):
    def fail(fd):
        raise OSError(errno.EIO, "input/output error")

    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", fail)

    async def run(count):
        waiting = [log.commit([to_bytes(r)]) for r in decide(count)]
        return await asyncio.gather(*waiting, return_exceptions=True)

    told = asyncio.run(run(3))
    assert len(told) == 3
    assert all(isinstance(error, Unavailable) for error in told)
    monkeypatch.setattr(os, "fdatasync", real)
    assert asyncio.run(run(2)) == [None, None]
