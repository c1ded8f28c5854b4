from __future__ import annotations

import json
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from seawall.adapters.runtimes import load
from seawall.kernel import BadInput
from seawall.sdk import conversion
from seawall.sdk.export import TOLERANCE, export
from seawall.sdk.stressed_rows import stressed_rows

SMALL: dict[str, Any] = {"n_estimators": 12, "n_jobs": 1}
QUIET: dict[str, Any] = {**SMALL, "verbose": -1}


def data(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(rows, 3)).astype(np.float32)
    return matrix, (matrix[:, 0] - matrix[:, 1] + rng.normal(size=rows) > 0).astype(int)


def with_gaps(matrix: np.ndarray) -> np.ndarray:
    gaps = matrix.copy()
    gaps[::7, 0] = np.nan
    return gaps


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        DecisionTreeClassifier(max_depth=4),
        RandomForestClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=20),
        HistGradientBoostingClassifier(max_iter=5),
        GaussianNB(),
        MLPClassifier((4,), max_iter=20, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        xgboost.XGBClassifier(**SMALL),
        lightgbm.LGBMClassifier(**QUIET),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_the_artefact_answers_as_the_estimator_does(estimator: Any) -> None:
    matrix, label = data()
    estimator.fit(matrix, label)
    exported = export(estimator, matrix)
    assert exported.format == "onnx"
    np.testing.assert_array_equal(exported.sample[: len(matrix)], matrix)
    expected = estimator.predict_proba(exported.sample)[:, 1]
    np.testing.assert_array_equal(exported.scores, expected)
    scores = load(exported.artefact, "onnx").scores(exported.sample)
    largest = float(np.max(np.abs(scores - expected)))
    assert largest <= TOLERANCE
    assert exported.conversion.largest >= largest
    assert exported.conversion.sample + exported.conversion.stressed == len(exported.sample)


@pytest.mark.parametrize(
    "estimator",
    [
        xgboost.XGBRegressor(**SMALL),
        lightgbm.LGBMRegressor(**QUIET),
        RandomForestRegressor(5),
        HistGradientBoostingRegressor(max_iter=5),
        LinearRegression(),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_regression_gives_its_value(estimator: Any) -> None:
    matrix, _ = data()
    estimator.fit(matrix, 1_000 + 50 * matrix[:, 0])
    model = load(export(estimator, matrix).artefact, "onnx")
    assert model.output.kind == "regression"
    np.testing.assert_allclose(model.scores(matrix), estimator.predict(matrix), rtol=TOLERANCE)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), xgboost.XGBClassifier(**SMALL), lightgbm.LGBMClassifier(**QUIET)],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_of_several_classes_the_score_is_the_probability_of_the_named_one(estimator: Any) -> None:
    matrix, label = data()
    estimator.fit(matrix, label + (matrix[:, 2] > 1))
    model = load(export(estimator, matrix, positive=1).artefact, "onnx")
    expected = estimator.predict_proba(matrix)
    assert (model.output.kind, model.output.classes) == ("multiclass", (0, 1, 2))
    np.testing.assert_allclose(model.scores(matrix), expected[:, 1], atol=TOLERANCE)
    np.testing.assert_allclose(model.columns(matrix), expected, atol=TOLERANCE)
    last = load(export(estimator, matrix).artefact, "onnx")
    np.testing.assert_allclose(last.scores(matrix), expected[:, 2], atol=TOLERANCE)
    with pytest.raises(BadInput, match=r"7 is no class .* name one of 0, 1, 2"):
        export(estimator, matrix, positive=7)


def test_native_boosters_say_their_kind_by_their_objective() -> None:
    matrix, label = data()
    three = label + (matrix[:, 2] > 1)
    for objective, target, kind in (
        ("binary", label, "binary"),
        ("multi", three, "multiclass"),
        ("regression", matrix[:, 0], "regression"),
    ):
        more = {"num_class": 3} if kind == "multiclass" else {}
        names = {"binary": "binary:logistic", "multi": "multi:softprob"}
        told = {"objective": names.get(objective, "reg:squarederror"), "nthread": 1} | more
        ours = xgboost.train(told, xgboost.DMatrix(matrix, target), 5)
        assert export(ours, matrix).conversion.output.kind == kind
        told = {"objective": objective.replace("multi", "multiclass"), "verbose": -1} | more
        table = lightgbm.Dataset(matrix, target.copy())
        theirs = lightgbm.train(told | {"num_threads": 1}, table, 5)
        assert export(theirs, matrix).conversion.output.kind == kind


@pytest.mark.parametrize(
    "estimator",
    [
        xgboost.XGBClassifier(**SMALL),
        lightgbm.LGBMClassifier(**QUIET),
        HistGradientBoostingClassifier(max_iter=5),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_missing_values_go_the_way_they_went_in_training(estimator: Any) -> None:
    matrix, label = data()
    gaps = with_gaps(matrix)
    exported = export(estimator.fit(gaps, label), gaps)
    alone = np.isnan(exported.sample[exported.conversion.sample :, 0])
    assert alone.any()
    scores = load(exported.artefact, "onnx").scores(exported.sample)
    np.testing.assert_allclose(scores, exported.scores, atol=TOLERANCE)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_categories_are_told_apart_as_the_boosters_do() -> None:
    matrix, label = data()
    matrix[:, 2] = np.random.default_rng(1).integers(0, 5, len(matrix))
    label = (label + (matrix[:, 2] % 2) > 1).astype(int)
    kinds = ["q", "q", "c"]
    theirs = lightgbm.LGBMClassifier(**QUIET).fit(matrix, label, categorical_feature=[2])
    ours = xgboost.XGBClassifier(enable_categorical=True, feature_types=kinds, **SMALL)
    for estimator in (theirs, ours.fit(matrix, label)):
        exported = export(estimator, matrix, names=("a", "b", "grade"))
        assert exported.conversion.largest <= TOLERANCE
    wrong = HistGradientBoostingClassifier(categorical_features=[2], max_iter=5).fit(matrix, label)
    with pytest.raises(BadInput, match="differ by 0"):  # its converter takes them for numbers
        export(wrong, matrix)


@pytest.mark.parametrize("library", ["lightgbm", "sklearn"])
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_threshold_in_double_precision_holds_at_the_next_single_precision_number(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    matrix = rng.uniform(size=(2_000, 2)).round(3)  # most decimals lie above or below their float32
    label = (matrix[:, 0] + rng.normal(size=2_000) / 5 > 0.5).astype(int)
    estimator: Any = lightgbm.LGBMClassifier(**QUIET)
    if library == "sklearn":
        estimator = HistGradientBoostingClassifier(max_iter=4)
    fine = matrix.astype(np.float32)
    fitted = estimator.fit(matrix, label)
    assert export(fitted, fine).conversion.largest <= TOLERANCE
    monkeypatch.setattr(conversion, "_rounded_down", lambda e: e)
    with pytest.raises(BadInput, match=r"a row with field \d at its split"):
        export(fitted, fine)


def test_a_column_that_needs_double_precision_is_refused_by_name() -> None:
    matrix, _ = data()
    times = np.column_stack([1.7e9 + 100 * np.arange(600.0) / 600, matrix[:, 1]])
    fitted = DecisionTreeClassifier(max_depth=3).fit(matrix, times[:, 0] > 1.7e9 + 50)
    fine = lightgbm.LGBMClassifier(**QUIET).fit(times, times[:, 0] > 1.7e9 + 50)
    assert export(fitted, matrix.astype(np.float64)).conversion.rounded == 0
    with pytest.raises(BadInput, match=r"opened has 600 values and \d in single precision"):
        export(fine, times, names=("opened", "b"))


@given(st.integers(1, 5), st.integers(0, 1_000))
@settings(max_examples=15)
def test_each_split_is_reached_at_it_and_on_both_sides(depth: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(200, 2)).astype(np.float32)
    tree = DecisionTreeClassifier(max_depth=depth).fit(matrix, rng.integers(0, 2, 200))
    rows = stressed_rows(export(tree, matrix).artefact, matrix, ["a", "b"]).rows
    visited = np.asarray(tree.decision_path(rows).sum(axis=0)).ravel()
    assert (visited[tree.tree_.feature >= 0] >= 3).all()


def test_labels_that_are_words_keep_their_order() -> None:
    matrix, label = data()
    estimator = LogisticRegression().fit(matrix, np.array(["no", "yes"])[label])
    exported = export(estimator, matrix)
    model = load(exported.artefact, "onnx")
    assert model.output.classes == ("no", "yes")
    assert np.corrcoef(model.scores(matrix), label)[0, 1] > 0.5


def test_what_gives_no_probabilities_is_refused() -> None:
    matrix, label = data()
    with pytest.raises(BadInput, match="LinearSVC gives no probabilities"):
        export(LinearSVC().fit(matrix, label), matrix)
    told = {"objective": "rank:pairwise", "nthread": 1}
    ranking = xgboost.train(told, xgboost.DMatrix(matrix, label), 2)
    with pytest.raises(BadInput, match="rank:pairwise"):
        export(ranking, matrix)


def test_what_cannot_be_converted_is_refused_in_one_line() -> None:
    class Own:
        def predict_proba(self, matrix: np.ndarray) -> np.ndarray:
            return np.full((len(matrix), 2), 0.5)

    with pytest.raises(BadInput, match="Own could not be converted") as error:
        export(Own(), data()[0])
    assert "\n" not in str(error.value)


def test_the_report_of_a_conversion_is_plain_json() -> None:
    from seawall.kernel import to_json

    matrix, label = data()
    told = json.loads(to_json(export(LogisticRegression().fit(matrix, label), matrix).conversion))
    assert told["output"] == {"classes": [0, 1]}
    assert told["converter"].startswith("skl2onnx ")
    assert told["tolerance"] == TOLERANCE
