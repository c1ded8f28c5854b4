"""Monitors that come and go under one alarm budget: what all of them together promise holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import Window
from seawall.monitoring.monitor import Monitor
from seawall.monitoring.sharing import fixed_share, shares
from seawall.statistics.betting import risk_bets

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONTRACTS = st.sampled_from(["ever", "mean_time"])
QUARTER = 0.25
LONG = partial(pytest.param, marks=pytest.mark.soak)


def hour(i):
    return Window(START + i * HOUR, START + (i + 1) * HOUR)


@given(st.dictionaries(st.text(max_size=3), st.tuples(CONTRACTS, st.integers(1, 50))))
def test_the_parts_of_a_budget_add_up_to_it_and_every_stream_has_the_same(streams):
    found = shares(streams)
    for contract in ("ever", "mean_time"):
        mine = {n: count for n, (c, count) in streams.items() if c == contract}
        assert sum(found[n] for n in mine) == pytest.approx(1 if mine else 0)
        assert len({round(found[n] / count, 12) for n, count in mine.items()}) <= 1


def test_parts_that_are_fixed_at_the_beginning_never_add_up_to_more_than_one():
    parts = [fixed_share(k) for k in range(1, 10_000)]
    assert sum(parts) == pytest.approx(1 - 1 / 10_000)
    assert sum(parts) < 1


class Shared(NamedTuple):
    """Two monitors as they stand, and whether any alarmed."""

    first: Monitor
    second: Monitor | None
    alarms: int


def begun(contract):
    return Monitor(contract=contract, alpha=QUARTER, detectors=_detectors(contract, 1))


def _detectors(contract, streams):
    made = Monitor.until_it_ends({f"s{k}": 1 for k in range(streams)})
    if contract == "mean_time":
        made = Monitor.without_end({f"s{k}": 1 for k in range(streams)}, HOUR)
    return made.detectors


def step(shared, i, won, *, contract, own):
    """One hour in which a fair coin doubles a stake or takes nine tenths of it off again.

    The second monitor comes when somebody sees that the first is near its alarm, and goes when it
    has alarmed itself; `own` budgets are not shared.
    """
    first, second, alarms = shared
    near = max(one.log_value for one in first.detectors.values()) > 0
    second = second or (begun(contract) if near else None)
    going = {"first": (contract, 1)} | ({"second": (contract, 1)} if second else {})
    part = shares(going)
    made = {"s0": np.array([[np.log(1.9 if won else 0.1)]])}
    after = []
    for name, monitor in (("first", first), ("second", second)):
        if monitor is None:
            after.append(None)
            continue
        at = i + 1 if contract == "ever" else None
        monitor, reading = monitor.observe(hour(i), made, share=1.0 if own else part[name], step=at)
        alarms += reading.alarm
        gone = name == "second" and reading.alarm
        after.append(None if gone else monitor)
    return Shared(after[0], after[1], alarms)


def expected(contract, hours, *, own=False):
    """False alarms, and whether there was one, over every outcome of the coins, each as likely."""
    standing = [Shared(begun(contract), None, 0)]
    for i in range(hours):
        standing = [
            step(one, i, won, contract=contract, own=own)
            for one in standing
            for won in (True, False)
        ]
    counts = np.array([one.alarms for one in standing])
    return counts.mean(), (counts > 0).mean()


def test_over_every_outcome_of_fair_bets_shared_monitors_alarm_no_more_than_the_budget():
    hours = 9
    alarms, _ = expected("mean_time", hours)
    assert 0 < alarms <= QUARTER * hours
    _, ever = expected("ever", hours)
    assert 0 < ever <= QUARTER
    apart, _ = expected("mean_time", hours, own=True)
    assert apart > QUARTER * hours  # so the first assertion can fail


def simulated(contract, between, arrivals: Sequence[int], hours, seed, *, own=False):
    """Alarms of monitors at their tolerance that begin at these hours; `own` budgets, or one."""
    rng = np.random.default_rng(seed)
    going, alarms = dict[str, Monitor](), 0
    for i in range(hours):
        ended = contract == "ever" and alarms
        if ended:
            break
        part = shares(dict.fromkeys(going, (contract, 1)))
        for name, monitor in going.items():
            bets = {"s": risk_bets(rng.random(50) < 0.1, 0.1)}
            at = i + 1 if contract == "ever" else None
            share = 1.0 if own else part[name]
            going[name], reading = monitor.observe(hour(i), bets, share=share, step=at)
            alarms += reading.alarm
        for k in range(arrivals.count(i)):  # from the next hour on
            going[f"{i} {k}"] = (
                Monitor.until_it_ends({"s": 10})
                if contract == "ever"
                else Monitor.without_end({"s": 10}, HOUR, between * HOUR)
            )
    return alarms


ARRIVALS = (0, 0, 10, 10, 50, 50, 50, 100)


@pytest.mark.parametrize(("runs", "hours"), [(4, 120), LONG(100, 500)])
def test_monitors_added_one_after_another_alarm_together_as_seldom_as_one(runs, hours):
    """One alarm in ten hours is asked for: `runs` times `hours` may show a tenth, and no more.

    With a budget each, eight monitors together show more than that: the simulation can fail.
    """
    shared = [simulated("mean_time", 10, ARRIVALS, hours, s) for s in range(runs)]
    allowed = runs * hours / 10
    assert sum(shared) <= allowed + 3 * allowed**0.5
    own = [simulated("mean_time", 10, ARRIVALS, hours, s, own=True) for s in range(runs)]
    assert sum(own) > allowed


@pytest.mark.parametrize(("runs", "hours"), [(10, 60), LONG(300, 300)])
def test_monitors_added_one_after_another_ever_alarm_with_the_probability_of_one(runs, hours):
    ever = sum(simulated("ever", 0, ARRIVALS, hours, s) > 0 for s in range(runs))
    assert ever / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
