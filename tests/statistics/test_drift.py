"""Drift measures against scipy and simulated coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seawall.kernel import BadInput, Outcome
from seawall.statistics.counting import summarise_table
from seawall.statistics.drift import drift
from seawall.statistics.grid import make_grid
from seawall.statistics.intervals import noncentrality


def compare(a, b, **options):
    grid = make_grid(a)
    tables = (summarise_table({"x": v}, {"x": grid}) for v in (a, b))
    return drift(*tables, **options)


def measures(a, b):
    return compare(a, b).features["x"].measures


def test_ks_is_that_of_scipy_within_the_bound_of_the_grid():
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.1, 1.0):
        a, b = rng.normal(size=4000), rng.normal(shift, 1, 3000)
        found = measures(a, b)["ks"]
        exact = stats.ks_2samp(a, b).statistic
        half = sum(math.sqrt(math.log(4 / 0.05) / (2 * n)) for n in (4000, 3000))
        assert found.value <= exact + 1e-12
        assert exact <= found.high - half + 1e-9 or found.high == 1.0
        assert found.value == pytest.approx(exact, abs=0.004)


def test_ks_of_integers_and_repeated_values_is_exact():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 30, 500), rng.integers(2, 33, 700)
    assert measures(a, b)["ks"].value == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)
    a, b = np.round(rng.random(500), 1), np.round(rng.random(700) ** 2, 1)
    assert measures(a, b)["ks"].value == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)


def test_a_hundred_rows_know_ks_to_three_tenths():
    a = np.arange(100)
    found = measures(a, a)["ks"]
    assert found.high == pytest.approx(0.296, abs=5e-4)


def test_a_unit_change_far_outside_the_baseline_is_the_whole_distance():
    a = np.random.default_rng(3).normal(50, 5, 2000)
    found = compare(a, a * 1e6)
    assert found.features["x"].measures["ks"].value == 1.0
    assert found.verdict.outcome is Outcome.FAIL


def test_wasserstein_is_that_of_scipy_in_interquartile_ranges():
    rng = np.random.default_rng(4)
    a, b = rng.uniform(0, 1, 5000), rng.uniform(0.1, 1, 5000)
    found = measures(a, b)["wasserstein"]
    low, high = np.quantile(a, [0.001, 0.999])
    exact = stats.wasserstein_distance(np.clip(a, low, high), np.clip(b, low, high))
    exact /= np.subtract(*np.quantile(a, [0.75, 0.25]))
    assert found.value == pytest.approx(exact, abs=0.003)
    assert found.low <= exact <= found.high


def test_chi_squared_is_the_two_sample_statistic_of_scipy():
    a = np.repeat(np.array(list("abc"), object), [500, 300, 200])
    b = np.repeat(np.array(list("abc"), object), [400, 500, 300])
    found = measures(a, b)
    counts = np.array([[500, 300, 200, 0], [400, 500, 300, 0]]) + 0.5
    # half a row is added to each bin, on both sides of scipy's table as well
    statistic = stats.chi2_contingency(counts, correction=False).statistic
    assert found["chi2"].value / (1 / 1000 + 1 / 1200) == pytest.approx(statistic, rel=0.01)
    assert found["total_variation"].value == pytest.approx(0.5 - 0.4 / 1.2, abs=1e-9)


def test_noncentrality_inverts_the_distribution_of_scipy():
    for statistic, df in ((3.0, 9), (30.0, 9), (500.0, 4), (19_000.0, 9)):
        low, high = noncentrality(statistic, df, 0.95)
        if low > 0:
            assert stats.ncx2.sf(statistic, df, low) == pytest.approx(0.025, abs=1e-4)
        if high > 0:
            assert stats.ncx2.cdf(statistic, df, high) == pytest.approx(0.025, abs=1e-4)
    near, far = noncentrality(19_999, 9, 0.95), noncentrality(20_001, 9, 0.95)
    assert near == pytest.approx(far, rel=2e-3)


@pytest.mark.parametrize("shift", [0.0, 0.15, 1.0])
def test_divergences_cover_the_true_value(shift):
    rng = np.random.default_rng(5)
    edges = stats.norm.ppf(np.linspace(0, 1, 11))
    p, q = np.full(10, 0.1), np.diff(stats.norm.cdf(edges - shift))
    true = {
        "psi": ((p - q) * np.log(p / q)).sum(),
        "kl": (q * np.log(q / p)).sum(),
        "js": ((p * np.log(2 * p / (p + q))) + q * np.log(2 * q / (p + q))).sum() / 2,
    }
    hits = dict.fromkeys(true, 0)
    runs = 150
    for _ in range(runs):
        found = measures(rng.normal(size=1500), rng.normal(shift, 1, 1500))
        for name, value in true.items():
            # a true value of zero is covered when the lower bound reaches zero
            hits[name] += found[name].low <= value + 1e-12 <= found[name].high + 1e-12
    for name, hit in hits.items():
        assert hit / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs), name


def test_a_true_effect_at_the_tolerance_fails_no_more_often_than_alpha():
    rng = np.random.default_rng(6)
    shift = 2 * stats.norm.ppf(0.55)  # KS distance of exactly 0.10
    runs = 200
    failed = sum(
        compare(rng.normal(size=2000), rng.normal(shift, 1, 2000)).verdict.outcome is Outcome.FAIL
        for _ in range(runs)
    )
    assert failed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    words = np.array(list("abcdef"), object)
    p, q = np.full(6, 1 / 6), np.array([1 / 6 + 0.1, 1 / 6 - 0.1, *[1 / 6] * 4])
    failed = sum(
        compare(rng.choice(words, 1500, p=p), rng.choice(words, 1500, p=q)).verdict.outcome
        is Outcome.FAIL
        for _ in range(runs)
    )
    assert failed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_missing_shares_at_the_tolerance_fail_no_more_often_than_alpha():
    rng = np.random.default_rng(7)
    runs, failed = 300, 0
    for _ in range(runs):
        a, b = np.zeros(1000), np.zeros(1000)
        a[rng.random(1000) < 0.03] = np.nan
        b[rng.random(1000) < 0.05] = np.nan
        failed += compare(a, b).verdict.outcome is Outcome.FAIL
    assert failed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_equal_large_samples_pass_and_twice_the_tolerance_fails():
    rng = np.random.default_rng(8)
    a = rng.normal(size=20_000)
    assert compare(a, rng.normal(size=20_000)).verdict.outcome is Outcome.PASS
    shift = 2 * stats.norm.ppf(0.60)
    assert compare(a, rng.normal(shift, 1, 20_000)).verdict.outcome is Outcome.FAIL


def test_few_rows_are_undecided_whatever_they_show():
    assert compare(np.arange(10.0), np.arange(10.0)).verdict.outcome is Outcome.UNDECIDED


@pytest.mark.parametrize("n", [0, 1, 2])
def test_almost_no_rows_have_whole_ranges_and_no_error(n):
    for a in (np.arange(50.0), np.arange(50), np.array(["a", "b"] * 25, object)):
        found = compare(a, a[:n])
        assert found.verdict.outcome is Outcome.UNDECIDED
        for estimate in found.features["x"].measures.values():
            assert estimate.low <= estimate.high


def test_a_column_of_nulls_on_both_sides_is_undecided():
    assert compare(np.full(99, np.nan), np.full(99, np.nan)).verdict.outcome is Outcome.UNDECIDED


def test_new_categories_are_named():
    found = compare(np.array(["a"] * 50, object), np.array(["a", "zz"] * 25, object))
    assert found.features["x"].new_values == {"zz": 25}


def test_failure_is_corrected_for_the_family_and_says_so():
    rng = np.random.default_rng(9)
    base = rng.normal(size=1500)
    moved = base + 2 * stats.norm.ppf(0.5 + 0.165 / 2)
    alone = compare(base, moved)
    assert alone.verdict.outcome is Outcome.FAIL
    grid = make_grid(base)
    names = [f"c{i}" for i in range(300)]
    tables = [
        summarise_table({**dict.fromkeys(names, base), "c0": v}, dict.fromkeys(names, grid))
        for v in (base, moved)
    ]
    many = drift(*tables).features["c0"].verdict
    assert many.outcome is Outcome.UNDECIDED
    assert "corrected for the family" in many.reasons[0].message


def test_a_tolerance_can_be_given_by_column_and_unknown_names_are_refused():
    a = np.random.default_rng(10).normal(size=5000)
    assert compare(a, a + 0.5, tolerances={"x": 0.9}).verdict.outcome is Outcome.PASS
    with pytest.raises(BadInput, match="did you mean 'ks'"):
        compare(a, a, tolerances={"kss": 0.1})


@given(st.lists(st.integers(0, 60), min_size=2, max_size=12).filter(any))
def test_a_table_has_not_moved_from_itself(counts):
    rows = np.repeat(np.arange(len(counts)), counts)
    for values in (rows, rows.astype(float), np.array([f"c{r}" for r in rows], object)):
        for name, e in measures(values, values).items():
            assert e.low <= 0 <= e.high, name
