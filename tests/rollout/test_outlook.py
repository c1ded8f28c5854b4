from datetime import UTC, datetime

import pytest

from seawall.kernel import Estimate, Outcome, Rule
from seawall.rollout.outlook import outlook
from seawall.statistics.sequential import proportion_difference

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def estimate(value, low, high):
    return Estimate(value, low, high, 0.95, 1000, "test", "anytime")


@pytest.mark.parametrize(
    ("rule", "found", "become"),
    [
        (Rule("x", at_most=0.08), estimate(0.02, -0.1, 0.14), Outcome.PASS),
        (Rule("x", at_least=0.8), estimate(0.86, 0.74, 0.98), Outcome.PASS),
        (Rule("x", within=0.1), estimate(0.04, -0.08, 0.16), Outcome.PASS),
        (Rule("x", at_most=0.02), estimate(0.08, -0.04, 0.2), Outcome.FAIL),
        (Rule("x", at_least=0.8), estimate(0.74, 0.62, 0.86), Outcome.FAIL),
        (Rule("x", within=0.1), estimate(0.16, 0.04, 0.28), Outcome.FAIL),
        (Rule("x", within=0.1), estimate(-0.16, -0.28, -0.04), Outcome.FAIL),
    ],
)
def test_twice_the_half_width_needs_three_times_as_much_again(rule, found, become):
    seen = outlook(rule, found, 1000, 600.0)
    assert seen is not None
    assert seen.become is become
    assert seen.units == pytest.approx(3000, abs=2)
    assert seen.seconds == pytest.approx(1800, abs=2)


def test_nothing_is_foretold_without_data_on_the_tolerance_or_once_decided():
    rule = Rule("x", at_most=0.1)
    assert outlook(rule, None, 100, 1) is None
    assert outlook(rule, estimate(0.05, 0.0, 0.2), 0, 1) is None
    assert outlook(rule, estimate(0.1, 0.0, 0.2), 100, 1) is None
    assert outlook(rule, estimate(0.05, 0.0, 0.09), 100, 1) is None


def test_the_need_foretold_is_near_what_decides():
    def at(n):
        return proportion_difference(round(0.17 * n), n, round(0.17 * 19 * n), 19 * n, 0.997)

    rule, n = Rule("wrong_difference", at_most=0.08), 150
    foretold = outlook(rule, at(n), n, 1.0)
    assert foretold is not None
    decided = next(m for m in range(n, 5000, 10) if rule.judge(at(m)).outcome is Outcome.PASS)
    assert 0.5 < (n + foretold.units) / decided < 2
