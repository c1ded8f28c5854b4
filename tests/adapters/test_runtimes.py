from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.control import model, onnx_bytes, training_rows

from seawall.adapters.runtimes import load
from seawall.kernel import BadInput


def test_an_onnx_model_scores_as_scikit_learn_does():
    rows = training_rows()
    expected = model().predict_proba(rows)[:, 1]
    np.testing.assert_allclose(load(onnx_bytes(), "onnx").scores(rows), expected, atol=1e-5)


def test_one_row_and_many_get_the_same_scores():
    found, rows = load(onnx_bytes(), "onnx"), training_rows()[:20]
    alone = np.concatenate([found.scores(rows[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(found.scores(rows), alone, atol=1e-7)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_is_not_loaded_whatever_it_is_called(protocol: int):
    for name in ("pickle", "joblib", "onnx"):
        with pytest.raises(BadInput, match="pickle"):
            load(pickle.dumps({"a": 1}, protocol=protocol), name)


def test_an_unknown_format_says_which_there_are():
    with pytest.raises(BadInput, match="onnx"):
        load(b"", "onxx")


@given(st.binary(max_size=100))
def test_bytes_that_are_no_model_are_bad_input(noise: bytes):
    with pytest.raises(BadInput):
        load(noise, "onnx")


def test_a_model_whose_probabilities_are_no_tensor_is_refused():
    from skl2onnx import to_onnx

    zipped = to_onnx(model(), training_rows()[:1])  # a list of maps, skl2onnx's default
    with pytest.raises(BadInput, match="float output"):
        load(zipped.SerializeToString(), "onnx")  # type: ignore[union-attr]
