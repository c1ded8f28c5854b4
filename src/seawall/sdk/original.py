"""A trained estimator as its author runs it: what its answer is, and its answers to rows."""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.runtimes.output import Output
from seawall.kernel import BadInput
from seawall.sdk.conversion import is_booster

_KINDS = {"binary": "binary", "multi": "multiclass", "multiclass": "multiclass"}


def output_of(estimator: Any, positive: Any = None) -> Output:
    """What a fitted estimator's numbers mean; raises `BadInput` when they are no probabilities.

    `positive` is the class whose probability is the score; without it, the last one.
    """
    name = type(estimator).__name__
    if is_booster(estimator):
        return _booster_output(estimator, positive)
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
    with warnings.catch_warnings():
        # a matrix has no names, and extremes overflow; both are meant
        warnings.simplefilter("ignore")
        if hasattr(estimator, "predict_proba"):
            found = estimator.predict_proba(rows)
        elif is_booster(estimator) and type(estimator).__module__.startswith("xgboost"):
            found = estimator.inplace_predict(rows, missing=np.nan)
        else:
            found = estimator.predict(rows)
    columns = np.asarray(found, dtype=np.float64).reshape(len(rows), -1)
    if is_booster(estimator) and output_of(estimator).kind == "binary":
        return np.hstack([1.0 - columns, columns])
    return columns


def _is_regressor(estimator: Any) -> bool:
    if "sklearn" not in sys.modules or not hasattr(estimator, "predict"):
        return False
    from sklearn.base import is_regressor

    try:
        return is_regressor(estimator)
    except (AttributeError, TypeError):
        return False


def _booster_output(booster: Any, positive: Any) -> Output:
    if type(booster).__module__.startswith("lightgbm"):
        told = str(booster.dump_model(num_iteration=1).get("objective", ""))
        classes = booster.dump_model(num_iteration=1).get("num_class", 1)
    else:
        learner = json.loads(booster.save_config())["learner"]
        told = learner["objective"]["name"]
        classes = int(learner["learner_model_param"]["num_class"])
    family, _, rest = told.replace(" ", ":").partition(":")
    if family == "multi" and not rest.startswith("softprob"):
        raise BadInput(f"the objective {told} gives no probabilities", remedy="use multi:softprob")
    kind = _KINDS.get(family, "regression")
    if family not in _KINDS and not family.startswith(("reg", "l1", "l2", "huber", "quantile")):
        raise BadInput(
            f"a booster of objective {told or 'none'!r} has no kind we know",
            remedy="save it as the library's classifier or regressor",
        )
    names = tuple(range(2 if kind == "binary" else classes)) if kind != "regression" else ()
    return Output(kind=kind, classes=names, positive=positive)  # pyright: ignore[reportArgumentType]
