"""The breaker as one who calls a model sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.serving.breaker import Breaker, Breaking

RULE = Breaking(failures=0.5, calls=4, window_seconds=10, open_seconds=5, trials=2)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(RULE)
    for _ in range(4):
        breaker.record(failed=True, now=at)
    return breaker


def test_it_opens_when_half_of_enough_calls_failed_and_not_before():
    breaker = Breaker(RULE)
    for failed in (True, True, False):
        breaker.record(failed=failed, now=0.0)
        assert breaker.allow(0.0)
    breaker.record(failed=True, now=0.1)
    assert not breaker.allow(0.2)


def test_failures_are_forgotten_with_their_window():
    breaker = Breaker(RULE)
    for _ in range(3):
        breaker.record(failed=True, now=0.0)
    breaker.record(failed=True, now=11.0)
    assert breaker.allow(11.0)


def test_after_its_time_it_lets_one_call_at_a_time_through():
    breaker = opened()
    assert not breaker.allow(4.9)
    assert breaker.allow(5.0)
    assert not breaker.allow(5.1)


def test_enough_good_trials_close_it():
    breaker = opened()
    for now in (5.0, 5.1):
        assert breaker.allow(now)
        breaker.record(failed=False, now=now)
    assert breaker.state == "closed"
    assert breaker.allow(5.2)
    assert breaker.allow(5.2)


def test_a_failed_trial_opens_it_for_twice_as_long():
    breaker = opened()
    assert breaker.allow(5.0)
    breaker.record(failed=True, now=5.0)
    assert not breaker.allow(14.9)
    assert breaker.allow(15.0)


def test_a_trial_that_never_ends_is_given_up():
    breaker = opened()
    assert breaker.allow(5.0)
    assert not breaker.allow(9.9)
    assert breaker.allow(10.0)


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=200))
def test_a_model_that_works_again_is_asked_again_within_the_longest_time(
    calls: list[tuple[float, bool]],
):
    breaker, now = Breaker(RULE), 0.0
    for gap, failed in calls:
        now += gap
        if breaker.allow(now):
            breaker.record(failed=failed, now=now)
    asked = [step for step in range(200) if breaker.allow(now + step)]
    assert asked
    assert asked[0] <= RULE.longest_seconds


@pytest.mark.parametrize("wrong", [{"failures": 0.0}, {"calls": 0}, {"open_seconds": -1.0}])
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match="breaker"):
        Breaking(**wrong)  # type: ignore[arg-type]
