from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seawall.statistics.flips import NONE, flips, flips_by, rise

answers = st.lists(st.sampled_from([NONE, 0, 1]), min_size=1, max_size=60)


@given(st.data())
def test_flips_are_the_rows_that_differ_and_their_directions_add_up(data: st.DataObject) -> None:
    then = data.draw(answers)
    now = data.draw(st.lists(st.sampled_from([NONE, 0, 1]), min_size=len(then), max_size=len(then)))
    found = flips(np.array(then, np.int8), np.array(now, np.int8), 0.95)
    n = len(then)
    counts = {name: round(e.value * n) for name, e in found.items()}
    assert counts.pop("flips") == sum(a != b for a, b in zip(then, now, strict=True))
    assert sum(counts.values()) == sum(a != b for a, b in zip(then, now, strict=True))
    assert counts["0_to_1"] == sum((a, b) == (0, 1) for a, b in zip(then, now, strict=True))


def test_the_interval_of_flips_is_that_of_scipys_exact_binomial_test() -> None:
    then = np.zeros(400, np.int8)
    now = then.copy()
    now[:13] = 1
    found = flips(then, now, 0.95)["0_to_1"]
    exact = stats.binomtest(13, 400).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_a_rise_is_told_from_the_rows_that_changed_only() -> None:
    before = np.arange(1000) < 30
    after = np.arange(1000) < 50
    found = rise(before, after, 0.95)
    assert found.value == pytest.approx(0.02)
    assert 0 < found.low < 0.02 < found.high < 0.04
    assert rise(before, before, 0.95).value == 0


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_the_intervals_of_all_groups_hold_at_once_as_often_as_they_say(rate: float) -> None:
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(300):
        codes = rng.integers(0, 8, 1_200)
        found = flips_by("g", codes, tuple("abcdefgh"), rng.random(1_200) < rate, 0.95, 8)
        missed += any(not one.flips.low <= rate <= one.flips.high for one in found)
    assert missed <= stats.binom.ppf(0.999, 300, 0.05)


def test_groups_come_with_the_largest_share_first_and_empty_ones_not_at_all() -> None:
    codes = np.array([0] * 50 + [2] * 50)
    flipped = np.arange(100) >= 90
    found = flips_by("sex", codes, ("f", "other", "m"), flipped, 0.95, 2)
    assert [(one.by, one.n, one.flips.value) for one in found] == [
        ({"sex": "m"}, 50, 0.2),
        ({"sex": "f"}, 50, 0.0),
    ]
    assert {one.flips.validity for one in found} == {"simultaneous"}
