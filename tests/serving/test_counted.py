"""What models say and what was true, counted so that it merges and corrections cancel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix
from tests.gateway.control import bundle

from seawall.gateway.classes import label_number, read_labels
from seawall.serving.cost import Cost
from seawall.serving.counted import Counting, answer_bins, error_grids, value_edges
from seawall.serving.labelled import confusion_of, errors_of
from seawall.serving.output import Output, Value
from seawall.serving.telemetry import Counters, Labels, decode, encode, merge
from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid

CLASSES = ("ham", "scam", "spam")
places = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from([1, 1, 1, -1])), max_size=30
)


def labels_of(rows: list[tuple[int, int, int]]) -> bytes:
    if not rows:
        return encode(Labels())
    label, call, sign = np.array(rows, np.float64).T
    confusion = confusion_of(CLASSES, label, call, sign.astype(np.int64))
    return encode(Labels(confusion=confusion))


def total(bodies: list[bytes]) -> Any:
    whole = bodies[0]
    for body in bodies[1:]:
        whole = merge(whole, body)
    return decode("labels", whole)


@given(places, places, places)
def test_confusions_merge_in_any_order_and_grouping(a, b, c):
    one, two, three = map(labels_of, (a, b, c))
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
    assert total([one, two]).confusion == total([two, one]).confusion
    assert (
        total([one, two, three]).confusion == total([labels_of(a + b + c), labels_of([])]).confusion
    )


@given(places)
def test_what_is_counted_in_and_out_again_leaves_nothing(rows):
    out = [(label, call, -sign) for label, call, sign in rows]
    assert total([labels_of(rows), labels_of(out)]).confusion == {}


def test_the_confusion_matrix_is_scikit_learns():
    rng = np.random.default_rng(2)
    label, call = rng.integers(0, 3, (2, 500))
    body = Labels(confusion=confusion_of(CLASSES, label * 1.0, call * 1.0, np.ones(500, np.int64)))
    found = body.classes
    assert found is not None
    np.testing.assert_array_equal(found.confusion, confusion_matrix(label, call))


@given(st.lists(st.tuples(st.floats(-400, 400), st.floats(-400, 400)), min_size=2, max_size=40))
def test_errors_of_corrected_values_are_as_if_they_had_come_right(pairs):
    label, value = np.array(pairs).T
    grids = error_grids(make_grid(np.random.default_rng(1).normal(0, 100, 999), "numeric"))
    wrong = label + 50.0
    first = Labels(errors=errors_of(wrong, value, grids))
    then = Labels(
        errors=errors_of(label, value, grids), errors_withdrawn=errors_of(wrong, value, grids)
    )
    found = total([encode(first), encode(then)]).values
    assert found.n == len(pairs)
    assert found.magnitude.mean == pytest.approx(np.abs(value - label).mean(), abs=0.1)
    assert found.error.mean == pytest.approx((value - label).mean(), abs=0.1)


def test_values_lie_in_twenty_bins_of_about_as_many_rows_of_the_baseline():
    values = np.random.default_rng(5).normal(200, 30, 20_000)
    summary = summarise(values, make_grid(values, "numeric"))
    counts = np.array(answer_bins(summary))
    assert counts.sum() == 20_000
    expected, _ = np.histogram(np.clip(values, *value_edges(summary.grid)[[0, -1]]),
                               value_edges(summary.grid))  # fmt: skip
    assert np.abs(counts - expected).max() < 0.01 * 20_000
    assert counts.max() < 0.2 * 20_000


def test_classes_are_compared_by_how_often_each_is_called():
    counting = Counting(bundle(output=Output(kind="multiclass", classes=("spam", "ham"))))
    numbers = counting.numbers([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.9, 0.9]])
    assert numbers.tolist()[:3] == [0, 1, 0]
    assert counting.valid(numbers).tolist() == [True, True, True, False]
    summary = summarise(counting.column(numbers), counting.grid)
    assert answer_bins(summary) == (1, 2, 0)
    assert summary.missing == 1


@pytest.mark.parametrize(("tolerance", "flips"), [(None, 1), (5.0, 1), (0.5, 2)])
def test_two_values_differ_by_more_than_the_tolerance_or_by_their_bins(tolerance, flips):
    grid = make_grid(np.random.default_rng(5).normal(200, 30, 2_000), "numeric")
    given_ = bundle(
        output=Output(kind="regression"), value=Value(tolerance=tolerance), value_grid=grid
    )
    low, high = value_edges(grid)[8:10]
    one, other = np.array([low + 0.1, low + 0.1, 150.0]), np.array([low + 0.1, low + 0.7, 250.0])
    assert low + 0.7 < high
    pair = Counting(given_).joint(one, other, (0.5, 0.5))
    assert (pair.rows, pair.flips) == (3, flips)


@pytest.mark.parametrize(
    ("output", "told", "read"),
    [
        (Output(), [0, 1, 0.5, "yes"], [0, 1, None, None]),
        (Output(classes=("no", "yes")), ["no", "yes", 1, "maybe"], [0, 1, 1, None]),
        (Output(classes=("no", "yes"), positive="no"), ["no", "yes"], [1, 0]),
        (Output(kind="multiclass", classes=CLASSES), ["spam", "egg", 1], [2, 3, 3]),
        (Output(kind="multiclass", classes=(3, 5, 7)), [5, "7", 4, 5.0], [1, 2, 3, 1]),
        (Output(kind="regression"), [-1.5, 3, "high"], [-1.5, 3, None]),
    ],
)
def test_a_label_is_read_as_its_models_kind_has_it(output, told, read):
    found = read_labels(output, np.array([label_number(label) for label in told]))
    assert [None if np.isnan(v) else v for v in found] == read


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_costs_add_up_exactly_in_any_order(calls):
    cost = Cost(amount=0.000_123, currency="EUR")
    bodies = [encode(Counters(costs={"EUR": cost.micros * n})) for n in calls]
    for order in (bodies, bodies[::-1]):
        whole = order[0]
        for body in order[1:]:
            whole = merge(whole, body)
        found = decode("counters", whole)
        assert isinstance(found, Counters)
        assert found.costs == {"EUR": 123 * sum(calls)}


@pytest.mark.parametrize("wrong", [{"amount": -1.0}, {"currency": "euro"}, {"currency": "E1R"}])
def test_a_cost_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"cost|currency"):
        Cost(**({"amount": 1.0, "currency": "EUR"} | wrong))
