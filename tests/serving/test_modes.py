"""Fields that coerce, report or fill in, beside strict ones."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import from_json, to_json
from seawall.serving.coerce import coerced
from seawall.serving.cross_field import CrossField
from seawall.serving.signature import Field, Signature
from seawall.serving.typed import TypedReader
from seawall.serving.validate import PROBLEMS, REFUSING, Checked, Validator

FIELDS: dict[str, dict[str, Any]] = {
    "age": {"kind": "integer", "minimum": 0, "maximum": 120},
    "share": {"kind": "number", "minimum": 0.1, "maximum": 1.0 / 3.0},
    "grade": {"kind": "category", "categories": ("low", "mid", "High")},
    "code": {"kind": "category", "categories": (1, 2, 5)},
    "member": {"kind": "boolean"},
}
GOOD: dict[str, Any] = {"age": 40, "share": 0.25, "grade": "mid", "code": 5, "member": True}

anything: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 130),
    st.integers(),
    st.floats(),
    st.floats(0, 0.4),
    st.sampled_from(["low", "mid", " HIGH ", "LOW", "", "  ", "5", "5.0", "0.2", "1e400", "yes"]),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=2),
)
records = st.fixed_dictionaries({}, optional=dict.fromkeys((*GOOD, "other"), anything))
modes = st.sampled_from(["strict", "coerce", "report"])


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    fields: list[Field] = []
    for name, given_ in FIELDS.items():
        missing = draw(st.sampled_from(["required", "nullable", "default"]))
        more: dict[str, Any] = {"nullable": missing == "nullable"}
        if missing == "default":
            more["default"] = GOOD[name]
        fields.append(Field(name=name, mode=draw(modes), **given_, **more))
    rule = CrossField(name="young members", rule="!member || age >= 18", mode=draw(
        st.sampled_from(["strict", "report"])))  # fmt: skip
    return Signature(tuple(fields), (rule,) if draw(st.booleans()) else ())


def of(mode: str, name: str, value: Any, **more: Any) -> Checked:
    field = Field(name=name, mode=mode, **FIELDS[name], **more)  # pyright: ignore
    return Validator(Signature((field,))).records([{name: value}])


def named(checked: Checked) -> dict[str, str]:
    return {v.field: v.problem for v in checked.counted}


@given(st.sampled_from(list(FIELDS)), anything)
def test_what_was_coerced_once_is_coerced_to_itself(name: str, value: Any):
    once = coerced(field := Field(name=name, **FIELDS[name]), value)
    again = coerced(field, once)
    assert type(again) is type(once)
    assert again is once or again == once


@given(signatures())
def test_a_valid_row_is_unchanged_and_unremarked_in_every_mode(signature: Signature):
    validator = Validator(signature)
    checked = validator.records([GOOD])
    assert checked.matrix.tolist() == [[40, 0.25, 1, 5, 1]]
    fast = TypedReader(signature).record(GOOD)
    assert fast is not None
    assert fast.values == (40, 0.25, 1, 5, 1)
    assert not checked.counted
    assert not checked.bad[0]


@given(signatures(), records)
def test_the_fast_way_accepts_only_what_nothing_is_said_of(
    signature: Signature, record: dict[str, Any]
):
    fast = TypedReader(signature).record(record)
    if fast is not None:
        checked = Validator(signature).records([record])
        assert not checked.counted
        np.testing.assert_array_equal(checked.matrix[0], fast.values)


@given(signatures(), st.lists(records, min_size=1, max_size=6))
def test_many_rows_at_once_are_judged_and_counted_as_each_alone(
    signature: Signature, rows: list[dict[str, Any]]
):
    validator = Validator(signature)
    together, alone = validator.records(rows), [validator.records([row]) for row in rows]
    assert together.bad.tolist() == [bool(c.bad[0]) for c in alone]
    np.testing.assert_array_equal(together.matrix, np.vstack([c.matrix for c in alone]))
    counts: dict[tuple[str, str], int] = {}
    for c in alone:
        for v in c.counted:
            counts[v.field, v.problem] = counts.get((v.field, v.problem), 0) + v.count
    assert {(v.field, v.problem): v.count for v in together.counted} == counts


@given(signatures(), records)
def test_a_row_is_bad_exactly_when_a_refusing_problem_is_named(
    signature: Signature, record: dict[str, Any]
):
    checked = Validator(signature).records([record])
    assert checked.bad[0] == any(v.problem in REFUSING for v in checked.violations)
    assert all(v.problem not in REFUSING for v in checked.accepted)


def follow(remedy: str, field: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record after a caller did what the sentence says, knowing nothing else."""
    if found := re.search(r"rename (\S+) to (\S+)", remedy):
        return {found[2] if k == found[1] else k: v for k, v in record.items()}
    if remedy.startswith("leave it out"):
        return {k: v for k, v in record.items() if k != field}
    if found := re.search(r"send a value from (\S+) to (\S+)", remedy):
        return record | {field: float(found[1])}
    if found := re.search(r"send one of ([^,]+)", remedy):
        return record | {field: int(found[1]) if found[1].isdigit() else found[1]}
    if remedy.endswith("send true or false"):
        return record | {field: True}
    if remedy.endswith("send a whole number"):
        return record | {field: 18}
    if remedy.endswith("send a number"):
        return record | {field: 0.2}
    if "!member || age >= 18" in remedy:
        return record | {"age": 18}
    assert re.search(f"send (a value for )?{field}", remedy), remedy
    return record | {field: GOOD[field]}


@given(signatures(), records)
def test_every_remedy_followed_in_turn_makes_the_row_valid(
    signature: Signature, record: dict[str, Any]
):
    validator = Validator(signature)
    for _ in range(30):
        checked = validator.records([record])
        if not checked.violations:
            break
        said = checked.violations[0]
        record = follow(said.remedy, said.field, record)
    assert not validator.records([record]).violations


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("age", "40", 40),
        ("age", " 40.0 ", 40),
        ("share", "0.25", 0.25),
        ("grade", " HIGH ", 2),
        ("grade", "LOW", 0),
        ("code", "5", 5),
        ("member", "true", 1),
        ("member", "No", 0),
    ],
)
def test_a_value_with_one_reading_is_coerced_and_counted(name: str, value: Any, number: float):
    checked = of("coerce", name, value)
    assert checked.matrix[0, 0] == number
    assert named(checked) == {name: "coerced"}
    assert not checked.bad[0]
    assert of("strict", name, value).bad[0]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("age", "40.5", "wrong_type"),
        ("age", "1,200", "wrong_type"),
        ("age", "1_0", "wrong_type"),
        ("age", True, "wrong_type"),
        ("age", "nan", "wrong_type"),
        ("age", "400", "out_of_range"),
        ("age", 400, "out_of_range"),
        ("share", "1e400", "out_of_range"),
        ("grade", "top", "new_category"),
        ("member", "maybe", "wrong_type"),
        ("age", "", "missing"),
    ],
)
def test_what_has_no_single_reading_is_not_guessed_and_nothing_is_clamped(
    name: str, value: Any, problem: str
):
    checked = of("coerce", name, value)
    assert named(checked) == {name: problem}
    assert checked.bad[0]


def test_categories_that_differ_by_case_alone_are_not_chosen_between():
    field = Field(name="g", kind="category", categories=("a", "A"), mode="coerce")
    assert Validator(Signature((field,))).records([{"g": " a "}]).matrix[0, 0] == 0
    twice = Field(name="g", kind="category", categories=("ab", "AB"), mode="coerce")
    assert named(Validator(Signature((twice,))).records([{"g": "Ab"}])) == {"g": "new_category"}


@pytest.mark.parametrize(
    ("name", "value", "problem", "enters"),
    [
        ("age", 400, "reported_out_of_range", 400),
        ("age", "forty", "reported_wrong_type", math.nan),
        ("age", 40.5, "reported_wrong_type", 40.5),
        ("age", 10**400, "reported_out_of_range", math.nan),
        ("code", 3, "reported_new_category", 3),
        ("grade", "top", "reported_new_category", math.nan),
        ("member", 2, "reported_wrong_type", math.nan),
        ("age", None, "reported_missing", math.nan),
    ],
)
def test_a_reporting_field_lets_the_number_or_null_through_and_counts_it(
    name: str, value: Any, problem: str, enters: float
):
    checked = of("report", name, value)
    np.testing.assert_equal(checked.matrix[0, 0], enters)
    assert named(checked) == {name: problem}
    assert not checked.bad[0]


@pytest.mark.parametrize("record", [{}, {"age": None}, {"age": math.nan}])
def test_a_default_stands_for_null_and_for_an_absent_field_and_is_counted(record: dict[str, Any]):
    field = Field(name="age", default=30, **FIELDS["age"])
    checked = Validator(Signature((field,))).records([record])
    assert checked.matrix.tolist() == [[30]]
    assert [(v.problem, v.count) for v in checked.counted] == [("defaulted", 1)]
    assert not checked.bad[0]


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "integer", "maximum": 10, "default": 11},
        {"kind": "integer", "default": 1.5},
        {"kind": "number", "default": "1"},
        {"kind": "boolean", "default": 2},
        {"kind": "category", "categories": ("a",), "default": "b"},
        {"kind": "category", "categories": (1, 2), "default": True},
        {"kind": "number", "nullable": True, "default": 1.0},
    ],
)
def test_a_default_that_is_no_valid_value_is_refused(more: dict[str, Any]):
    with pytest.raises(ValueError, match="default"):
        Field(name="a", **more)


@given(signatures())
def test_a_signature_reads_back_as_it_was_written(signature: Signature):
    assert from_json(to_json(signature), Signature) == signature


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("age", "40", "numbers came as texts"),
        ("member", "true", "true and false came as texts"),
        ("age", False, "true and false came where numbers were"),
        ("age", 40.5, "fractions came where whole numbers were"),
        ("grade", 2, "these may be codes of the names"),
        ("code", "five", "names came where codes were"),
        ("grade", " LOW", "spaces or capitals differ"),
        ("share", 25.0, "per cent seem to have come where fractions were"),
    ],
)
def test_a_retyped_field_is_recognised_and_named(name: str, value: Any, sentence: str):
    (violation,) = of("strict", name, value).violations
    assert violation.remedy.startswith(sentence)


def test_milliseconds_for_seconds_are_recognised_where_the_range_leaves_no_other_reading():
    field = Field(name="at", kind="number", minimum=1.6e9, maximum=1.9e9, unit="s")
    (violation,) = Validator(Signature((field,))).records([{"at": 1.7e12}]).violations
    assert violation.problem == "out_of_range"
    assert "milliseconds for seconds" in violation.remedy
    assert violation.remedy.endswith("from 1600000000 to 1900000000 s")


def test_names_that_callers_make_up_are_no_more_than_one_count_each_of_a_kind():
    validator = Validator(Signature((Field(name="age", mode="coerce", **FIELDS["age"]),)))
    checked = validator.records([{"age": "x"} | {f"made up {i}": i for i in range(500)}])
    assert {v.field for v in checked.counted if v.problem != "unknown"} == {"age"}
    assert {v.problem for v in checked.counted} <= {*PROBLEMS, "rule", "unknown"}
