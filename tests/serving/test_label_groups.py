"""Labels by group: they merge in any order, and say of two columns what was counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from seawall.serving.counted import error_grids
from seawall.serving.label_groups import CALLED, GroupCounts, calls, merge_groups
from seawall.serving.labelled import confusion_of, errors_of
from seawall.serving.telemetry import Labels, encode, merge, read
from seawall.statistics.fairness import fairness

CLASSES = ("a", "b", "c")


def classes_of(rows):
    label, call, sign = (np.array(column) for column in zip(*rows, strict=True))
    counted = confusion_of(CLASSES, label.astype(float), call.astype(float), sign)
    right = int(sign[label == call].sum())
    return GroupCounts(correct=right, wrong=int(sign.sum()) - right, confusion=counted)


def values_of(rows):
    label, error = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows], float)
    return GroupCounts(errors=errors_of(label, label + error, error_grids(None)))


place = st.integers(0, 2)
class_rows = st.lists(st.tuples(place, place, st.just(1)), min_size=1, max_size=8).map(classes_of)
value_rows = st.lists(st.tuples(place, place), min_size=1, max_size=8).map(values_of)
bodies = st.dictionaries(
    st.sampled_from(["sex", "age"]),
    st.dictionaries(st.sampled_from("fm"), class_rows | value_rows, max_size=2),
    max_size=2,
).map(lambda groups: encode(Labels(groups=groups)))


def plain(data):
    """A body without regard to the order in which its parts were met."""
    return read(data)


@given(bodies, bodies, bodies)
def test_labels_by_group_merge_to_the_same_in_any_order(a, b, c):
    assert plain(merge(a, b)) == plain(merge(b, a))
    assert plain(merge(merge(a, b), c)) == plain(merge(a, merge(b, c)))


@given(st.lists(st.tuples(st.sampled_from("fm"), place, place), min_size=1, max_size=40))
def test_rates_by_group_are_those_of_the_rows(rows):
    groups = {}
    for group, label, call in rows:
        one = {"sex": {group: classes_of([(label, call, 1)])}}
        groups = merge_groups(groups, one)
    for group in fairness(calls(groups, "b"), ("sex",), CALLED, 0).groups:
        mine = [(label, call) for name, label, call in rows if name == group.by["sex"]]
        label, call = zip(*mine, strict=True)
        assert group.measures["accuracy"].value == pytest.approx(accuracy_score(label, call))
        called = np.mean([c == 1 for c in call])
        assert group.measures["selection_rate"].value == pytest.approx(called)
