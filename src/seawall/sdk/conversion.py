"""Trained estimators turned into ONNX: scikit-learn, XGBoost and LightGBM, alone or in a pipeline.

A tree that compares in double precision asks `x <= t`. For an `x` in single precision that is
`x <= f`, where `f` is the greatest single-precision number not above `t`; converters round `t` to
the nearest, which may lie above and send `x = f` the other way. So thresholds are rounded down
before the conversion, which changes no answer to any single-precision input.
"""

from __future__ import annotations

import copy
import sys
import warnings
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.adapters.runtimes.boosters import is_booster
from seawall.kernel import BadInput
from seawall.serving.output import KEY, Output

_OPSETS = {"": 18, "ai.onnx.ml": 3}
_LIGHTGBM_ZERO = np.float32(1e-35)


def to_onnx(estimator: Any, sample: NDArray[np.float32], output: Output) -> bytes:
    """The estimator as ONNX bytes with its `Output` in the metadata; `sample` has its columns.

    Raises `BadInput` for what has no converter.
    """
    try:
        with warnings.catch_warnings():  # the converters hand protobuf booleans as integers
            warnings.simplefilter("ignore")
            model = _convert(_rounded_down(estimator), sample)
    except BadInput:
        raise
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise BadInput(
            f"{type(estimator).__name__} could not be converted to ONNX",
            where=f"{type(error).__name__}: {first[:160]}",
            remedy="convert it yourself and save the ONNX bytes",
        ) from error
    entry: Any = model.metadata_props.add()
    entry.key, entry.value = KEY, msgspec.json.encode(output).decode()
    return model.SerializeToString()


def _family(estimator: Any) -> str:
    return type(estimator).__module__.partition(".")[0]


def _convert(estimator: Any, sample: NDArray[np.float32]) -> Any:
    if is_booster(estimator):
        return _convert_booster(estimator, sample.shape[1])
    import skl2onnx
    from sklearn.base import is_classifier

    _let_boosters_in()
    options = {"zipmap": False} if is_classifier(estimator) else None
    return skl2onnx.to_onnx(estimator, sample[:1], options=options, target_opset=_OPSETS)


def _convert_booster(booster: Any, fields: int) -> Any:
    converters = _onnxmltools()
    from onnxmltools.convert.common.data_types import FloatTensorType

    inputs = [("X", FloatTensorType([None, fields]))]
    if _family(booster) == "lightgbm":
        return converters.convert_lightgbm(
            booster, initial_types=inputs, zipmap=False, target_opset=15
        )
    return converters.convert_xgboost(booster, initial_types=inputs, target_opset=15)


def _onnxmltools() -> Any:
    try:
        from onnxmltools import convert
    except ImportError:
        raise BadInput(
            "XGBoost and LightGBM are converted by onnxmltools, which is not installed",
            remedy="pip install 'seawall[training]'",
        ) from None
    return convert


def _let_boosters_in() -> None:
    """Teach skl2onnx the estimators of the boosting libraries that are imported already."""
    from skl2onnx.common import shape_calculator

    shapes: Any = shape_calculator
    classifier = shapes.calculate_linear_classifier_output_shapes
    regressor = shapes.calculate_linear_regressor_output_shapes
    if "xgboost" in sys.modules:
        _onnxmltools()
        from onnxmltools.convert.xgboost.operator_converters import XGBoost

        convert, library = XGBoost.convert_xgboost, sys.modules["xgboost"]
        _teach(library.XGBClassifier, "XGBoostXGBClassifier", classifier, convert, zipmap=True)
        _teach(library.XGBRegressor, "XGBoostXGBRegressor", regressor, convert)
    if "lightgbm" in sys.modules:
        _onnxmltools()
        from onnxmltools.convert.lightgbm.operator_converters import LightGbm

        convert, library = LightGbm.convert_lightgbm, sys.modules["lightgbm"]
        _teach(library.LGBMClassifier, "LightGbmLGBMClassifier", classifier, convert, zipmap=True)
        _teach(library.LGBMRegressor, "LightGbmLGBMRegressor", regressor, convert)


def _teach(kind: Any, alias: str, shapes: Any, convert: Any, *, zipmap: bool = False) -> None:
    from skl2onnx import update_registered_converter

    options = {"zipmap": [True, False, "columns"], "nocl": [True, False]} if zipmap else None
    update_registered_converter(kind, alias, shapes, convert, options=options, overwrite=True)


def _rounded_down(estimator: Any) -> Any:
    """The same estimator with every double-precision threshold rounded down to single precision."""
    if _family(estimator) == "lightgbm":
        return _lightgbm_rounded_down(estimator)
    if hasattr(estimator, "_predictors"):  # scikit-learn's histogram gradient boosting
        changed = copy.deepcopy(estimator)
        for predictors in changed._predictors:
            for predictor in predictors:
                nodes = predictor.nodes
                nodes["num_threshold"] = _floor(nodes["num_threshold"])
        return changed
    if hasattr(estimator, "steps"):
        changed = copy.copy(estimator)
        changed.steps = [(name, _rounded_down(step)) for name, step in estimator.steps]
        return changed
    return estimator


def _lightgbm_rounded_down(estimator: Any) -> Any:
    booster = estimator if is_booster(estimator) else estimator.booster_
    lines = booster.model_to_string().splitlines()
    for at, line in enumerate(lines):
        if line.startswith("threshold="):
            values = _floor(np.array(line.removeprefix("threshold=").split(), dtype=np.float64))
            # what is as near to 0 as this is read as 0, and so lies above its negative
            values[values == -_LIGHTGBM_ZERO] = np.nextafter(-_LIGHTGBM_ZERO, np.float32(-np.inf))
            lines[at] = "threshold=" + " ".join(f"{v:.17g}" for v in values.tolist())
        elif line.startswith("tree_sizes="):
            lines[at] = ""  # in bytes of text; without it the text is read to its end
    rounded = type(booster)(model_str="\n".join(lines) + "\n")
    if estimator is booster:
        return rounded
    changed = copy.copy(estimator)
    changed._Booster = rounded
    return changed


def _floor(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The greatest single-precision numbers that are not above."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    below = np.nextafter(single, np.float32(-np.inf))
    return np.where(single.astype(np.float64) > values, below, single).astype(np.float64)
