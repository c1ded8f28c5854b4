"""Measures over all thresholds, and the threshold that is worth most, searched for honestly."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.cost import Cost
from seawall.statistics.discrete_mean import discrete_mean
from seawall.statistics.intervals import normal_quantile, student_quantile
from seawall.statistics.score import NEGATIVE, POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
POINTS = 101
"""Thresholds of a curve at most."""
_DRAWS = 500
_ENOUGH = 500


class Curve(msgspec.Struct, frozen=True, eq=False):
    """One measure at each threshold, with pointwise bounds; NaN where there is nothing called."""

    value: Vector
    low: Vector
    high: Vector

    def to_dict(self) -> dict[str, list[float | None]]:
        """The JSON shape, six significant digits."""
        return {name: _rounded(getattr(self, name)) for name in ("value", "low", "high")}


class Best(msgspec.Struct, frozen=True):
    """The threshold whose mean value is largest, and what the search leaves open.

    `value` its mean value and `gain` over the threshold in use, both simultaneous over all
    thresholds looked at; `low` to `high` the thresholds that may as well be best.
    """

    threshold: float
    low: float
    high: float
    value: Estimate
    gain: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "threshold": self.threshold, "low": self.low, "high": self.high,
            "value": self.value.to_dict(), "gain": self.gain.to_dict(),
        }  # fmt: skip


class Curves(msgspec.Struct, frozen=True, eq=False):
    """Rising `thresholds` and the measures' curves over them; `best` where values are given."""

    thresholds: Vector
    curves: dict[str, Curve]
    best: Best | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape: arrays of equal length."""
        body: dict[str, Any] = {"thresholds": _rounded(self.thresholds)}
        body |= {name: curve.to_dict() for name, curve in self.curves.items()}
        return body | ({"best": self.best.to_dict()} if self.best else {})


def curves(
    summary: ScoreSummary, threshold: float, cost: Cost | None = None, confidence: float = 0.95
) -> Curves:
    """precision, recall and selection_rate over thresholds, and value with a cost matrix.

    Thresholds are edges of cells, so that no row is between; each step passes about the same
    share of rows and of positives, `threshold` is one of them, and the last, 1, calls nobody.
    Bounds are Clopper–Pearson's, for one threshold at a time; those of `value` hold for all at
    once. Only labelled rows count.
    """
    counts = summary.counts[: POSITIVE + 1].astype(float)
    starts = _starts(summary, counts, threshold)
    segments = np.add.reduceat(counts, starts, axis=1)
    fp, tp = segments[:, ::-1].cumsum(axis=1)[:, ::-1]
    n, p = float(counts.sum()), float(counts[POSITIVE].sum())
    at = np.clip(summary.grid.edges[starts], 0.0, 1.0)
    found = {
        "precision": _rates(tp, tp + fp, confidence),
        "recall": _rates(tp, np.full_like(tp, p), confidence),
        "selection_rate": _rates(tp + fp, np.full_like(tp, n), confidence),
    }
    if cost is None or not n:
        return Curves(at, found)
    used = int(np.abs(at - threshold).argmin())
    best, found["value"] = _search(segments, at, used, cost, confidence)
    return Curves(at, found, best)


def _starts(summary: ScoreSummary, counts: Vector, threshold: float) -> NDArray[np.int64]:
    """The first cells of the segments between thresholds; the first segment starts at 0."""
    mass = counts.sum(axis=0) / max(counts.sum(), 1.0)
    if counts[POSITIVE].sum():
        mass = (mass + counts[POSITIVE] / counts[POSITIVE].sum()) / 2
    before = np.concatenate([[0.0], np.cumsum(mass)[:-1]])
    wanted = np.arange(1, POINTS - 1) / (POINTS - 1)
    cells = np.searchsorted(before, wanted, "left")
    lower = summary.grid.edges[:-1]
    own = int(np.searchsorted(lower, threshold, "left"))
    last = lower.size - 1  # no score lies above 1
    return np.unique(np.concatenate([[0], np.minimum(cells, last), [min(own, last), last]]))


def _rates(successes: Vector, n: Vector, confidence: float) -> Curve:
    from scipy.special import betaincinv

    half, failures = (1 - confidence) / 2, n - successes
    with np.errstate(invalid="ignore", divide="ignore"):
        value = successes / n
        low = np.where(successes > 0, betaincinv(np.maximum(successes, 1), failures + 1, half), 0)
        high = np.where(
            failures > 0, betaincinv(successes + 1, np.maximum(failures, 1), 1 - half), 1
        )
    return Curve(value, low, high)


def _search(
    segments: Vector, at: Vector, used: int, cost: Cost, confidence: float
) -> tuple[Best, Curve]:
    """The value curve with a band over all thresholds at once, and its best point.

    The band's width is the quantile of the largest standardised deviation in 500 Gaussian draws
    of the counts (the multiplier bootstrap of Chernozhukov, Chetverikov & Kato, Annals of
    Statistics 41, 2013), as much wider as Student's t is for the rarer label. One row more of
    either label that has anybody's score keeps errors not yet seen in it. The gain has such a band
    of differences from the threshold in use. With fewer than 500 rows of a label a few rows make
    the curve: the band also holds each threshold's own bounds at the level of that quantile, and
    the gain is the difference of the value's bounds. Thresholds may be best unless
    their difference from the best point is beyond its own such width (multiple comparisons with
    the best: Hsu 1996).
    """
    from scipy.special import ndtr

    size, worth = at.size, _worth(cost, at.size)
    counts = segments[[NEGATIVE, POSITIVE]]
    n = float(counts.sum())
    padded = (counts + counts.sum(axis=0) / n).reshape(-1)
    counts, rows = counts.reshape(-1), n + 2
    mean, centre = counts @ worth / n, padded @ worth / rows
    moved = _drawn(padded, rows) @ worth / rows
    fewest = float(segments.sum(axis=1).min())
    heavier = student_quantile(max(fewest, 1.0), confidence) / normal_quantile(confidence)
    deviation = _deviation(padded, worth)
    widest = _largest(moved, deviation, confidence)
    width = deviation * widest * heavier
    low, high = np.minimum(mean, centre) - width, np.maximum(mean, centre) + width
    if fewest < _ENOUGH:
        exact = _exact(segments, cost, 2 * float(ndtr(widest)) - 1)
        low, high = np.minimum(low, exact[0]), np.maximum(high, exact[1])
    top = int(mean.argmax())
    reaches: list[Vector] = []
    for base in (top, used):
        apart = _deviation(padded, worth - worth[:, [base]])
        largest = _largest(moved - moved[:, [base]], apart, confidence)
        reaches.append(apart * largest * heavier)
    from_top, pulled = mean[top] - mean, centre[top] - centre
    rivals = at[np.minimum(from_top, pulled) <= reaches[0]]
    gains = sorted((from_top[used], pulled[used]))
    more = (gains[0] - reaches[1][top], gains[1] + reaches[1][top])
    if fewest < _ENOUGH:
        more = (low[top] - high[used], high[top] - low[used])
    method = f"best of {size} thresholds, simultaneous band"
    value, gain = (
        Estimate(float(v), float(a), float(b), confidence, int(n), method, "simultaneous")
        for v, a, b in (
            (mean[top], low[top], high[top]),
            (from_top[used], *more),
        )
    )
    best = Best(float(at[top]), float(rivals.min()), float(rivals.max()), value, gain)
    return best, Curve(mean, low, high)


def _worth(cost: Cost, size: int) -> Vector:
    """A row's value, [label × segment, threshold]: called positive from its segment on."""
    is_called = np.arange(size)[:, None] >= np.arange(size)[None, :]
    return np.stack(
        [np.where(is_called, cost.fp, cost.tn), np.where(is_called, cost.tp, cost.fn)]
    ).reshape(-1, size)


def _drawn(counts: Vector, rows: float) -> Vector:
    """Draws of how far counts may be off their expectation, adding up to nothing."""
    noise = np.random.default_rng(0).standard_normal((_DRAWS, counts.size)) * np.sqrt(counts)
    return noise - noise.sum(axis=1, keepdims=True) * counts / rows


def _deviation(counts: Vector, worth: Vector) -> Vector:
    """The standard deviation of the mean of `worth` at each threshold."""
    n = counts.sum()
    variance = counts @ worth**2 / n - (counts @ worth / n) ** 2
    return np.sqrt(np.maximum(variance, 0.0) / n)


def _largest(moved: Vector, deviation: Vector, confidence: float) -> float:
    """The quantile of the largest standardised deviation of a draw; 0 where nothing moves."""
    real = deviation > 1e-12 * max(float(deviation.max()), 1e-300)
    standardised = np.abs(moved[:, real] / deviation[real])
    if not standardised.size:
        return 0.0
    return float(np.quantile(standardised.max(axis=1), confidence))


def _exact(segments: Vector, cost: Cost, confidence: float) -> tuple[Vector, Vector]:
    """The bounds of a mean of four values at each threshold by itself."""
    called = segments[:, ::-1].cumsum(axis=1)[:, ::-1]
    left = segments.sum(axis=1)[:, None] - called
    (fp, tp), (tn, fn) = called[[NEGATIVE, POSITIVE]], left[[NEGATIVE, POSITIVE]]
    each = np.stack([tp, fp, fn, tn], axis=1)
    bounds = [discrete_mean(cost.values, row.tolist(), confidence)[1] for row in each]
    low, high = np.array(bounds).T
    return low, high


def _rounded(values: Vector) -> list[float | None]:
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in values.tolist()]
