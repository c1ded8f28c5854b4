"""Measures over all thresholds, and the threshold that is worth most, searched for honestly."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.cost import Cost
from seawall.statistics.score import NEGATIVE, POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
POINTS = 101
"""Thresholds of a curve at most."""
_DRAWS = 500


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
    Statistics 41, 2013); one row more in each segment and label keeps errors not yet seen in it.
    Thresholds may be best unless their difference from the best point is beyond its own such
    width (multiple comparisons with the best: Hsu 1996).
    """
    # row value at threshold j: called positive when its segment is j or later
    size = at.size
    is_called = np.arange(size)[:, None] >= np.arange(size)[None, :]
    worth = np.stack(
        [np.where(is_called, cost.fp, cost.tn), np.where(is_called, cost.tp, cost.fn)]
    ).reshape(-1, size)  # [label × segment, threshold]
    counts = segments[[NEGATIVE, POSITIVE]].reshape(-1)
    n = float(counts.sum())
    mean = counts @ worth / n
    padded = counts + counts.sum() / n / counts.size
    rows = float(padded.sum())
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((_DRAWS, counts.size)) * np.sqrt(padded)
    noise -= noise.sum(axis=1, keepdims=True) * padded / rows
    moved = noise @ worth / rows
    deviation = np.sqrt(np.maximum(padded @ worth**2 / rows - (padded @ worth / rows) ** 2, 0))
    deviation = np.maximum(deviation / math.sqrt(rows), 1e-300)
    width = deviation * _largest(moved / deviation, confidence)
    top = int(mean.argmax())
    apart = worth - worth[:, [top]]
    spread = np.sqrt(np.maximum(padded @ apart**2 / rows - (padded @ apart / rows) ** 2, 0))
    spread = np.maximum(spread / math.sqrt(rows), 1e-300)
    others = np.arange(size) != top
    pairs = (moved - moved[:, [top]]) / spread
    reach = spread * (_largest(pairs[:, others], confidence) if size > 1 else 0.0)
    rivals = at[mean[top] - mean <= reach]
    method = f"best of {size} thresholds, simultaneous band"
    value = Estimate(
        float(mean[top]), float(mean[top] - width[top]), float(mean[top] + width[top]),
        confidence, int(n), method, "simultaneous",
    )  # fmt: skip
    gain, room = float(mean[top] - mean[used]), float(reach[used])
    told = Estimate(gain, gain - room, gain + room, confidence, int(n), method, "simultaneous")
    best = Best(float(at[top]), float(rivals.min()), float(rivals.max()), value, told)
    return best, Curve(mean, mean - width, mean + width)


def _largest(standardised: Vector, confidence: float) -> float:
    return float(np.quantile(np.abs(standardised).max(axis=1), confidence))


def _rounded(values: Vector) -> list[float | None]:
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in values.tolist()]
