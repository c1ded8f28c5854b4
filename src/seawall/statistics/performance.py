"""Quality of a binary model against labels, read off score counts."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.grid import Grid
from seawall.statistics.intervals import (
    clip,
    clopper_pearson,
    mean_of,
    on_logit,
    rate,
)
from seawall.statistics.score import NEGATIVE, POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
LEAST = 2.0**-24
"""Scores are clipped to [2⁻²⁴, 1 − 2⁻²⁴] for log loss."""


class Confusion(msgspec.Struct, frozen=True):
    """Counts at a threshold, and how many positives and negatives share its bin.

    Scores at or above the threshold are called positive. Rows in the threshold's own bin are
    assigned by the bin's middle; they are none when the threshold is a grid edge or atom.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    unsure: tuple[int, int] = (0, 0)


def called(grid: Grid, threshold: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which cells are called positive, and which hold scores on both sides of the threshold."""
    low, high = grid.edges[:-1], grid.edges[1:]
    followed_by_atom = np.append(grid.exact[1:], False)
    closed = (low >= 0.5) & ~followed_by_atom & (high > low)
    unsure = (low < threshold) & ((high > threshold) | (closed & (high == threshold)))
    with np.errstate(invalid="ignore"):
        middle = np.where(np.isfinite(low + high), (low + high) / 2, low)
    return np.where(unsure, middle >= threshold, low >= threshold), unsure


def confusion(summary: ScoreSummary, threshold: float) -> Confusion:
    """The confusion matrix of labelled rows."""
    positive, unsure = called(summary.grid, threshold)
    n, p = summary.counts[NEGATIVE], summary.counts[POSITIVE]
    tp, fp = int(p[positive].sum()), int(n[positive].sum())
    return Confusion(
        tp, fp, int(p.sum()) - tp, int(n.sum()) - fp, (int(p[unsure].sum()), int(n[unsure].sum()))
    )


def performance(
    summary: ScoreSummary, threshold: float = 0.5, confidence: float = 0.95
) -> dict[str, Estimate]:
    """Every measure of labelled rows: accuracy, error_rate, balanced_accuracy, precision,
    recall, specificity, f1, roc_auc, average_precision, log_loss, brier.

    Rates have Clopper–Pearson intervals, ROC AUC DeLong's variance on the logit scale, average
    precision the delta method's; binning widens them. A measure without rows has the whole range.
    """
    found = by_threshold(summary, threshold, confidence)
    found |= {
        "roc_auc": roc_auc(summary, confidence),
        "average_precision": average_precision(summary, confidence),
        "log_loss": log_loss(summary, confidence),
        "brier": brier(summary, confidence),
    }
    return found


def by_threshold(summary: ScoreSummary, threshold: float, confidence: float) -> dict[str, Estimate]:
    """The measures of the confusion matrix."""
    c = confusion(summary, threshold)
    n = c.tp + c.fp + c.fn + c.tn
    accuracy = _rate(c.tp + c.tn, n, sum(c.unsure), 0, confidence)
    recall = _rate(c.tp, c.tp + c.fn, c.unsure[0], 0, confidence)
    specificity = _rate(c.tn, c.tn + c.fp, c.unsure[1], 0, confidence)
    # given which rows are positive in label or call, true positives among them are binomial
    jaccard = _rate(c.tp, c.tp + c.fp + c.fn, c.unsure[0], c.unsure[1], confidence)
    low, value, high = (2 * j / (1 + j) for j in (jaccard.low, jaccard.value, jaccard.high))
    return {
        "accuracy": accuracy,
        "error_rate": complement(accuracy),
        "balanced_accuracy": _balanced(recall, specificity),
        "precision": _rate(c.tp, c.tp + c.fp, c.unsure[0], c.unsure[1], confidence),
        "recall": recall,
        "specificity": specificity,
        "f1": Estimate(value, low, high, confidence, jaccard.n, "Clopper-Pearson"),
    }


def complement(e: Estimate) -> Estimate:
    """One minus a rate."""
    return Estimate(1 - e.value, 1 - e.high, 1 - e.low, e.confidence, e.n, e.method, e.validity)


def _rate(successes: int, n: int, unsure: int, outside: int, confidence: float) -> Estimate:
    if not unsure and not outside:
        return rate(successes, n, confidence)
    fewest = max(successes - unsure, 0)
    most = min(successes + unsure, n)
    low = clopper_pearson(fewest, n + outside, confidence)[0]
    high = clopper_pearson(most, max(n - outside, most), confidence)[1]
    return Estimate(successes / n if n else math.nan, low, high, confidence, n, "Clopper-Pearson")


def _balanced(a: Estimate, b: Estimate) -> Estimate:
    value = (a.value + b.value) / 2
    if math.isnan(value):
        return Estimate(value, 0.0, 1.0, a.confidence, a.n + b.n, "MOVER")
    low = value - math.hypot(a.value - a.low, b.value - b.low) / 2
    high = value + math.hypot(a.high - a.value, b.high - b.value) / 2
    return Estimate(value, low, high, a.confidence, a.n + b.n, "MOVER")


def roc_auc(summary: ScoreSummary, confidence: float) -> Estimate:
    """Area under the ROC curve, scores of one bin taken as ties.

    DeLong's variance on the logit scale; a perfect ranking has the exact bound of min(P, N)
    disjoint pairs. What order within bins may change, ½Σp·n/(PN), widens both sides.
    """
    n, p = summary.counts[NEGATIVE].astype(float), summary.counts[POSITIVE].astype(float)
    N, P = n.sum(), p.sum()
    method = "DeLong"
    if not N or not P:
        return Estimate(math.nan, 0.0, 1.0, confidence, int(N + P), method)
    of_positive = (np.cumsum(n) - n / 2) / N
    of_negative = 1 - (np.cumsum(p) - p / 2) / P
    value = float((p * of_positive).sum() / P)
    variance = _spread(p, of_positive, value) / P + _spread(n, of_negative, value) / N
    hidden = float((p * n)[~summary.grid.exact].sum() / (2 * P * N))
    pairs = min(P, N)
    if 0 < value < 1:
        low, high = on_logit(value, math.sqrt(variance), confidence)
    else:
        low, high = clopper_pearson(value * pairs, pairs, confidence)
    low, high = clip((low - hidden, high + hidden), 0.0, 1.0)
    return Estimate(value, low, high, confidence, int(N + P), method)


def _spread(weights: Vector, values: Vector, mean: float) -> float:
    total = weights.sum()
    return float((weights * (values - mean) ** 2).sum() / max(total - 1, 1))


def average_precision(summary: ScoreSummary, confidence: float) -> Estimate:
    """Precision averaged over positives, each cut at its own score; scores of one bin are ties.

    The variance is the delta method's over positives, negatives and their ratio, on the logit
    scale; bounds on the order within bins widen it.
    """
    n = summary.counts[NEGATIVE][::-1].astype(float)
    p = summary.counts[POSITIVE][::-1].astype(float)
    keep = (n + p) > 0
    exact = summary.grid.exact[::-1][keep]
    n, p = n[keep], p[keep]
    N, P = n.sum(), p.sum()
    method = "average precision, delta method"
    if not N or not P:
        value = 1.0 if P else math.nan
        return Estimate(value, 0.0, 1.0, confidence, int(N + P), method)
    tp, fp = np.cumsum(p), np.cumsum(n)
    cut = tp / (tp + fp)
    value = float((p * cut).sum() / P)
    best = np.where(exact | (p == 0), cut, tp / np.maximum(tp + fp - n, 1))
    worst = np.where(exact | (p == 0), cut, (tp - p + 1) / (tp - p + 1 + fp))
    most, least = float((p * best).sum() / P), float((p * np.minimum(worst, cut)).sum() / P)
    # ∂precision/∂TPR and ∂precision/∂FPR, averaged over the positives at or below each score
    share = P / (P + N)
    t, f = tp / P, fp / N
    total = (share * t + (1 - share) * f) ** 2
    by_t, by_f = share * (1 - share) * f / total, -share * (1 - share) * t / total
    weight = p / P
    tail_t, tail_f = ((weight * s)[::-1].cumsum()[::-1] for s in (by_t, by_f))
    of_positive = cut + tail_t
    by_share = float((weight * t * f / total).sum())
    variance = _spread(p, of_positive, float((weight * of_positive).sum())) / P
    variance += _spread(n, tail_f, float((n * tail_f).sum() / N)) / N
    variance += by_share**2 * share * (1 - share) / (P + N)
    low, high = on_logit(value, math.sqrt(variance), confidence)
    if value >= 1:
        low, high = clopper_pearson(min(P, N), min(P, N), confidence)
    low, high = clip((low - (value - least), high + (most - value)), 0.0, 1.0)
    return Estimate(value, low, high, confidence, int(N + P), method)


def log_loss(summary: ScoreSummary, confidence: float) -> Estimate:
    """Mean −log of the label's probability (nats), scores clipped to [2⁻²⁴, 1 − 2⁻²⁴]."""
    low, high = (np.clip(e, LEAST, 1 - LEAST) for e in _edges(summary.grid))
    return _loss(summary, (-np.log1p(-low), -np.log1p(-high)), (-np.log(low), -np.log(high)),
                 confidence, math.inf)  # fmt: skip


def brier(summary: ScoreSummary, confidence: float) -> Estimate:
    """Mean squared distance of score and label."""
    low, high = _edges(summary.grid)
    return _loss(summary, (low**2, high**2), ((1 - low) ** 2, (1 - high) ** 2), confidence, 1.0)


def _edges(grid: Grid) -> tuple[Vector, Vector]:
    edges = np.clip(grid.edges, 0.0, 1.0)
    return edges[:-1], edges[1:]


def _loss(
    summary: ScoreSummary, negative: tuple[Vector, Vector], positive: tuple[Vector, Vector],
    confidence: float, top: float,
) -> Estimate:  # fmt: skip
    """The mean of a loss that is monotone within each cell, between its values at the edges."""
    counts = summary.counts[: POSITIVE + 1].astype(float)
    total = counts.sum()
    method = "mean, Student"
    if not total:
        return Estimate(math.nan, 0.0, top, confidence, 0, method)
    sides = np.stack([negative, positive])
    middle, half = sides.mean(axis=1), np.abs(sides[:, 0] - sides[:, 1]) / 2
    value = float((counts * middle).sum() / total)
    hidden = float((counts * half).sum() / total)
    variance = float((counts * (middle - value) ** 2).sum() / max(total - 1, 1))
    low, high = mean_of(value, variance, int(total), confidence)
    low, high = clip((low - hidden, high + hidden), 0.0, top)
    return Estimate(value, low, high, confidence, int(total), method)
