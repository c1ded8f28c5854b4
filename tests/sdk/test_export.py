from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from seawall.adapters.runtimes import load
from seawall.kernel import BadInput
from seawall.sdk.export import export

TOLERANCE = 1e-5


def data(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(rows, 3)).astype(np.float32)
    return matrix, (matrix[:, 0] - matrix[:, 1] + rng.normal(size=rows) > 0).astype(int)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        DecisionTreeClassifier(max_depth=4),
        RandomForestClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=20),
        HistGradientBoostingClassifier(max_iter=20),
        GaussianNB(),
        MLPClassifier((4,), max_iter=20, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_artefact_answers_as_the_estimator_does(estimator: Any) -> None:
    matrix, label = data()
    estimator.fit(matrix, label)
    exported = export(estimator, matrix)
    assert exported.format == "onnx"
    expected = estimator.predict_proba(matrix)[:, 1]
    np.testing.assert_array_equal(exported.scores, expected)
    scores = load(exported.artefact, "onnx").scores(exported.sample)
    assert scores.shape == (len(matrix),)
    assert np.max(np.abs(scores - expected)) <= TOLERANCE


def test_labels_that_are_words_keep_their_order() -> None:
    matrix, label = data()
    estimator = LogisticRegression().fit(matrix, np.array(["no", "yes"])[label])
    exported = export(estimator, matrix)
    scores = load(exported.artefact, "onnx").scores(matrix)
    assert np.corrcoef(scores, label)[0, 1] > 0.5


def test_what_gives_no_probabilities_or_three_classes_is_refused() -> None:
    matrix, label = data()
    with pytest.raises(BadInput, match="LinearSVC gives no probabilities"):
        export(LinearSVC().fit(matrix, label), matrix)
    three = LogisticRegression().fit(matrix, label + (matrix[:, 2] > 1))
    with pytest.raises(BadInput, match="two classes, this one 3"):
        export(three, matrix)


def test_what_cannot_be_converted_is_refused_in_one_line() -> None:
    class Own:
        def predict_proba(self, matrix: np.ndarray) -> np.ndarray:
            return np.full((len(matrix), 2), 0.5)

    with pytest.raises(BadInput, match="Own could not be converted") as error:
        export(Own(), data()[0])
    assert "\n" not in str(error.value)
