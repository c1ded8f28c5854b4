"""Bets, detectors, ranks, running means: published values, laws, and simulated error rates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest

from seawall.kernel import BadInput, from_json, to_json
from seawall.statistics.betting import calibration_bets, gap_bets, risk_bets
from seawall.statistics.counting import summarise
from seawall.statistics.e_detector import Detector, average, e_bh, log_weight
from seawall.statistics.exchange import Exchange, rank_bets
from seawall.statistics.grid import make_grid
from seawall.statistics.intervals import poisson_rate
from seawall.statistics.quantile import double_stitching_bound, quantile_interval
from seawall.statistics.rate import mixture
from seawall.statistics.running_mean import BernsteinMean, RunningMean
from seawall.statistics.sequential import cdf_band, mean_interval
from seawall.statistics.shift import shift_from_baseline

CROSSED = math.log(20)


def allowed(runs, alpha=0.05):
    return alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)


def test_confseq_values():
    assert cdf_band(1000, 0.95, first=100) == pytest.approx(0.08204769, abs=1e-7)
    assert double_stitching_bound(0.9, 1000, 0.05, 100) == pytest.approx(43.72119, abs=1e-5)
    strength = 100 / (2 * math.log(20) + math.log(1 + 2 * math.log(20))) - 1
    p = np.linspace(0.6, 0.8, 400_001)
    kept = p[mixture(p, np.array(700.0), np.array(1000.0), strength) <= CROSSED]
    assert (kept.min(), kept.max()) == pytest.approx((0.651629, 0.745949), abs=2e-6)


def test_a_band_with_a_later_first_look_says_nothing_before_it():
    assert cdf_band(99, 0.95, first=100) == 1.0
    assert cdf_band(100, 0.95, first=100) < cdf_band(100)


def test_the_exact_poisson_interval_is_the_chi_squared_one():
    found = poisson_rate(3, 2.0, 0.95)
    assert found.low == pytest.approx(chi2.ppf(0.025, 6) / 2 / 2)
    assert found.high == pytest.approx(chi2.ppf(0.975, 8) / 2 / 2)
    assert (poisson_rate(0, 1, 0.95).low, poisson_rate(0, 0, 0.95).high) == (0.0, math.inf)


def test_no_bet_gains_on_average_while_the_tolerance_just_holds():
    two = np.array([0.0, 1.0])
    worth = np.exp(risk_bets(two, 0.2))
    assert 0.8 * worth[0] + 0.2 * worth[1] == pytest.approx(np.ones(worth.shape[1]))
    gap = np.exp(gap_bets([1, 0, 0, 0, 1, 1, 0, 1], [0, 1] * 4, 0.0))  # every pair of outcomes
    assert gap.mean(axis=0) == pytest.approx(np.ones(gap.shape[1]))
    off = np.exp(calibration_bets([0.3, 0.3], [0, 1], 0.1))
    upper = off[:, 10 * 2 : 10 * 3]  # band 1 of 5, labels above scores
    assert 0.6 * upper[0] + 0.4 * upper[1] == pytest.approx(np.ones(10))


def test_a_start_is_the_product_of_the_bets_since():
    bets = np.log([[2.0], [0.5], [3.0]])
    _, ends = Detector.of("mean_time", 1).update(bets)
    assert np.exp(ends) == pytest.approx([2, (2 + 1) * 0.5, (1.5 + 1) * 3])


def test_the_stakes_of_all_starts_sum_to_no_more_than_one():
    stakes = np.exp(log_weight(np.arange(1, 1_000_001)))
    rest = 1 / (2.1098 * math.log(1_000_001))  # the integral beyond
    assert 0.99 < stakes.sum() + rest <= 1 + 1e-7


@given(st.lists(st.integers(0, 60), max_size=4), st.sampled_from(["ever", "mean_time"]))
@settings(max_examples=25)
def test_a_detector_does_not_care_how_rows_are_cut_into_batches(cuts, contract):
    bets = risk_bets(np.random.default_rng(1).random(60), 0.4)
    whole, path = Detector.of(contract, bets.shape[1]).update(bets)
    parts, paths = Detector.of(contract, bets.shape[1]), []
    for piece in np.split(bets, sorted(cuts)):
        parts, found = parts.update(piece)
        paths.append(found)
    assert np.concatenate(paths) == pytest.approx(path, abs=1e-9)
    assert parts.log_value == pytest.approx(whole.log_value, abs=1e-9)
    assert from_json(to_json(parts), Detector) == parts


def test_a_risk_at_its_tolerance_alarms_at_some_time_no_more_often_than_alpha():
    rng, runs = np.random.default_rng(2), 300
    alarms = 0
    for _ in range(runs):
        _, path = Detector.of("ever", 10).update(risk_bets(rng.random(2000) < 0.1, 0.1))
        alarms += path.max() >= CROSSED
    assert alarms / runs <= allowed(runs)


def test_a_risk_that_doubles_is_found_within_a_few_hundred_rows():
    rng = np.random.default_rng(3)
    rows = rng.random(3000) < np.where(np.arange(3000) < 2000, 0.08, 0.2)
    _, path = Detector.of("ever", 10).update(risk_bets(rows, 0.1))
    first = int(np.argmax(path >= CROSSED))
    assert 2000 < first < 2400


def test_the_mean_time_to_a_false_alarm_is_at_least_what_was_asked():
    rng, asked, times = np.random.default_rng(4), 200, []
    for _ in range(120):
        streams = []
        shared = rng.random(2000)  # all streams see the same rows: as dependent as can be
        for tolerance in (0.1, 0.3, 0.5):
            rows = shared < tolerance
            streams.append(Detector.of("mean_time", 10).update(risk_bets(rows, tolerance))[1])
        over = np.flatnonzero(average(np.stack(streams)) >= math.log(asked))
        times.append(over[0] + 1 if over.size else 2000)
    assert np.mean(times) >= asked - 3 * np.std(times) / math.sqrt(len(times))


def test_groups_that_move_together_do_not_alarm_and_a_gap_does():
    rng = np.random.default_rng(5)
    group = rng.random(8000) < 0.2
    base = np.where(np.arange(8000) < 4000, 0.2, 0.6)
    together, apart = (
        gap_bets(rng.random(8000) < base + shift * group, group, 0.05) for shift in (0.0, 0.25)
    )
    detector = Detector.of("ever", together.shape[1])
    assert detector.update(together)[1].max() < CROSSED
    assert detector.update(apart)[1].max() >= CROSSED


def test_a_gap_at_the_tolerance_alarms_no_more_often_than_alpha():
    rng, runs, alarms = np.random.default_rng(6), 200, 0
    for _ in range(runs):
        group = rng.random(1000) < 0.3
        bets = gap_bets(rng.random(1000) < np.where(group, 0.4, 0.3), group, 0.1)
        alarms += Detector.of("ever", bets.shape[1]).update(bets)[1].max() >= CROSSED
    assert alarms / runs <= allowed(runs)


def test_one_group_alone_makes_no_bet():
    assert gap_bets([1, 0, 1], [True] * 3, 0.1).shape == (0, 20)


def test_miscalibration_in_one_band_of_scores_is_found_and_calibration_is_not():
    rng, runs, alarms = np.random.default_rng(7), 80, 0
    for _ in range(runs):
        score = rng.random(800)
        bets = calibration_bets(score, rng.random(800) < score, 0.0)
        alarms += Detector.of("ever", bets.shape[1]).update(bets)[1].max() >= CROSSED
    assert alarms / runs <= allowed(runs)
    score = rng.random(4000)
    wrong = np.where(score > 0.8, score - 0.3, score)
    bets = calibration_bets(score, rng.random(4000) < wrong, 0.05)
    assert Detector.of("ever", bets.shape[1]).update(bets)[0].log_value >= CROSSED


def test_values_out_of_range_and_impossible_tolerances_are_refused():
    with pytest.raises(BadInput, match="outside"):
        risk_bets([0.1, 2.0], 0.2)
    with pytest.raises(BadInput, match="tolerance"):
        risk_bets([0.1], 0.0)
    with pytest.raises(BadInput, match="one label"):
        calibration_bets([0.5], [2], 0.1)
    with pytest.raises(BadInput, match="bettors"):
        Detector.of("ever", 3).update(np.zeros((4, 2)))
    with pytest.raises(BadInput, match="outside"):
        RunningMean().update([1.5])


def test_ranks_among_what_came_before_are_independent_and_uniform_whatever_the_distribution():
    rng = np.random.default_rng(8)
    for values in (rng.lognormal(0, 2, 6000), rng.integers(0, 3, 6000)):
        grid = make_grid(values[:1000])
        watch = Exchange.against(summarise(values[1000:1500], grid))
        ranks = watch.ranks(values[1500:])
        assert kstest(ranks, "uniform").pvalue > 0.001
        assert abs(np.corrcoef(ranks[1:], ranks[:-1])[0, 1]) < 0.05
    assert np.exp(rank_bets((np.arange(100_000) + 0.5) / 100_000)).mean(0) == pytest.approx(
        np.ones(13), abs=1e-3
    )


def test_a_watch_of_ranks_does_not_care_how_rows_are_cut_into_batches():
    rng = np.random.default_rng(9)
    base, rows = rng.normal(size=300), rng.normal(size=700)
    start = Exchange.against(summarise(base, make_grid(base)))
    whole, path = start.update(rows)
    watch, paths = start, []
    for piece in np.split(rows, [1, 1, 257, 600]):
        watch, found = watch.update(piece)
        paths.append(found)
    assert np.concatenate(paths) == pytest.approx(path, abs=1e-9)
    assert watch.seen == whole.seen


def test_a_small_baseline_taken_with_its_uncertainty_raises_no_more_false_alarms_than_alpha():
    rng, runs = np.random.default_rng(10), 100
    alarms = taken_as_truth = 0
    for _ in range(runs):
        base, rows = rng.normal(size=200), rng.normal(size=1500)
        found = Exchange.against(summarise(base, make_grid(base))).update(rows)[1]
        alarms += found.max() >= CROSSED
        against = (base[None, :] > rows[:, None]).mean(1)
        _, naive = Detector.of("ever", 13).update(rank_bets(np.maximum(against, 1e-3)))
        taken_as_truth += naive.max() >= CROSSED
    assert alarms / runs <= allowed(runs)
    assert taken_as_truth / runs > 0.2  # so the test can see a baseline that is taken as the truth


def test_errors_that_grow_are_found_at_once():
    rng = np.random.default_rng(11)
    errors = np.abs(rng.normal(size=1500)) * np.where(np.arange(1500) < 1000, 1, 4)
    watch = Exchange.against(summarise(errors[:0], make_grid(errors[:200])), side="larger")
    _, path = watch.update(errors)
    assert 1000 < np.argmax(path >= CROSSED) < 1030


def test_distances_from_a_fixed_baseline_hold_the_true_one_and_beat_two_growing_bands():
    rng, missed = np.random.default_rng(12), 0
    p, q = np.full(10, 0.1), np.linspace(0.6, 1.4, 10) / 10
    true = np.abs(np.cumsum(p - q)).max()
    for _ in range(200):
        base, counts = rng.multinomial(500, p), rng.multinomial(200, q, 20).cumsum(0)
        found = [shift_from_baseline(base, c) for c in counts]
        missed += any(not e.low <= true <= e.high for e in found)
    assert missed / 200 <= allowed(200)
    even = np.full(200, 10)
    half = shift_from_baseline(even, even).high
    assert half < 2 * cdf_band(2000, 0.975)


def test_running_means_do_not_care_how_rows_are_cut_and_survive_the_wire():
    rows = np.random.default_rng(13).beta(2, 5, 3000)
    for kind in (RunningMean, BernsteinMean):
        whole, parts = kind().update(rows), kind()
        for piece in np.array_split(rows, 7):
            parts = from_json(to_json(parts.update(piece)), kind)
        a, b = whole.estimate(), parts.estimate()
        assert (a.low, a.high, a.n) == pytest.approx((b.low, b.high, b.n))
    assert BernsteinMean().update(rows).estimate() == mean_interval(rows)


@pytest.mark.parametrize("p", [0.01, 0.2, 0.5])
def test_running_means_miss_at_some_time_no_more_often_than_alpha(p):
    rng, runs, missed = np.random.default_rng(14), 40, 0
    for _ in range(runs):
        found = RunningMean().update(rng.random(400) < p).estimate()
        missed += not found.low <= p <= found.high
    assert missed / runs <= allowed(runs)


def test_a_mean_that_moved_leaves_no_interval_and_says_so():
    found = RunningMean().update([0.0] * 600 + [1.0] * 600).estimate()
    assert (found.low, found.high) == (0.0, 1.0)
    assert found.method.endswith("not constant")


def test_quantiles_are_missed_at_some_time_no_more_often_than_alpha():
    rng, missed = np.random.default_rng(15), 0
    true = math.log(10)  # the 0.9 quantile of the exponential
    for _ in range(100):
        rows = rng.exponential(size=1000)
        found = [quantile_interval(rows[:n], 0.9) for n in (32, 100, 300, 1000)]
        missed += any(not e.low <= true <= e.high for e in found)
    assert missed / 100 <= allowed(100)
    assert quantile_interval(rng.exponential(size=5000), 0.9).high < 3.0


def test_e_bh_rejects_what_the_definition_does():
    assert e_bh(np.log([100, 30, 10, 1]), 0.1).tolist() == [True, True, False, False]
    assert e_bh(np.log([39, 1]), 0.05).tolist() == [False, False]
    assert not e_bh([], 0.05).size


def test_false_discoveries_stay_below_alpha_under_any_dependence():
    rng, alpha, shares = np.random.default_rng(16), 0.1, []
    for _ in range(400):
        common = rng.normal()
        z = 0.9 * common + math.sqrt(1 - 0.81) * rng.normal(size=40)
        z[:10] += 4
        found = e_bh(3 * z - 4.5, alpha)  # the likelihood ratio of N(3, 1) to N(0, 1)
        shares.append(found[10:].sum() / max(1, found.sum()))
    assert np.mean(shares) <= alpha + 3 * np.std(shares) / 20


@pytest.mark.soak
def test_rank_watches_keep_alpha_over_thousands_of_streams():
    rng, runs, alarms = np.random.default_rng(17), 2000, 0
    for _ in range(runs):
        base = rng.gamma(2, size=500)
        watch = Exchange.against(summarise(base, make_grid(base)))
        alarms += watch.update(rng.gamma(2, size=5000))[1].max() >= CROSSED
    assert alarms / runs <= allowed(runs)
