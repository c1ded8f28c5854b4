"""Models as a worker holds them: in their libraries' own formats, and ONNX that is not trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.runtimes.boosters import booster_columns, booster_output
from seawall.adapters.runtimes.onnx import OnnxModel
from seawall.adapters.runtimes.output import Output
from seawall.kernel import BadInput

NATIVE = ("xgboost", "lightgbm", "skops", "pickle")


class _Booster:
    def __init__(self, booster: Any, fields: int) -> None:
        self._booster, self.fields = booster, fields
        self.output = booster_output(booster)

    def columns(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        return booster_columns(self._booster, rows, self.output.kind)


class _Estimator:
    def __init__(self, estimator: Any) -> None:
        self.fields: int | None = getattr(estimator, "n_features_in_", None)
        if hasattr(estimator, "predict_proba"):
            names = tuple(str(c) if isinstance(c, str) else int(c) for c in estimator.classes_)
            kind = "binary" if len(names) == 2 else "multiclass"
            self.output, self._ask = Output(kind=kind, classes=names), estimator.predict_proba
        elif hasattr(estimator, "predict") and not hasattr(estimator, "classes_"):
            self.output, self._ask = Output(kind="regression"), estimator.predict
        else:
            what = f"{type(estimator).__name__} gives neither probabilities nor values"
            raise BadInput(what, remedy="save a classifier with predict_proba, or a regression")

    def columns(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        found = self._ask(rows.astype(np.float64))
        return np.asarray(found, dtype=np.float64).reshape(len(rows), -1)


def read(artefact: bytes, format_: str) -> _Booster | _Estimator | OnnxModel:
    """The model in these bytes. `pickle` runs whatever code is in them: only a worker does so."""
    if format_ == "onnx":
        return OnnxModel(artefact)
    if format_ == "xgboost":
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(artefact))
        return _Booster(booster, booster.num_features())
    if format_ == "lightgbm":
        import lightgbm

        library: Any = lightgbm
        trees = library.Booster(model_str=artefact.decode())
        return _Booster(trees, trees.num_feature())
    if format_ == "skops":
        from skops.io import get_untrusted_types, loads

        if strange := get_untrusted_types(data=artefact):
            raise BadInput(f"the skops file has types that are not trusted: {', '.join(strange)}")
        return _Estimator(loads(artefact))
    if format_ == "pickle":
        import pickle

        return _Estimator(pickle.loads(artefact))  # noqa: S301 -- approved, and in a worker
    raise BadInput(f"no native format {format_!r}")
