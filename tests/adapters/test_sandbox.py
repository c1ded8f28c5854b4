"""Candidates that break things, asked in a sandbox."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests.adapters.test_worker import WILD
from tests.adapters.wild_onnx import endless_above, greedy_above, nan_above, plain
from tests.gateway.control import onnx_bytes, training_rows

from seawall.adapters.runtimes import sandbox as sandbox_module
from seawall.adapters.runtimes.sandbox import Sandbox
from seawall.kernel import BadInput

ROWS = training_rows(400)


@pytest.fixture
def wild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sandbox]]:
    made: list[Sandbox] = []

    def start(port: int = 9) -> Sandbox:
        (tmp_path / "wild_model.py").write_text(WILD.replace("PORT", str(port)))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        artefact = b"cwild_model\nWild\n)R."  # a call without arguments, in pickle's first protocol
        made.append(Sandbox(artefact, "pickle", formats=("pickle",), seconds=2.0))
        return made[-1]

    yield start
    for sandbox in made:
        sandbox.close()


def doing(what: int, rows: int = 1) -> np.ndarray:
    """Rows that the model does this on when the first asked is among them; 0 answers hours."""
    matrix = np.zeros((rows, 3), np.float32)
    matrix[:, 1] = np.arange(rows) / 1000
    matrix[:, 0] = what
    return matrix


def test_an_onnx_model_scores_in_the_sandbox_as_onnx_runtime_does_bit_by_bit() -> None:
    session = onnxruntime.InferenceSession(onnx_bytes(4))
    expected = session.run(["probabilities"], {session.get_inputs()[0].name: ROWS})[0][:, 1]
    with Sandbox(onnx_bytes(4), "onnx") as sandbox:
        np.testing.assert_array_equal(sandbox.scores(ROWS), expected.astype(np.float64))
        assert sandbox.fields == 3
        assert (sandbox.starts, sandbox.failures.total()) == (1, 0)


@pytest.mark.parametrize("what", [2, 3])
def test_a_row_on_which_a_model_dies_or_raises_costs_that_row_alone(
    wild: Callable[..., Sandbox], what: int
) -> None:
    matrix = np.concatenate([doing(what), doing(0, 7)])
    answers = wild().scores(matrix)
    assert np.flatnonzero(np.isnan(answers)).tolist() == [0]
    np.testing.assert_array_equal(answers[1:], matrix[1:, 1].astype(np.float64))


def test_a_model_that_keeps_dying_is_given_up_and_what_was_not_asked_is_counted(
    wild: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_module, "STARTS", 4)
    matrix = np.concatenate([doing(2)] * 60)
    sandbox = wild()
    assert np.isnan(sandbox.scores(matrix)).all()
    assert sandbox.given_up
    assert sandbox.starts == 4
    assert sandbox.failures.total() == len(matrix)
    assert np.isnan(sandbox.scores(doing(0, 2))).all()


def test_a_model_reaches_no_network_from_the_sandbox(wild: Callable[..., Sandbox]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        assert wild(server.getsockname()[1]).scores(doing(4)).tolist() == [0.0]


def test_too_few_answers_are_none(wild: Callable[..., Sandbox]) -> None:
    sandbox = wild()
    answers = sandbox.scores(np.repeat(doing(8), 2, axis=0))
    assert sandbox.failures.total() == 0  # a row alone gets the one answer that there is
    assert answers.tolist() == [0.0, 0.0]


def test_an_endless_loop_in_a_graph_costs_the_rows_that_start_it() -> None:
    ages = np.array([[20, 1, 0], [89, 1, 0], [40, 1, 0]], np.float32)
    with Sandbox(endless_above(88), "onnx", seconds=0.5) as sandbox:
        answers = sandbox.scores(ages)
        assert [math.isnan(a) for a in answers] == [False, True, False]
        (why,) = sandbox.failures
    assert "no answer within 0.5 s" in why


def test_a_graph_that_wants_all_memory_gets_none_and_costs_its_row() -> None:
    ages = np.array([[20, 1, 0], [89, 1, 0]], np.float32)
    with Sandbox(greedy_above(88), "onnx") as sandbox:
        assert np.isnan(sandbox.scores(ages)).tolist() == [False, True]


def test_what_is_no_number_comes_as_it_is() -> None:
    ages = np.array([[20, 1, 0], [70, 1, 0]], np.float32)
    with Sandbox(nan_above(60), "onnx") as sandbox:
        assert np.isnan(sandbox.scores(ages)).tolist() == [False, True]
        assert sandbox.failures.total() == 0


def test_a_graph_of_any_width_is_loaded() -> None:
    with Sandbox(plain("width"), "onnx") as sandbox:
        assert sandbox.fields is None
        np.testing.assert_allclose(sandbox.scores(ROWS), ROWS[:, 0] / 100, rtol=1e-6)


def test_bytes_that_are_no_model_and_pickles_are_refused() -> None:
    with pytest.raises(BadInput, match="cannot be loaded"):
        Sandbox(b"not a model", "onnx")
    with pytest.raises(BadInput, match="no sandbox for 'pickle'"):
        Sandbox(b"\x80\x04", "pickle")
