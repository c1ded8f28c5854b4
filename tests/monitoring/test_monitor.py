"""Streams under one alarm budget, window by window: both contracts, and time that misbehaves."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.kernel import BadInput, Window, from_json, to_json
from seawall.monitoring.monitor import Monitor
from seawall.statistics.betting import risk_bets

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
NONE = np.zeros((0, 10))


def hour(i):
    return Window(START + i * HOUR, START + (i + 1) * HOUR)


def bets(rng, rate, rows=50, tolerance=0.1):
    return risk_bets(rng.random(rows) < rate, tolerance)


def replay(monitor, rates, seed=1, hours=200):
    rng = np.random.default_rng(seed)
    for i in range(hours):
        made = {name: bets(rng, rate(i)) for name, rate in rates.items()}
        monitor, reading = monitor.observe(hour(i), made)
        if reading.alarm:
            return monitor, reading, i
    return monitor, None, None


def test_a_stream_that_got_worse_is_named_and_the_others_are_not():
    start = Monitor.until_it_ends({"errors": 10, "cost": 10})
    rates = {"errors": lambda i: 0.05 if i < 50 else 0.3, "cost": lambda _: 0.08}
    _, reading, at = replay(start, rates)
    assert reading.streams == ("errors",)
    assert 50 <= at < 60


def test_streams_at_their_tolerance_alarm_no_more_often_than_the_contract_allows():
    ever = sum(
        replay(Monitor.until_it_ends({"a": 10, "b": 10}), dict.fromkeys("ab", lambda _: 0.1), s)[2]
        is not None
        for s in range(40)
    )
    assert ever / 40 <= 0.05 + 3 * (0.05 * 0.95 / 40) ** 0.5
    between = Monitor.without_end({"a": 10, "b": 10}, HOUR, between=50 * HOUR)
    times = [
        replay(between, dict.fromkeys("ab", lambda _: 0.1), s, hours=400)[2] for s in range(40)
    ]
    hours = [400 if t is None else t + 1 for t in times]
    assert np.mean(hours) >= 50 - 3 * np.std(hours) / 40**0.5


def test_a_monitor_without_end_begins_anew_after_an_alarm_and_one_that_ends_does_not():
    rates = {"a": lambda _: 0.9}
    endless, _, _ = replay(Monitor.without_end({"a": 10}, HOUR), rates)
    assert endless.detectors["a"].steps == 0
    ending, _, _ = replay(Monitor.until_it_ends({"a": 10}), rates)
    assert ending.detectors["a"].steps > 0


def test_a_window_from_before_is_left_out_whole_and_the_reading_says_so():
    rng = np.random.default_rng(2)
    monitor, _ = Monitor.until_it_ends({"a": 10}).observe(hour(5), {"a": bets(rng, 0.1)})
    after, reading = monitor.observe(hour(3), {"a": bets(rng, 0.9)})
    assert after.detectors == monitor.detectors
    assert after.left_out == 1
    assert reading.note == (
        "left out 50 rows of 2026-03-02T03:00:00+00:00: everything before "
        "2026-03-02T06:00:00+00:00 was already judged"
    )


def test_an_empty_window_is_no_step_and_a_silent_stream_stands_still():
    monitor = Monitor.until_it_ends({"a": 10, "b": 10})
    same, reading = monitor.observe(hour(0), {"a": NONE})
    assert (same.detectors, reading.note) == (monitor.detectors, "no rows in this window")
    rng = np.random.default_rng(3)
    moved, _ = same.observe(hour(1), {"a": bets(rng, 0.9)})
    assert moved.detectors["a"].log_value > 1
    assert moved.detectors["b"].log_value == pytest.approx(0, abs=0.5)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 20), st.booleans()), max_size=15),
    st.sampled_from(["ever", "mean_time"]),
)
@settings(max_examples=30)
def test_whatever_order_windows_come_in_each_is_counted_once_or_said_to_be_left_out(come, contract):
    rng = np.random.default_rng(4)
    monitor = (
        Monitor.until_it_ends({"a": 10})
        if contract == "ever"
        else Monitor.without_end({"a": 10}, HOUR)
    )
    notes = counted = 0
    latest = -1
    for at, rows, whole in come:
        monitor = from_json(to_json(monitor), Monitor)
        made = {"a": bets(rng, 0.05, rows)} if whole else {}
        monitor, reading = monitor.observe(hour(at), made)
        notes += bool(reading.note)
        counted += at > latest and whole and rows > 0
        latest = max(latest, at)
        assert np.isfinite(reading.log_value)
    assert notes + counted == len(come)
    assert monitor.detectors["a"].steps == counted


def test_an_unknown_stream_and_an_impossible_plan_are_refused():
    with pytest.raises(BadInput, match="errors"):
        Monitor.until_it_ends({"errors": 10}).observe(hour(0), {"erors": NONE})
    with pytest.raises(BadInput, match="at least one stream"):
        Monitor.until_it_ends({})
    with pytest.raises(BadInput, match="interval"):
        Monitor.without_end({"a": 10}, timedelta(days=400))
