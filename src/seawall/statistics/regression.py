"""Quality of a regression model, read off exactly merging summaries of its errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.counting import summarise
from seawall.statistics.grid import Grid
from seawall.statistics.intervals import (
    clopper_pearson,
    difference,
    normal_quantile,
    skewed_mean,
)
from seawall.statistics.summary import ColumnSummary
from seawall.statistics.tail import HEAVIEST, upper_tail

Vector = NDArray[np.float64]
_OF_ERRORS = HEAVIEST / 2
"""The heaviest tail of errors themselves: that of their squares is twice as heavy."""


class ErrorGrids(NamedTuple):
    """The grids of errors, labels and errors relative to labels."""

    error: Grid
    label: Grid
    relative: Grid


class RegressionSummary(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Errors (prediction − label), their magnitudes, labels, and |error / label|, each counted.

    `relative` leaves out labels of zero, which `zero_labels` counts; `missing` rows lack a label
    or a prediction and are counted nowhere else.
    """

    error: ColumnSummary
    magnitude: ColumnSummary
    label: ColumnSummary
    relative: ColumnSummary
    zero_labels: int = 0
    missing: int = 0

    @property
    def n(self) -> int:
        """Rows with a label and a prediction."""
        return self.error.n

    def merge(self, other: RegressionSummary) -> RegressionSummary:
        """Both together; `BadInput` on unequal grids."""
        return RegressionSummary(
            error=self.error.merge(other.error),
            magnitude=self.magnitude.merge(other.magnitude),
            label=self.label.merge(other.label),
            relative=self.relative.merge(other.relative),
            zero_labels=self.zero_labels + other.zero_labels,
            missing=self.missing + other.missing,
        )


def error_grids(label: Vector, prediction: Vector) -> ErrorGrids:
    """Grids that hold four times the largest error seen, to 2⁻¹⁸ of it."""
    error = prediction - label
    centre = float(label[0]) if label.size else 0.0
    return ErrorGrids(
        _grid(0.0, error), _grid(centre, label - centre), _grid(0.0, _relative(error, label))
    )


def _relative(error: Vector, label: Vector) -> Vector:
    """Errors as shares of labels that are not 0, and no larger than can be cubed."""
    kept = label != 0
    with np.errstate(over="ignore"):
        return np.clip(error[kept] / label[kept], -1e100, 1e100)


def _grid(centre: float, around: Vector) -> Grid:
    reach = float(np.abs(around).max()) if around.size else 0.0
    power = math.frexp(reach)[1] - 18 if reach else -18
    return Grid(kind="numeric", centre=centre, scale=2.0 ** max(-1000, power), low=0, high=20)


def summarise_errors(
    label: Vector, prediction: Vector, grids: ErrorGrids, missing: int = 0
) -> RegressionSummary:
    """Count errors of rows that have both numbers."""
    error, kept = prediction - label, label != 0
    return RegressionSummary(
        error=summarise(error, grids.error),
        magnitude=summarise(np.abs(error), grids.error),
        label=summarise(label, grids.label),
        relative=summarise(np.abs(_relative(error, label)), grids.relative),
        zero_labels=int(label.size - np.count_nonzero(kept)),
        missing=missing,
    )


def regression(
    summary: RegressionSummary, quantile: float | None = None, confidence: float = 0.95
) -> dict[str, Estimate]:
    """mae, rmse, median_absolute_error, mape, bias, standardised_bias, r2 and, for a `quantile`,
    pinball_loss.

    Means of losses have Student's and Hall's intervals, whichever reaches further, and no less
    above than their tail allows (`upper_tail`): they have no bound that holds for every
    distribution, and none where the tail is too heavy. The median's is distribution-free. Values
    beyond the grids, if any, open a bound to infinity.
    """
    size = _Middles(summary.magnitude)
    squared = _mean(size, np.square, summary.magnitude, confidence, _mean_square(summary))
    found = {
        "mae": _mean(size, np.abs, summary.magnitude, confidence, summary.magnitude.mean,
                     _OF_ERRORS),
        "rmse": _root(squared),
        "median_absolute_error": _median(summary.magnitude, confidence),
        "mape": _mean(_Middles(summary.relative), np.abs, summary.relative, confidence,
                      summary.relative.mean),
        "bias": _mean(_Middles(summary.error), np.positive, summary.error, confidence,
                      summary.error.mean),
    }  # fmt: skip
    deviation = summary.label.sd
    doubt = _doubt(_Middles(summary.label), summary.n, confidence)
    found["standardised_bias"] = _scaled(found["bias"], deviation, doubt)
    found["r2"] = _r_squared(summary, squared, confidence)
    if quantile is not None:
        found["pinball_loss"] = _pinball(summary, quantile, confidence)
    return found


def heavy_tails(summary: RegressionSummary, confidence: float = 0.99) -> list[str]:
    """Which of `rmse` and `mape` average losses so heavy-tailed that their intervals lean on it."""
    size, relative = _Middles(summary.magnitude), _Middles(summary.relative)
    tails = {
        "rmse": upper_tail(np.square(size.values), size.counts, confidence),
        "mape": upper_tail(relative.values, relative.counts, confidence),
    }
    return [name for name, tail in tails.items() if tail and tail.heavy]


def largest_gap(parts: Sequence[Estimate], confidence: float, method: str) -> Estimate:
    """The largest difference among groups' measures, whose intervals hold at 1 − α/pairs."""
    n = sum(e.n for e in parts)
    pairs = list(combinations(parts, 2))
    if not pairs:
        return Estimate(math.nan, 0.0, math.inf, confidence, n, method, "simultaneous")
    low = high = 0.0
    for a, b in pairs:
        down, up = difference((a.low, a.high), (b.low, b.high), a.value, b.value)
        low, high = max(low, down, -up), max(high, up, -down)
    values = [e.value for e in parts]
    value = max(values) - min(values)
    return Estimate(value, low, max(high, value), confidence, n, method, "simultaneous")


class _Middles:
    """The values that stand for the filled cells of a column, and their counts."""

    def __init__(self, column: ColumnSummary) -> None:
        filled = np.flatnonzero(column.counts)
        edges = column.grid.edges
        low, high = np.maximum(edges[filled], column.low), np.minimum(
            edges[filled + 1], column.high
        )  # fmt: skip
        # the cell around 0 holds what is 0, or too small to tell from it
        near = (edges[filled] < 0) & (edges[filled + 1] > 0)
        self.values = np.where(near, 0.0, (low + high) / 2)
        self.counts = column.counts[filled].astype(float)


def _mean(
    cells: _Middles, loss: Callable[[Vector], Vector], column: ColumnSummary, confidence: float,
    value: float, heaviest: float = HEAVIEST,
) -> Estimate:  # fmt: skip
    """A mean whose exact value comes from integer sums, its spread from the counts."""
    signed = loss is np.positive
    n, method = column.n, "mean, Hall" if signed else "mean, Hall and Hill"
    if not n:
        low = -math.inf if signed else 0.0
        return Estimate(math.nan, low, math.inf, confidence, 0, method)
    at = loss(cells.values)
    away = at - float((cells.counts * at).sum()) / n
    unit = float(np.abs(away).max()) or 1.0  # cubes of the largest losses are no numbers
    second, third = (float((cells.counts * (away / unit) ** k).sum()) for k in (2, 3))
    bounds = skewed_mean(value / unit, second / max(n - 1, 1), third / n, n, confidence)
    low, high = (bound * unit for bound in bounds)
    if not signed:
        low, tail = max(low, 0.0), upper_tail(at, cells.counts, confidence, heaviest)
        high = max(high, tail.mean) if tail else high
    if column.clipped:
        high = math.inf
        low = -math.inf if signed else low
    return Estimate(value, low, high, confidence, n, method)


def _mean_square(summary: RegressionSummary) -> float:
    column = summary.magnitude
    return column.grid.scale**2 * (column.squares / column.n) if column.n else math.nan


def _root(e: Estimate) -> Estimate:
    low, value, high = (math.sqrt(v) if v >= 0 else math.nan for v in (e.low, e.value, e.high))
    return Estimate(value, low, high, e.confidence, e.n, e.method)


def _scaled(e: Estimate, unit: float, doubt: float) -> Estimate:
    """A mean in units of a deviation, of which a share is in doubt."""
    if not unit > 0:
        return Estimate(math.nan, -math.inf, math.inf, e.confidence, e.n, e.method)
    off = doubt * e.value
    low = e.value - math.hypot(e.value - e.low, off)
    high = e.value + math.hypot(e.high - e.value, off)
    return Estimate(e.value / unit, low / unit, high / unit, e.confidence, e.n, e.method)


def _doubt(cells: _Middles, n: int, confidence: float) -> float:
    """The half width of a sample's standard deviation, as a share of it: √((κ − 1)/4n), normal."""
    if n < 2:
        return math.inf
    away = cells.values - float(cells.counts @ cells.values) / n
    away = away / (float(np.abs(away).max()) or 1.0)
    second, fourth = (float(cells.counts @ away**k) / n for k in (2, 4))
    excess = fourth / second**2 - 1 if second > 0 else 0.0
    return normal_quantile(confidence) * math.sqrt(max(excess, 0.0) / (4 * n))


def _median(column: ColumnSummary, confidence: float) -> Estimate:
    """Between the order statistics that a binomial of one half allows, widened to their bins."""
    n, method = column.n, "order statistics"
    if not n:
        return Estimate(math.nan, 0.0, math.inf, confidence, 0, method)
    if n < 6:
        return Estimate(column.quantile(0.5), 0.0, math.inf, confidence, n, method)
    upto, edges = np.cumsum(column.counts), column.grid.edges
    at = [
        int(np.searchsorted(upto, q * (n - 1) + 0.5, "left"))
        for q in clopper_pearson(n / 2, n, confidence)
    ]
    low, high = max(float(edges[at[0]]), 0.0), float(edges[at[1] + 1])
    return Estimate(column.quantile(0.5), low, high, confidence, n, method)


def _pinball(summary: RegressionSummary, quantile: float, confidence: float) -> Estimate:
    """τ·(label − prediction) above the prediction, (1 − τ)·(prediction − label) below it."""

    def loss(error: Vector) -> Vector:
        return np.maximum(-quantile * error, (1 - quantile) * error)

    value = (summary.magnitude.mean + (1 - 2 * quantile) * summary.error.mean) / 2
    return _mean(_Middles(summary.error), loss, summary.error, confidence, value, _OF_ERRORS)


def _r_squared(summary: RegressionSummary, squared: Estimate, confidence: float) -> Estimate:
    """1 − MSE / Var(label), from both bounds together however they depend on each other."""
    n, method = summary.n, "ratio of means, Hall"
    label = summary.label
    spread = label.sd**2 * (n - 1) / n if n > 1 else 0.0
    if not spread > 0:
        return Estimate(math.nan, -math.inf, 1.0, confidence, n, method)
    cells = _Middles(label)
    around = _Middles.__new__(_Middles)
    around.values, around.counts = (cells.values - label.mean) ** 2, cells.counts
    total = _mean(around, np.abs, label, confidence, spread)
    ratio = squared.value / spread
    # in logarithms the two half widths add at worst
    up = math.log(squared.high / squared.value) if squared.value else 0.0
    down = math.log(squared.value / squared.low) if squared.low else math.inf
    more = math.log(spread / total.low) if total.low > 0 else math.inf
    less = math.log(total.high / spread)
    high = 1 - ratio * math.exp(-(down + less)) if math.isfinite(down + less) else 1.0
    low = 1 - ratio * math.exp(up + more) if math.isfinite(up + more) else -math.inf
    return Estimate(1 - ratio, low, high, confidence, n, method)
