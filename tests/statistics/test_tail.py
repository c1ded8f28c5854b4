"""Heavy tails of losses: the index, and the means that they may hide."""

import math

import numpy as np
import pytest
from scipy import stats

from seawall.statistics.regression import (
    error_grids,
    heavy_tails,
    regression,
    summarise_errors,
)
from seawall.statistics.tail import upper_tail


def of(label, errors):
    return summarise_errors(label, label + errors, error_grids(label, label + errors))


def labels(rng, n):
    return rng.normal(50, 4, n)


def test_the_index_of_pareto_losses_is_between_its_bounds_at_the_stated_rate():
    rng, missed = np.random.default_rng(1), 0
    for _ in range(300):
        tail = upper_tail(rng.pareto(1 / 0.6, 2000) + 1, np.ones(2000), 0.95)
        missed += not tail.low <= 0.6 <= tail.high
    # both bounds are one-sided at 10%
    assert abs(missed / 300 - 0.2) <= 3 * math.sqrt(0.2 * 0.8 / 300)


def test_the_index_is_hills_whichever_way_rows_are_counted():
    losses = np.random.default_rng(2).pareto(1.5, 400) + 1
    k = 30  # 1.5·√400
    rising = np.sort(losses)
    hill = np.log(rising[-k:]).mean() - np.log(rising[-k - 1])
    assert upper_tail(losses, np.ones(400), 0.95).gamma == pytest.approx(hill)
    assert upper_tail(losses, np.full(400, 1.0)[::-1], 0.95).gamma == pytest.approx(hill)
    twice = upper_tail(np.repeat(rising, 2), np.ones(800), 0.95)
    assert upper_tail(rising, np.full(400, 2.0), 0.95) == pytest.approx(twice)


def test_zeros_and_a_handful_of_losses_say_nothing_of_a_tail():
    losses = np.append(np.zeros(500), np.arange(1.0, 10.0))
    assert upper_tail(losses, np.ones(losses.size), 0.95) is None
    assert upper_tail(np.zeros(0), np.zeros(0), 0.95) is None


@pytest.mark.parametrize("freedom", [3, 5])
@pytest.mark.parametrize("n", [200, 2000])
def test_the_root_mean_square_of_heavy_tailed_errors_is_covered(freedom, n):
    rng, hits, runs = np.random.default_rng(freedom), 0, 200
    truth = math.sqrt(freedom / (freedom - 2))
    for _ in range(runs):
        e = regression(of(labels(rng, n), rng.standard_t(freedom, n)))["rmse"]
        hits += e.low <= truth <= e.high
    assert hits / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)


def test_errors_of_light_tails_keep_the_interval_that_their_variance_gives():
    rng = np.random.default_rng(4)
    e = regression(of(labels(rng, 5000), rng.normal(size=5000)))["rmse"]
    exact = np.sqrt(5000 / stats.chi2.ppf([0.975, 0.025], 5000)) * e.value
    assert (e.low, e.high) == pytest.approx(exact, rel=0.01)


def test_losses_without_a_mean_have_no_upper_bound():
    rng = np.random.default_rng(5)
    found = regression(of(labels(rng, 5000), rng.standard_cauchy(5000)))
    assert found["rmse"].high == math.inf
    assert found["median_absolute_error"].high < math.inf


def test_labels_near_zero_and_errors_without_a_fourth_moment_are_told():
    rng, n = np.random.default_rng(6), 5000
    assert heavy_tails(of(labels(rng, n), rng.normal(size=n))) == []
    assert heavy_tails(of(rng.normal(size=n), rng.normal(size=n))) == ["mape"]
    assert heavy_tails(of(labels(rng, n), rng.standard_t(3, n))) == ["rmse"]
