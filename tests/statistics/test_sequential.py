"""Anytime-valid intervals and e-values: published values, laws, simulated coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.kernel import BadInput
from seawall.statistics.rate import log_evidence
from seawall.statistics.sequential import (
    cdf_band,
    difference_bounds,
    distribution_shift,
    excess,
    mean_interval,
    paired_shift,
    proportion,
    proportion_difference,
    ratio,
    sample_ratio,
    share,
    two_proportions,
)


def test_lindon_malek_values():
    assert sample_ratio((60, 40), (0.5, 0.5)) == pytest.approx(0.658892, abs=1e-6)
    assert math.exp(sample_ratio((10, 30), (0.5, 0.5), 2)) == pytest.approx(31.6369, abs=1e-4)
    assert sample_ratio((140, 70), (0.8, 0.2)) == pytest.approx(6.489035, abs=1e-6)
    assert math.exp(excess((140, 70), (0.8, 0.2))) == pytest.approx(1370.43, abs=0.01)


def test_lindon_malek_share_and_relative_risk():
    part, risk = share((140, 70), (0.8, 0.2)), ratio((140, 70), (0.8, 0.2))
    assert (part.low, part.high) == pytest.approx((0.22268, 0.45797), abs=1e-5)
    assert (risk.low, risk.high) == pytest.approx((1.146, 3.380), abs=1e-3)


def test_turner_path():
    path = np.exp(two_proportions([1, 0, 1, 0, 0, 0, 1], [1, 0, 1, 1, 1, 0, 1]))
    assert path == pytest.approx([1, 1, 1, 1, 1.539712, 1.215726, 1.095505], abs=1e-6)


def test_howard_ramdas_band():
    assert cdf_band(1000) == pytest.approx(0.086569, abs=1e-6)


def test_empirical_bernstein_interval():
    found = mean_interval([1, 0] * 500)
    assert found.value == pytest.approx(0.500778, abs=1e-6)
    assert (found.high - found.low) / 2 == pytest.approx(0.063030, abs=1e-6)


def test_mean_interval_scales_with_the_range():
    unit, wide = mean_interval([1, 0] * 50), mean_interval([10, -10] * 50, low=-10, high=10)
    assert (wide.low, wide.high) == pytest.approx((20 * unit.low - 10, 20 * unit.high - 10))


def test_evidence_is_a_martingale_under_the_tested_rate():
    for p in (0.01, 0.17, 0.5, 0.9):
        for s, n in ((0, 0), (1, 3), (7, 40)):
            now = math.exp(float(log_evidence(p, s, n)))
            nxt = np.exp(log_evidence(p, [s, s + 1], n + 1))
            assert (1 - p) * nxt[0] + p * nxt[1] == pytest.approx(now, rel=1e-9)


def test_the_interval_is_every_rate_that_is_not_rejected():
    for s, n in ((0, 30), (5, 50), (136, 800), (49, 50)):
        found = proportion(s, n)
        p = np.linspace(1e-6, 1 - 1e-6, 20_001)
        kept = p[log_evidence(p, s, n) <= math.log(20)]
        assert found.low <= kept.min() <= found.low + 1e-4
        assert found.high - 1e-4 <= kept.max() <= found.high


def test_the_difference_is_the_range_over_pairs_that_are_not_rejected():
    for s1, n1, s0, n0 in ((5, 50, 20, 300), (0, 40, 3, 40), (30, 30, 1, 60)):
        found = proportion_difference(s1, n1, s0, n0)
        p = np.linspace(1e-4, 1 - 1e-4, 1500)
        e1 = np.exp(np.minimum(log_evidence(p, s1, n1), 300))[:, None]
        e0 = np.exp(np.minimum(log_evidence(p, s0, n0), 300))
        kept = (e1 + e0 + e1 * e0) / 3 <= 20
        gaps = (p[:, None] - p[None, :])[kept]
        assert found.low <= gaps.min() <= found.low + 3e-3
        assert found.high - 3e-3 <= gaps.max() <= found.high


def test_a_canary_of_800_rows_is_known_to_five_points():
    found = proportion_difference(136, 800, 2550, 15_000)
    assert (found.high - found.low) / 2 < 0.0505


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=15, deadline=None)
def test_swapping_arms_mirrors_the_difference(s1, f1, s0, f0):
    a = proportion_difference(s1, s1 + f1, s0, s0 + f0)
    b = proportion_difference(s0, s0 + f0, s1, s1 + f1)
    assert (a.low, a.high) == pytest.approx((-b.high, -b.low), abs=2e-4)


def test_no_rows_say_nothing():
    found = proportion_difference(0, 0, 0, 0)
    assert (found.low, found.high, found.n) == (-1.0, 1.0, 0)
    assert (proportion(0, 0).low, proportion(0, 0).high) == (0.0, 1.0)


def test_impossible_counts_are_refused():
    with pytest.raises(BadInput):
        proportion(5, 3)
    with pytest.raises(BadInput):
        sample_ratio((1, 2), (1.0,))


def test_an_arm_that_should_get_nothing_and_does_is_certain_proof():
    assert sample_ratio((10, 1), (1.0, 0.0)) == math.inf


def test_rates_are_missed_no_more_often_than_alpha_when_looked_at_all_the_time():
    rng = np.random.default_rng(3)
    runs, n = 300, 2000
    for p in (0.02, 0.17, 0.5):
        s = np.cumsum(rng.random((runs, n)) < p, axis=1)
        out = log_evidence(p, s, np.arange(1, n + 1)) > math.log(20)
        assert out.any(axis=1).mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def _missed_differences(runs, rows, looks, seed, p1=0.17, p0=0.17):
    rng = np.random.default_rng(seed)
    at = np.unique(np.geomspace(20, rows, looks).astype(int))
    s1 = np.cumsum(rng.random((runs, rows)) < p1, axis=1)[:, at - 1]
    s0 = np.cumsum(rng.random((runs, rows * 4)) < p0, axis=1)[:, 4 * at - 1]
    n = np.broadcast_to(at, s1.shape)
    low, high = difference_bounds(s1.ravel(), n.ravel(), s0.ravel(), 4 * n.ravel())
    missed = ~((low <= p1 - p0) & (p1 - p0 <= high)).reshape(s1.shape)
    return missed.any(axis=1).mean()


def test_differences_are_missed_no_more_often_than_alpha_over_many_looks():
    for seed, p1 in ((1, 0.17), (2, 0.22), (3, 0.02)):
        missed = _missed_differences(40, 2000, 8, seed, p1)
        assert missed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 40)


@pytest.mark.soak
def test_differences_are_missed_no_more_often_than_alpha_over_dozens_of_looks():
    for seed, p1 in ((1, 0.17), (2, 0.22), (3, 0.02)):
        missed = _missed_differences(200, 4000, 25, seed, p1)
        assert missed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_many_differences_at_once_are_those_of_each_alone():
    totals = [(5, 50, 20, 300), (0, 40, 3, 40), (0, 0, 4, 9), (30, 30, 1, 60)]
    low, high = difference_bounds(*zip(*totals, strict=True))
    each = [proportion_difference(*t) for t in totals]
    assert low.tolist() == [e.low for e in each]
    assert high.tolist() == [e.high for e in each]


def test_means_are_missed_no_more_often_than_alpha():
    rng = np.random.default_rng(8)
    runs = 400
    missed = 0
    for _ in range(runs):
        x = rng.beta(2, 6, 800)
        missed += any(
            not e.low <= 0.25 <= e.high for e in (mean_interval(x[:t]) for t in (5, 50, 200, 800))
        )
    assert missed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_sample_ratio_is_rejected_no_more_often_than_alpha():
    rng = np.random.default_rng(9)
    runs, rejected = 400, 0
    for _ in range(runs):
        s = np.cumsum(rng.random(600) < 0.1)
        t = np.arange(1, 601)
        rejected += any(
            sample_ratio((int(t[i] - s[i]), int(s[i])), (0.9, 0.1)) > math.log(20)
            for i in range(9, 600, 30)
        )
    assert rejected / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_shifts_contain_the_true_distance_at_every_look():
    rng = np.random.default_rng(10)
    p = np.full(20, 0.05)
    q = np.linspace(0.7, 1.3, 20) / 20
    true = np.abs(np.cumsum(p - q)).max()
    missed = 0
    for _ in range(60):
        a, b = rng.multinomial(300, p, 6).cumsum(0), rng.multinomial(900, q, 6).cumsum(0)
        found = [distribution_shift(x, y) for x, y in zip(a, b, strict=True)]
        missed += any(not e.low <= true <= e.high for e in found)
    assert missed <= 3 + 3 * math.sqrt(3)


def test_a_fine_binning_uses_the_band_over_the_whole_distribution():
    counts = np.full(200, 10)
    found = distribution_shift(counts, counts)
    assert found.high == pytest.approx(2 * cdf_band(2000, 0.975))


def test_paired_shifts_contain_the_true_distance_and_are_tighter_than_unpaired():
    rng = np.random.default_rng(11)
    cells = np.diag(np.full(10, 0.09)) + np.diag(np.full(9, 0.1 / 9), 1)
    cells /= cells.sum()
    true = np.abs(np.cumsum(cells.sum(1)) - np.cumsum(cells.sum(0))).max()
    missed = 0
    for _ in range(12):
        joint = rng.multinomial(400, cells.ravel(), 4).cumsum(0).reshape(-1, 10, 10)
        found = [paired_shift(j) for j in joint]
        missed += any(not e.low <= true <= e.high for e in found)
        unpaired = distribution_shift(joint[-1].sum(1), joint[-1].sum(0))
        assert found[-1].high - found[-1].low < 0.7 * (unpaired.high - unpaired.low)
    assert missed <= 0.6 + 3 * math.sqrt(0.6)


def test_identical_scorers_shift_by_nothing():
    found = paired_shift(np.diag(np.full(20, 500)))
    assert found.value == 0
    assert found.high < 0.01
