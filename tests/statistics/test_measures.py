"""Rare positives, known values, pairs, classes and errors: laws, oracles and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seawall.kernel import BadInput
from seawall.statistics.cost import Cost
from seawall.statistics.curves import curves
from seawall.statistics.discrete_mean import discrete_mean
from seawall.statistics.grid import score_grid
from seawall.statistics.intervals import skewed_mean
from seawall.statistics.multiclass import multiclass, summarise_classes
from seawall.statistics.paired import by_call, by_score, by_value
from seawall.statistics.performance import performance
from seawall.statistics.regression import error_grids, regression, summarise_errors
from seawall.statistics.score import summarise_scores

HALF = score_grid((0.5,))


def enough(hits, runs, level=0.95):
    """Whether a simulation agrees with a coverage, within its own allowance."""
    return hits / runs >= level - 3 * math.sqrt(level * (1 - level) / runs)


def sample(rng, n, prevalence, separation):
    y = (rng.random(n) < prevalence).astype(int)
    x = rng.normal(0, 1, n) + separation * (y - 0.5) + math.log(prevalence / (1 - prevalence)) / 2
    return 1 / (1 + np.exp(-x)), y


def coverage(n, prevalence, separation, runs, population=400_000):
    rng = np.random.default_rng(1)
    truth = performance(
        summarise_scores(*sample(rng, population, prevalence, separation), grid=HALF)
    )
    hits = dict.fromkeys(truth, 0)
    for _ in range(runs):
        found = performance(summarise_scores(*sample(rng, n, prevalence, separation), grid=HALF))
        for name, e in found.items():
            hits[name] += e.low - 1e-9 <= truth[name].value <= e.high + 1e-9
    return hits


@pytest.mark.parametrize(("n", "prevalence", "separation"), [(100, 0.02, 1.2), (100, 0.5, 3.0)])
def test_intervals_cover_with_few_positives_and_with_nearly_perfect_rankings(
    n, prevalence, separation
):
    for name, hit in coverage(n, prevalence, separation, 200).items():
        assert enough(hit, 200), (name, hit)


@pytest.mark.soak
@pytest.mark.parametrize("n", [20, 100, 1000, 10_000])
@pytest.mark.parametrize("prevalence", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("separation", [0.0, 1.2, 3.0, 9.0])
def test_every_binary_interval_covers(n, prevalence, separation):
    runs = 400 if n < 10_000 else 150
    for name, hit in coverage(n, prevalence, separation, runs, 2_000_000).items():
        # 0.94: average precision with ten positives and rare, mixed scores
        assert enough(hit, runs, 0.94), (name, hit)


@given(st.lists(st.tuples(st.integers(-60, 60), st.integers(0, 50)), min_size=2, max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_bounds_of_a_mean_of_known_values_stay_in_their_range(pairs):
    values, counts = zip(*pairs, strict=True)
    mean, (low, high) = discrete_mean(values, counts, 0.95)
    assert min(values) <= low <= high <= max(values)
    if sum(counts):
        exact = np.average(values, weights=counts)
        assert mean == pytest.approx(exact, abs=1e-9)
        assert low - 1e-9 <= mean <= high + 1e-9


@given(st.integers(0, 40), st.integers(1, 40))
def test_two_known_values_have_the_exact_binomial_interval(yes, no):
    _, found = discrete_mean((0, 1), (no, yes), 0.95)
    exact = stats.binomtest(yes, yes + no).proportion_ci(0.95, "exact")
    assert found == pytest.approx((exact.low, exact.high), abs=1e-9)


@pytest.mark.parametrize(
    ("values", "shares"),
    [
        ((0, -5, -50, 1), (0.01, 0.02, 0.002, 0.968)),
        ((-1, 0, 1), (0.02, 0.9, 0.08)),
        ((100, -1, 0), (0.001, 0.05, 0.949)),
    ],
)
def test_the_mean_of_known_values_covers_though_dear_ones_are_rare(values, shares):
    rng, truth = np.random.default_rng(2), float(np.dot(values, shares))
    for n in (30, 300):
        hits = 0
        for counts in rng.multinomial(n, shares, 400):
            _, (low, high) = discrete_mean(values, counts.tolist(), 0.95)
            hits += low <= truth <= high
        assert enough(hits, 400), (n, hits)


def delong(y, a, b):
    """The difference of two areas and its standard deviation, by all pairs (the 1988 paper)."""
    placed = []
    for s in (a, b):
        pairs = (s[y == 1][:, None] > s[y == 0]) + 0.5 * (s[y == 1][:, None] == s[y == 0])
        placed.append((pairs.mean(axis=1), pairs.mean(axis=0)))
    (p0, n0), (p1, n1) = placed
    variance = np.var(p0 - p1, ddof=1) / p0.size + np.var(n0 - n1, ddof=1) / n0.size
    return p0.mean() - p1.mean(), math.sqrt(variance)


def test_the_difference_of_two_areas_is_that_of_delong():
    rng = np.random.default_rng(3)
    y = (rng.random(3000) < 0.4).astype(int)
    base = rng.normal(0, 1, 3000) + y
    a, b = (np.round(1 / (1 + np.exp(-(base + rng.normal(0, s, 3000)))), 2) for s in (0.5, 0.9))
    grid = score_grid(np.unique([a, b]))
    found = by_score(grid, y, (grid.cell_of(a), grid.cell_of(b)), 0.95)["roc_auc"].difference
    value, deviation = delong(y, a, b)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * deviation, rel=0.02)


def test_pairs_narrow_the_difference_of_models_that_agree():
    rng = np.random.default_rng(4)
    a, y = sample(rng, 4000, 0.3, 1.5)
    near = np.clip(a + rng.normal(0, 0.01, 4000), 0, 1)
    mixed = a.copy()
    for side in (0, 1):
        mixed[y == side] = rng.permutation(a[y == side])
    widths = [
        (lambda d: d.high - d.low)(
            by_score(HALF, y, (HALF.cell_of(a), HALF.cell_of(b)), 0.95)["roc_auc"].difference
        )
        for b in (near, mixed)
    ]
    assert widths[0] < widths[1] / 5


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_paired_intervals_cover(correlation):
    rng = np.random.default_rng(5)

    def draw(n):
        y = (rng.random(n) < 0.3).astype(int)
        shared = math.sqrt(correlation) * rng.standard_normal(n)
        own = math.sqrt(1 - correlation) * rng.standard_normal((2, n))
        x = np.stack([1.5 * y - 1.5, 1.2 * y - 1.4]) + shared + own
        return y, 1 / (1 + np.exp(-x))

    def compare(y, s):
        found = by_score(HALF, y, (HALF.cell_of(s[0]), HALF.cell_of(s[1])), 0.95)
        return found | by_call(((s[0] >= 0.5) == y, (s[1] >= 0.5) == y), 0.95)

    truth = {name: c.difference.value for name, c in compare(*draw(400_000)).items()}
    hits = dict.fromkeys(truth, 0)
    for _ in range(200):
        for name, c in compare(*draw(200)).items():
            hits[name] += c.difference.low <= truth[name] <= c.difference.high
    for name, hit in hits.items():
        assert enough(hit, 200), (name, hit)


def test_the_difference_in_value_is_that_of_the_decisions():
    rng = np.random.default_rng(6)
    y, a, b = (rng.integers(0, 2, 500) for _ in range(3))
    cost = Cost(tp=2, fp=-3, fn=-7, tn=1)
    worth = np.array([[1, -3], [-7, 2]])
    found = by_value(y, (a == 1, b == 1), cost, 0.95)
    assert found.model == pytest.approx(worth[y, a].mean())
    assert found.difference.value == pytest.approx((worth[y, a] - worth[y, b]).mean())


def test_a_best_threshold_keeps_its_value_though_it_was_searched_for():
    rng = np.random.default_rng(7)
    cost = Cost(tp=1, fp=-1, fn=-1, tn=1)
    p, y = sample(rng, 400_000, 0.3, 1.5)
    hits = {"value": 0, "gain": 0}
    for _ in range(60):
        found = curves(
            summarise_scores(*sample(rng, 300, 0.3, 1.5), grid=HALF), 0.5, cost
        ).best  # fmt: skip
        value, used = (np.where((p >= t) == y, 1, -1).mean() for t in (found.threshold, 0.5))
        hits["value"] += found.value.low <= value <= found.value.high
        hits["gain"] += found.gain.low <= value - used <= found.gain.high
    assert all(enough(hit, 60) for hit in hits.values()), hits


def classes(rng, n):
    y = rng.choice(4, n, p=[0.5, 0.3, 0.15, 0.05])
    x = rng.normal(0, 1, (n, 4)) + np.log([0.5, 0.3, 0.15, 0.05])
    x[np.arange(n), y] += 1.5
    s = np.exp(x)
    s /= s.sum(axis=1, keepdims=True)
    return y, s.argmax(axis=1), s


NAMES = ("a", "b", "c", "d")


@given(st.integers(0, 1000), st.integers(1, 199))
@settings(max_examples=20, deadline=None)
def test_summaries_of_classes_and_of_errors_merge_exactly(seed, cut):
    rng = np.random.default_rng(seed)
    y, call, s = classes(rng, 200)
    whole = summarise_classes(NAMES, y, call, s)
    parts = [
        summarise_classes(NAMES, y[at], call[at], s[at]) for at in (slice(cut), slice(cut, None))
    ]
    merged = parts[0].merge(parts[1])
    assert np.array_equal(merged.confusion, whole.confusion)
    assert np.array_equal(merged.scores, whole.scores)
    assert np.array_equal(merged.brier, whole.brier)
    label = rng.normal(5, 2, 200)
    guess = label + rng.normal(0, 1, 200)
    grids = error_grids(label, guess)
    total = summarise_errors(label, guess, grids)
    halves = [
        summarise_errors(label[at], guess[at], grids) for at in (slice(cut), slice(cut, None))
    ]
    both = halves[1].merge(halves[0])
    for name in ("error", "magnitude", "label", "relative"):
        assert getattr(both, name) == getattr(total, name)
    with pytest.raises(BadInput, match="different classes"):
        whole.merge(summarise_classes(NAMES[::-1], y, call, s))


@pytest.mark.parametrize("n", [80, 600])
def test_intervals_of_class_averages_cover(n):
    rng = np.random.default_rng(8)
    truth = multiclass(summarise_classes(NAMES, *classes(rng, 400_000)))
    hits = dict.fromkeys(truth, 0)
    for _ in range(150):
        for name, e in multiclass(summarise_classes(NAMES, *classes(rng, n))).items():
            hits[name] += e.low <= truth[name].value <= e.high
    for name, hit in hits.items():
        assert enough(hit, 150), (name, hit)


def errors(rng, n, kind):
    label = rng.normal(50, 4, n)
    return label, label + getattr(rng, kind)(size=n) * 2


def reached(kind, n, runs, names):
    rng = np.random.default_rng(9)
    y, p = errors(rng, 1_000_000, kind)
    truth = regression(summarise_errors(y, p, error_grids(y, p)), 0.9)
    hits = dict.fromkeys(names, 0)
    for _ in range(runs):
        y, p = errors(rng, n, kind)
        found = regression(summarise_errors(y, p, error_grids(y, p)), 0.9)
        for name in names:
            hits[name] += found[name].low <= truth[name].value <= found[name].high
    return hits


@pytest.mark.parametrize("kind", ["normal", "laplace"])
def test_intervals_of_errors_cover(kind):
    names = ("mae", "rmse", "median_absolute_error", "mape", "bias", "r2", "pinball_loss")
    for name, hit in reached(kind, 150, 150, names).items():
        assert enough(hit, 150), (name, hit)


def test_the_median_error_covers_where_errors_have_no_mean():
    rng, hits = np.random.default_rng(10), 0
    for _ in range(150):
        y, p = errors(rng, 150, "standard_cauchy")
        found = regression(summarise_errors(y, p, error_grids(y, p)))["median_absolute_error"]
        hits += found.low <= 2 <= found.high
    assert enough(hits, 150), hits


@given(st.floats(-3, 3), st.floats(0.1, 4), st.floats(-2, 2), st.integers(2, 1000))
def test_a_skewed_mean_reaches_at_least_as_far_as_students(mean, variance, skewness, n):
    third = skewness * variance**1.5
    low, high = skewed_mean(mean, variance, third, n, 0.95)
    exact = stats.t.interval(0.95, n - 1, mean, math.sqrt(variance / n))
    assert low <= exact[0] + 1e-9
    assert high >= exact[1] - 1e-9


def test_errors_beyond_the_grid_open_the_bound():
    label, guess = np.arange(100.0), np.arange(100.0) + 1
    grids = error_grids(label, guess)
    guess[3] += 1e6
    found = regression(summarise_errors(label, guess, grids))
    assert found["mae"].high == math.inf
    assert found["rmse"].high == math.inf
