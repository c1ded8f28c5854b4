"""Quality without labels: confidence-based performance estimation (CBPE).

Scores are calibrated on labelled reference counts when that lowers their calibration error on
held-out rows; the expected confusion matrix and ranking of unlabelled rows follow. Blind to
concept drift: when the meaning of a score changes, nothing here can see it.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.intervals import clip, normal_quantile
from seawall.statistics.performance import by_threshold, called, roc_auc
from seawall.statistics.reliability import middles
from seawall.statistics.score import POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
BINS = 100
"""Score bins, of about equal reference mass, on which labels are simulated."""
_DRAWS, _MAPS = 400, 50


class Calibrated(msgspec.Struct, frozen=True, eq=False):
    """What the reference taught: each cell's bin, and each bin's rate of positives.

    `at` int64[cells]; `n` float64[bins] labelled reference rows; `calls` bool[bins] at
    `threshold`; `isotonic` whether calibration helped; `rates` float64[bins] the rate
    of positives taken for each bin, `maps` float64[400, bins] what it might have been,
    from 50 draws of reference labels; `noise` float64[400, bins] deviations of one
    row's label, to be scaled by the square root of the rows.
    """

    threshold: float
    digest: str
    at: NDArray[np.int64]
    n: Vector
    calls: NDArray[np.bool_]
    isotonic: bool
    rates: Vector
    maps: Vector
    noise: Vector


def _binned(at: NDArray[np.int64], weights: NDArray[Any], size: int) -> Vector:
    return np.bincount(at, weights.astype(float), size).astype(float)


def isotonic(positives: Vector, n: Vector) -> Vector:
    """The rising rates closest to positives/n (pool adjacent violators); NaN-free for n ≥ 0.

    Bins without rows take the rate of the block before them, or after at the start.
    """
    rates: list[float] = []
    weights: list[float] = []
    sizes: list[int] = []
    for p, w in zip(positives.tolist(), n.tolist(), strict=True):
        rate, weight, size = (p / w if w else -math.inf), w, 1
        if not w and rates:
            sizes[-1] += 1
            continue
        while rates and (rates[-1] >= rate or not weights[-1]):
            rate = (rate * weight + (rates[-1] * weights[-1] if weights[-1] else 0.0)) / (
                weight + weights[-1]
            )
            weight += weights.pop()
            size += sizes.pop()
            rates.pop()
        rates.append(rate)
        weights.append(weight)
        sizes.append(size)
    return np.repeat(np.where(np.isfinite(rates), rates, 0.5), sizes)


def calibrate(reference: ScoreSummary, threshold: float = 0.5, seed: int = 0) -> Calibrated:
    """Learn from labelled reference counts; `BadInput` without labels of both kinds.

    The choice to calibrate is cross-fitted: the reference is split in two at random, each half's
    map is tried on the other, and it is used when the squared error falls on both together.
    """
    counts = reference.counts[: POSITIVE + 1].astype(float)
    if not counts[0].sum() or not counts[1].sum():
        raise BadInput(
            "the reference needs labels of both kinds", remedy="give a labelled reference"
        )
    both, middle = counts.sum(axis=0), middles(reference.grid)
    positive_cells, _ = called(reference.grid, threshold)
    upto = (np.cumsum(both) - both / 2) / both.sum()
    at = np.minimum((upto * BINS).astype(np.int64), BINS - 1) * 2 + positive_cells
    at = np.unique(at, return_inverse=True)[1].astype(np.int64)
    size = int(at.max()) + 1
    n, p = _binned(at, both, size), _binned(at, counts[POSITIVE], size)
    calls = np.bincount(at, positive_cells, size) > 0
    weighted = np.bincount(at, both * middle, size)
    plain = np.bincount(at, middle, size) / np.bincount(at, minlength=size)
    scores = np.where(n > 0, weighted / np.maximum(n, 1), plain)
    rng = np.random.default_rng(seed)
    half_p = rng.binomial(p.astype(np.int64), 0.5).astype(float)
    half_n = half_p + rng.binomial((n - p).astype(np.int64), 0.5).astype(float)
    gain = 0.0
    for train, test in (((half_p, half_n), (p - half_p, n - half_n)),
                        ((p - half_p, n - half_n), (half_p, half_n))):  # fmt: skip
        fitted = isotonic(*train)
        for forecast, sign in ((scores, 1), (fitted, -1)):
            loss = test[0] * (1 - forecast) ** 2 + (test[1] - test[0]) * forecast**2
            gain += sign * float(loss.sum())
    fitted = isotonic(p, n)
    rates = fitted if gain > 0 else np.clip(scores, 0.0, 1.0)
    drawn = rng.binomial(n.astype(np.int64), fitted, (_MAPS, size)).astype(float)
    errors = np.stack([isotonic(draw, n) for draw in drawn]) - fitted
    maps = np.clip(rates + errors - errors.mean(axis=0), 0.0, 1.0)[np.arange(_DRAWS) % _MAPS]
    noise = rng.standard_normal((_DRAWS, size)) * np.sqrt(maps * (1 - maps))
    return Calibrated(threshold, reference.grid.digest, at, n, calls, gain > 0, rates, maps, noise)


def estimate(
    learnt: Calibrated, current: ScoreSummary, confidence: float = 0.95
) -> dict[str, Estimate]:
    """Expected accuracy, precision, recall, f1 and roc_auc of scored rows without labels.

    Labels in `current` are not looked at. The interval is a prediction interval for the measure
    that these rows' own labels would give: 400 draws of the reference's labels (the calibration's
    error) and of these rows' labels give its standard deviation. Raises `BadInput` on another
    grid than the reference's.
    """
    if current.grid.digest != learnt.digest:
        raise BadInput("the chunk was counted on another grid than the reference")
    rows = _binned(learnt.at, current.counts.sum(axis=0), learnt.n.size)
    total = int(rows.sum())
    method = "CBPE, simulated labels"
    if not total:
        empty = Estimate(math.nan, 0.0, 1.0, confidence, 0, method)
        return dict.fromkeys(MEASURES, empty)
    # normal draws with the binomial's mean and variance; sums over bins are all that counts
    drawn = rows * learnt.maps + np.sqrt(rows) * learnt.noise
    expected = _measures(rows, (rows * learnt.rates)[None, :], learnt.calls)
    simulated = _measures(rows, drawn, learnt.calls)
    z = normal_quantile(confidence)
    found: dict[str, Estimate] = {}
    for name in MEASURES:
        value = float(expected[name][0])
        half = z * float(np.std(simulated[name]))
        if not math.isfinite(value + half):
            found[name] = Estimate(value, 0.0, 1.0, confidence, total, method)
            continue
        low, high = clip((value - half, value + half), 0.0, 1.0)
        found[name] = Estimate(value, low, high, confidence, total, method)
    return found


MEASURES = ("roc_auc", "f1", "accuracy", "precision", "recall")


def realised(current: ScoreSummary, threshold: float, confidence: float) -> dict[str, Estimate]:
    """The same measures from the labels that did arrive."""
    measured = by_threshold(current, threshold, confidence)
    measured["roc_auc"] = roc_auc(current, confidence)
    return {name: measured[name] for name in MEASURES}


def _measures(rows: Vector, positives: Vector, calls: NDArray[np.bool_]) -> dict[str, Vector]:
    """Measures for each draw (first axis) of positives in each bin."""
    negatives = rows - positives
    tp, p = positives[:, calls].sum(axis=1), positives.sum(axis=1)
    fp, n = negatives[:, calls].sum(axis=1), negatives.sum(axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "roc_auc": (positives * below).sum(axis=1) / (p * n),
            "f1": 2 * tp / (p + tp + fp),
            "accuracy": (tp + n - fp) / (p + n),
            "precision": tp / (tp + fp),
            "recall": tp / p,
        }
