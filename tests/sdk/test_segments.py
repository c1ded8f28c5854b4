from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seawall import drift, segments
from seawall.kernel import BadInput, Outcome


def table(seed, n=8_000, youngest=18):
    rng = np.random.default_rng(seed)
    age = rng.integers(youngest, 80, n)
    city = rng.choice(["a", "b", "c"], n)
    score = rng.random(n)
    wrong = rng.random(n) < np.where(age > 65, 0.4, 0.1)
    label = ((score >= 0.5) != wrong).astype(int)
    return pa.table({"age": age, "city": city, "score": score, "label": label})


def test_the_slice_where_a_model_errs_is_named_and_fails():
    found = segments(table(0), label="label", score="score")
    assert found.verdict.outcome is Outcome.FAIL
    worst = found.to_dict()["segments"][0]
    assert set(worst["by"]) == {"age"}
    assert int(worst["by"]["age"].split(" to ")[0]) > 60


def test_predictions_of_any_class_are_searched_too():
    data = table(1)
    calls = np.where(np.asarray(data["score"]) >= 0.5, "yes", "no")
    truth = np.where(np.asarray(data["label"]) == 1, "yes", "no")
    data = data.append_column("call", pa.array(calls)).append_column("truth", pa.array(truth))
    found = segments(data, label="truth", prediction="call", columns=["age", "city"]).to_dict()
    assert set(found["segments"][0]["by"]) == {"age"}


def test_absolute_errors_of_a_regression_are_searched_and_not_judged():
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 10, 5_000), rng.normal(size=5_000)
    data = {"x": x, "y": y, "guess": y + rng.normal(size=5_000) * np.where(x == 4, 3, 1)}
    found = segments(data, label="y", prediction="guess", regression=True)
    assert found.verdict.outcome is Outcome.UNDECIDED
    assert found.to_dict()["segments"][0]["by"] == {"x": "4"}


def test_slices_that_moved_against_a_reference_are_named():
    found = segments(table(4, youngest=45), reference=table(3), columns=["age", "city"]).to_dict()
    assert found["verdict"]["outcome"] == "fail"
    assert all("age" in one["by"] for one in found["segments"])


def test_drift_towards_errors_is_called_harmful_and_benign_drift_is_not():
    old, new = table(5, 40_000), table(6, 40_000, youngest=45)
    rng = np.random.default_rng(7)
    city = pa.array(rng.choice(["a", "b", "c"], 40_000, p=[0.7, 0.2, 0.1]))
    new = new.set_column(1, "city", city).drop_columns(["label"])
    found = drift(old, new, label="label", score="score").to_dict()
    assert found["verdict"]["outcome"] == "fail"
    harm = found["harm"]["features"]
    assert next(iter(harm)) == "age"
    assert harm["age"]["change"]["low"] > 0.02
    assert harm["age"]["outcome"] == "fail"
    assert found["features"]["city"]["verdict"]["outcome"] == "fail"
    assert harm["city"]["outcome"] == "pass"
    assert harm["age"]["parts"][0]["error_rate"] > 0.3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "segments are searched for errors or for drift"),
        ({"label": "label"}, "labels alone do not say what was wrong"),
        ({"label": "lable", "score": "score"}, "there is no column 'lable'"),
        ({"label": "age", "score": "score"}, "is neither 0 nor 1"),
        ({"label": "label", "score": "age"}, "outside .0, 1. .*t.parquet, column age"),
        ({"label": "label", "score": "score", "columns": ["city", "agee"]}, "no column 'agee'"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(asked, said, tmp_path):
    pq.write_table(table(8, 500), tmp_path / "t.parquet")
    with pytest.raises(BadInput, match=said) as caught:
        segments(tmp_path / "t.parquet", **asked)
    assert "\n" not in str(caught.value)


def with_text(seed):
    notes = [f"case {i} near the harbour wall" for i in range(8_000)]
    return table(seed).append_column("note", pa.array(notes))


def test_a_text_is_searched_by_its_measures():
    found = segments(with_text(10), label="label", score="score").to_dict()
    assert "note words" in found["searched"]["columns"]
    assert set(found["segments"][0]["by"]) == {"age"}


def test_harm_and_the_whole_row_check_take_a_text_by_its_measures():
    found = drift(with_text(11), with_text(12), label="label", score="score", multivariate=True)
    assert "note words" in found.to_dict()["harm"]["features"]
    assert found.to_dict()["multivariate"]["auc"]["low"] < 0.5


def test_few_rows_leave_a_change_of_shares_undecided():
    few = table(13).slice(0, 20)
    assert segments(few, reference=table(14)).verdict.outcome is Outcome.UNDECIDED
    assert segments(table(14), reference=few).verdict.outcome is Outcome.UNDECIDED


def test_text_where_the_reference_holds_numbers_is_refused():
    words = table(15).set_column(0, "age", pa.array([f"x{i % 50}" for i in range(8_000)]))
    with pytest.raises(BadInput, match="column age holds text where the reference holds numbers"):
        segments(words, reference=table(16))
    with pytest.raises(BadInput, match="column age holds numbers where the reference holds text"):
        segments(table(16), reference=words)


def test_labels_without_any_answer_are_refused_and_infinite_errors_too():
    blank = table(19).set_column(2, "score", pa.nulls(8_000, pa.float64()))
    with pytest.raises(BadInput, match=r"no row has both .*columns label and score"):
        segments(blank, label="label", score="score")
    data = {"x": np.arange(100), "y": np.full(100, np.inf), "guess": np.zeros(100)}
    with pytest.raises(BadInput, match=r"infinite .*column y"):
        segments(data, label="y", prediction="guess", regression=True)


def test_current_scores_that_are_no_probabilities_are_refused_where_harm_is_asked_for():
    odd = table(20).set_column(2, "score", pa.array(np.linspace(0, 2, 8_000)))
    with pytest.raises(BadInput, match=r"scores go from 0 to 2, .*column score"):
        drift(table(21), odd, label="label", score="score")


def test_answers_that_nothing_would_look_at_are_refused():
    with pytest.raises(BadInput, match="name the label too"):
        drift(table(17), table(18), score="score")
    with pytest.raises(BadInput, match="leave them out"):
        segments(table(17), reference=table(18), score="score")
