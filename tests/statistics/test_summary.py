"""Grids and mergeable summaries."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.kernel import BadInput, Corrupt
from seawall.statistics.counting import summarise, summarise_table
from seawall.statistics.grid import Grid, latency_grid, make_grid, score_grid
from seawall.statistics.score import ScoreSummary, summarise_scores
from seawall.statistics.summary import ColumnSummary, TableSummary

rng = np.random.default_rng(20261122)
BASE = np.concatenate([rng.normal(3, 2, 900), np.full(60, 0.0), np.full(40, np.nan)])
GRIDS = {
    "numeric": make_grid(BASE),
    "integer": make_grid(rng.integers(-5, 40, 500)),
    "wide": make_grid(rng.integers(-(10**15), 10**15, 500)),
    "score": score_grid((0.3,)),
    "latency": latency_grid(),
}
FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)


@pytest.mark.parametrize("name", GRIDS)
def test_every_cell_holds_the_values_between_its_edges(name):
    grid = GRIDS[name]
    values = np.concatenate([rng.normal(0, 10.0**k, 500) for k in range(-3, 6)])
    if name == "score":
        values = rng.random(5000)
    if name in ("integer", "wide"):
        values = np.floor(values)
    cells = grid.cell_of(values)
    edges = grid.edges
    assert (np.diff(edges) >= 0).all()
    assert len(edges) == grid.cells + 1
    slack = 1e-12 * np.maximum(np.abs(values), np.abs(grid.centre))
    assert (edges[cells] <= values + slack).all()
    assert (values <= edges[cells + 1] + slack).all()


@pytest.mark.parametrize("name", GRIDS)
@settings(max_examples=60, deadline=None)
@given(st.lists(FLOATS, max_size=40), st.data())
def test_cells_rise_with_values(name, values, data):
    grid = GRIDS[name]
    x = np.sort(np.array([v for v in values if v == v]))
    if name == "score":
        x = np.abs(x) % 1 if np.isfinite(x).all() else np.zeros(0)
        x = np.sort(x)
    assert (np.diff(grid.cell_of(x)) >= 0).all()


@pytest.mark.parametrize("name", GRIDS)
@settings(max_examples=60, deadline=None)
@given(st.lists(FLOATS, max_size=60), st.randoms(use_true_random=False))
def test_a_merge_is_the_same_in_any_order_and_partition(name, values, random):
    grid, x = GRIDS[name], np.array(values)
    whole = summarise(x, grid)
    parts = np.array_split(x, sorted(random.sample(range(len(x) + 1), min(3, len(x)))))
    summaries = [summarise(p, grid) for p in parts]
    random.shuffle(summaries)
    left = summarise(x[:0], grid)
    for one in summaries:
        left = left.merge(one)
    right = summarise(x[:0], grid)
    for one in reversed(summaries):
        right = one.merge(right)
    assert left.to_bytes() == whole.to_bytes() == right.to_bytes()
    assert ColumnSummary.from_bytes(whole.to_bytes()) == whole


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*"abcdefgh", None]), max_size=60), st.integers(0, 60))
def test_categories_merge_with_exact_counts_of_new_values(values, cut):
    grid = make_grid(np.array(["a", "b", None, "a"], object))
    x = np.array(values, object)
    whole = summarise(x, grid)
    assert summarise(x[:cut], grid).merge(summarise(x[cut:], grid)).to_bytes() == whole.to_bytes()
    assert dict(whole.others) == {v: values.count(v) for v in set(values) & set("cdefgh")}
    assert whole.missing == values.count(None)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0, np.nan]), st.sampled_from("xyz")),
        max_size=40,
    ),
    st.integers(0, 40),
)
def test_score_summaries_merge_exactly_with_groups_that_only_one_side_has(rows, cut):
    def made(part):
        s, y, g = (np.array([r[i] for r in part], t) for i, t in enumerate((float, float, object)))
        return summarise_scores(s, y, {"g": g, "h": g}, intersections=[("g", "h")])

    whole = made(rows)
    a, b = made(rows[:cut]), made(rows[cut:])
    assert a.merge(b).to_bytes() == whole.to_bytes() == b.merge(a).to_bytes()
    assert ScoreSummary.from_bytes(whole.to_bytes()) == whole


def test_unequal_grids_refuse_to_merge_and_name_both_digests():
    a, b = GRIDS["numeric"], GRIDS["score"]
    with pytest.raises(BadInput) as caught:
        summarise(np.zeros(3), a).merge(summarise(np.zeros(3), b))
    assert a.digest.short in str(caught.value)
    assert b.digest.short in str(caught.value)


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_survives_its_bytes(name):
    grid = GRIDS[name]
    assert Grid.from_bytes(grid.to_bytes()) == grid


def test_an_atom_is_counted_apart():
    summary = summarise(BASE, GRIDS["numeric"])
    at = list(GRIDS["numeric"].edges[:-1][GRIDS["numeric"].exact]).index(0.0)
    assert summary.counts[GRIDS["numeric"].exact][at] == 60
    assert summary.missing == 40


def test_moments_and_quantiles_are_those_of_the_rows():
    x = np.random.default_rng(1).normal(50, 7, 20_000)
    summary = summarise(x, make_grid(x))
    assert summary.mean == pytest.approx(x.mean(), abs=summary.grid.scale / 2)
    assert summary.sd == pytest.approx(x.std(ddof=1), rel=5e-5)
    for q in (0.0, 0.01, 0.5, 0.99, 1.0):
        assert summary.quantile(q) == pytest.approx(np.quantile(x, q), abs=0.06)
    assert sum(summary.histogram(12).counts) == x.size


def test_integers_with_nulls_stay_exact():
    x = np.ma.MaskedArray(np.arange(100), np.arange(100) % 10 == 0)
    summary = summarise(x, make_grid(x))
    assert (summary.n, summary.missing) == (90, 10)
    assert summary.mean == x.mean()
    assert summary.quantile(0.5) in x.compressed()


def test_integers_beyond_the_grid_do_not_overflow():
    grid = make_grid(np.arange(10))
    summary = summarise(np.array([2**63 - 1, -(2**63), 5]), grid)
    assert (summary.counts[0], summary.counts[-1], summary.clipped) == (1, 1, 2)


def test_datetimes_are_counted_with_nat_missing():
    x = np.array(["2026-01-01", "2026-01-05", "NaT"], "datetime64[ns]")
    summary = summarise(x, make_grid(x))
    assert (summary.n, summary.missing) == (2, 1)


def test_text_on_a_grid_of_numbers_names_the_column():
    with pytest.raises(BadInput, match="column age"):
        summarise_table({"age": np.array(["x", "y"])}, {"age": GRIDS["numeric"]})


def test_a_column_that_is_not_there_is_suggested():
    with pytest.raises(BadInput, match="did you mean 'age'"):
        summarise_table({"age": np.zeros(3)}, {"agee": GRIDS["numeric"]})


def test_a_table_survives_its_bytes_and_merges():
    grids = {"a": GRIDS["numeric"], "b": GRIDS["integer"]}
    one = summarise_table({"a": BASE, "b": np.arange(BASE.size)}, grids)
    assert TableSummary.from_bytes(one.to_bytes()) == one
    assert one.merge(one).rows == 2 * BASE.size


@pytest.mark.parametrize("cut", [0, 3, 6, 20, -1])
def test_damaged_bytes_are_refused(cut):
    data = summarise(BASE, GRIDS["numeric"]).to_bytes()
    with pytest.raises(Corrupt):
        ColumnSummary.from_bytes(data[:cut])


def test_bytes_of_another_version_and_trailing_bytes_are_refused():
    data = summarise(BASE, GRIDS["numeric"]).to_bytes()
    with pytest.raises(Corrupt, match="format 2"):
        ColumnSummary.from_bytes(data[:4] + b"\x02\x00" + data[6:])
    with pytest.raises(Corrupt, match="too many"):
        ColumnSummary.from_bytes(data + b"x")


@pytest.mark.parametrize(
    ("scores", "labels", "told"),
    [
        (np.array([0.5, 1.5]), None, "outside"),
        (np.array([0.5, 0.6]), np.array([1, 2]), "neither 0 nor 1"),
        (np.array([0.5, 0.6]), np.array([1]), "rows"),
    ],
)
def test_unusable_scores_and_labels_are_refused(scores, labels, told):
    with pytest.raises(BadInput, match=told):
        summarise_scores(scores, labels)


def test_a_value_near_the_end_of_floats_does_not_stop_a_grid():
    x = np.append(np.linspace(0, 1e-3, 999), 1.7e308)
    summary = summarise(x, make_grid(x))
    assert (summary.n, summary.counts[-1], summary.high) == (1000, 1, 1.7e308)


def test_integers_beyond_the_reach_of_a_grid_are_counted_at_its_ends():
    x = np.array([-(2**63), -(2**62), 0, 2**62, 2**63 - 1])
    summary = summarise(np.repeat(x, 3), make_grid(x))
    assert summary.n == 15
    assert summary.counts[summary.counts > 0].tolist() == [6, 3, 6]


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.uint8, np.uint32])
@pytest.mark.parametrize("reach", [300, 2**62])
def test_narrow_integers_lie_where_wide_ones_lie(kind: type[np.integer[Any]], reach: int) -> None:
    grid = make_grid(np.array([-reach, 0, reach]))
    values = np.array([0, 1, 2, 100])
    assert grid.cell_of(values.astype(kind)).tolist() == grid.cell_of(values).tolist()
