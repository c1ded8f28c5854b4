"""Every measure of drift against scipy on the raw rows, and how often its interval misses."""

import math

import numpy as np
import pytest
from benchmarks.coverage.drift import CASES, misses
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from seawall.statistics.counting import summarise
from seawall.statistics.deciding import MEASURES, applies
from seawall.statistics.distance import band
from seawall.statistics.divergence import coarse
from seawall.statistics.grid import make_grid

DRAWS = {
    "normal": lambda rng, n, by: rng.normal(by, 1 + by, n),
    "lognormal": lambda rng, n, by: rng.lognormal(by, 1, n),
    "integer": lambda rng, n, by: rng.poisson(20 + 10 * by, n),
    "atom": lambda rng, n, by: np.where(rng.random(n) < 0.4 - by / 3, 0.0, rng.exponential(size=n)),
    "rounded": lambda rng, n, by: np.round(rng.normal(by, 1, n), 1),
    "huge offset": lambda rng, n, by: 1.7e9 + 3600 * rng.normal(by, 1, n),
    "cauchy": lambda rng, n, by: rng.standard_cauchy(n) + by,
    "2 categories": lambda rng, n, by: rng.choice(["a", "b"], n, p=[0.7 - by / 2, 0.3 + by / 2]),
    "20 categories": lambda rng, n, by: np.char.add("c", (rng.zipf(1.5 + by, n) % 20).astype(str)),
    "200 categories": lambda rng, n, by: rng.integers(0, 200 - int(50 * by), n).astype(str),
}


def pair(name, seed, n, m, by):
    rng = np.random.default_rng(seed)
    a, b = DRAWS[name](rng, n, 0.0), DRAWS[name](rng, m, by)
    grid = make_grid(a)
    return a, b, summarise(a, grid), summarise(b, grid)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(DRAWS)), st.integers(0, 2**32), st.integers(60, 3000),
    st.integers(60, 3000), st.sampled_from([0.0, 0.1, 0.9]),
)  # fmt: skip
def test_what_is_read_off_summaries_is_within_its_bound_of_scipy_on_the_rows(name, seed, n, m, by):
    a, b, old, new = pair(name, seed, n, m, by)
    found = {k: f(old, new, 0.95) for k, f in MEASURES.items() if applies(k, old.grid)}
    p, q = (np.maximum(c, 0) for c in coarse(old, new))
    if "ks" in found:
        exact = stats.ks_2samp(a, b, method="asymp").statistic
        hidden = max((s.counts[~old.grid.exact] / s.n).max(initial=0) for s in (old, new))
        assert found["ks"].value <= exact + 1e-12
        assert exact <= found["ks"].value + hidden + 1e-12
        assert exact <= found["ks"].high or found["ks"].high == 1.0
        low, high = old.quantile(0.001), old.quantile(0.999)
        unit = old.quantile(0.75) - old.quantile(0.25) or old.sd or 1.0
        exact = stats.wasserstein_distance(np.clip(a, low, high), np.clip(b, low, high)) / unit
        assert found["wasserstein"].low <= exact + 1e-9
        assert exact <= found["wasserstein"].high + 1e-9
    else:
        names = np.unique([*a, *b])
        shares = [np.array([np.mean(v == x) for x in names]) for v in (a, b)]
        known = set(old.grid.categories)
        exact = sum(abs(x - y) for x, y, k in zip(*shares, names, strict=True) if k in known)
        exact += abs(sum(y for y, k in zip(shares[1], names, strict=True) if k not in known))
        assert found["total_variation"].value == pytest.approx(exact / 2, abs=1e-12)
    keep = p + q > 0
    p, q = p[keep] + 0.5, q[keep] + 0.5
    if p.size > 1:
        table = np.array([p, q])
        statistic = stats.chi2_contingency(table, correction=False).statistic
        assert found["chi2"].value == pytest.approx(statistic * (1 / n + 1 / m), rel=0.12, abs=1e-9)
        p, q = p / p.sum(), q / q.sum()
        kl = stats.entropy(q, p)
        assert found["kl"].value == pytest.approx(kl, abs=1e-12)
        assert found["psi"].value == pytest.approx(kl + stats.entropy(p, q), abs=1e-12)
        assert found["js"].value == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-12)
        hellinger = np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)
        assert found["hellinger"].value == pytest.approx(hellinger, abs=1e-7)
    for estimate in found.values():
        assert estimate.low <= estimate.value <= estimate.high


def test_out_of_range_counts_what_lies_beyond_the_extremes_of_the_baseline():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=2000), rng.normal(0, 2, 3000)
    grid = make_grid(a)
    found = MEASURES["out_of_range"](summarise(a, grid), summarise(b, grid), 0.95)
    exact = int(np.count_nonzero((b < a.min()) | (b > a.max())))
    interval = stats.binomtest(exact, b.size).proportion_ci(0.95, "exact")
    assert found.low <= interval.low + 1e-9
    assert interval.high - 1e-9 <= found.high
    assert found.value <= exact / b.size <= found.value + 0.005


def test_categories_out_of_range_are_those_the_baseline_lacks():
    old, new = np.array(list("aab") * 20), np.array(list("abz") * 20)
    grid = make_grid(old)
    found = MEASURES["out_of_range"](summarise(old, grid), summarise(new, grid), 0.95)
    assert found.value == pytest.approx(1 / 3)


def test_one_band_holds_for_unequal_distributions_and_unequal_samples():
    rng = np.random.default_rng(2)
    at = np.linspace(0, 1, 2001)
    for n, m in ((100, 100), (500, 50)):
        left = 0
        for _ in range(600):
            u, v = np.sort(rng.random(n)), np.sort(rng.random(m) ** 1.5)
            stray = np.searchsorted(u, at, "right") / n - np.searchsorted(v, at, "right") / m
            left += np.abs(stray - (at - at ** (1 / 1.5))).max() > band(n, m, 0.95)
        assert left / 600 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_a_reference_of_a_hundred_rows_does_not_undercover_divergences_of_a_few_categories():
    for line in misses(("2 categories", 0.1, 100, 100, 150)):
        assert line["over"] + line["under"] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150), line


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(CASES))
def test_intervals_cover_and_true_effects_as_tolerances_fail_no_more_often_than_alpha(name):
    runs = 60
    allowed = 0.05 + 4 * math.sqrt(0.05 * 0.95 / runs)
    for effect in (0.0, 0.03, 0.10, 0.20):
        for n, m in ((100, 100), (10_000, 10_000), (300, 100_000)):
            for line in misses((name, effect, n, m, runs)):
                assert line["over"] + line["under"] <= allowed, line


def test_a_moved_distribution_fails_by_any_measure_that_is_asked():
    _, _, old, new = pair("normal", 5, 3000, 3000, 0.9)
    for name, limit in (("psi", 0.2), ("js", 0.02), ("hellinger", 0.1), ("wasserstein", 0.1)):
        estimate = MEASURES[name](old, new, 0.95)
        assert estimate.low > limit, name
