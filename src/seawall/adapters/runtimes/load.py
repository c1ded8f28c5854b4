"""One door for artefacts of every format; what could run code while it is read stays outside."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.runtimes.onnx import OnnxModel
from seawall.adapters.runtimes.worker import WorkerModel
from seawall.kernel import BadInput, nearest
from seawall.serving.output import Output

IN_PROCESS = ("onnx",)
IN_WORKER = ("xgboost", "lightgbm", "skops")
FORMATS = (*IN_PROCESS, *IN_WORKER)
_SUFFIXES = {
    ".onnx": "onnx",
    ".ubj": "xgboost",
    ".json": "xgboost",
    ".txt": "lightgbm",
    ".skops": "skops",
}
_UNSAFE = ("pickle", "joblib", "cloudpickle", "dill", "torch", "keras-lambda")
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class LoadedModel(Protocol):
    """A model ready to score; `output` says what its numbers mean."""

    output: Output
    fields: int | None

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of label 1, or the value, for each of n rows (n × fields)."""
        ...

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """All that the model says of n rows: n × classes, or n × 1."""
        ...


def format_of(path: Path) -> str:
    """The format that a file's name tells; raises `BadInput` when it tells none."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        shown = ", ".join(f"{suffix} ({kind})" for suffix, kind in _SUFFIXES.items())
        what = "the artefact's name does not tell its format"
        raise BadInput(what, where=str(path), remedy=f"name it {shown}")
    return found


def load(artefact: bytes, format_: str, *, code_approved: bool = False) -> LoadedModel:
    """The model in these bytes, in this process or in a worker, as its format is safe.

    A pickle is read only with `code_approved`, and only in a worker. Raises `BadInput` when the
    bytes are not one of a format that is read.
    """
    if code_approved and format_ == "pickle":
        return WorkerModel(artefact, format_)
    if format_ in _UNSAFE or artefact.startswith(_PICKLE_STARTS):
        raise BadInput(
            "the artefact is a pickle, which runs code when it is read",
            remedy="export it to onnx",
        )
    if format_ in IN_WORKER:
        return WorkerModel(artefact, format_)
    if format_ not in IN_PROCESS:
        raise BadInput(f"no runtime for {format_!r}", remedy=nearest(format_, FORMATS))
    return OnnxModel(artefact)
