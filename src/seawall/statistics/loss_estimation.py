"""Error of a regression without labels: a model of the loss (direct loss estimation, DLE).

On a labelled reference, the loss of each row is learnt from its features and prediction; the mean
expected loss of unlabelled rows follows. Blind to concept drift, as CBPE is. The method is that of
NannyML's documentation ("Direct Loss Estimation"); the intervals are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.boosting import Boosted, boost
from seawall.statistics.coding import Coding, code_feature
from seawall.statistics.column import Column
from seawall.statistics.intervals import Interval, mean_of

Vector = NDArray[np.float64]
PREDICTION = "prediction"
ROWS = 100_000
"""Reference rows that a model of the loss is learnt from, at most; evenly spaced."""
_LEAST, _BINS, _PER_BIN = 40, 40, 50
_METHOD = "DLE, cross-fitted"


class LossModel(msgspec.Struct, frozen=True, eq=False):
    """Two models of one loss, each with what the other half of the reference says of it.

    For each half: `cuts` between bins of expected loss; per bin the `bias` of the model (mean loss
    − mean expected), the `variance` of losses around it, and the rows `n` behind them.
    """

    models: tuple[Boosted, Boosted]
    cuts: tuple[Vector, Vector]
    bias: tuple[Vector, Vector]
    variance: tuple[Vector, Vector]
    n: tuple[Vector, Vector]


class LossEstimator(msgspec.Struct, frozen=True, eq=False):
    """What the reference taught: how features are coded, and a model for each loss."""

    codings: dict[str, Coding]
    losses: dict[str, LossModel]


def losses_of(prediction: Vector, label: Vector) -> dict[str, Vector]:
    """The losses behind `mae`, `rmse` and, where no label is 0, `mape`."""
    off = np.abs(label - prediction)
    found = {"mae": off, "rmse": off**2}
    if label.size and (label != 0).all():
        found["mape"] = off / np.abs(label)
    return found


def learn_losses(
    columns: Mapping[str, Column], prediction: Vector, label: Vector, seed: int = 0
) -> LossEstimator:
    """Learn the losses of labelled reference rows; `BadInput` below 40 rows."""
    if label.size < _LEAST:
        raise BadInput(
            f"{label.size} labelled rows are too few for a model of the loss",
            remedy=f"give at least {_LEAST}",
        )
    losses = losses_of(prediction, label)
    given = {**columns, PREDICTION: prediction}
    codings = {name: code_feature(name, values, losses["mae"]) for name, values in given.items()}
    codes = [coding.encode(given[name])[0] for name, coding in codings.items()]
    sizes = [coding.size for coding in codings.values()]
    side = np.random.default_rng(seed).permutation(label.size) % 2 == 0
    return LossEstimator(
        codings, {name: _cross_fit(codes, sizes, loss, side) for name, loss in losses.items()}
    )


def _cross_fit(
    codes: Sequence[NDArray[np.int64]], sizes: Sequence[int], loss: Vector, side: NDArray[np.bool_]
) -> LossModel:
    a, b = (_one_side(codes, sizes, loss, train) for train in (side, ~side))
    return LossModel((a[0], b[0]), (a[1], b[1]), (a[2], b[2]), (a[3], b[3]), (a[4], b[4]))


def _one_side(
    codes: Sequence[NDArray[np.int64]], sizes: Sequence[int], loss: Vector, train: NDArray[np.bool_]
) -> tuple[Boosted, Vector, Vector, Vector, Vector]:
    """A model from the rows to train on, and how it does on the others."""
    model = boost([code[train] for code in codes], sizes, loss[train])
    expected = model.predict([code[~train] for code in codes])
    bins = int(np.clip(expected.size // _PER_BIN, 1, _BINS))
    cuts = np.unique(np.quantile(expected, np.arange(1, bins) / bins))
    at = np.searchsorted(cuts, expected, "right")
    rows = np.bincount(at, minlength=cuts.size + 1).astype(float)
    off = loss[~train] - expected
    held = np.maximum(rows, 1)
    bias = np.bincount(at, off, rows.size) / held
    variance = np.bincount(at, (off - bias[at]) ** 2, rows.size) / np.maximum(rows - 1, 1)
    return model, cuts, bias, variance, rows


def expect_losses(
    learnt: LossEstimator, columns: Mapping[str, Column], prediction: Vector,
    confidences: Sequence[float],
) -> tuple[list[dict[str, Estimate]], float]:  # fmt: skip
    """Expected mae, rmse (and mape) of rows without labels, at each confidence; the second value is
    the share of rows that are unlike any of the reference.

    Prediction intervals for the realised measure: the rows' own noise, the error of the model's
    calibration by bins of expected loss, and how far the two halves' models differ here. A mean of
    losses is positive and skewed, so it is taken as gamma. Rows unlike the reference may have any
    expected loss from none to the largest bin's.
    """
    given = {**columns, PREDICTION: prediction}
    codes: list[NDArray[np.int64]] = []
    unlike = np.zeros(prediction.size, np.bool_)
    for name, coding in learnt.codings.items():
        found, odd = coding.encode(given[name])
        codes.append(found)
        unlike |= odd
    share = float(unlike.mean()) if unlike.size else 0.0
    parts = {name: _expect(model, codes, unlike) for name, model in learnt.losses.items()}
    told = [
        {name: _estimate(name, *part, prediction.size, confidence) for name, part in parts.items()}
        for confidence in confidences
    ]
    return told, share


def _expect(
    model: LossModel, codes: Sequence[NDArray[np.int64]], unlike: NDArray[np.bool_]
) -> tuple[float, float]:
    """The mean loss expected of rows, and the variance of the realised one around it."""
    n = unlike.size
    if not n:
        return math.nan, math.inf
    means: list[float] = []
    variances: list[float] = []
    top = 0.0
    for half in (0, 1):
        expected = model.models[half].predict(codes)
        at = np.searchsorted(model.cuts[half], expected, "right")
        rows = np.bincount(at, minlength=model.n[half].size)
        means.append(float(expected.mean() + (rows @ model.bias[half]) / n))
        spread = model.variance[half]
        noise = float(rows @ spread) / n**2
        calibration = float(((rows / n) ** 2 * spread / np.maximum(model.n[half], 1)).sum())
        variances.append(noise + calibration)
        top = max(top, float(expected.max() + model.bias[half].max()))
    value = max(sum(means) / 2, 0.0)
    apart = (means[0] - means[1]) ** 2 / 4
    # a uniform expected loss between none and the largest has this variance, shared by those rows
    unknown = unlike.mean() ** 2 * top**2 / 12
    return value, sum(variances) / 2 + apart + float(unknown)


def _estimate(name: str, mean: float, variance: float, n: int, confidence: float) -> Estimate:
    low, high = _gamma(mean, variance, confidence)
    if name == "rmse":
        mean, low, high = math.sqrt(mean), math.sqrt(low), math.sqrt(high)
    return Estimate(mean, low, high, confidence, n, _METHOD)


def _gamma(mean: float, variance: float, confidence: float) -> Interval:
    from scipy.special import gammaincinv

    if not math.isfinite(mean + variance):
        return 0.0, math.inf
    if not mean or not variance:
        return mean, mean
    shape, tail = mean**2 / variance, (1 - confidence) / 2
    low, high = (float(gammaincinv(shape, q)) * mean / shape for q in (tail, 1 - tail))
    return min(low, mean), max(high, mean)


def realised_losses(prediction: Vector, label: Vector, confidence: float) -> dict[str, Estimate]:
    """The same measures from labels that did arrive, with Student's interval of the mean loss."""
    found: dict[str, Estimate] = {}
    for name, loss in losses_of(prediction, label).items():
        n = loss.size
        mean = float(loss.mean()) if n else math.nan
        variance = float(loss.var(ddof=1)) if n > 1 else math.inf
        low, high = mean_of(mean, variance, n, confidence)
        low = max(low, 0.0)
        if name == "rmse":
            mean, low, high = math.sqrt(mean), math.sqrt(low), math.sqrt(high)
        found[name] = Estimate(mean, low, high, confidence, n, "mean, Student")
    return found
