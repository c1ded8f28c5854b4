"""Upkeep: fewer files and the same answers; days that end; nothing left over on the disk."""

import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from seawall.adapters.decisions import (
    compact,
    find,
    find_subject,
    outcomes_of,
    prove,
    segments,
    ship,
)
from seawall.adapters.decisions.schema import DECISIONS, SEGMENTS, SUBJECTS
from seawall.adapters.decisions.tables import open_table
from seawall.kernel import NotFound, now
from seawall.serving.outcome import Outcome


def fill(log, wal, table, decide, clock, days, endpoint="income"):
    """Three files a day for so many days, each with a decision about Ada."""
    made = []
    for _ in range(days * 3):
        some = decide(2, endpoint, "ada") + decide(3, endpoint, "bob")
        log.append(some, durable=False)
        log.append_told([Outcome(some[0].id, 1)])
        log.seal()
        ship(wal, table, clock=clock)
        made += some
        clock.advance(timedelta(hours=8))
    return made


def parquet(table, kind):
    return list(Path(table, kind).rglob("*.parquet"))


def test_many_small_files_become_few_and_every_answer_stays(log, wal, table, decide, clock):
    made = fill(log, wal, table, decide, clock, 2)
    before = [prove(table, r.id) for r in made], find_subject(table, "ada"), segments(table)
    done = compact(table, clock=clock)
    assert done.files[DECISIONS] == (6, len({r.time.date() for r in made}))
    assert done.files[SUBJECTS][1] == done.files[SEGMENTS][1] == 1
    assert ([prove(table, r.id) for r in made], find_subject(table, "ada"), segments(table)) == (
        before
    )
    assert len(outcomes_of(table, made[0].id)) == 1
    named = {Path(p).name for p in open_table(table, DECISIONS).file_uris()}
    assert {p.name for p in parquet(table, DECISIONS) if "_delta_log" not in str(p)} == named


def test_days_past_their_retention_end_for_their_endpoint_alone(log, wal, table, decide, clock):
    income = fill(log, wal, table, decide, clock, 3)
    clock.advance(timedelta(days=-3))
    credit = fill(log, wal, table, decide, clock, 3, "credit")
    done = compact(table, clock=clock, retention={"income": 1})
    first = now(clock).date() - timedelta(days=1)
    kept = [r for r in income if r.time.date() >= first]
    assert done.ended["income"] >= 2
    assert [find(table, r.id) for r in income if r not in kept] == [None] * (
        len(income) - len(kept)
    )
    assert [find(table, r.id) for r in credit] == credit
    assert find_subject(table, "ada") == [r for r in (*kept, *credit) if r.subject == "ada"]
    assert [prove(table, r.id).record for r in kept] == kept
    assert len(outcomes_of(table, credit[0].id)) == 1
    with pytest.raises(NotFound):
        prove(table, income[0].id)


def test_what_is_told_of_decisions_ends_with_the_last_endpoint_that_keeps_the_day(
    log, wal, table, decide, clock
):
    made = fill(log, wal, table, decide, clock, 3)
    compact(table, clock=clock, retention={"income": 1})
    assert outcomes_of(table, made[0].id) == []
    assert len(outcomes_of(table, made[-5].id)) == 1


def test_files_that_a_killed_writer_left_go_when_they_are_old_and_not_before(
    log, wal, table, decide, clock
):
    fill(log, wal, table, decide, clock, 1)
    folder = parquet(table, DECISIONS)[0].parent
    old, young = folder / "part-old.zstd.parquet", folder / "part-young.zstd.parquet"
    for path in (old, young):
        path.write_bytes(b"what was never committed")
    os.utime(old, (time.time() - 7_200,) * 2)
    compact(table, clock=clock)
    assert not old.exists()
    assert young.exists()


def test_compacting_beside_a_shipper_and_a_reader_loses_nothing(log, wal, table, decide, clock):
    made, stop, failed = decide(2), threading.Event(), []
    log.append(made, durable=False)
    log.seal()
    ship(wal, table, clock=clock)

    def upkeep():
        while not stop.is_set():
            try:
                compact(table, clock=clock)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the test shows it
                failed.append(error)

    worker = threading.Thread(target=upkeep)
    worker.start()
    try:
        for _ in range(8):
            made += decide(2)
            log.append(made[-2:], durable=False)
            log.seal()
            ship(wal, table, clock=clock)
            assert find(table, made[0].id) == made[0]
    finally:
        stop.set()
        worker.join()
    assert failed == []
    assert [find(table, r.id) for r in made] == made
