"""How well scores rank labels: ROC AUC and average precision, with each row's influence."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.intervals import clip, clopper_pearson, on_logit, student_quantile
from seawall.statistics.score import UNLABELLED, ScoreSummary

Vector = NDArray[np.float64]


class Influence(NamedTuple):
    """A ranking measure, and how far a row moves it: by cell for a positive and a negative.

    To first order the measure is the mean of `positive` over positives plus the mean of `negative`
    over negatives plus `share` times the rate of positives, up to a constant.
    """

    value: float
    positive: Vector
    negative: Vector
    share: float = 0.0


def area(n: Vector, p: Vector) -> Influence:
    """ROC AUC of counts by cell (negatives, positives), one cell's scores being ties.

    The placements of DeLong, DeLong & Clarke-Pearson, Biometrics 44 (1988). Both labels are there.
    """
    of_positive = (np.cumsum(n) - n / 2) / n.sum()
    of_negative = 1 - (np.cumsum(p) - p / 2) / p.sum()
    return Influence(float((p * of_positive).sum() / p.sum()), of_positive, of_negative)


def precision_area(n: Vector, p: Vector) -> Influence:
    """Average precision of the same counts: precision at each positive's own score, averaged.

    The delta method over the rates of true and false positives at every cut and the share of
    positives.
    """
    N, P = n.sum(), p.sum()
    tp, fp = (np.cumsum(side[::-1])[::-1] for side in (p, n))
    called = np.maximum(tp + fp, 1e-300)
    cut, weight = tp / called, p / P
    # ∂precision/∂TPR and ∂precision/∂FPR, averaged over the positives at or below each score
    share = P / (P + N)
    t, f = tp / P, fp / N
    total = np.maximum((share * t + (1 - share) * f) ** 2, 1e-300)
    both = share * (1 - share)
    of_positive = cut + np.cumsum(weight * both * f / total)
    of_negative = -np.cumsum(weight * both * t / total)
    by_share = float((weight * t * f / total).sum())
    return Influence(float((weight * cut).sum()), of_positive, of_negative, by_share)


def spread(weights: Vector, values: Vector) -> float:
    """The sample variance of values that occur as often as their weights say."""
    total = weights.sum()
    mean = float((weights * values).sum()) / total
    return float((weights * (values - mean) ** 2).sum()) / max(total - 1, 1)


def roc_auc(summary: ScoreSummary, confidence: float) -> Estimate:
    """Area under the ROC curve, scores of one bin taken as ties.

    DeLong's variance on the logit scale with Welch's degrees of freedom, and the same with one row
    more of either label that has anybody's score, whichever reaches further: few rows of a label
    say little about its spread. A perfect ranking has the exact bound of min(P, N) disjoint pairs.
    What order within bins may change, ½Σp·n/(PN), widens both sides.
    """
    n, p, exact = _filled(summary)
    N, P = n.sum(), p.sum()
    rows, method = int(N + P), "DeLong, logit"
    if not N or not P:
        return Estimate(math.nan, 0.0, 1.0, confidence, rows, method)
    value = area(n, p).value
    hidden = hidden_area(n, p, exact)
    more = (n + p) / rows
    sides = [
        _interval(n, p, area(n, p), 0.0, confidence),
        _interval(n + more, p + more, area(n + more, p + more), 0.0, confidence),
    ]
    low, high = min(s[0] for s in sides), max(s[1] for s in sides)
    if not 0 < value < 1:
        exact = clopper_pearson(value * min(P, N), min(P, N), confidence)
        low, high = min(low, exact[0]), max(high, exact[1])
    low, high = clip((low - hidden, high + hidden), 0.0, 1.0)
    return Estimate(value, low, high, confidence, rows, method)


def average_precision(summary: ScoreSummary, confidence: float) -> Estimate:
    """Precision averaged over positives, each cut at its own score; scores of one bin are ties.

    The delta method on the logit scale with Welch's degrees of freedom, and the same with one row
    more of either label, whichever reaches further. A positive counts in its own precision, which
    lifts the value by about Σ(1 − precision)/called; the lower bound starts from there. Bounds on
    the order within bins widen both sides.
    """
    n, p, exact = _filled(summary)
    N, P = n.sum(), p.sum()
    rows, method = int(N + P), "average precision, delta method"
    if not N or not P:
        return Estimate(1.0 if P else math.nan, 0.0, 1.0, confidence, rows, method)
    found = precision_area(n, p)
    value = found.value
    least, most = order_of_precision(n, p, exact)
    tp, fp = (np.cumsum(side[::-1])[::-1] for side in (p, n))
    lift = float((p * fp / np.maximum(tp + fp, 1) ** 2).sum() / P)
    low, high = _interval(n, p, found, lift, confidence)
    if not low < value < high:
        low, high = clopper_pearson(min(P, N), min(P, N), confidence)
    more = (n + p) / rows
    padded = _interval(n + more, p + more, precision_area(n + more, p + more), 0.0, confidence)
    low, high = min(low, padded[0]), max(high, padded[1])
    low, high = clip((low - (value - least), high + (most - value)), 0.0, 1.0)
    return Estimate(value, low, high, confidence, rows, method)


def _filled(summary: ScoreSummary) -> tuple[Vector, Vector, NDArray[np.bool_]]:
    """Negatives and positives of the cells that have any, and which hold one value."""
    filled = np.flatnonzero(summary.counts[:UNLABELLED].any(axis=0))
    n, p = summary.counts[:UNLABELLED, filled].astype(float)
    return n, p, summary.grid.exact[filled]


def _interval(
    n: Vector, p: Vector, found: Influence, lift: float, confidence: float
) -> tuple[float, float]:
    N, P = n.sum(), p.sum()
    parts = [(spread(p, found.positive) / P, P - 1), (spread(n, found.negative) / N, N - 1)]
    if found.share:
        parts.append((found.share**2 * P * N / (P + N) ** 3, P + N))
    variance = sum(v for v, _ in parts)
    if variance <= 0 or not 0 < found.value < 1:
        return found.value, found.value
    freedom = variance**2 / sum(v * v / max(df, 0.5) for v, df in parts)
    half = student_quantile(freedom, confidence) * math.sqrt(variance)
    start = max(found.value - lift, found.value / 1000)
    return on_logit(start, half)[0], on_logit(found.value, half)[1]


def hidden_area(n: Vector, p: Vector, exact: NDArray[np.bool_]) -> float:
    """What order within bins may change of ROC AUC: ½Σp·n/(PN)."""
    return float((p * n)[~exact].sum() / (2 * p.sum() * n.sum()))


def order_of_precision(n: Vector, p: Vector, exact: NDArray[np.bool_]) -> tuple[float, float]:
    """The least and most average precision that order within bins allows."""
    tp, fp = (np.cumsum(side[::-1])[::-1] for side in (p, n))
    filled = p > 0
    p, n, tp, fp = p[filled], n[filled], tp[filled], fp[filled]
    cut, exact = tp / (tp + fp), exact[filled]
    best = np.where(exact, cut, tp / (tp + fp - n))
    worst = np.where(exact, cut, np.minimum((tp - p + 1) / (tp - p + 1 + fp), cut))
    P = float(p.sum())
    return float((p * worst).sum()) / P, float((p * best).sum()) / P
