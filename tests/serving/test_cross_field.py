from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.serving.cross_field import CrossField
from seawall.serving.signature import Field, Signature
from seawall.serving.typed import TypedReader
from seawall.serving.validate import Checked, Validator

FIELDS = (
    Field(name="age", kind="integer", minimum=0, maximum=120),
    Field(name="worked", kind="number", minimum=0, maximum=80, nullable=True),
    Field(name="grade", kind="category", categories=("low", "high")),
    Field(name="code", kind="category", categories=(1, 5)),
    Field(name="a member", kind="boolean"),
)
GOOD: dict[str, Any] = {"age": 40, "worked": 10, "grade": "low", "code": 5, "a member": True}


def judged(rule: str, more: dict[str, Any] | None = None, **words: Any) -> Checked:
    signature = Signature(FIELDS, (CrossField(name="the rule", rule=rule, **words),))
    return Validator(signature).records([GOOD | (more or {})])


@given(st.integers(0, 120), st.floats(0, 80) | st.integers(0, 80))
def test_a_rule_agrees_with_python_about_numbers(age: int, worked: float):
    broken = judged("age >= worked", {"age": age, "worked": worked}).bad[0]
    assert broken == (age < worked)


@given(st.integers(0, 120), st.floats(0, 80) | st.integers(0, 80) | st.none())
def test_the_fast_way_keeps_the_rules_as_the_thorough_one_does(age: int, worked: float | None):
    signature = Signature(FIELDS, (CrossField(name="r", rule="double(age) - worked >= 14.0"),))
    row = GOOD | {"age": age, "worked": worked}
    refused = bool(Validator(signature).records([row]).bad[0])
    assert (TypedReader(signature).record(row) is None) == refused


@pytest.mark.parametrize(
    "rule",
    [
        "grade == 'low' || code == 1",
        "grade in ['low', 'mid']",
        'input["a member"] && age > 18',
        "[age, code].all(x, x > 0)",
        "age / code < 20",
        "type(worked) == double",
    ],
)
def test_categories_booleans_and_names_that_are_no_words_are_read(rule: str):
    assert not judged(rule).counted


def test_a_broken_rule_is_named_with_its_message_and_makes_the_row_invalid():
    checked = judged("age >= worked", {"age": 5}, message="nobody worked longer than they live")
    (found,) = checked.violations
    assert (found.field, found.problem, found.count) == ("the rule", "rule", 1)
    assert found.remedy == "nobody worked longer than they live"
    assert checked.bad[0]


def test_a_rule_that_only_reports_makes_no_row_invalid():
    checked = judged("age >= worked", {"age": 5}, mode="report")
    assert [(v.field, v.problem) for v in checked.accepted] == [("the rule", "reported_rule")]
    assert not checked.bad[0]


def test_a_rule_over_a_null_is_not_broken_unless_it_speaks_of_null():
    null = {"worked": None}
    assert not judged("worked > 100.0", null).bad[0]
    assert judged("worked != null && worked < 100.0", null).bad[0]
    assert not judged("worked == null || worked < 100.0", null).bad[0]


def test_a_rule_that_cannot_be_computed_of_a_row_is_broken_by_it():
    assert judged("age / (code - 5) > 0").bad[0]
    assert not judged("age / (code - 5) < 0", {"code": 1}).bad[0]


def test_a_rule_is_not_asked_about_a_field_that_is_wrong_in_itself():
    checked = judged("age >= worked", {"worked": "x"})
    assert [v.field for v in checked.violations] == ["worked"]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("age >=", "does not parse"),
        ("agee > 1", "did you mean 'age'"),
        ("age + 0.5 > 1.0", "write 2.0 or double"),
        ("age + 1", "not true or false"),
        ("1 < 2", "reads no field"),
        ("grade > 3", "cannot be computed"),
    ],
)
def test_a_rule_that_can_never_be_computed_is_refused_with_what_to_do(rule: str, told: str):
    with pytest.raises(ValueError, match=told):
        Signature(FIELDS, (CrossField(name="r", rule=rule),))


@pytest.mark.parametrize("names", [("r", "r"), ("age", "r"), ("", "r")])
def test_rules_and_fields_have_names_that_differ(names: tuple[str, str]):
    with pytest.raises(ValueError, match="names of their own"):
        Signature(FIELDS, tuple(CrossField(name=n, rule="age > 0") for n in names))
