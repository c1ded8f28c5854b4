"""Processes killed with -9, and a disk that is really full."""

import errno
import os
import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.adapters.decisions.disk import holds

from seawall.adapters.decisions import (
    DecisionLog,
    carry_out,
    compact,
    find_subject,
    prove,
    record_erasure,
    ship,
)
from seawall.adapters.decisions.erasures import PERSONAL, undone
from seawall.adapters.decisions.schema import DECISIONS, OUTCOMES, OVERRIDES, SEGMENTS
from seawall.adapters.decisions.tables import open_table
from seawall.kernel import SystemClock, Unavailable
from seawall.serving.decision import leaf_hash
from seawall.serving.followup import Override
from seawall.serving.outcome import Outcome

HERE = Path(__file__).parent
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def gateway(folder: Path, acknowledgement: str, fatal: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "dying_gateway.py"), str(folder), acknowledgement]
    return subprocess.Popen([*command, str(fatal)], stdout=subprocess.PIPE, text=True)


def values(table: str, kind: str, column: str) -> list:
    return sorted(row[column] for row in open_table(table, kind).to_pyarrow_table().to_pylist())


@pytest.mark.parametrize("acknowledgement", ["enqueued", "durable"])
def test_a_killed_gateway_loses_nothing_it_acknowledged(tmp_path, acknowledgement):
    with gateway(tmp_path, acknowledgement, 0) as child:
        told = [child.stdout.readline() for _ in range(300)]
        child.kill()
        told += child.stdout.readlines()
    acknowledged = {line.strip() for line in told if line.endswith("\n")}
    log = DecisionLog(tmp_path, gateway="edge-1", clock=SystemClock())
    kept = [record.id for record in log.pending(LONG_AGO)]
    assert len(acknowledged) >= 300
    assert acknowledged <= set(kept)
    assert len(kept) == len(set(kept))


@pytest.mark.parametrize("acknowledgement", ["enqueued", "durable"])
@pytest.mark.parametrize("fatal", [1, 2, 40])
def test_a_frame_torn_by_the_kill_is_cut_off_and_nothing_else(tmp_path, acknowledgement, fatal):
    child = gateway(tmp_path, acknowledgement, fatal)
    told, _ = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    log = DecisionLog(tmp_path, gateway="edge-1", clock=SystemClock())
    assert sum(found.torn_bytes for found in log.recovered) > 0
    kept = {record.id for record in log.pending(LONG_AGO)}
    assert set(told.split()) <= kept
    assert list((tmp_path / DECISIONS).glob("*.open")) == []


def test_what_a_killed_gateway_left_is_shipped_though_it_never_returns(tmp_path):
    child = gateway(tmp_path / "wal", "enqueued", 30)
    told, _ = child.communicate(timeout=60)
    table = str(tmp_path / "table")
    ship(tmp_path / "wal", table, clock=SystemClock())
    assert set(told.split()) <= set(values(table, DECISIONS, "id"))


def test_a_shipper_killed_between_any_two_steps_ships_everything_once(tmp_path, decide, clock):
    command = [sys.executable, str(HERE / "dying_shipper.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as shipper:
        for step in range(1000):
            folder, table = tmp_path / f"wal{step}", str(tmp_path / f"table{step}")
            log = DecisionLog(folder, gateway="edge-1", clock=clock)
            made = decide(2)
            log.append(made, durable=False)
            log.append_outcomes([Outcome(made[0].id, 1)])
            log.close()
            shipper.stdin.write(f"{folder} {table} {clock.now_ns()} {step}\n")
            status = int(shipper.stdout.readline())
            ship(folder, table, clock=clock)
            assert values(table, DECISIONS, "id") == [record.id for record in made]
            assert values(table, OUTCOMES, "decision_id") == [made[0].id]
            assert values(table, SEGMENTS, "count") == [2]
            assert prove(table, made[1].id).record == made[1]
            if status == 0:
                break
            assert status == -signal.SIGKILL
        shipper.stdin.close()
    assert step > 25


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_erasing_and_compacting_killed_between_any_two_steps_are_finished_by_the_next_run(
    tmp_path, decide, clock
):
    command = [sys.executable, str(HERE / "dying_shipper.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) as shipper:
        for step in range(1000):
            folder, table = tmp_path / f"wal{step}", str(tmp_path / f"table{step}")
            log = DecisionLog(folder, gateway="edge-1", clock=clock)
            made = [*decide(2, subject="ada"), *decide(2, subject="bob")]
            for record in made:
                log.append([record], durable=False)
                log.append_told([Override(record.id, 1, "dana", f"{record.subject} is ill")])
                log.seal()
            shipper.stdin.write(f"{folder} {table} {clock.now_ns()} {step} ada\n")
            status = int(shipper.stdout.readline())
            ship(folder, table, clock=clock)
            carry_out(table, record_erasure(table, "ada", PERSONAL, clock=clock), clock=clock)
            compact(table, clock=clock)
            assert values(table, DECISIONS, "id") == [record.id for record in made]
            assert undone(table) == []
            assert find_subject(table, "ada") == []
            assert find_subject(table, "bob") == made[2:]
            assert [prove(table, r.id).leaf_hash for r in made] == [leaf_hash(r) for r in made]
            assert values(table, OVERRIDES, "reason") == ["(erased)"] * 2 + ["bob is ill"] * 2
            assert holds(table, "ada is ill") == []
            if status == 0:
                break
            assert status == -signal.SIGKILL
        shipper.stdin.close()
    assert step > 60


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_kills_at_random_lose_nothing_durable_and_double_nothing(tmp_path):
    rng, table, acknowledged = random.Random(5), str(tmp_path / "table"), set()
    for _ in range(200):
        with gateway(tmp_path / "wal", "durable", 0) as child:
            told = [child.stdout.readline() for _ in range(rng.randrange(1, 60))]
            child.kill()
            told += child.stdout.readlines()
        acknowledged |= {line.strip() for line in told if line.endswith("\n")}
        if rng.random() < 0.3:
            ship(tmp_path / "wal", table, clock=SystemClock())
    ship(tmp_path / "wal", table, clock=SystemClock())
    kept = values(table, DECISIONS, "id")
    assert acknowledged <= set(kept)
    assert len(kept) == len(set(kept))


def test_a_slow_disk_makes_durable_callers_wait_and_nobody_else(tmp_path, decide, monkeypatch):
    log = DecisionLog(tmp_path, gateway="edge-1", clock=SystemClock())
    reached, go_on, real = threading.Event(), threading.Event(), os.fdatasync

    def slow(fd):
        reached.set()
        assert go_on.wait(60)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    one, two = decide(2)
    waiting = threading.Thread(target=lambda: log.append([one], durable=True))
    waiting.start()
    assert reached.wait(60)
    log.append([two], durable=False)
    assert waiting.is_alive()
    go_on.set()
    waiting.join(60)
    assert [r.id for r in log.pending(LONG_AGO)] == [one.id, two.id]


def test_a_disk_that_became_read_only_refuses_and_what_was_acknowledged_stays(
    tmp_path, decide, monkeypatch
):
    log = DecisionLog(tmp_path, gateway="edge-1", clock=SystemClock())
    made = decide(3)
    log.append(made[:2], durable=True)
    real = os.write

    def refuse(fd, data):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "write", refuse)
    for durable in (False, True):
        with pytest.raises(Unavailable, match="Read-only file system"):
            log.append(made[2:], durable=durable)
    monkeypatch.setattr(os, "write", real)
    assert [r.id for r in log.pending(LONG_AGO)] == [r.id for r in made[:2]]
    log.append(made[2:], durable=True)
    assert [r.id for r in log.pending(LONG_AGO)] == [r.id for r in made]


FILLS_A_DISK = """
import resource, sys
from seawall.adapters.decisions import DecisionLog
from seawall.kernel import Ids, SystemClock, Unavailable, now
from seawall.serving.decision import DecisionRecord

clock = SystemClock()
ids = Ids(clock)
log = DecisionLog(sys.argv[1], gateway="edge-1", clock=clock)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))

def put(count):
    made = [DecisionRecord(id=ids(), time=now(clock), endpoint="e") for _ in range(count)]
    log.append(made, durable=True)
    print(*(record.id for record in made), sep="\\n")

refused = False
while not refused:
    try:
        put(7)
    except Unavailable:
        refused = True
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
put(7)
"""


def test_a_disk_that_fills_in_the_middle_of_a_batch_keeps_what_was_acknowledged_and_no_more(
    tmp_path,
):
    command = [sys.executable, "-c", FILLS_A_DISK, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    log = DecisionLog(tmp_path, gateway="edge-1", clock=SystemClock())
    assert [record.id for record in log.pending(LONG_AGO)] == told
    assert len(told) > 7
