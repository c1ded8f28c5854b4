"""What every kind of summary obeys: merging, identity, bytes, and damage that is found."""

from contextlib import suppress
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.kernel import BadInput, Corrupt
from seawall.statistics.counting import summarise, summarise_table
from seawall.statistics.distinct import Distinct
from seawall.statistics.grid import Grid, latency_grid, make_grid, score_grid
from seawall.statistics.hashing import hash_values
from seawall.statistics.keys import KeySummary, summarise_keys
from seawall.statistics.profile import LabelledScores, Profile
from seawall.statistics.score import ScoreSummary, summarise_scores
from seawall.statistics.summary import OTHERS, ColumnSummary, TableSummary
from seawall.statistics.text import measured, text_grids

FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)
WHOLE = st.integers(-(2**63), 2**63 - 1)
LETTERS = np.array([*"aab", None], object)
TEXTS = np.array(["the sea is calm", "a wall of stone", "the wall holds"] * 20, object)
TEXT_GRIDS = text_grids("note", TEXTS)


class Kind(NamedTuple):
    """How rows of one kind are drawn and counted, and the type of the summary."""

    rows: st.SearchStrategy[Any]
    count: Any
    type: type


def column(grid: Grid, dtype: Any) -> Any:
    return lambda rows: summarise(np.array(rows, dtype), grid)


def pairs(rows: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores, labels, groups = ([row[i] for row in rows] for i in range(3))
    return np.array(scores, float), np.array(labels, float), np.array(groups, object)


def scored(rows: list[Any]) -> ScoreSummary:
    s, y, g = pairs(rows)
    return summarise_scores(s, y, {"g": g, "h": g[::-1]}, intersections=[("g", "h")])


def profile(rows: list[Any]) -> Profile:
    s, y, g = pairs(rows)
    grids = {"s": score_grid(), "g": make_grid(LETTERS)}
    return Profile(
        table=summarise_table({"s": s, "g": g}, grids),
        distinct={"s": Distinct.of(hash_values(s, "score")[0])},
        keys=summarise_keys({"g": g, "s": s}, ["g", "s"]),
        scores=LabelledScores(score="s", label="y", threshold=0.5,
                              summary=summarise_scores(s, y, {"g": g})),
    )  # fmt: skip


SCORED = st.tuples(
    st.floats(0, 1) | st.just(np.nan), st.sampled_from([0, 1, np.nan]), st.sampled_from("xyz")
)
MICROSECONDS = st.integers(-(2**62), 2**62)
KINDS = {
    "numeric": Kind(FLOATS, column(make_grid(np.array([0.0] * 9 + [1.5, 2, 7])), float),
                    ColumnSummary),
    "latency": Kind(FLOATS, column(latency_grid(), float), ColumnSummary),
    "score": Kind(st.floats(0, 1), column(score_grid((0.3,)), float), ColumnSummary),
    "integer": Kind(WHOLE, column(make_grid(np.arange(-5, 40)), np.int64), ColumnSummary),
    "wide integer": Kind(WHOLE, column(make_grid(np.array([-(2**63), 2**63 - 1])), np.int64),
                         ColumnSummary),
    "datetime": Kind(MICROSECONDS,
                     column(make_grid(np.array([0, 10**15], "datetime64[us]")), "datetime64[us]"),
                     ColumnSummary),
    "boolean": Kind(st.booleans(), column(make_grid(np.array([True])), bool), ColumnSummary),
    "categorical": Kind(st.integers(0, 300).map(str), column(make_grid(LETTERS), object),
                        ColumnSummary),
    "text": Kind(st.sampled_from([*TEXTS[:3], "", None, "Ünïcode 海 wall", "🌊"]),
                 lambda rows: summarise_table(
                     measured("note", np.array(rows, object), TEXT_GRIDS), TEXT_GRIDS),
                 TableSummary),
    "distinct": Kind(WHOLE, lambda rows: Distinct.of(
        hash_values(np.array(rows, np.int64), "integer")[0]), Distinct),
    "keys": Kind(st.integers(0, 50), lambda rows: summarise_keys(
        {"id": np.array(rows, np.int64)}, ["id"]), KeySummary),
    "scores": Kind(SCORED, scored, ScoreSummary),
    "profile": Kind(SCORED, profile, Profile),
}  # fmt: skip


def bytes_of(summary: Any) -> bytes:
    return summary.to_bytes()


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_rows_count_the_same_in_any_parts_order_and_grouping(name, data):
    kind = KINDS[name]
    a, b, c = (data.draw(st.lists(kind.rows, max_size=30)) for _ in range(3))
    if name == "scores":
        a, b, c = (sorted(p, key=str) for p in (a, b, c))
    x, y, z = map(kind.count, (a, b, c))
    merged = bytes_of(x.merge(y).merge(z))
    assert bytes_of(x.merge(y.merge(z))) == merged == bytes_of(z.merge(x).merge(y))
    if name != "scores":  # h is g backwards there, which parts do not keep
        assert bytes_of(kind.count([*c, *a, *b])) == merged


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_summary_of_no_rows_changes_nothing(name, data):
    kind = KINDS[name]
    some, none = kind.count(data.draw(st.lists(kind.rows, max_size=30))), kind.count([])
    assert bytes_of(some.merge(none)) == bytes_of(some) == bytes_of(none.merge(some))


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_bytes_give_the_summary_back(name, data):
    kind = KINDS[name]
    written = bytes_of(kind.count(data.draw(st.lists(kind.rows, max_size=30))))
    assert bytes_of(kind.type.from_bytes(written)) == written


@pytest.mark.parametrize("name", [*KINDS, "grid"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_are_another_summarys_own(name, data):
    if name == "grid":
        made, read = make_grid(LETTERS).to_bytes(), Grid.from_bytes
    else:
        kind = KINDS[name]
        rows = data.draw(st.lists(kind.rows, min_size=1, max_size=12))
        made, read = bytes_of(kind.count(rows)), kind.type.from_bytes
    at = data.draw(st.integers(0, len(made) - 1))
    damaged = data.draw(st.sampled_from([
        made[:at],
        made + made[at:],
        made[:at] + data.draw(st.binary(min_size=1, max_size=4)) + made[at + 1 :],
        made[:at] + bytes([made[at] ^ 1 << data.draw(st.integers(0, 7))]) + made[at + 1 :],
    ]))  # fmt: skip
    with suppress(Corrupt):
        assert bytes_of(read(damaged)) == damaged


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=600), st.lists(st.integers(0, 600), max_size=3))
def test_values_kept_by_hash_have_exact_counts_in_every_merge(rows, cuts):
    grid = make_grid(np.array(["known"], object))
    values = np.array([f"v{row}" for row in rows], object)
    parts = np.split(values, sorted(min(cut, len(values)) for cut in cuts))
    merged = reduce(ColumnSummary.merge, (summarise(part, grid) for part in parts))
    assert len(merged.others) == min(OTHERS, len(set(rows)))
    assert dict(merged.others) == {name: rows.count(int(name[1:])) for name, _ in merged.others}


def test_different_keys_columns_and_sealed_keys_do_not_merge():
    one = summarise_keys({"id": np.arange(9), "day": np.arange(9)}, ["id"])
    two = summarise_keys({"id": np.arange(9), "day": np.arange(9)}, ["id", "day"])
    for other in (two, one.seal()):
        with pytest.raises(BadInput, match="do not merge"):
            one.merge(other)
