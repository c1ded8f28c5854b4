from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

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


def test_what_is_told_of_a_model_that_does_not_load_has_no_codes_of_the_runtime():
    for data in (b"nonsense", b"", onnx_bytes()[:200]):
        with pytest.raises(BadInput, match="not an ONNX model") as refused:
            load(data, "onnx")
        assert "ONNXRuntimeError" not in str(refused.value)


def test_a_model_whose_probabilities_are_no_tensor_is_refused():
    from skl2onnx import to_onnx

    zipped = to_onnx(model(), training_rows()[:1])  # a list of maps, skl2onnx's default
    with pytest.raises(BadInput, match="float output"):
        load(zipped.SerializeToString(), "onnx")  # type: ignore[union-attr]


def test_the_runtime_reports_nothing_home(tmp_path: Path) -> None:
    import onnxruntime

    words = [sys.executable, "-c", "import onnxruntime"]
    subprocess.run(words, env={**os.environ, "TMPDIR": str(tmp_path)}, check=True)
    libraries = list(Path(onnxruntime.__file__).parent.glob("capi/*.so*"))
    assert libraries
    assert [p for p in libraries if b"events.data.microsoft.com" in p.read_bytes()] == []
    assert list(tmp_path.iterdir()) == []
