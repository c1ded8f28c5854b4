"""Quality without labels: confidence-based performance estimation (CBPE).

Scores are calibrated on a labelled reference; the expected confusion matrix and ranking of
unlabelled rows follow. Blind to concept drift: when the meaning of a score changes, nothing here
can see it. Source: Białek et al., "Estimating Model Performance Under Covariate Shift Without
Labels", arXiv 2401.08348, sections 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.calls import CalledScores
from seawall.statistics.cost import Cost, value_of
from seawall.statistics.intervals import normal_quantile
from seawall.statistics.performance import by_threshold, confusion, roc_auc
from seawall.statistics.recalibration import Calibrated

Vector = NDArray[np.float64]
MEASURES = ("roc_auc", "f1", "accuracy", "precision", "recall")
VALUE = "business_value"
CELLS = ("tp", "fp", "fn", "tn")
"""Of a cost matrix: true and false positives, false and true negatives."""
_LABELS = 5
"""Draws of these rows' labels for each map."""
_FEW = 50
_TAIL = 0.025


class Expected(msgspec.Struct, frozen=True, eq=False):
    """The expected measures of one chunk, and how far its realised ones may lie from them.

    `below` and `above` are the distances to the 2.5% and 97.5% quantiles of simulated realised
    values; `positives` is the expected share; `unseen` the share of rows unlike any reference row.
    """

    n: int
    values: dict[str, float]
    below: dict[str, float]
    above: dict[str, float]
    ranges: dict[str, tuple[float, float]]
    positives: Estimate
    unseen: float

    def at(self, confidence: float) -> dict[str, Estimate]:
        """Each measure with its prediction interval for the realised measure of these rows."""
        found: dict[str, Estimate] = {}
        scale = normal_quantile(confidence) / normal_quantile(1 - 2 * _TAIL)
        for name, value in self.values.items():
            least, most = self.ranges[name]
            low, high = value - scale * self.below[name], value + scale * self.above[name]
            if not math.isfinite(value + low + high):
                low, high = least, most
            found[name] = Estimate(
                value,
                max(low, least),
                min(high, most),
                confidence,
                self.n,
                "CBPE, simulated labels",
            )
        return found


def expect(
    learnt: Calibrated, chunk: CalledScores, worth: Mapping[str, float] | None = None,
    unlike: Vector | None = None, seed: int = 0,
) -> Expected:  # fmt: skip
    """Expected accuracy, precision, recall, f1, roc_auc of scored rows, whose labels are not used.

    1,000 draws, of the reference's labels (the calibration's error) and then of these rows' own,
    give the distribution of the realised measures. `worth` maps tp, fp, fn, tn to the value of one
    such row and adds `business_value`, the mean over rows. `unlike` float64[call, bin] is the share
    of rows whose features no reference row has: their rate of positives may be anything. Raises
    `BadInput` on another grid than the reference's.
    """
    bins = learnt.bins
    if chunk.grid.digest != bins.grid.digest:
        raise BadInput("the chunk was counted on another grid than the reference")
    rows = bins.count(chunk.counts.sum(axis=1))
    total = rows.sum()
    rng = np.random.default_rng(seed)
    maps, unseen = learnt.maps, float(rows[:, bins.unseen].sum())
    if unlike is not None and unlike.any():
        maps = maps + unlike * (rng.random((len(maps), 2, 1)) - maps)
        unseen = max(unseen, float((rows * unlike).sum()))
    tp, fn = (rows[call] @ learnt.rates[call] for call in (1, 0))
    values = _measures(np.array([tp]), np.array([fn]), rows, worth)
    values["roc_auc"] = _auc((rows * learnt.rates).sum(axis=0)[None, :], rows.sum(axis=0))
    drawn_tp, drawn_fn = (_sums(rows[call], maps[:, call], rng) for call in (1, 0))
    drawn = _measures(drawn_tp, drawn_fn, rows, worth)
    drawn["roc_auc"] = _auc_draws(rows, learnt.rates, maps, rng)
    found: dict[str, tuple[float, float, float]] = {}
    for name, value in values.items():
        at = float(value[0])
        known = drawn[name][np.isfinite(drawn[name])]
        if not known.size or math.isnan(at):
            found[name] = at, math.nan, math.nan
            continue
        low, high = np.quantile(known, [_TAIL, 1 - _TAIL], method="closest_observation")
        found[name] = at, max(at - float(low), 0.0), max(float(high) - at, 0.0)
    share = (drawn_tp + drawn_fn) / max(total, 1)
    low, high = np.quantile(share, [_TAIL, 1 - _TAIL]) if total else (0.0, 1.0)
    at = float((tp + fn) / total) if total else math.nan
    return Expected(
        int(total),
        {name: part[0] for name, part in found.items()},
        {name: part[1] for name, part in found.items()},
        {name: part[2] for name, part in found.items()},
        {name: _range(name, worth) for name in found},
        Estimate(at, float(low), float(high), 1 - 2 * _TAIL, int(total), "CBPE, simulated labels"),
        unseen / max(float(total), 1.0),
    )


def realised(
    chunk: CalledScores, confidence: float, worth: Mapping[str, float] | None = None
) -> dict[str, Estimate]:
    """The same measures from the labels that did arrive."""
    calls = chunk.calls()
    measured = by_threshold(calls, 0.5, confidence)
    measured["roc_auc"] = roc_auc(chunk.scores(), confidence)
    found = {name: measured[name] for name in MEASURES}
    if worth is not None:
        found[VALUE] = value_of(confusion(calls, 0.5), Cost(**worth), confidence)
    return found


def _range(name: str, worth: Mapping[str, float] | None) -> tuple[float, float]:
    if name == VALUE and worth is not None:
        return min(worth.values()), max(worth.values())
    return 0.0, 1.0


def _sums(rows: Vector, maps: Vector, rng: np.random.Generator) -> Vector:
    """Draws of how many of the rows are positive, several for each map.

    A sum of Bernoulli variables, drawn as the binomial of the same mean and variance.
    """
    mean = np.repeat(maps @ rows, _LABELS)
    variance = np.repeat((maps * (1 - maps)) @ rows, _LABELS)
    share = 1 - variance / np.maximum(mean, 1e-12)
    trials = np.ceil(mean / np.maximum(share, 1e-9) - 1e-9)
    trials = np.minimum(np.maximum(trials, np.ceil(mean - 1e-9)), rows.sum())
    chance = np.clip(mean / np.maximum(trials, 1), 0.0, 1.0)
    return rng.binomial(trials.astype(np.int64), chance).astype(float)


def _measures(
    tp: Vector, fn: Vector, rows: Vector, worth: Mapping[str, float] | None
) -> dict[str, Vector]:
    """Measures of the confusion matrix for each draw of true positives and false negatives."""
    left, called = rows.sum(axis=1)
    fp, tn = called - tp, left - fn
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "roc_auc": tp,  # its place in the order; the ranking is another matter
            "f1": 2 * tp / (called + tp + fn),
            "accuracy": (tp + tn) / (left + called),
            "precision": tp / np.where(called > 0, called, math.nan),
            "recall": tp / (tp + fn),
        }
        if worth is not None:
            cells = zip(CELLS, (tp, fp, fn, tn), strict=True)
            found[VALUE] = sum((worth[c] * k for c, k in cells), np.zeros(1)) / (left + called)
    return found


def _auc(positives: Vector, rows: Vector) -> Vector:
    """ROC AUC for each draw (first axis) of positives in each bin, a bin's scores being ties."""
    negatives = rows - positives
    below = np.cumsum(negatives, axis=1) - negatives / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (positives * below).sum(axis=1)
        return found / (positives.sum(axis=1) * negatives.sum(axis=1))


def _auc_draws(rows: Vector, rates: Vector, maps: Vector, rng: np.random.Generator) -> Vector:
    """Draws of the realised ROC AUC: by its influence function, or label by label where few."""
    both = rows.sum(axis=0)
    expected = (rows * rates).sum(axis=0)
    p = float(expected.sum())
    n = float(both.sum()) - p
    if min(p, n) < _FEW:
        trials = np.broadcast_to(rows.astype(np.int64), maps.shape)
        drawn = [rng.binomial(trials, maps).sum(axis=1).astype(float) for _ in range(4)]
        return _auc(np.concatenate(drawn), both)
    others = both - expected
    auc = float(_auc(expected[None, :], both)[0])
    below = (np.cumsum(others) - others / 2) / n
    above = 1 - (np.cumsum(expected) - expected / 2) / p
    influence = (below - auc) / p - (above - auc) / n
    noise = math.sqrt(float((rows * rates * (1 - rates) * influence**2).sum()))
    moved = (maps - rates).reshape(len(maps), -1) @ (rows * influence).ravel()
    moved = np.repeat(moved, _LABELS) + noise * rng.standard_normal(len(maps) * _LABELS)
    auc = min(max(auc, 1e-9), 1 - 1e-9)
    logit = math.log(auc / (1 - auc)) + moved / (auc * (1 - auc))
    return 1 / (1 + np.exp(-np.clip(logit, -700, 700)))
