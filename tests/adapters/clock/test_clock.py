"""The clock in a file: shared, whole, and never running backward."""

import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from seawall.adapters.clock import FileClock, clock_of
from seawall.kernel import BadInput, Clock, Conflict, Corrupt, NotFound, SystemClock, now

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "demo" / "clock"


def test_it_shows_what_it_was_started_with_and_moved_by(path):
    clock = FileClock.create(path, START)
    assert isinstance(clock, Clock)
    assert now(clock) == START
    clock.advance(timedelta(days=1, microseconds=3))
    assert now(clock) == START + timedelta(days=1, microseconds=3)
    clock.set(START + timedelta(days=2))
    assert now(FileClock(path)) == START + timedelta(days=2)
    assert path.stat().st_size == 16


READER = """
import sys
from seawall.adapters.clock import FileClock
clock = FileClock(sys.argv[1])
seen = [clock.now_ns()]
print(flush=True)
while seen[-1] < int(sys.argv[2]):
    if (ns := clock.now_ns()) != seen[-1]:
        seen.append(ns)
print(*seen)
"""


def test_another_process_sees_it_move_forward_through_whole_values_only(path):
    clock = FileClock.create(path, START)
    first, step = clock.now_ns(), 2**40 + 2**16 + 1000  # many bytes change at once
    step -= step % 1000
    last = first + 20_000 * step
    command = [sys.executable, "-c", READER, str(path), str(last)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        reader.stdout.readline()
        for _ in range(20_000):
            clock.advance(timedelta(microseconds=step // 1000))
        seen = [int(ns) for ns in reader.stdout.read().split()]
    assert seen == sorted(seen)
    assert all((ns - first) % step == 0 for ns in seen)
    assert (seen[0], seen[-1]) == (first, last)


WRITER = """
import sys
from datetime import timedelta
from seawall.adapters.clock import FileClock
clock = FileClock(sys.argv[1])
for _ in range(2000):
    clock.advance(timedelta(microseconds=1))
"""


def test_two_processes_that_move_it_lose_no_step(path):
    clock = FileClock.create(path, START)
    command = [sys.executable, "-c", WRITER, str(path)]
    movers = [subprocess.Popen(command) for _ in range(2)]
    assert [mover.wait(60) for mover in movers] == [0, 0]
    assert now(clock) == START + timedelta(microseconds=4000)


def test_it_does_not_run_backward(path):
    clock = FileClock.create(path, START)
    with pytest.raises(BadInput, match="does not run backward"):
        clock.advance(timedelta(microseconds=-1))
    with pytest.raises(BadInput, match=r"shows 2026-03-01T12:00:00\+00:00 and does not run back"):
        clock.set(START - timedelta(seconds=1))
    assert now(clock) == START


def test_a_clock_is_not_replaced_by_another(path):
    FileClock.create(path, START)
    with pytest.raises(Conflict, match="there is a clock file"):
        FileClock.create(path, START + timedelta(days=1))
    assert now(FileClock(path)) == START
    assert [p.name for p in path.parent.iterdir()] == ["clock"]


def test_a_file_that_is_missing_or_no_clock_is_named(path):
    with pytest.raises(NotFound, match=f"there is no clock file.*{path}"):
        FileClock(path)
    path.parent.mkdir()
    path.write_bytes(b"noon")
    with pytest.raises(Corrupt, match="a clock file has 16 bytes"):
        FileClock(path)


def test_a_setting_names_a_clock(path):
    FileClock.create(path, START)
    assert isinstance(clock_of(SimpleNamespace(clock="system")), SystemClock)
    assert now(clock_of(SimpleNamespace(clock=f"file:{path}"))) == START


@pytest.mark.parametrize("text", ["", "File:x", "file:", "ntp"])
def test_a_setting_that_names_no_clock_is_refused(text):
    with pytest.raises(BadInput, match="no clock"):
        clock_of(SimpleNamespace(clock=text))


def test_it_can_be_sent_to_another_process(path):
    clock = FileClock.create(path, START)
    again = pickle.loads(pickle.dumps(clock))
    clock.advance(timedelta(hours=1))
    assert now(again) == START + timedelta(hours=1)
