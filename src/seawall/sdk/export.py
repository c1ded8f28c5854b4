"""A trained estimator as an artefact that carries no code, and the proof that it answers alike."""

from __future__ import annotations

import warnings
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput


class Exported(msgspec.Struct, frozen=True):
    """The artefact's bytes and format, with the original's scores on the parity sample."""

    artefact: bytes
    format: str
    sample: NDArray[np.float32]
    scores: NDArray[np.float64]


def export(estimator: Any, sample: NDArray[np.float32]) -> Exported:
    """Convert a fitted scikit-learn binary classifier to ONNX.

    `sample` is (rows, features) in the estimator's own column order; the original is scored on it
    so that a validator can compare. Raises `BadInput` for what cannot be converted.
    """
    if not hasattr(estimator, "predict_proba"):
        raise BadInput(
            f"{type(estimator).__name__} gives no probabilities",
            remedy="save a fitted binary classifier with predict_proba, or ONNX bytes",
        )
    from skl2onnx import to_onnx

    try:
        with warnings.catch_warnings():  # skl2onnx hands protobuf booleans as integers
            warnings.simplefilter("ignore", DeprecationWarning)
            model: Any = to_onnx(estimator, sample[:1], options={"zipmap": False})
    except (ValueError, RuntimeError, TypeError) as error:
        raise BadInput(
            f"{type(estimator).__name__} could not be converted to ONNX",
            where=str(error).splitlines()[0][:160],
            remedy="convert it yourself and save the ONNX bytes",
        ) from error
    scores = np.asarray(estimator.predict_proba(sample), dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != 2:
        raise BadInput(f"a binary classifier has two classes, this one {scores.shape[-1]}")
    return Exported(model.SerializeToString(), "onnx", sample, scores[:, 1])
