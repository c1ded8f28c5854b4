"""One door for artefacts of every format; what could run code while it is read stays outside."""

from __future__ import annotations

from seawall.adapters.runtimes.onnx import OnnxModel
from seawall.kernel import BadInput, nearest

FORMATS = {"onnx": OnnxModel}
_UNSAFE = ("pickle", "joblib", "cloudpickle", "dill", "torch", "keras-lambda")
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def load(artefact: bytes, format_: str) -> OnnxModel:
    """The model in these bytes; raises `BadInput` when they are not one of a safe format."""
    if format_ in _UNSAFE or artefact.startswith(_PICKLE_STARTS):
        raise BadInput(
            "the artefact is a pickle, which runs code when it is read",
            remedy="export it to onnx",
        )
    if format_ not in FORMATS:
        raise BadInput(f"no runtime for {format_!r}", remedy=nearest(format_, FORMATS))
    return FORMATS[format_](artefact)
