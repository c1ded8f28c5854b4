import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import BadInput
from seawall.serving.counted import error_grids
from seawall.statistics.betting import calibration_bets, risk_bets
from seawall.statistics.counted_bets import (
    BANDS,
    BETTORS,
    Sets,
    calibration_bet,
    gap_bet,
    mean_gap_bet,
    risk_bet,
)
from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid
from seawall.statistics.score import summarise_scores

SIZES = st.integers(0, 300)


@given(SIZES, SIZES, st.floats(0.01, 0.9))
def test_a_bet_on_counts_is_the_product_of_the_bets_on_their_rows(ones, zeros, tolerance):
    rows = np.repeat([1.0, 0.0], [ones, zeros])
    expected = risk_bets(rows, tolerance).sum(axis=0)
    assert risk_bet(ones, ones + zeros, tolerance) == pytest.approx(expected, abs=1e-8)


def test_calibration_bets_on_cells_are_those_on_rows_or_a_little_less():
    rng = np.random.default_rng(3)
    score = rng.integers(0, BANDS, 4_000) / BANDS + rng.uniform(0.01, 0.19, 4_000)
    label = (rng.random(4_000) < score**2).astype(int)
    found = summarise_scores(score, label)
    counted = calibration_bet(found.counts[:2], found.grid, 0.05).reshape(BANDS, -1)
    exact = calibration_bets(score, label, 0.05).sum(axis=0).reshape(BANDS, -1)
    assert (counted <= exact + 1e-9).all()
    small = slice(5, 10)  # of the smaller stakes, rounding costs little
    assert counted[:, small] == pytest.approx(exact[:, small], abs=0.5)
    with pytest.raises(BadInput, match="counts in each of"):
        calibration_bet(np.zeros((2, 3)), found.grid, 0.05)


def test_a_gap_at_the_tolerance_is_worth_nothing_on_average_and_a_larger_one_is():
    rng = np.random.default_rng(5)

    def worth(rate):
        drawn = [
            gap_bet((rng.binomial(30, 0.2 + rate), 30), (rng.binomial(90, 0.2), 90), 0.1, seed)
            for seed in range(4_000)
        ]
        return np.exp(np.array(drawn)).mean(axis=0)

    mean = worth(0.1)
    assert (mean[:10] < 1).all()
    assert (mean[11:] < 1.05).all()  # the first stake's mean is of a few large values
    assert worth(0.3)[12] > 1.5
    assert gap_bet((3, 10), (0, 0), 0.1, 0).tolist() == [0.0] * 20


@given(st.data())
def test_no_window_within_the_tolerance_is_worth_more_than_one_on_average(data):
    """Whatever moves less than the tolerance: of one row, exactly, for each bettor."""
    size = data.draw(st.integers(2, 12))
    ordered = data.draw(st.booleans())
    weights = st.lists(st.integers(1, 50), min_size=size, max_size=size)
    old, new = (np.array(data.draw(weights), float) for _ in range(2))
    p, q = old / old.sum(), new / new.sum()
    if ordered:
        apart = np.abs(np.cumsum(q - p)).max()
    else:
        apart = np.abs(q - p).sum() / 2
    tolerance = min(float(apart) + 0.001, 0.99)
    values = np.repeat(np.arange(size), old.astype(int))
    kept = values.astype(np.int64) if ordered else np.array([f"c{v:02}" for v in values], object)
    grid = make_grid(kept)
    sets = Sets(summarise(kept, grid), 0.95)
    one = [
        np.exp(
            sets.bet(summarise(np.array([kept[np.flatnonzero(values == v)[0]]]), grid), tolerance)
        )
        for v in range(size)
    ]
    assert (q @ np.array(one) <= 1 + 1e-9).all()


def test_a_distribution_that_moved_is_found_and_a_column_of_one_value_says_nothing():
    rng = np.random.default_rng(2)
    base = rng.normal(size=20_000)
    grid = make_grid(base)
    sets = Sets(summarise(base, grid), 0.999)
    moved = sets.bet(summarise(rng.normal(0.8, 1, 2_000), grid), 0.1)
    assert moved.size == sets.bettors
    assert moved.max() > 50
    assert sets.bet(summarise(rng.normal(size=2_000), grid), 0.1).max() < 3
    same = np.zeros(500)
    constant = Sets(summarise(same, make_grid(same)), 0.95)
    bet = constant.bet(summarise(same, make_grid(same)), 0.1)
    assert bet.size == constant.bettors
    assert bet.max() <= 0


CHANCES = st.sampled_from([0.0, 1.0]) | st.floats(1e-9, 1.0)


@given(CHANCES, st.integers(1, 4), st.sampled_from([-1.0, 1.0]))
def test_bets_on_a_gap_of_means_are_fair_at_the_tolerance_over_every_outcome(chance, n, side):
    """Values of 0 and 4, in one group 2 more on average than in the other: 2 is tolerated."""
    grid, low, worth = error_grids(None).error, chance / 2, np.zeros(BETTORS["gap"])
    for a, b in np.ndindex(2, n + 1):
        likely = scipy.stats.binom.pmf(a, 1, low) * scipy.stats.binom.pmf(b, n, low + 0.5)
        first = summarise(side * np.repeat([4.0, 0.0], [a, 1 - a]), grid)
        second = summarise(side * np.repeat([4.0, 0.0], [b, n - b]), grid)
        worth += likely * np.exp(mean_gap_bet(first, second, 2.0, 5.0, seed=1))
    assert (worth <= 1 + 1e-9).all()
    assert worth.max() > 0.95  # nor is more given away than cells hide
