"""Quality of a binary model against labels, read off score counts."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.grid import Grid
from seawall.statistics.intervals import clopper_pearson, rate
from seawall.statistics.losses import brier, log_loss
from seawall.statistics.ranking import average_precision, roc_auc
from seawall.statistics.score import NEGATIVE, POSITIVE, ScoreSummary


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
    return by_threshold(summary, threshold, confidence) | by_score(summary, confidence)


def by_score(summary: ScoreSummary, confidence: float) -> dict[str, Estimate]:
    """The measures that need no threshold."""
    return {
        "roc_auc": roc_auc(summary, confidence),
        "average_precision": average_precision(summary, confidence),
        "log_loss": log_loss(summary, confidence),
        "brier": brier(summary, confidence),
    }


def by_threshold(summary: ScoreSummary, threshold: float, confidence: float) -> dict[str, Estimate]:
    """The measures of the confusion matrix."""
    return by_confusion(confusion(summary, threshold), confidence)


def by_confusion(c: Confusion, confidence: float) -> dict[str, Estimate]:
    """accuracy, error_rate, balanced_accuracy, precision, recall, specificity and f1."""
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
