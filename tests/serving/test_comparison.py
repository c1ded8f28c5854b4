from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serving.test_modes import GOOD, records, signatures

from seawall.serving.comparison import compare
from seawall.serving.cross_field import CrossField
from seawall.serving.signature import Field, Signature
from seawall.serving.validate import Validator

AGE = Field(name="age", kind="integer", minimum=0, maximum=120)
GRADE = Field(name="grade", kind="category", categories=("low", "high"))
OLD = Signature((AGE, GRADE))
replace = msgspec.structs.replace


def changes(*fields: Field, rules: tuple[CrossField, ...] = ()) -> list[tuple[str, str, bool]]:
    return [(c.field, c.what, c.breaks) for c in compare(OLD, Signature(fields, rules))]


@given(signatures())
def test_a_signature_is_no_change_from_itself(signature: Signature):
    assert compare(signature, signature) == ()


MISSING: list[dict[str, Any]] = [
    {"nullable": False, "default": None},
    {"nullable": True, "default": None},
    {"nullable": False},
]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Signature, Signature]:
    """A signature, and the same after one thing was changed."""
    old = draw(signatures())
    at = draw(st.integers(0, len(old.fields) - 1))
    field = old.fields[at]
    match draw(st.sampled_from(["missing", "mode", "values", "kind", "new", "rules"])):
        case "missing":
            change = draw(st.sampled_from(MISSING))
            field = replace(field, **{"default": GOOD[field.name]} | change)
        case "mode":
            field = replace(field, mode=draw(st.sampled_from(["strict", "coerce", "report"])))
        case "values" if field.kind in ("integer", "number"):
            low, high = draw(st.sampled_from([(0.0, 200.0), (-5.0, 30.0), (0.2, 60.0)]))
            field = replace(field, minimum=low, maximum=high, default=None)
        case "values" if field.kind == "category":
            kept = field.categories[draw(st.integers(0, 1)) :]
            more = [c for c in ("top", 9) if type(c) is type(kept[0])]
            field = replace(field, categories=(*kept, *more), default=None)
        case "kind" if field.kind == "integer":
            field = replace(field, kind="number")
        case "new":
            default = draw(st.sampled_from([None, 1]))
            more = Field(name="other", kind="number", default=default)
            return old, Signature((*old.fields, more), old.rules)
        case _:
            return old, Signature(old.fields, draw(signatures()).rules)
    return old, Signature((*old.fields[:at], field, *old.fields[at + 1 :]), old.rules)


@settings(max_examples=200)
@given(pairs(), st.lists(records, max_size=8))
def test_what_was_valid_stays_valid_where_no_change_breaks(
    pair: tuple[Signature, Signature], rows: list[dict[str, Any]]
):
    old, new = pair
    if any(c.breaks for c in compare(old, new)):
        return
    missing = [{k: v for k, v in GOOD.items() if k != gone} for gone in GOOD]
    null = [GOOD | {name: None} for name in GOOD]
    known = [{k: v for k, v in row.items() if k in old.names} for row in rows]
    for row in [GOOD, *missing, *null, *known]:
        if not Validator(old).records([row]).bad[0]:
            assert not Validator(new).records([row]).bad[0]


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (replace(AGE, maximum=90), ("age", "narrowed", True)),
        (replace(AGE, maximum=90, mode="report"), ("age", "narrowed", False)),
        (replace(AGE, maximum=130), ("age", "widened", False)),
        (replace(AGE, kind="number"), ("age", "kind", False)),
        (replace(AGE, unit="years"), ("age", "unit", False)),
        (replace(AGE, nullable=True), ("age", "missing", False)),
        (replace(AGE, mode="coerce"), ("age", "mode", False)),
        (replace(AGE, name="age_years"), ("age", "renamed", True)),
    ],
)
def test_each_change_of_a_field_is_named(field: Field, found: tuple[str, str, bool]):
    assert found in changes(field, GRADE)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ((AGE,), [("grade", "gone", False)]),
        ((GRADE, AGE), [("*", "order", False)]),
        ((AGE, replace(GRADE, categories=("low",))), [("grade", "categories", True)]),
        (
            (AGE, replace(GRADE, categories=("low", "high", "top"))),
            [("grade", "categories", False)],
        ),
        ((AGE, GRADE, Field(name="b", kind="boolean")), [("b", "new", True)]),
        ((AGE, GRADE, Field(name="b", kind="boolean", default=True)), [("b", "new", False)]),
    ],
)
def test_fields_and_categories_that_come_and_go_are_named(
    fields: tuple[Field, ...], found: list[tuple[str, str, bool]]
):
    assert changes(*fields) == found


def test_a_change_of_unit_breaks_and_says_both():
    old, new = (Signature((replace(AGE, unit=u),)) for u in ("years", "months"))
    (change,) = compare(old, new)
    assert (change.what, change.breaks) == ("unit", True)
    assert change.sentence == "age: years is months now"


def test_a_new_strict_rule_breaks_and_one_that_reports_does_not():
    rule = CrossField(name="adult", rule="age >= 18")
    assert changes(AGE, GRADE, rules=(rule,)) == [("adult", "rule", True)]
    assert changes(AGE, GRADE, rules=(replace(rule, mode="report"),)) == [("adult", "rule", False)]


def test_two_fields_of_unlike_names_are_gone_and_new():
    other = replace(AGE, name="zip")
    fresh = replace(GRADE, name="town")
    found = {what for _, what, _ in changes(other, fresh)}
    assert found == {"gone", "new"}
