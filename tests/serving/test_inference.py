from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.adapters.tables import read_columns
from seawall.kernel import BadInput
from seawall.serving.inference import infer, outside
from seawall.serving.signature import Field, Signature
from seawall.serving.validate import Validator

RNG = np.random.default_rng(11)
N = 400


def doubts(values: Any, name: str = "x", **options: Any) -> str:
    return " | ".join(infer({name: values}, **options).doubts.get(name, ()))


columns = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=30).map(np.array),
    st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=30).map(np.array),
    st.lists(st.booleans(), min_size=1, max_size=30).map(np.array),
    st.lists(st.text(max_size=3), min_size=1, max_size=30).map(lambda v: np.array(v, object)),
)


@given(columns, st.sampled_from([0.0, 0.05, 1.0]))
def test_every_row_that_was_learnt_from_is_valid(values: np.ndarray, slack: float):
    found = infer({"x": values}, slack=slack)
    checked = Validator(found.signature).columns({"x": values}, len(values))
    assert not checked.counted


def test_real_data_give_a_signature_that_holds_for_them():
    table = read_columns("src/seawall/data/acs_employment_ma.parquet")
    found = infer(table, label="employed", categories=["SEX", "RAC1P"])
    arrays: dict[str, Any] = {n: v for n, v in table.items() if n != "employed"}
    checked = Validator(found.signature).columns(arrays, found.rows)
    assert not checked.counted
    assert found.left_out == {"employed": "the label"}
    by_name = {f.name: f for f in found.signature.fields}
    assert by_name["SEX"].categories == (1, 2)
    assert (by_name["AGEP"].minimum, by_name["AGEP"].maximum) == (0, 100)
    assert "counts the rows" in found.doubts["id"][0]
    assert "AGEP" not in found.doubts


@pytest.mark.parametrize(
    ("values", "name", "said"),
    [
        (np.arange(N), "x", "counts the rows"),
        (RNG.permutation(N * 10)[:N], "x", "differs in every row"),
        (np.full(N, 3.5), "x", "the same in every row"),
        (np.array(["a"] * N, object), "x", "the same in every row"),
        (RNG.integers(0, 5, N), "customer_id", "named as an identifier"),
        (RNG.integers(0, 5, N), "x", "codes? then kind: category, categories: [0, 1, 2, 3, 4]"),
        (RNG.integers(0, 50, N).astype(float), "x", "kind: integer"),
        (np.append(RNG.integers(0, 50, N), [999, 999]), "x", "999 stands far"),
        (np.append(RNG.integers(0, 50, N), [-1, -1]), "x", "-1 stands far"),
        (RNG.random(N), "x", "a fraction?"),
        (1.7e12 + 1e7 * RNG.random(N), "x", "milliseconds since 1970"),
        (np.array(["5", "6", "7"] * 20, object), "x", "numbers written as texts"),
        (np.array(["Yes", "yes", "no"] * 20, object), "x", "Yes, yes differ by capitals"),
        (np.array(["a"] * 90 + ["b"] * 2 + ["c"] * 8, object), "x", "rare, in fewer than 5 rows"),
    ],
)
def test_what_a_reviewer_should_look_at_is_asked(values: np.ndarray, name: str, said: str):
    assert said in doubts(values, name)


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(50, 10, N),
        RNG.integers(18, 90, N),
        np.array(["north", "south"] * (N // 2), object),
        RNG.random(N) > 0.5,
    ],
)
def test_an_ordinary_column_raises_no_question(values: np.ndarray):
    assert doubts(values) == ""


def test_a_field_that_the_label_made_is_named_and_an_honest_one_is_not():
    label = RNG.integers(0, 2, 2_000)
    table = {
        "leak": label + 0.1 * RNG.random(2_000),
        "texts": np.where(label == 1, "paid", "open").astype(object),
        "good": label + RNG.normal(0, 1, 2_000),
        "label": label,
    }
    found = infer(table, label="label")
    assert set(found.doubts) >= {"leak", "texts"}
    assert "tells the label apart alone" in found.doubts["leak"][0]
    assert "good" not in found.doubts


def test_any_two_values_are_a_label_and_of_more_no_leak_is_looked_for():
    label = RNG.integers(0, 2, 500)
    words = np.array(["bad", "good"], object)[label]
    table = {"x": label + 0.1 * RNG.random(500), "y": words}
    assert "tells the label apart alone" in infer(table, label="y").doubts["x"][-1]
    several = {"x": label.astype(float), "y": RNG.integers(0, 3, 500)}
    assert "tells" not in str(infer(several, label="y").doubts)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.array(["2026-01-01"], "datetime64[s]"), "moment"),
        (np.array([np.nan]), "no value"),
        (np.array([1.0, np.inf]), "infinite"),
        (np.array([f"customer {i}" for i in range(2_000)], object), "identifier, or free text"),
    ],
)
def test_what_can_be_no_field_is_left_out_with_the_reason(values: np.ndarray, why: str):
    found = infer({"x": values, "y": np.arange(values.size) % 7})
    assert why in found.left_out["x"]
    with pytest.raises(BadInput, match="no column can be a field"):
        infer({"x": values})


def test_ranges_are_widened_by_the_slack_and_not_beyond_zero():
    (field,) = infer({"x": np.linspace(0.5, 100, N)}, slack=0.05).signature.fields
    assert field.minimum == 0
    assert field.maximum == pytest.approx(104.975, abs=0.1)


def test_nulls_make_a_field_nullable():
    values = np.ma.masked_array(RNG.integers(0, 90, N), RNG.random(N) < 0.1)
    found = infer({"x": values})
    assert found.signature.fields[0].nullable
    assert "% missing" in found.facts["x"]


def test_a_unit_that_a_name_ends_in_is_taken_for_the_fields():
    names = ["height_cm", "duration_in_month", "ageYears", "cm", "item"]
    found = infer({n: np.arange(30.0) for n in names})
    assert [f.unit for f in found.signature.fields] == ["cm", "months", "years", "", ""]


def test_the_share_outside_a_range_is_an_estimate():
    field = Field(name="x", kind="number", minimum=0, maximum=9)
    e = outside(field, np.arange(100.0))
    assert e is not None
    assert (e.value, e.n) == (0.9, 100)
    assert e.low < 0.9 < e.high
    assert outside(Field(name="x", kind="boolean"), np.array([True])) is None


def test_an_unknown_label_is_refused_with_the_nearest():
    with pytest.raises(BadInput, match="did you mean 'label'"):
        infer({"label": np.arange(3), "x": np.arange(3)}, label="lable")


def test_an_inferred_signature_is_one():
    assert isinstance(infer({"x": np.arange(60)}).signature, Signature)
