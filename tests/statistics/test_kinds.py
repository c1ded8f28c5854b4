"""Distinct counts, text, freshness, and the facts that are read off a summary."""

import numpy as np
import pytest

from seawall.statistics.counting import summarise
from seawall.statistics.describe import describe
from seawall.statistics.distinct import Distinct
from seawall.statistics.drift import drift
from seawall.statistics.grid import Grid, make_grid
from seawall.statistics.hashing import mixed
from seawall.statistics.summary import TableSummary
from seawall.statistics.text import looks_like_text, measured, text_grids, words_of

SENTENCES = np.array([f"the harbour wall held in storm {i}" for i in range(300)], object)


def test_hashes_are_those_of_splitmix64():
    # the first outputs of SplitMix64 from seed 1234567, as its authors' reference code prints them
    state = 1234567
    seeds = np.array([(state + k * 0x9E3779B97F4A7C15) % 2**64 for k in range(3)], np.uint64)
    assert mixed(seeds).tolist() == [
        6457827717110365317, 3203168211198807973, 9817491932198370423,
    ]  # fmt: skip


@pytest.mark.parametrize("values", [1, 10, 300, 4000, 20_000])
def test_the_interval_of_a_distinct_count_covers_as_often_as_it_says(values):
    rng = np.random.default_rng(values)
    runs = [
        Distinct.of(rng.integers(0, 2**64, values, np.uint64)).estimate(10**9) for _ in range(200)
    ]
    covered = sum(e.low <= values <= e.high for e in runs)
    assert covered >= 182  # 95% of 200 runs, less three standard deviations
    assert np.mean([e.value for e in runs]) == pytest.approx(values, rel=0.005)


def test_repeated_values_are_counted_once():
    hashes = mixed(np.arange(500, dtype=np.uint64))
    assert Distinct.of(np.tile(hashes, 50)) == Distinct.of(hashes)


def test_words_are_runs_of_letters_and_digits_in_any_script():
    assert words_of("The wall's 2nd, wall!") == ["the", "wall", "s", "2nd", "wall"]
    assert words_of("Über\u00a0ÉTÉ — море") == ["Über", "ÉtÉ", "море"]
    assert words_of("海堤 カ 🌊") == ["海", "堤", "カ"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (SENTENCES, True),
        (np.array([f"id-{i}" for i in range(300)], object).astype(object), True),
        (np.array([f"id{i}" for i in range(300)], object), False),
        (np.array(["grey slate", "red brick"] * 150, object), False),
        (np.arange(300), False),
    ],
)
def test_text_is_told_from_categories_and_ids(values, expected):
    assert looks_like_text(values) is expected


def test_text_of_other_words_drifts_in_its_share_of_known_words():
    grids = text_grids("note", SENTENCES)
    other = np.array([f"un autre texte sans rapport {i}" for i in range(300)], object)

    def table(values):
        parts = measured("note", values, grids)
        return TableSummary(300, {name: summarise(parts[name], grids[name]) for name in grids})

    found = drift(table(SENTENCES), table(other)).features
    assert found["note known words"].measures["ks"].value == 1
    assert found["note known words"].verdict.outcome.value == "fail"
    assert table(SENTENCES).columns["note words"].mean == 7


def test_vocabularies_that_differ_make_grids_that_differ():
    one, two = (text_grids("n", np.array([t] * 30, object)) for t in ("a wall", "a sea"))
    assert one["n known words"].digest != two["n known words"].digest


def test_the_newest_event_of_a_column_is_told_in_utc():
    times = np.array(["2026-11-20T10:00", "2026-11-24T12:00", "NaT"], "datetime64[us]")
    seen = summarise(times, make_grid(times))
    assert describe(seen)["high"] == "2026-11-24T12:00:00+00:00"


def test_facts_of_a_column_are_those_of_its_rows():
    rng = np.random.default_rng(2)
    rows = np.concatenate([np.full(300, 7.0), rng.normal(50, 9, 700), [np.nan] * 10])
    facts = describe(summarise(rows, make_grid(rows)))
    present = rows[~np.isnan(rows)]
    assert (facts["rows"], facts["missing"]) == (1010, 10)
    assert facts["top"][0] == {"value": 7.0, "count": 300}
    assert facts["mean"] == pytest.approx(present.mean(), abs=0.01)
    assert facts["sd"] == pytest.approx(present.std(ddof=1), rel=1e-3)
    assert facts["quantiles"]["0.75"] == pytest.approx(np.quantile(present, 0.75), rel=0.02)
    assert (facts["low"], facts["high"]) == (present.min(), present.max())


def test_infinite_extremes_and_empty_columns_can_be_said_in_json():
    grid = make_grid(np.arange(10.0))
    assert describe(summarise(np.array([np.inf, -np.inf, 1.0]), grid))["high"] == "inf"
    assert describe(summarise(np.zeros(0), grid))["mean"] is None


def test_integers_of_the_whole_range_make_a_grid_and_are_counted():
    rows = np.array([-(2**63), -(2**62), 0, 2**61, 2**62, 2**63 - 1])
    summary = summarise(rows, make_grid(rows))
    assert summary.n == 6
    assert Grid.from_bytes(summary.grid.to_bytes()) == summary.grid


def test_numbers_at_the_end_of_the_range_make_a_grid():
    rows = np.array([1.7e308, -1.7e308, 1e-300, 5.0] * 9)
    grid = make_grid(rows)
    assert Grid.from_bytes(grid.to_bytes()) == grid
    assert summarise(rows, grid).n == 36
