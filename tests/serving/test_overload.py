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
