"""Shedding and adapting, each before a simulated server with a queue."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from seawall.serving.overload import AdaptiveLimit, QueueDelay


def queue(load: float, seconds: float, shedding: bool) -> tuple[list[float], int]:
    """A server of 1,000 requests a second under Poisson load: the waits, and how many it shed."""
    rng, gate = random.Random(3), QueueDelay(target=0.005)
    arrives = free = 0.0
    waits: list[float] = []
    shed = 0
    while arrives < seconds:
        arrives += rng.expovariate(load)
        start = max(arrives, free)
        if shedding and gate.shed(start - arrives, start):
            shed += 1
            continue
        waits.append(start - arrives)
        free = start + 0.001
    return waits, shed


def test_under_half_load_nobody_is_turned_away():
    assert queue(500, 30, shedding=True)[1] == 0


def test_at_a_third_too_much_the_wait_stays_bounded_and_the_server_busy():
    unbounded, _ = queue(1_300, 30, shedding=False)
    waits, shed = queue(1_300, 30, shedding=True)
    late = sorted(waits[len(waits) // 3 :])
    assert max(unbounded) > 5.0
    assert late[int(0.99 * len(late))] < 0.05
    assert max(late) <= 0.1
    assert len(waits) > 0.95 * 1_000 * 30
    assert shed > 0


def test_a_burst_that_drains_within_the_interval_costs_nobody():
    gate = QueueDelay(target=0.005)
    assert not any(gate.shed(0.03 - i * 0.001, 1.0 + i * 0.001) for i in range(30))


def bursts(size: int, quiet: float, count: int = 20) -> list[int]:
    """How many requests of equal bursts are shed by a server that wakes up in 20 ms for each.

    It then takes 1,000 a second.
    """
    gate, shed, now = QueueDelay(target=0.005), list[int](), 0.0
    for _ in range(count):
        arrives, turned = now + quiet, 0
        now = arrives + 0.02
        for _ in range(size):
            if gate.shed(now - arrives, now):
                turned += 1
            else:
                now += 0.001
        shed.append(turned)
    return shed


@given(st.integers(1, 79), st.floats(0.001, 3_600.0))
def test_after_any_quiet_a_burst_may_wait_for_the_interval(size: int, quiet: float):
    assert bursts(size, quiet) == [0] * 20


def test_a_burst_that_takes_longer_than_the_interval_is_shed_after_quiet_too():
    assert all(abs(shed - (300 - 80)) <= 1 for shed in bursts(300, 10.0))


def test_the_first_request_after_quiet_is_not_shed_for_a_short_wait():
    gate = QueueDelay(target=0.01)
    assert not gate.shed(0.0, 0.0)
    assert not gate.shed(0.02, 10.0)


@given(st.lists(st.floats(0.0, 0.0049), max_size=100))
def test_requests_that_did_not_wait_are_never_shed(waits: list[float]):
    gate = QueueDelay(target=0.005)
    assert not any(gate.shed(w, i * 0.01) for i, w in enumerate(waits))


def settled(capacity: int, offered: int) -> int:
    """The limit after a thousand replies of a server that runs so many requests at once."""
    limit, now = AdaptiveLimit(most=1_000), 0.0
    for _ in range(3_000):
        now += 0.001
        running = min(limit.limit, offered)
        rtt = 0.01 * max(1.0, running / capacity)
        limit.record(rtt, running, now)
    return limit.limit


def test_it_finds_about_what_the_server_runs_at_once():
    for capacity in (10, 50, 200):
        assert capacity <= settled(capacity, 1_000) <= 3 * capacity


def test_a_limit_that_is_not_used_does_not_grow():
    assert settled(100, 4) <= 20


def test_a_failure_lowers_it_at_once_and_never_below_one():
    limit = AdaptiveLimit(most=100)
    before = limit.limit
    limit.failed()
    assert limit.limit < before
    for _ in range(100):
        limit.failed()
    assert limit.limit == 1


def test_a_server_with_some_fast_answers_is_not_held_to_those():
    rng, limit, now = random.Random(5), AdaptiveLimit(most=64), 0.0
    seen: list[int] = []
    for _ in range(5_000):
        now += 0.001
        limit.record(rng.choice([0.001, 0.02]), limit.limit, now)
        seen.append(limit.limit)
    late = sorted(seen[1_000:])
    assert late[len(late) // 10] >= 16
