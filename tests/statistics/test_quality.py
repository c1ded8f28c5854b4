"""Performance, calibration, fairness and estimation against scikit-learn, fairlearn, simulation."""

import math

import fairlearn.metrics as fair
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from seawall.kernel import BadInput
from seawall.statistics.calibration import calibration
from seawall.statistics.estimation import calibrate, estimate, isotonic, realised
from seawall.statistics.fairness import fairness
from seawall.statistics.grid import heavy, score_grid
from seawall.statistics.performance import confusion, performance
from seawall.statistics.reliability import by_width, reliability
from seawall.statistics.score import summarise_scores

ALLOWANCE = 3 * math.sqrt(0.05 * 0.95 / 200)


def sample(n, seed, slope=1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(-0.5, 1.5, n)
    return 1 / (1 + np.exp(-x)), (rng.random(n) < 1 / (1 + np.exp(-slope * x))).astype(int)


def test_measures_are_those_of_scikit_learn_within_the_bound_of_the_grid():
    p, y = sample(5000, 1)
    found = performance(summarise_scores(p, y))
    call = p >= 0.5
    exact = {
        "accuracy": metrics.accuracy_score(y, call),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, call),
        "precision": metrics.precision_score(y, call),
        "recall": metrics.recall_score(y, call),
        "f1": metrics.f1_score(y, call),
    }
    for name, value in exact.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
    assert found["roc_auc"].value == pytest.approx(metrics.roc_auc_score(y, p), abs=2e-5)
    exact = metrics.average_precision_score(y, p)
    assert found["average_precision"].value == pytest.approx(exact, abs=1e-3)
    assert found["log_loss"].value == pytest.approx(metrics.log_loss(y, p), abs=1e-4)
    assert found["brier"].value == pytest.approx(metrics.brier_score_loss(y, p), abs=1e-5)


def test_ranking_by_few_distinct_scores_is_exact():
    rng = np.random.default_rng(2)
    p = rng.choice([0.1, 0.35, 0.6, 0.85], 800)
    y = (rng.random(800) < p).astype(int)
    found = performance(summarise_scores(p, y, grid=score_grid(heavy(p))))
    assert found["roc_auc"].value == pytest.approx(metrics.roc_auc_score(y, p), abs=1e-12)
    exact = metrics.average_precision_score(y, p)
    assert found["average_precision"].value == pytest.approx(exact, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_rows_that_share_the_bin_of_a_threshold_widen_and_an_atom_ends_that(seed, threshold):
    p, y = sample(300, seed)
    p[:5] = threshold
    call = p >= threshold
    exact = metrics.confusion_matrix(y, call, labels=[0, 1])
    c = confusion(summarise_scores(p, y, grid=score_grid((threshold,))), threshold)
    assert [[c.tn, c.fp], [c.fn, c.tp]] == exact.tolist()
    assert c.unsure == (0, 0)
    loose = confusion(summarise_scores(p, y), threshold)
    assert abs(loose.tp - c.tp) <= loose.unsure[0]
    assert abs(loose.fp - c.fp) <= loose.unsure[1]


@pytest.mark.parametrize("n", [60, 400])
def test_intervals_cover_the_true_measures(n):
    # the population is large enough to stand for the truth
    p, y = sample(400_000, 3)
    truth = {k: e.value for k, e in performance(summarise_scores(p, y)).items()}
    hits = dict.fromkeys(truth, 0)
    rng = np.random.default_rng(4)
    for _ in range(200):
        at = rng.integers(0, p.size, n)
        for name, e in performance(summarise_scores(p[at], y[at])).items():
            hits[name] += e.low <= truth[name] <= e.high
    # the normal approximation of average precision is a point short with 25 positives
    short = {"average_precision": 0.02 if n < 100 else 0.0}
    for name, hit in hits.items():
        assert hit / 200 >= 0.95 - ALLOWANCE - short.get(name, 0.0), (name, hit)


def test_a_perfect_ranking_of_few_rows_is_not_certain():
    found = performance(summarise_scores(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])))
    assert found["roc_auc"].value == 1
    assert found["roc_auc"].low < 0.2


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], [np.nan] * 3])
def test_labels_of_one_kind_have_whole_ranges_and_no_error(labels):
    summary = summarise_scores(np.array([0.2, 0.5, 0.9]), np.array(labels, float))
    assert performance(summary)["roc_auc"].low == 0.0
    for e in (*performance(summary).values(), *calibration(summary).values()):
        assert e.low <= e.high


def test_published_example_of_the_l1_error():
    p = np.array([0.5, 0.5, 0.5, 0.6, 0.5, 0.6, 0.6, 0.6, 0.6])
    y = np.array([0, 1, 0, 1, 0, 1, 1, 1, 0])
    summary = summarise_scores(p, y, grid=score_grid((0.5, 0.6)))
    found = calibration(summary, assigned=by_width(summary.grid, 10))
    assert found["ece"].value == pytest.approx(4 / 9 * 0.25 + 5 / 9 * 0.2, abs=1e-12)


def test_published_example_of_equal_mass_and_equal_width_bins():
    p, y = np.array([0.6, 0.7, 0.8, 0.9]), np.array([0, 0, 1, 1])
    summary = summarise_scores(p, y, grid=score_grid(p))
    assert calibration(summary, bins=2)["ece"].value == pytest.approx(0.4, abs=1e-12)
    wide = calibration(summary, assigned=by_width(summary.grid, 2))
    assert wide["ece"].value == pytest.approx(0.25, abs=1e-12)


def test_reliability_bins_share_the_rows_and_hold_the_rates():
    p, y = sample(3000, 5)
    bins = reliability(summarise_scores(p, y), 10)
    assert len(bins) == 10
    assert sum(b.n for b in bins) == 3000
    for b in bins:
        assert b.n == pytest.approx(300, abs=30)
        assert b.low <= b.score <= b.high


@pytest.mark.parametrize(("slope", "n"), [(1.0, 500), (0.6, 500), (0.6, 5000), (0.2, 2000)])
def test_the_calibration_interval_covers_the_true_error(slope, n):
    big_p, big_y = sample(400_000, 6, slope)
    true = calibration(summarise_scores(big_p, big_y))
    hits = dict.fromkeys(("ece", "ece_debiased"), 0)
    rng = np.random.default_rng(7)
    for _ in range(200):
        at = rng.integers(0, big_p.size, n)
        found = calibration(summarise_scores(big_p[at], big_y[at]))
        for name in hits:
            target = 0.0 if slope == 1.0 else true[name].value
            hits[name] += found[name].low <= target <= found[name].high
    assert min(hits.values()) / 200 >= 0.95 - ALLOWANCE, hits


def test_debiased_error_is_not_biased_where_the_plain_one_is():
    found = [calibration(summarise_scores(*sample(300, seed))) for seed in range(60)]
    assert np.mean([f["ece"].value for f in found]) > 0.06
    squares = [f["ece_debiased"].value ** 2 for f in found]
    assert np.mean(squares) < 0.05**2


def grouped(n, seed):
    rng = np.random.default_rng(seed)
    p, y = sample(n, seed)
    g = rng.choice(np.array(list("abcd"), object), n, p=[0.4, 0.3, 0.2, 0.1])
    return p, y, g


def test_gaps_are_those_of_fairlearn():
    p, y, g = grouped(4000, 8)
    call = (p >= 0.5).astype(int)
    found = fairness(summarise_scores(p, y, {"g": g}), ("g",)).measures
    options = {"sensitive_features": g}
    for name in (
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equal_opportunity_difference",
        "equalized_odds_difference",
    ):
        exact = getattr(fair, name)(y, call, **options)
        assert found[name].value == pytest.approx(exact, abs=1e-12), name


def test_equal_groups_show_no_gap_at_the_stated_rate():
    wrong = 0
    for seed in range(100):
        p, y, g = grouped(1200, seed)
        found = fairness(summarise_scores(p, y, {"g": g}), ("g",)).measures
        wrong += found["demographic_parity_difference"].low > 0
    assert wrong <= 5 + 3 * math.sqrt(4.75)


def test_a_gap_at_the_tolerance_is_exceeded_no_more_often_than_alpha():
    rng = np.random.default_rng(9)
    wrong = missed = 0
    for _ in range(200):
        g = rng.choice(np.array(list("abc"), object), 900)
        p = np.where(rng.random(900) < np.where(g == "a", 0.4, 0.3), 0.9, 0.1)
        found = fairness(summarise_scores(p, None, {"g": g}), ("g",)).measures
        gap = found["demographic_parity_difference"]
        wrong += gap.low > 0.10
        missed += not gap.low <= 0.10 <= gap.high
    assert wrong / 200 <= 0.05 + ALLOWANCE
    assert missed / 200 <= 0.05 + ALLOWANCE


def test_small_groups_are_listed_and_left_out_of_gaps():
    g = np.array(["a"] * 100 + ["b"] * 100 + ["c"] * 3, object)
    p = np.where(g == "c", 0.9, 0.1)
    found = fairness(summarise_scores(p, None, {"g": g}), ("g",))
    assert [s.by for s in found.small] == [{"g": "c"}]
    assert found.measures["demographic_parity_difference"].value == 0


def test_groups_that_were_not_counted_are_refused():
    with pytest.raises(BadInput, match="counted by: g"):
        fairness(summarise_scores(np.array([0.5]), None, {"g": np.array(["a"])}), ("h",))


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


@pytest.mark.parametrize(("slope", "isotonic_used"), [(1.0, False), (0.4, True)])
def test_estimates_predict_the_realised_measures_of_chunks(slope, isotonic_used):
    grid = score_grid((0.5,))
    learnt = calibrate(summarise_scores(*sample(20_000, 10, slope), grid=grid))
    assert learnt.isotonic or not isotonic_used
    hits, runs = dict.fromkeys(("roc_auc", "f1", "accuracy", "precision", "recall"), 0), 100
    for seed in range(runs):
        p, y = sample(1500, 100 + seed, slope)
        expected = estimate(learnt, summarise_scores(p, grid=grid))
        real = realised(summarise_scores(p, y, grid=grid), 0.5, 0.95)
        for name in hits:
            hits[name] += expected[name].low <= real[name].value <= expected[name].high
    assert min(hits.values()) / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs), hits


def test_estimates_follow_a_shift_of_the_inputs():
    grid = score_grid((0.5,))
    learnt = calibrate(summarise_scores(*sample(20_000, 11), grid=grid))
    unsure = np.clip(np.random.default_rng(12).normal(0.5, 0.05, 3000), 0, 1)
    found = estimate(learnt, summarise_scores(unsure, grid=grid))["accuracy"]
    assert (
        found.high
        < estimate(learnt, summarise_scores(sample(3000, 13)[0], grid=grid))["accuracy"].low
    )


def test_a_reference_with_one_kind_of_label_cannot_teach():
    with pytest.raises(BadInput, match="both kinds"):
        calibrate(summarise_scores(np.array([0.2, 0.3]), np.array([0, 0])))
