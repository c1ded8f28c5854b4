"""Native boosters of XGBoost and LightGBM: what they answer, and in which columns."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.serving.output import Kind, Label, Output

_CLASSES: dict[str, Kind] = {"binary": "binary", "multi": "multiclass", "multiclass": "multiclass"}
_VALUES = ("reg", "l1", "l2", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie")


def is_booster(model: Any) -> bool:
    """Whether this is a native `Booster` of XGBoost or LightGBM."""
    return type(model).__name__ == "Booster" and _library(model) in ("xgboost", "lightgbm")


def booster_output(booster: Any, positive: Label | None = None) -> Output:
    """What its objective says; raises `BadInput` for one that gives neither chances nor values."""
    if _library(booster) == "lightgbm":
        dumped = booster.dump_model(num_iteration=1)
        told, classes = str(dumped.get("objective", "")), int(dumped.get("num_class", 1))
    else:
        learner = json.loads(booster.save_config())["learner"]
        told = learner["objective"]["name"]
        classes = int(learner["learner_model_param"]["num_class"])
    family, _, rest = told.replace(" ", ":").partition(":")
    chances = family != "multi" or rest == "softprob"
    if chances and family in _CLASSES and rest != "logitraw":
        kind = _CLASSES[family]
        names = tuple(range(2 if kind == "binary" else classes))
        return Output(kind=kind, classes=names, positive=positive)
    if chances and family.startswith(_VALUES):
        return Output(kind="regression")
    raise BadInput(
        f"a booster of objective {told or 'none'!r} gives neither probabilities nor values",
        remedy="train it for binary:logistic, multi:softprob or a regression",
    )


def booster_columns(booster: Any, rows: NDArray[Any], kind: Kind) -> NDArray[np.float64]:
    """All that it says of n rows: n × classes, or n × 1 for a regression."""
    found = (
        booster.inplace_predict(rows) if _library(booster) == "xgboost" else booster.predict(rows)
    )
    columns = np.asarray(found, dtype=np.float64).reshape(len(rows), -1)
    return np.hstack([1.0 - columns, columns]) if kind == "binary" else columns


def _library(model: Any) -> str:
    return type(model).__module__.partition(".")[0]
