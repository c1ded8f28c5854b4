"""Estimated errors of regressions, against realised ones of simulated labels."""

import math

import numpy as np
import pytest
from sklearn import metrics

from seawall.kernel import BadInput
from seawall.statistics.loss_estimation import expect_losses, learn_losses, realised_losses


def sample(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(shift, 1, n), rng.integers(0, 3, n)
    p = 30 + 2 * x
    return {"x": x, "z": z}, p, p + np.exp(0.4 * x) * (1 + z) * rng.normal(size=n)


def test_realised_errors_are_those_of_scikit_learn():
    _, p, y = sample(500, 1)
    found = realised_losses(p, y, 0.95)
    assert found["mae"].value == pytest.approx(metrics.mean_absolute_error(y, p))
    assert found["rmse"].value == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert found["mape"].value == pytest.approx(metrics.mean_absolute_percentage_error(y, p))


@pytest.mark.parametrize("size", [200, 2000])
def test_intervals_hold_for_the_realised_errors_as_often_as_stated(size):
    hits, runs = dict.fromkeys(("mae", "rmse", "mape"), 0), 60
    for seed in range(runs // 10):
        columns, p, y = sample(4000, 100 + seed)
        learnt = learn_losses(columns, p, y)
        for chunk in range(10):
            columns, p, y = sample(size, 1000 * (seed + 1) + chunk)
            (found,), _ = expect_losses(learnt, columns, p, (0.95,))
            real = realised_losses(p, y, 0.95)
            for name in hits:
                hits[name] += found[name].low <= real[name].value <= found[name].high
    assert min(hits.values()) / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs), hits


def test_the_estimate_follows_a_shift_that_the_reference_mean_does_not():
    columns, p, y = sample(10_000, 2)
    learnt = learn_losses(columns, p, y)
    moved, q, truth = sample(5000, 3, shift=0.7)
    (found,), _ = expect_losses(learnt, moved, q, (0.95,))
    was, real = (
        realised_losses(p, y, 0.95)["mae"].value,
        realised_losses(q, truth, 0.95)["mae"].value,
    )
    assert abs(found["mae"].value - real) < abs(was - real) / 4


def test_rows_unlike_the_reference_widen_the_interval_and_are_told():
    learnt = learn_losses(*sample(4000, 4))
    inside, outside = sample(1000, 5), sample(1000, 6, shift=9)
    (a,), near = expect_losses(learnt, *inside[:2], (0.95,))
    (b,), far = expect_losses(learnt, *outside[:2], (0.95,))
    assert near < 0.01
    assert far > 0.9
    assert b["mae"].high - b["mae"].low > 3 * (a["mae"].high - a["mae"].low)


def test_too_few_labels_and_empty_features_are_refused():
    with pytest.raises(BadInput, match="too few"):
        learn_losses(*sample(39, 7))
    _, p, y = sample(100, 8)
    with pytest.raises(BadInput, match="feature x has no value"):
        learn_losses({"x": np.full(100, np.nan)}, p, y)
