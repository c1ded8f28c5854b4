"""ONNX models by ONNX Runtime."""

from __future__ import annotations

import os
import re
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.serving.output import KEY, Output

_EXPORT = "export it with one float input (rows × fields) and a probability output"
_CODES = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_output = msgspec.json.Decoder(Output)


class OnnxModel:
    """A classifier or a regression with one float32 input of shape (rows, fields).

    What its numbers mean stands in its metadata (`Output`). Where they say nothing, its score is
    the probability of the last class: the last column of an output (rows, classes), or an output
    (rows) or (rows, 1) as it stands. An output named `probabilities` is preferred, else the last
    one. One thread: a process per core serves better than a thread per core.
    """

    def __init__(self, artefact: bytes) -> None:
        # Later ONNX Runtimes report home unless told otherwise before their import; our range
        # of versions ends before, and this holds for whoever installs another.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session: Any = ort.InferenceSession(
                artefact, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 -- the runtime's errors share no base class
            raise _unreadable(str(error)) from None
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
            shapes = ", ".join(f"{i.name}: {i.type}" for i in inputs)
            raise BadInput(f"the ONNX model has other inputs ({shapes})", remedy=_EXPORT)
        width = inputs[0].shape[1]
        self.fields: int | None = width if isinstance(width, int) else None
        tensors = [
            o for o in session.get_outputs() if o.type in ("tensor(float)", "tensor(double)")
        ]
        if not tensors:
            raise BadInput(
                "the ONNX model has no float output", remedy=_EXPORT + " (skl2onnx: zipmap off)"
            )
        named = [o for o in tensors if o.name == "probabilities"]
        self.output = _said(session.get_modelmeta().custom_metadata_map)
        self._outputs = [(named or tensors)[-1].name]
        self._input, self._run = inputs[0].name, session.run
        self._column = self.output.column

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of label 1, or the value, for each of n rows (n × fields)."""
        found = self._run(self._outputs, {self._input: matrix})[0]
        column = found if found.ndim == 1 else found[:, self._column]
        return column.astype(np.float64)

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """All that the model says of n rows: n × classes, or n × 1."""
        found = self._run(self._outputs, {self._input: matrix})[0]
        return found.reshape(len(matrix), -1).astype(np.float64)


def _unreadable(told: str) -> BadInput:
    """What ONNX Runtime says of an artefact, without its codes."""
    if not told or "INVALID_PROTOBUF" in told:
        what = "not an ONNX model: it is damaged, cut short, or something else"
        return BadInput(what, remedy="export it again, or name it by its own format")
    return BadInput(
        f"not an ONNX model that runs here: {_CODES.sub('', told.splitlines()[0])[:200]}"
    )


def _said(metadata: dict[str, str]) -> Output:
    try:
        return _output.decode(metadata[KEY]) if KEY in metadata else Output()
    except msgspec.MsgspecError as error:
        raise BadInput(f"the ONNX model's {KEY} cannot be read: {error}") from None
