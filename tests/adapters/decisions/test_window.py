"""A window of the log: what is in it, what is read of it, each decision once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.control import START

from seawall.adapters.decisions import DecisionLog, ship
from seawall.adapters.decisions.window import Window, look, outcomes_in, read_window
from seawall.kernel import FixedClock, Ids, now
from seawall.serving.decision import DecisionRecord
from seawall.serving.outcome import Outcome

HOUR = timedelta(hours=1)


class Made:
    """Three days of decisions, one each half hour, of two arms and two endpoints; the last day
    waits to be shipped, and one of its files was shipped already and not deleted yet."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = FixedClock(START), folder / "log"
        self.table, self.waiting = str(folder / "table"), (folder / "log",)
        self.records: list[DecisionRecord] = []
        self._write(96)
        ship(self.folder, self.table, clock=self.clock)
        self._write(24)
        kept = {p: p.read_bytes() for p in self.folder.rglob("*.wal")}
        ship(self.folder, self.table, clock=self.clock)
        for path, data in kept.items():
            path.write_bytes(data)
        self._write(24)

    def _write(self, count: int) -> None:
        ids = Ids(self.clock)
        log = DecisionLog(self.folder, gateway="g", clock=self.clock)
        for at in range(count):
            time = now(self.clock)
            given: dict[str, Any] = {"arm": "canary" if at % 3 == 0 else "champion"}
            given |= {"endpoint": "n" if at % 8 == 0 else "m", "input": {"age": at}}
            self.records.append(DecisionRecord(id=ids(), time=time, **given))
            log.append(self.records[-1:], durable=False)
            self.clock.advance(HOUR / 2)
        log.close()

    def read(self, window: Window) -> tuple[list[str], int, int]:
        found = look(self.table, window, wal_folders=self.waiting)
        pieces = read_window(self.table, found, wal_folders=self.waiting)
        return [r.id for piece in pieces for r in piece], found.decisions, found.read


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("window"))


moments = st.none() | st.integers(-10, 160).map(lambda n: START + n * HOUR / 2)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(since=moments, until=moments, arms=st.sampled_from([(), ("canary",), ("champion", "x")]))
def test_a_window_holds_each_decision_of_its_span_and_arms_once(
    made: Made, since: datetime | None, until: datetime | None, arms: tuple[str, ...]
) -> None:
    window = Window(endpoint="m", since=since, until=until, arms=arms)
    ids, decisions, read = made.read(window)
    expected = [
        r.id
        for r in made.records
        if r.endpoint == "m"
        and (since is None or r.time >= since)
        and (until is None or r.time < until)
        and (not arms or r.arm in arms)
    ]
    assert sorted(ids) == sorted(expected)
    assert decisions == read == len(expected)


def test_a_sample_is_the_same_each_time_and_part_of_a_larger_one(made: Made) -> None:
    def chosen(sample: int) -> set[str]:
        ids, decisions, read = made.read(Window(endpoint="m", sample=sample))
        assert decisions == 126
        assert read == len(ids) == len(set(ids)) == min(sample, 126)
        return set(ids)

    assert chosen(20) == chosen(20)
    assert chosen(20) < chosen(60) < chosen(500)


def test_the_outcome_that_counts_is_the_last_observed(made: Made) -> None:
    one, other = made.records[0], made.records[100]
    log = DecisionLog(made.folder, gateway="g", clock=made.clock)
    log.append_outcomes([Outcome(one.id, 1, START + HOUR), Outcome(other.id, 1, START + HOUR)])
    log.append_outcomes([Outcome(one.id, 0, START + 2 * HOUR)])
    log.close()
    found = outcomes_in(made.table, {one.id, other.id}, wal_folders=made.waiting)
    assert {id_: told.label for id_, told in found.items()} == {one.id: 0, other.id: 1}
    assert outcomes_in(made.table, (), wal_folders=made.waiting) == {}
