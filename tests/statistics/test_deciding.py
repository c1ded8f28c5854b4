"""Which measures decide, and how a family of them is corrected."""

import math

import numpy as np
import pytest
from scipy import stats

from seawall.kernel import BadInput, Estimate, Outcome, Rule
from seawall.statistics.counting import summarise_table
from seawall.statistics.drift import drift
from seawall.statistics.family import discovery_confidence
from seawall.statistics.grid import make_grid


def tables(**columns):
    grids = {name: make_grid(old) for name, (old, _) in columns.items()}
    return tuple(
        summarise_table({name: both[at] for name, both in columns.items()}, grids) for at in (0, 1)
    )


@pytest.fixture(scope="module")
def both():
    rng = np.random.default_rng(1)
    words = np.array(list("abc"), object)
    return tables(
        x=(rng.normal(size=4000), rng.normal(0.6, 1, 4000)),
        c=(rng.choice(words, 4000), rng.choice(words, 4000)),
    )


def test_by_default_ks_total_variation_and_the_missing_share_decide(both):
    found = drift(*both).features
    assert found["x"].deciding == {"ks": 0.1, "missing_difference": 0.02}
    assert found["c"].deciding == {"total_variation": 0.1, "missing_difference": 0.02}


def test_a_measure_that_is_named_decides_instead_on_every_column(both):
    found = drift(*both, tolerances={"psi": 0.9})
    assert found.features["x"].deciding == {"psi": 0.9, "missing_difference": 0.02}
    assert found.features["c"].deciding == {"psi": 0.9, "missing_difference": 0.02}
    assert found.verdict.outcome is Outcome.PASS
    assert drift(*both, tolerances={"psi": 0.2}).verdict.outcome is Outcome.FAIL


def test_a_measure_can_decide_on_one_column(both):
    found = drift(*both, tolerances={"x.psi": 0.9, "missing_difference": 0.05}).features
    assert found["x"].deciding == {"psi": 0.9, "missing_difference": 0.05}
    assert found["c"].deciding == {"total_variation": 0.1, "missing_difference": 0.05}


def test_a_measure_of_ordered_columns_leaves_categories_as_they_were(both):
    found = drift(*both, tolerances={"wasserstein": 5.0, "c": 0.3}).features
    assert found["x"].deciding == {"wasserstein": 5.0, "missing_difference": 0.02}
    assert found["c"].deciding == {"total_variation": 0.3, "missing_difference": 0.02}


def test_the_range_is_judged_beside_the_distribution(both):
    found = drift(*both, tolerances={"out_of_range": 0.01}).features
    assert list(found["x"].deciding) == ["ks", "out_of_range", "missing_difference"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("pis", 0.2, "did you mean 'psi'"),
        ("x.hellingr", 0.2, "did you mean 'hellinger'"),
        ("c.ks", 0.2, "order"),
        ("psi", -0.2, "not a number from 0 up"),
        ("psi", math.nan, "not a number from 0 up"),
    ],
)
def test_a_tolerance_for_nothing_is_refused_with_a_remedy(both, name, value, told):
    with pytest.raises(BadInput, match=told):
        drift(*both, tolerances={name: value})


def normal(z):
    """A member whose one-sided p-value at the tolerance 0 is that of z."""

    def at(confidence):
        half = stats.norm.ppf((1 + confidence) / 2)
        return Estimate(z, z - half, z + half, confidence, 1, "z")

    return Rule("z", at_most=0.0), at


def test_the_family_is_corrected_as_benjamini_and_hochberg_by_scipy():
    rng = np.random.default_rng(3)
    for moved in (0, 3, 15, 40):
        z = rng.normal(size=40) + np.where(np.arange(40) < moved, 3.0, 0.0)
        members = [normal(v) for v in z]
        level = discovery_confidence(members, 0.95)
        failed = [r.judge(at(level)).outcome is Outcome.FAIL for r, at in members]
        p = stats.false_discovery_control(2 * stats.norm.sf(np.maximum(z, 0)))
        assert failed == list((p <= 0.05) & (z > 0))


def test_one_failure_among_many_is_corrected_as_by_bonferroni():
    members = [normal(4.5), *[normal(0.0)] * 99]
    assert discovery_confidence(members, 0.95) == pytest.approx(1 - 0.05 / 100)
    assert discovery_confidence([], 0.95) == pytest.approx(0.95)


def test_correlated_columns_at_the_tolerance_fail_no_more_often_than_alpha():
    rng = np.random.default_rng(4)
    shift, runs, failed = 2 * stats.norm.ppf(0.55), 60, 0
    grid = make_grid(rng.normal(size=20_000))
    names = [f"x{i}" for i in range(5)]
    for _ in range(runs):
        pair = []
        for by in (0.0, shift):
            rows = 0.8 * rng.normal(size=(1500, 1)) + 0.6 * rng.normal(size=(1500, 5)) + by
            columns = dict(zip(names, rows.T, strict=True))
            pair.append(summarise_table(columns, dict.fromkeys(names, grid)))
        failed += drift(*pair).verdict.outcome is Outcome.FAIL
    assert failed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_vanished_category_is_told_with_its_share_and_its_new_name():
    rng = np.random.default_rng(8)
    old = rng.choice(np.array(["red", "green", "blue"], object), 3000, p=[0.6, 0.3, 0.1])
    new = rng.choice(
        np.array(["red", "Green", "blue", "x"], object), 3000, p=[0.6, 0.29, 0.1, 0.01]
    )
    found = drift(*tables(c=(old, new))).features["c"]
    assert list(found.vanished) == ["green"]
    assert found.vanished["green"].low < 0.3 < found.vanished["green"].high
    (pair,) = found.renamed
    assert (pair.old, pair.new) == ("green", "Green")
    assert pair.probability > 0.9


def test_a_rare_category_that_a_small_sample_lacks_has_not_vanished():
    old = np.array(["a"] * 990 + ["b"] * 10, object)
    assert drift(*tables(c=(old, np.array(["a"] * 50, object)))).features["c"].vanished == {}


def test_a_new_category_of_another_share_is_no_new_name():
    old, new = np.array(["a"] * 700 + ["b"] * 300), np.array(["a"] * 950 + ["z"] * 50)
    found = drift(*tables(c=(old, new))).features["c"]
    assert list(found.vanished) == ["b"]
    assert found.renamed == ()
