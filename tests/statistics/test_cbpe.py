"""Estimated quality of binary models, against realised measures of simulated labels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from seawall.kernel import BadInput
from seawall.statistics.calls import call_by_column, call_by_threshold
from seawall.statistics.cbpe import MEASURES, expect, realised
from seawall.statistics.grid import score_grid
from seawall.statistics.isotonic import isotonic
from seawall.statistics.raking import learn_raking
from seawall.statistics.recalibration import calibrate, make_bins
from seawall.statistics.score import summarise_scores

GRID = score_grid((0.5,))
WORTH = {"tp": 5.0, "fp": -1.0, "fn": -3.0, "tn": 0.0}


def sample(n, seed, slope=1.0, base=-0.5):
    rng = np.random.default_rng(seed)
    x = rng.normal(base, 1.5, n)
    return 1 / (1 + np.exp(-x)), (rng.random(n) < 1 / (1 + np.exp(-slope * x))).astype(int)


def counted(p, y=None):
    return call_by_threshold(summarise_scores(p, y, grid=GRID), 0.5)


def learnt_from(p, y):
    reference = counted(p, y)
    return calibrate(reference, make_bins(reference, 0.5))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_isotonic_rates_are_those_of_scikit_learn(cells):
    n = np.array([a + b for a, b in cells], float)
    y = np.array([a for a, _ in cells], float)
    kept = n > 0
    found = isotonic(y, n)
    assert found.size == n.size
    assert (np.diff(found) >= -1e-12).all()
    if kept.any():
        at, rates = np.arange(n.size)[kept], (y / np.maximum(n, 1))[kept]
        oracle = IsotonicRegression().fit(at, rates, sample_weight=n[kept]).predict(at)
        assert found[kept] == pytest.approx(oracle, abs=1e-9)


def held(slope, base, reference, chunk, runs):
    hits, known = dict.fromkeys((*MEASURES, "business_value"), 0), dict.fromkeys(MEASURES, 0)
    known["business_value"] = 0
    for seed in range(runs):
        learnt = learnt_from(*sample(reference, 10_000 + seed, slope, base))
        p, y = sample(chunk, 20_000 + seed, slope, base)
        expected = expect(learnt, counted(p), WORTH).at(0.95)
        real = realised(counted(p, y), 0.95, WORTH)
        for name, e in expected.items():
            if not math.isnan(real[name].value):
                known[name] += 1
                hits[name] += e.low - 1e-9 <= real[name].value <= e.high + 1e-9
    return {name: hits[name] / known[name] for name in hits}


@pytest.mark.parametrize(
    ("slope", "base", "reference", "chunk"),
    [(1.0, -0.5, 4000, 1000), (0.4, -0.5, 4000, 1000), (1.0, -4.0, 8000, 1000)],
)
def test_intervals_hold_for_the_realised_measures_as_often_as_stated(slope, base, reference, chunk):
    found = held(slope, base, reference, chunk, 60)
    assert min(found.values()) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 60), found


@pytest.mark.soak
@pytest.mark.parametrize("slope", [1.0, 0.4])
@pytest.mark.parametrize(("reference", "chunk"), [(1000, 100), (1000, 10_000), (20_000, 2000)])
def test_intervals_hold_over_sizes(slope, reference, chunk):
    found = held(slope, -0.5, reference, chunk, 1200)
    # a reference of 1,000 rows holds a little less often than stated; docs/estimation.md says so
    least = 0.92 if reference == 1000 else 0.95
    assert min(found.values()) >= least - 3 * math.sqrt(0.05 * 0.95 / 1200), found


def test_expected_measures_are_those_of_labels_at_their_expectation():
    p, y = sample(200_000, 1, 0.4)
    learnt = learnt_from(p, y)
    found = expect(learnt, counted(p)).values
    call = (p >= 0.5).astype(int)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, call), abs=0.002)
    assert found["precision"] == pytest.approx(metrics.precision_score(y, call), abs=0.002)
    assert found["recall"] == pytest.approx(metrics.recall_score(y, call), abs=0.002)
    assert found["f1"] == pytest.approx(metrics.f1_score(y, call), abs=0.002)
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, p), abs=0.002)


def test_the_business_value_is_the_mean_of_what_cells_are_worth():
    p, y = sample(5000, 2)
    call = p >= 0.5
    worth = np.where(call, np.where(y == 1, 5, -1), np.where(y == 1, -3, 0)).mean()
    assert realised(counted(p, y), 0.95, WORTH)["business_value"].value == pytest.approx(worth)
    found = expect(learnt_from(*sample(50_000, 3)), counted(p), WORTH).at(0.95)["business_value"]
    assert found.low < worth < found.high


@pytest.mark.parametrize(("slope", "choice"), [(1.0, "as given"), (0.4, "isotonic")])
def test_scores_are_recalibrated_only_where_that_helps_on_rows_held_out(slope, choice):
    learnt = learnt_from(*sample(20_000, 10, slope))
    assert learnt.choice == choice
    assert learnt.error[1] <= learnt.error[0] + 0.01


def test_scores_that_do_not_rise_with_the_rate_get_each_bins_own_rate():
    rng = np.random.default_rng(4)
    p = rng.random(30_000)
    y = (rng.random(30_000) < np.abs(2 * p - 1)).astype(int)
    assert learnt_from(p, y).choice == "binned"


def test_calls_of_a_column_that_knows_more_than_the_score_are_learnt_apart():
    rng = np.random.default_rng(5)
    p, y = sample(20_000, 6)
    call = np.where(rng.random(p.size) < 0.7, y, p >= 0.5).astype(int)
    summary = summarise_scores(p, y, {"call": call}, grid=GRID)
    reference = call_by_column(summary, "call")
    learnt = calibrate(reference, make_bins(reference))
    assert learnt.choice.endswith("by call")
    right = (call == y).mean()
    found = expect(learnt, reference).at(0.95)["accuracy"]
    assert found.low < right < found.high
    with pytest.raises(BadInput, match="neither 0 nor 1"):
        call_by_column(summarise_scores(p, y, {"call": call + 1}, grid=GRID), "call")


def test_rows_with_scores_that_the_reference_lacks_widen_the_interval_and_are_told():
    rng = np.random.default_rng(7)
    p, y = sample(20_000, 8)
    low = p < 0.6
    learnt = learnt_from(p[low], y[low])
    near, far = rng.uniform(0.1, 0.55, 2000), rng.uniform(0.7, 0.95, 2000)
    inside, outside = expect(learnt, counted(near)), expect(learnt, counted(far))
    assert inside.unseen == 0
    assert outside.unseen == 1
    a, b = inside.at(0.95)["accuracy"], outside.at(0.95)["accuracy"]
    assert b.high - b.low > 5 * (a.high - a.low)


def test_a_higher_confidence_gives_a_wider_interval():
    found = expect(learnt_from(*sample(3000, 9)), counted(sample(500, 10)[0]))
    for name, e in found.at(0.95).items():
        wide = found.at(0.999)[name]
        assert wide.low <= e.low <= e.value <= e.high <= wide.high


def test_estimates_follow_a_shift_of_the_inputs():
    learnt = learnt_from(*sample(20_000, 11))
    unsure = np.clip(np.random.default_rng(12).normal(0.5, 0.05, 3000), 0, 1)
    found = expect(learnt, counted(unsure)).at(0.95)["accuracy"]
    assert found.high < expect(learnt, counted(sample(3000, 13)[0])).at(0.95)["accuracy"].low


def test_raking_gives_the_reference_the_features_of_the_chunk():
    rng = np.random.default_rng(14)
    x, z = rng.normal(0, 1, 30_000), rng.integers(0, 3, 30_000)
    s = rng.random(30_000)
    raking = learn_raking({"x": x, "z": z}, s, (rng.random(30_000) < s).astype(float))
    moved, other = rng.normal(0.5, 1, 5000), rng.choice(3, 5000, p=[0.6, 0.3, 0.1])
    weights, unlike = raking.weigh({"x": moved, "z": other}, rng.random(5000))
    assert weights.mean() == pytest.approx(1, abs=1e-6)
    assert np.average(x, weights=weights) == pytest.approx(moved.mean(), abs=0.05)
    for value in range(3):
        share = np.average(z == value, weights=weights)
        assert share == pytest.approx((other == value).mean(), abs=0.01)
    assert unlike.mean() < 0.001
    assert raking.weigh({"x": moved + 20, "z": other}, rng.random(5000))[1].all()


def test_a_reference_with_one_kind_of_label_cannot_teach():
    with pytest.raises(BadInput, match="both kinds"):
        learnt_from(np.array([0.2, 0.3]), np.array([0, 0]))


def test_a_chunk_on_another_grid_is_refused():
    learnt = learnt_from(*sample(500, 15))
    other = call_by_threshold(summarise_scores(np.array([0.2]), grid=score_grid((0.3,))), 0.3)
    with pytest.raises(BadInput, match="another grid"):
        expect(learnt, other)
