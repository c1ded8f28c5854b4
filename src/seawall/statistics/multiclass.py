"""Quality of a model of several classes, read off its confusion matrix and per-class scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.codec import Counts
from seawall.statistics.grid import score_grid
from seawall.statistics.intervals import (
    clopper_pearson,
    normal_quantile,
    on_logit,
    rate,
    skewed_mean,
    student_quantile,
)
from seawall.statistics.losses import logarithmic
from seawall.statistics.performance import Confusion, by_confusion, by_score, complement
from seawall.statistics.ranking import area, hidden_area, spread
from seawall.statistics.score import POSITIVE, ScoreSummary

Vector = NDArray[np.float64]
SCORES = score_grid()
"""The grid of every class's score, and of half of a row's Brier score."""


class MulticlassSummary(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Calls and scores counted by class.

    `confusion` int64[classes, classes] by label and call; with scores, `scores`
    int64[classes, 2, cells] counts each class's score by whether it is the label, and `brier`
    int64[cells] half of Σ(score − is label)². `unlabelled` and `uncalled` rows lack a label, or
    have one and lack a call or a score; they are counted nowhere else.
    """

    classes: tuple[str, ...]
    confusion: Counts
    scores: Counts | None = None
    brier: Counts | None = None
    unlabelled: int = 0
    uncalled: int = 0

    @property
    def n(self) -> int:
        """Rows with a label and a call."""
        return int(self.confusion.sum())

    def merge(self, other: MulticlassSummary) -> MulticlassSummary:
        """Both together; `BadInput` on other classes, or scores on one side only."""
        if self.classes != other.classes:
            raise BadInput("summaries of different classes do not merge")
        if (self.scores is None) != (other.scores is None):
            raise BadInput("a summary with scores and one without do not merge")
        scores = brier = None
        if self.scores is not None and other.scores is not None:
            assert self.brier is not None
            assert other.brier is not None
            scores, brier = self.scores + other.scores, self.brier + other.brier
        return MulticlassSummary(
            classes=self.classes, confusion=self.confusion + other.confusion, scores=scores,
            brier=brier, unlabelled=self.unlabelled + other.unlabelled,
            uncalled=self.uncalled + other.uncalled,
        )  # fmt: skip

    def one_against_rest(self, at: int) -> ScoreSummary:
        """One class's scores as those of a binary model."""
        assert self.scores is not None
        none = np.zeros((1, SCORES.cells), np.int64)
        return ScoreSummary(grid=SCORES, counts=np.concatenate([self.scores[at], none]))


class ClassMeasures(msgspec.Struct, frozen=True):
    """One class against the rest: rows with its label, and its measures."""

    name: str
    n: int
    measures: dict[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        told = {name: e.to_dict() for name, e in self.measures.items()}
        return {"name": self.name, "n": self.n, "measures": told}


def summarise_classes(
    classes: Sequence[str],
    label: NDArray[np.int64],
    call: NDArray[np.int64],
    scores: Vector | None = None,
) -> MulticlassSummary:
    """Count rows by label and call, both indexes into `classes` or -1 for none.

    `scores` float64[rows, classes] in [0, 1], NaN for none; rows that lack one are uncalled.
    """
    size = len(classes)
    labelled = label >= 0
    kept = labelled & (call >= 0)
    if scores is not None:
        kept &= ~np.isnan(scores).any(axis=1)
    whole = bool(kept.all())
    if not whole:
        label, call = label[kept], call[kept]
        scores = None if scores is None else scores[kept]
    confusion = np.bincount(label * size + call, minlength=size * size).reshape(size, size)
    counted = brier = None
    if scores is not None:
        cells = SCORES.cells
        counted = np.stack([
            np.bincount((label == k) * cells + SCORES.cell_of(np.ascontiguousarray(scores[:, k])),
                        minlength=2 * cells).reshape(2, cells)
            for k in range(size)
        ])  # fmt: skip
        squares = np.einsum("rk,rk->r", scores, scores)
        own = np.take_along_axis(scores, label[:, None], axis=1)[:, 0] if label.size else squares
        half = np.clip((squares - 2 * own + 1) / 2, 0.0, 1.0)
        brier = np.bincount(SCORES.cell_of(half), minlength=cells)
    return MulticlassSummary(
        classes=tuple(classes), confusion=confusion, scores=counted, brier=brier,
        unlabelled=int(labelled.size - np.count_nonzero(labelled)),
        uncalled=int(np.count_nonzero(labelled) - np.count_nonzero(kept)),
    )  # fmt: skip


def multiclass(summary: MulticlassSummary, confidence: float = 0.95) -> dict[str, Estimate]:
    """accuracy, error_rate, balanced_accuracy, macro and weighted precision, recall and f1, and
    with scores roc_auc (one against the rest, macro), log_loss and brier.

    A class that is never called has precision 0, as in scikit-learn. `brier` is
    Σ(score − is label)², from 0 to 2. Undefined without a class's rows: balanced_accuracy, roc_auc.
    """
    counts = summary.confusion
    accuracy = rate(int(np.trace(counts)), summary.n, confidence)
    found = {"accuracy": accuracy, "error_rate": complement(accuracy)}
    found["balanced_accuracy"] = _average(counts, "recall", False, confidence)
    for kind in ("precision", "recall", "f1"):
        for weighted in (False, True):
            name = f"{'weighted' if weighted else 'macro'}_{kind}"
            found[name] = _average(counts, kind, weighted, confidence)
    if summary.scores is not None and summary.brier is not None:
        found["roc_auc"] = _macro_area(summary, confidence)
        found["log_loss"] = _log_loss(summary, confidence)
        found["brier"] = _brier(summary.brier, confidence)
    return found


def by_class(summary: MulticlassSummary, confidence: float = 0.95) -> list[ClassMeasures]:
    """Each class against the rest: precision, recall, specificity, f1, and with scores roc_auc,
    average_precision, log_loss, brier.
    """
    counts, n = summary.confusion, summary.n
    found: list[ClassMeasures] = []
    for at, name in enumerate(summary.classes):
        tp = int(counts[at, at])
        fp, fn = int(counts[:, at].sum()) - tp, int(counts[at].sum()) - tp
        measures = by_confusion(Confusion(tp, fp, fn, n - tp - fp - fn), confidence)
        kept = {k: measures[k] for k in ("precision", "recall", "specificity", "f1")}
        if summary.scores is not None:
            kept |= by_score(summary.one_against_rest(at), confidence)
        found.append(ClassMeasures(name, tp + fn, kept))
    return found


def _average(counts: Counts, kind: str, weighted: bool, confidence: float) -> Estimate:
    """A class average of precision, recall or f1.

    Each class's Clopper–Pearson bounds combine by MOVER with the correlations that the delta
    method finds over the confusion matrix; weights by label add their own variance.
    """
    c = counts.astype(float)
    n = c.sum()
    method = "class average, MOVER of Clopper-Pearson"
    absent = kind == "recall" and not weighted and not c.sum(axis=1).all()
    if not n or absent:
        return Estimate(math.nan, 0.0, 1.0, confidence, int(n), method)
    each, bounds, related = _by_class(c, kind, confidence)
    weight = c.sum(axis=1) / n if weighted else np.full(len(c), 1 / len(c))
    value = float(weight @ each)
    down, up = weight * (each - bounds[:, 0]), weight * (bounds[:, 1] - each)
    more = normal_quantile(confidence) ** 2 * float(weight @ (each - value) ** 2) / n * weighted
    low, high = (math.sqrt(max(float(side @ related @ side), 0.0) + more) for side in (down, up))
    return Estimate(
        value, max(value - low, 0.0), min(value + high, 1.0), confidence, int(n), method
    )  # fmt: skip


def _by_class(c: Vector, kind: str, confidence: float) -> tuple[Vector, Vector, Vector]:
    """Each class's measure, its bounds, and how the measures are correlated."""
    right, rows, calls = np.diag(c), c.sum(axis=1), c.sum(axis=0)
    if kind == "f1":
        among = rows + calls - right
        jaccard = np.array([clopper_pearson(t, m, confidence) for t, m in
                            zip(right, among, strict=True)])  # fmt: skip
        each = 2 * right / np.maximum(rows + calls, 1)
        bounds = 2 * jaccard / (1 + jaccard)
        unit = 2 / np.maximum(rows + calls, 1)
        by_row = by_call = -each / np.maximum(rows + calls, 1)
    else:
        among = np.maximum(rows if kind == "recall" else calls, 1)
        bounds = np.array([clopper_pearson(t, m, confidence) for t, m in
                           zip(right, among, strict=True)])  # fmt: skip
        each, unit = right / among, 1 / among
        by_row = -each / among * (kind == "recall")
        by_call = -each / among * (kind == "precision")
    # ∂measure of k: `unit` at (k, k), `by_row` along row k, `by_call` along column k
    shared = c * np.outer(by_row, by_call)
    covariance = shared + shared.T
    own = right * (unit + by_row + by_call) ** 2
    own += (rows - right) * by_row**2 + (calls - right) * by_call**2
    np.fill_diagonal(covariance, own)
    deviation = np.sqrt(own)
    both = np.outer(deviation, deviation)
    related = np.divide(covariance, both, out=np.zeros_like(both), where=both > 0)
    np.fill_diagonal(related, 1.0)
    return each, bounds, related


def _macro_area(summary: MulticlassSummary, confidence: float) -> Estimate:
    """The mean of one-against-rest areas; their negatives overlap, so those deviations add."""
    assert summary.scores is not None
    size, method = len(summary.classes), "mean of DeLong's, logit"
    parts = summary.scores.astype(float)
    totals = parts.sum(axis=2)
    if not totals.all():
        return Estimate(math.nan, 0.0, 1.0, confidence, summary.n, method)
    hidden = sum(hidden_area(n, p, SCORES.exact) for n, p in parts) / size
    value, low, high = _mean_area(parts, confidence)
    more = parts + (parts.sum(axis=1) / summary.n)[:, None, :]
    _, *padded = _mean_area(more, confidence)
    low, high = min(low, padded[0]) - hidden, max(high, padded[1]) + hidden
    return Estimate(value, max(low, 0.0), min(high, 1.0), confidence, summary.n, method)


def _mean_area(parts: Vector, confidence: float) -> tuple[float, float, float]:
    size, value, positive, negative = len(parts), 0.0, 0.0, 0.0
    for n, p in parts:
        found = area(n, p)
        value += found.value / size
        positive += spread(p, found.positive) / p.sum() / size**2
        negative += math.sqrt(spread(n, found.negative) / n.sum()) / size
    half = student_quantile(float(parts.sum(axis=2).min()), confidence)
    if not 0 < value < 1:
        return value, value, value
    return value, *on_logit(value, half * math.sqrt(positive + negative**2))


def _log_loss(summary: MulticlassSummary, confidence: float) -> Estimate:
    assert summary.scores is not None
    table = logarithmic(SCORES)[:, POSITIVE]
    return _loss(summary.scores[:, POSITIVE].sum(axis=0), table, math.inf, confidence)


def _brier(counts: Counts, confidence: float) -> Estimate:
    edges = 2 * np.clip(SCORES.edges, 0.0, 1.0)
    return _loss(counts, np.stack([edges[:-1], edges[1:]]), 2.0, confidence)


def _loss(counts: Counts, sides: Vector, top: float, confidence: float) -> Estimate:
    n, method = int(counts.sum()), "mean, Hall"
    if not n:
        return Estimate(math.nan, 0.0, top, confidence, 0, method)
    middle, half = sides.mean(axis=0), np.abs(sides[0] - sides[1]) / 2
    value, hidden = (float((counts * v).sum()) / n for v in (middle, half))
    away = middle - value
    second, third = (float((counts * away**k).sum()) / n for k in (2, 3))
    low, high = skewed_mean(value, second * n / max(n - 1, 1), third, n, confidence)
    return Estimate(value, max(low - hidden, 0.0), min(high + hidden, top), confidence, n, method)
