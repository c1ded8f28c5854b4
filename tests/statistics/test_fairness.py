"""Fairness against fairlearn, formulas worked out row by row, and simulation."""

import math

import fairlearn.metrics as fair
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import studentized_range
from sklearn.metrics import accuracy_score, precision_score

from seawall.kernel import BadInput
from seawall.statistics.fairness import GAPS, RATIOS, fairness
from seawall.statistics.gaps import Compared, difference, pairwise, ratio
from seawall.statistics.groups import Rates
from seawall.statistics.inequality import inequality
from seawall.statistics.score import summarise_scores

ALLOWANCE = 3 * math.sqrt(0.05 * 0.95 / 200)


def sample(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(-0.5, 1.5, n)
    return expit(x), (rng.random(n) < expit(x)).astype(int)


def grouped(n, seed):
    rng = np.random.default_rng(seed)
    p, y = sample(n, seed)
    g = rng.choice(np.array(list("abcd"), object), n, p=[0.4, 0.3, 0.2, 0.1])
    return p, y, g


def test_gaps_and_ratios_are_those_of_fairlearn():
    p, y, g = grouped(4000, 8)
    call = (p >= 0.5).astype(int)
    found = fairness(summarise_scores(p, y, {"g": g}), ("g",)).measures
    options = {"sensitive_features": g}
    for criterion in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        for name in (f"{criterion}_difference", f"{criterion}_ratio"):
            exact = getattr(fair, name)(y, call, **options)
            assert found[name].value == pytest.approx(exact, abs=1e-12), name
    for criterion, metric in (("predictive_parity", precision_score), ("accuracy", accuracy_score)):
        frame = fair.MetricFrame(metrics=metric, y_true=y, y_pred=call, **options)
        assert found[f"{criterion}_difference"].value == pytest.approx(frame.difference())
        assert found[f"{criterion}_ratio"].value == pytest.approx(frame.ratio())


def test_entropy_and_theil_index_are_those_of_every_row():
    p, y, g = grouped(1500, 9)
    summary = summarise_scores(p, y, {"g": g})
    benefit = (p >= 0.5).astype(int) - y + 1
    share = benefit / benefit.mean()
    found = inequality(summary)
    assert found["generalized_entropy"].value == pytest.approx((share**2 - 1).mean() / 2)
    theil = (share * np.log(np.where(share > 0, share, 1))).mean()
    assert found["theil_index"].value == pytest.approx(theil)
    of_group = np.array([share[g == name].mean() for name in g])
    between = fairness(summary, ("g",)).measures["between_groups_entropy"]
    assert between.value == pytest.approx((of_group**2 - 1).mean() / 2)


@pytest.mark.parametrize(("missed", "given"), [(0.0, 0.0), (0.02, 0.2), (0.3, 0.05), (0.1, 0.4)])
@pytest.mark.parametrize("n", [60, 1000])
def test_intervals_of_inequality_hold(missed, given, n):
    rng = np.random.default_rng(n)
    mean = 1 - missed + given
    truth = {
        "generalized_entropy": ((1 - missed + 3 * given) / mean**2 - 1) / 2,
        "theil_index": 2 * given * math.log(2) / mean - math.log(mean),
    }
    hits = dict.fromkeys(truth, 0)
    for _ in range(200):
        fn, fp, right = rng.multinomial(n, [missed, given, 1 - missed - given])
        p, y = np.repeat([0.1, 0.9, 0.9], [fn, fp, right]), np.repeat([1, 0, 1], [fn, fp, right])
        for name, e in inequality(summarise_scores(p, y)).items():
            hits[name] += e.low <= truth[name] + 1e-12 and truth[name] <= e.high + 1e-12
    assert min(hits.values()) / 200 >= 0.95 - ALLOWANCE, hits


def test_where_every_row_is_missed_there_is_no_benefit_to_be_unequal():
    group = np.repeat(np.array(["a", "b"], object), 30)
    summary = summarise_scores(np.zeros(60), np.ones(60, np.int64), {"g": group})
    found = fairness(summary, ("g",)).measures["between_groups_entropy"]
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, math.inf)


def test_no_entropy_between_equal_groups_is_found_only_at_the_stated_rate():
    wrong = 0
    for seed in range(150):
        p, y, g = grouped(1500, seed)
        between = fairness(summarise_scores(p, y, {"g": g}), ("g",)).measures
        wrong += between["between_groups_entropy"].low > 0
    assert wrong / 150 <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / 150)


@pytest.mark.parametrize("groups", [2, 5, 30])
def test_the_level_of_pairs_is_the_studentised_ranges(groups):
    level = pairwise(groups, 0.95)
    quantile = studentized_range.ppf(0.95, groups, np.inf) / math.sqrt(2)
    assert math.erf(quantile / math.sqrt(2)) == pytest.approx(level, abs=1e-6)


SIZES = {
    2: [60, 20_000],
    5: [50, 120, 800, 4000, 30_000],
    9: [50, 55, 70, 120, 400, 2500, 4000, 9000, 120_000],
    30: np.geomspace(50, 20_000, 30).astype(int),
}


def misses(sizes, rates, runs, seed):
    """How often gap and ratio are placed too high or too low."""
    rng = np.random.default_rng(seed)
    n = np.asarray(sizes)
    gap, share = np.ptp(rates), np.min(rates) / np.max(rates)
    wrong = np.zeros(4)
    for _ in range(runs):
        counted = Rates(rng.binomial(n, rates).astype(float), n.astype(float), n * 0.0, n * 0.0)
        part = [Compared("rate", counted.values, counted.ends)]
        d, _ = difference(part, n.size, 0.95, 1)
        r, _ = ratio(part, n.size, 0.95, 1)
        wrong += [d.low > gap + 1e-12, d.high < gap - 1e-12,
                  r.low > share + 1e-12, r.high < share - 1e-12]  # fmt: skip
    return wrong / runs


@pytest.mark.parametrize("groups", SIZES)
@pytest.mark.parametrize("base", [0.02, 0.4])
def test_a_gap_at_the_tolerance_is_placed_too_high_or_low_no_more_often_than_alpha(groups, base):
    sizes = SIZES[groups]
    for apart in (np.arange(groups) % 2, np.arange(groups) == 0, np.linspace(0, 1, groups)):
        found = misses(sizes, base + 0.1 * apart, 150, groups)
        assert found.max() <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / 150), (apart, found)


@pytest.mark.parametrize("groups", SIZES)
def test_no_gap_among_many_groups_is_found_only_at_the_stated_rate(groups):
    found = misses(SIZES[groups], np.full(groups, 0.3), 200, groups)
    assert max(found[0], found[3]) <= 0.05 + ALLOWANCE


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("groups", SIZES)
@pytest.mark.parametrize("base", [0.02, 0.3, 0.8])
@pytest.mark.parametrize("equal", [None, 60, 1000])
def test_gaps_and_ratios_hold_for_any_sizes_and_rates(groups, base, equal):
    sizes = SIZES[groups] if equal is None else [equal] * groups
    for apart in (np.arange(groups) % 2, np.arange(groups) == groups - 1, np.arange(groups) == 0):
        found = misses(sizes, base + 0.1 * apart, 2000, groups)
        assert found.max() <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / 2000), (apart, found)


def test_a_wide_gap_passes_no_tolerance_for_being_the_largest_of_many():
    # the value is biased upwards, its bounds are not
    rng = np.random.default_rng(4)
    n = np.array(SIZES[9])
    rates = Rates(rng.binomial(n, 0.3).astype(float), n.astype(float), n * 0.0, n * 0.0)
    gap, _ = difference([Compared("rate", rates.values, rates.ends)], 9, 0.95, 1)
    assert gap.value > 0.05
    assert gap.low == 0


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6),
    st.floats(0.5, 0.999),
)
@settings(max_examples=100, deadline=None)
def test_values_lie_between_their_bounds_and_more_confidence_is_wider(counts, confidence):
    yes = np.array([a for a, _ in counts], float)
    n = yes + np.array([b for _, b in counts], float)
    rates = Rates(yes, n, n * 0, n * 0)
    part = [Compared("rate", rates.values, rates.ends)]
    for compare in (difference, ratio):
        e, _ = compare(part, n.size, confidence, 1)
        wider, _ = compare(part, n.size, (1 + confidence) / 2, 1)
        assert 0 <= e.low <= e.high <= 1
        assert math.isnan(e.value) or e.low - 1e-9 <= e.value <= e.high + 1e-9
        assert wider.low <= e.low + 1e-9
        assert wider.high >= e.high - 1e-9


def test_the_groups_behind_a_gap_are_those_shown_to_differ():
    g = np.repeat(["big", "low", "odd"], [4000, 4000, 55])
    p = np.where(np.arange(8055) % 10 < np.select([g == "big", g == "low"], [6, 3], 2), 0.9, 0.1)
    worst = fairness(summarise_scores(p, None, {"g": g}), ("g",)).worst
    found = worst["demographic_parity_difference"]
    assert (found.low.by, found.high.by) == ({"g": "low"}, {"g": "big"})
    assert found.text == "selection_rate 0.3 in g=low (n=4,000), 0.6 in g=big (n=4,000)"
    assert worst["demographic_parity_ratio"].low.by == {"g": "low"}


def test_every_criterion_has_a_difference_and_a_ratio():
    assert {n.removesuffix("_difference") for n in GAPS} == {
        n.removesuffix("_ratio") for n in RATIOS
    }


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
