from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import BadInput
from seawall.serving.signature import Field, Signature, infer_signature
from seawall.serving.validate import Validator

SIGNATURE = Signature(
    (
        Field(name="AGEP", kind="integer", minimum=0, maximum=120),
        Field(name="hours", kind="number", minimum=0, maximum=100, nullable=True),
        Field(name="grade", kind="category", categories=("low", "mid", "high")),
        Field(name="MAR", kind="category", categories=(1, 2, 5)),
        Field(name="member", kind="boolean"),
    )
)
GOOD: dict[str, Any] = {"AGEP": 40, "hours": 38.5, "grade": "mid", "MAR": 5, "member": True}
VALIDATOR = Validator(SIGNATURE, also=["customer"])

anything: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 130),
    st.integers(),
    st.floats(),
    st.sampled_from(["low", "mid", "high", "LOW", ""]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)
records = st.fixed_dictionaries({}, optional=dict.fromkeys((*GOOD, "other"), anything))


def problems(record: dict[str, Any]) -> dict[str, str]:
    return {v.field: v.problem for v in VALIDATOR.records([record]).violations}


def test_a_good_record_becomes_the_models_numbers_in_the_fields_order():
    assert VALIDATOR.records([GOOD]).matrix.tolist() == [[40, 38.5, 1.0, 5.0, 1.0]]


@given(st.lists(records, min_size=1, max_size=6))
def test_many_rows_at_once_are_judged_as_each_alone(rows: list[dict[str, Any]]):
    together = VALIDATOR.records(rows)
    alone = [VALIDATOR.records([row]) for row in rows]
    assert together.bad.tolist() == [bool(c.bad[0]) for c in alone]
    np.testing.assert_array_equal(together.matrix, np.vstack([c.matrix for c in alone]))


@given(records)
def test_a_row_that_is_not_bad_has_no_number_outside_its_field(record: dict[str, Any]):
    checked = VALIDATOR.records([record])
    if not checked.bad[0]:
        age, hours, grade, marital, member = checked.matrix[0]
        assert 0 <= age <= 120
        assert math.isnan(hours) or 0 <= hours <= 100
        assert (grade, marital, member) in {
            (g, m, b) for g in (0, 1, 2) for m in (1, 2, 5) for b in (0, 1)
        }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"AGEP": 130}, "out_of_range"),
        ({"AGEP": 10**400}, "out_of_range"),
        ({"AGEP": "forty"}, "wrong_type"),
        ({"AGEP": 40.5}, "wrong_type"),
        ({"AGEP": True}, "wrong_type"),
        ({"AGEP": None}, "missing"),
        ({"AGEP": float("nan")}, "missing"),
        ({"AGEP": float("inf")}, "out_of_range"),
        ({"grade": "top"}, "new_category"),
        ({"grade": 1}, "wrong_type"),
        ({"grade": {}}, "wrong_type"),
        ({"MAR": 3}, "new_category"),
        ({"member": 2}, "wrong_type"),
    ],
)
def test_each_kind_of_fault_has_its_name(change: dict[str, Any], problem: str):
    (field,) = change
    assert problems(GOOD | change) == {field: problem}


@pytest.mark.parametrize(
    "change", [{"AGEP": 40.0}, {"hours": None}, {"hours": 38}, {"MAR": 5.0}, {"member": 1}]
)
def test_what_says_the_same_in_another_way_is_accepted(change: dict[str, Any]):
    assert problems(GOOD | change) == {}


def test_a_renamed_field_is_recognised_by_its_name_and_its_values():
    record = {k: v for k, v in GOOD.items() if k != "AGEP"} | {"age_years": 40}
    violations = {v.field: v for v in VALIDATOR.records([record]).violations}
    assert violations["AGEP"].problem == "missing"
    assert "age_years looks like it" in violations["AGEP"].remedy
    assert violations["age_years"].problem == "unknown"


def test_an_unknown_field_whose_values_do_not_fit_is_not_taken_for_the_missing_one():
    record = {k: v for k, v in GOOD.items() if k != "AGEP"} | {"age_years": 4000}
    missing = VALIDATOR.records([record]).violations[0]
    assert missing.remedy == "send AGEP"


def test_unknown_fields_alone_do_not_make_a_row_bad():
    checked = VALIDATOR.records([GOOD | {"extra": 1, "customer": "c1"}])
    assert not checked.bad.any()
    assert [v.field for v in checked.violations] == ["extra"]


def test_counts_say_how_many_rows_have_the_fault():
    rows = [GOOD, GOOD | {"AGEP": -1}, GOOD | {"AGEP": 500}, GOOD | {"AGEP": "x"}]
    found = {(v.field, v.problem): v.count for v in VALIDATOR.records(rows).violations}
    assert found == {("AGEP", "out_of_range"): 2, ("AGEP", "wrong_type"): 1}


def test_typed_arrays_are_checked_as_lists_are():
    columns = {
        "AGEP": np.array([40, 300], dtype=np.int32),
        "hours": np.array([1.5, np.nan], dtype=np.float32),
        "grade": np.array(["low", "high"], dtype=object),
        "MAR": np.array([1.0, 2.0]),
        "member": np.array([True, False]),
    }
    checked = VALIDATOR.columns(columns, 2)
    assert checked.bad.tolist() == [False, True]
    assert checked.matrix[0].tolist() == [40, 1.5, 0, 1, 1]


def test_an_inferred_signature_accepts_the_columns_it_was_inferred_from():
    rng = np.random.default_rng(5)
    columns: dict[str, Any] = {
        "a": rng.normal(size=50),
        "b": rng.integers(0, 9, 50),
        "c": rng.choice(["x", "y"], 50).tolist(),
        "d": [None if i % 7 == 0 else i for i in range(50)],
        "e": (rng.random(50) > 0.5).tolist(),
    }
    signature = infer_signature(columns, categories=["b"])
    assert [f.kind for f in signature.fields] == [
        "number",
        "category",
        "category",
        "integer",
        "boolean",
    ]
    assert not Validator(signature).columns(columns, 50).bad.any()


def test_an_identifier_is_not_taken_for_a_category():
    with pytest.raises(BadInput, match="categories"):
        infer_signature({"id": [f"customer {i}" for i in range(2_000)]})


@pytest.mark.parametrize(
    "field",
    [
        {"name": "a", "kind": "category"},
        {"name": "a", "kind": "number", "categories": (1,)},
        {"name": "a", "kind": "number", "minimum": 2, "maximum": 1},
        {"name": "a", "kind": "boolean", "minimum": 0},
        {"name": "a", "kind": "category", "categories": (1, "b")},
        {"name": "", "kind": "number"},
    ],
)
def test_a_field_that_contradicts_itself_is_none(field: dict[str, Any]):
    with pytest.raises(ValueError):
        Field(**field)
