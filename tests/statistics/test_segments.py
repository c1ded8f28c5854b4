from __future__ import annotations

import numpy as np
import pytest

from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid
from seawall.statistics.named_bins import named_bins
from seawall.statistics.segments import moved, tally, worst

LEVELS = 8


def coded(columns):
    base = np.repeat(np.arange(LEVELS), 20)
    code = named_bins(summarise(base, make_grid(base)), LEVELS)
    codings = dict.fromkeys(columns, code)
    return {name: code.codes(values) for name, values in columns.items()}, codings


def people(rng, n, columns=4):
    return {f"x{i}": rng.integers(0, LEVELS, n) for i in range(columns)}


def test_a_planted_crossing_is_found_first_and_named():
    rng = np.random.default_rng(0)
    columns = people(rng, 20_000)
    bad = (columns["x1"] == 3) & (columns["x2"] == 5)
    wrong = (rng.random(20_000) < np.where(bad, 0.5, 0.1)).astype(float)
    codes, codings = coded(columns)
    found = worst(tally(codes, codings, wrong), codings, rates=True)
    assert found.segments[0].by == {"x1": "3", "x2": "5"}
    assert found.segments[0].n == bad.sum()
    assert found.segments[0].own == pytest.approx(wrong[bad].mean())
    assert found.segments[0].elsewhere == pytest.approx(wrong[~bad].mean())
    assert found.segments[0].excess.low > 0.2
    assert found.segments[0].excess.validity == "simultaneous"


def test_a_column_that_explains_a_crossing_is_told_and_the_crossing_is_not():
    rng = np.random.default_rng(1)
    columns = people(rng, 20_000)
    wrong = (rng.random(20_000) < np.where(columns["x0"] == 2, 0.4, 0.1)).astype(float)
    codes, codings = coded(columns)
    found = worst(tally(codes, codings, wrong), codings, rates=True)
    assert [s.by for s in found.segments] == [{"x0": "2"}]


@pytest.mark.parametrize("rates", [True, False])
def test_where_no_slice_is_worse_one_search_in_twenty_at_most_says_so(rates):
    alarms, runs = 0, 200
    for seed in range(runs):
        rng = np.random.default_rng([seed, rates])
        codes, codings = coded(people(rng, 4_000, 3))
        losses = (rng.random(4_000) < 0.1).astype(float) if rates else rng.gamma(2, 1, 4_000)
        alarms += bool(worst(tally(codes, codings, losses), codings, rates=rates).segments)
    assert alarms / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_slices_that_moved_are_told_with_their_shares_and_still_ones_are_not():
    rng = np.random.default_rng(2)
    old, new = people(rng, 10_000), people(rng, 10_000)
    new["x3"] = np.where(rng.random(10_000) < 0.2, 7, new["x3"])
    (before, codings), (after, _) = coded(old), coded(new)
    found = moved(tally(before, codings), tally(after, codings), codings)
    assert found.segments[0].by == {"x3": "7"}
    assert found.segments[0].excess.value == pytest.approx(
        (new["x3"] == 7).mean() - (old["x3"] == 7).mean()
    )
    still = moved(tally(before, codings), tally(before, codings), codings)
    assert still.segments == ()


def test_a_crossing_that_moved_while_its_columns_did_not_is_found():
    rng = np.random.default_rng(3)
    old, new = people(rng, 20_000, 2), people(rng, 20_000, 2)
    tied = rng.random(20_000) < 0.3
    new["x1"] = np.where(tied, new["x0"], new["x1"])
    (before, codings), (after, _) = coded(old), coded(new)
    found = moved(tally(before, codings), tally(after, codings), codings)
    assert found.segments
    assert all(len(s.by) == 2 for s in found.segments)


def test_tallies_of_parts_add_up_to_that_of_the_whole():
    rng = np.random.default_rng(4)
    columns = people(rng, 1_000)
    losses = rng.integers(0, 2, 1_000).astype(float)
    codes, codings = coded(columns)
    whole = tally(codes, codings, losses)
    halves = [
        tally({n: c[part] for n, c in codes.items()}, codings, losses[part])
        for part in (slice(0, 300), slice(300, None))
    ]
    added = halves[0].plus(halves[1])
    assert all(np.array_equal(added.by[key], table) for key, table in whole.by.items())
