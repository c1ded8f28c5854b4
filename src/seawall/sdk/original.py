"""A trained estimator as its author runs it: what its answer is, and its answers to rows."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.runtimes.boosters import booster_columns, booster_output, is_booster
from seawall.kernel import BadInput
from seawall.serving.output import Output


def output_of(estimator: Any, positive: Any = None) -> Output:
    """What a fitted estimator's numbers mean; raises `BadInput` when they are no probabilities.

    `positive` is the class whose probability is the score; without it, the last one.
    """
    name = type(estimator).__name__
    if is_booster(estimator):
        return booster_output(estimator, positive)
    if hasattr(estimator, "predict_proba") and hasattr(estimator, "classes_"):
        classes = tuple(str(c) if isinstance(c, str) else int(c) for c in estimator.classes_)
        if positive is not None and positive not in classes:
            shown = ", ".join(map(str, classes[:8]))
            raise BadInput(f"{positive!r} is no class of {name}", remedy=f"name one of {shown}")
        kind = "binary" if len(classes) == 2 else "multiclass"
        return Output(kind=kind, classes=classes, positive=positive)
    if getattr(estimator, "_estimator_type", "") == "regressor" or _is_regressor(estimator):
        return Output(kind="regression")
    if hasattr(estimator, "predict_proba"):
        return Output()
    raise BadInput(
        f"{name} gives no probabilities",
        remedy="save a fitted classifier with predict_proba, a regression, or ONNX bytes",
    )


def answers(estimator: Any, rows: NDArray[Any]) -> NDArray[np.float64]:
    """All that the estimator says of n rows: n × classes, or n × 1 for a regression."""
    if is_booster(estimator):
        return booster_columns(estimator, rows, booster_output(estimator).kind)
    with warnings.catch_warnings():
        # a matrix has no names, and extremes overflow; both are meant
        warnings.simplefilter("ignore")
        ask = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
        return np.asarray(ask(rows), dtype=np.float64).reshape(len(rows), -1)


def _is_regressor(estimator: Any) -> bool:
    if "sklearn" not in sys.modules or not hasattr(estimator, "predict"):
        return False
    from sklearn.base import is_regressor

    try:
        return is_regressor(estimator)
    except (AttributeError, TypeError):
        return False
