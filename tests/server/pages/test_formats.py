import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import Estimate
from seawall.server.pages import formats

NOW = datetime(2026, 3, 12, 14, 20, tzinfo=UTC)
THIN = "\u202f"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.84321, "", "0.843"),
        (0.84321, "%", f"84.3{THIN}%"),
        (12.34, "ms", f"12.3{THIN}ms"),
        (1234.5, "", "1,234"),
        (0.0042, "", "0.00420"),
        (-0.071, "pp", f"−7.10{THIN}pp"),
        (0.071, "pp", f"+7.10{THIN}pp"),
        (0, "", "0"),
        (math.inf, "", "∞"),
        (math.nan, "%", "–"),
        (None, "", "–"),
    ],
)
def test_a_number_has_three_significant_digits_and_its_unit(value, unit, text):
    assert formats.number(value, unit) == text


def test_an_interval_is_written_to_the_same_decimals_as_its_value():
    estimate = Estimate(0.0118, 0.009, math.inf, 0.95, 100, "m")
    assert formats.value_and_range(estimate, "%") == (f"1.18{THIN}%", "0.90 … ∞")


def test_an_estimate_that_is_missing_is_shown_as_such():
    assert formats.value_and_range(None) == ("–", "")


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, 0.1, f"at most 10.0{THIN}%"),
        (0.8, None, f"at least 80.0{THIN}%"),
        (-0.1, 0.1, f"within ±10.0{THIN}%"),
        (0.4, 0.5, f"40.0{THIN}% to 50.0{THIN}%"),
        (None, None, ""),
    ],
)
def test_a_tolerated_range_is_told_in_words(low, high, text):
    assert formats.tolerated(low, high, "%") == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=3), "now"),
        (timedelta(seconds=42), f"42{THIN}s ago"),
        (timedelta(minutes=59), f"59{THIN}min ago"),
        (timedelta(hours=3, minutes=20), f"3{THIN}h 20{THIN}min ago"),
        (timedelta(hours=26), f"26{THIN}h ago"),
        (timedelta(days=12), "12 days ago"),
        (-timedelta(hours=2), f"in 2{THIN}h"),
    ],
)
def test_a_moment_is_told_as_seen_from_now(ago, text):
    assert formats.relative(NOW - ago, NOW) == text


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["", "%", "pp", "ms"]))
def test_every_float_can_be_written(value, unit):
    assert formats.number(value, unit)
