"""Two models on the same rows: by how much one is better, with the rows' pairing used."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.cost import Cost
from seawall.statistics.discrete_mean import discrete_mean
from seawall.statistics.grid import Grid
from seawall.statistics.intervals import clip, clopper_pearson, skewed_mean, student_quantile
from seawall.statistics.losses import logarithmic, quadratic
from seawall.statistics.ranking import (
    Influence,
    area,
    hidden_area,
    order_of_precision,
    precision_area,
    spread,
)
from seawall.statistics.score import NEGATIVE, POSITIVE

Vector = NDArray[np.float64]
Better = Literal["model", "other", "undecided"]


class Comparison(msgspec.Struct, frozen=True):
    """One measure of the `model` and the `other`; `difference` is model − other."""

    model: float
    other: float
    difference: Estimate
    larger_is_better: bool

    @property
    def better(self) -> Better:
        """Whose measure is better beyond doubt."""
        sign = 1 if self.larger_is_better else -1
        if self.difference.low > 0 or self.difference.high < 0:
            return "model" if sign * self.difference.value > 0 else "other"
        return "undecided"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape; undefined values are null."""
        model, other = (v if math.isfinite(v) else None for v in (self.model, self.other))
        return {
            "model": model, "other": other, "difference": self.difference.to_dict(),
            "better": self.better,
        }  # fmt: skip


def by_call(
    right: tuple[NDArray[np.bool_], NDArray[np.bool_]], confidence: float
) -> dict[str, Comparison]:
    """accuracy and error_rate from which rows each model gets right.

    The difference of paired rates is a mean of −1, 0 and 1 (`discrete_mean`): only rows on which
    exactly one is right weigh, as in McNemar's test.
    """
    model, other = right
    n = int(model.size)
    won, lost = int((model & ~other).sum()), int((other & ~model).sum())
    value, (low, high) = discrete_mean((-1, 0, 1), (lost, n - won - lost, won), confidence)
    method = "paired rates, MOVER of Clopper-Pearson"
    up = Estimate(value, low, high, confidence, n, method)
    down = Estimate(-value, -high, -low, confidence, n, method)
    a, b = (float(r.mean()) if n else math.nan for r in right)
    return {
        "accuracy": Comparison(a, b, up, larger_is_better=True),
        "error_rate": Comparison(1 - a, 1 - b, down, larger_is_better=False),
    }


def by_value(
    label: NDArray[np.int64],
    called: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    cost: Cost,
    confidence: float,
) -> Comparison:
    """The mean value of a decision under a cost matrix."""
    worth = np.array([[cost.tn, cost.fp], [cost.fn, cost.tp]])
    a, b = (worth[label, c.astype(np.int64)] for c in called)
    gains = (0.0, cost.tp - cost.fn, cost.fn - cost.tp, cost.fp - cost.tn, cost.tn - cost.fp)
    values, place = np.unique(gains, return_inverse=True)
    at = np.where(called[0] == called[1], 0, np.where(called[0], 1, 2) + 2 * (1 - label))
    counts = np.bincount(place.ravel()[at], minlength=values.size)
    mean, (low, high) = discrete_mean(values.tolist(), counts.tolist(), confidence)
    told = Estimate(mean, low, high, confidence, label.size, "paired values, MOVER")
    model, other = (float(v.mean()) if v.size else math.nan for v in (a, b))
    return Comparison(model, other, told, larger_is_better=True)


def by_score(
    grid: Grid,
    label: NDArray[np.int64],
    cells: tuple[NDArray[np.int64], NDArray[np.int64]],
    confidence: float,
) -> dict[str, Comparison]:
    """roc_auc, average_precision, log_loss, brier of two scores of the same labelled rows.

    `cells` are the scores' cells on one grid, `label` 0 or 1. Losses are compared row by row
    (Student's and Hall's intervals), the rankings by the differences of each row's influence:
    for ROC AUC this is the paired test of DeLong, DeLong & Clarke-Pearson (1988). Binning
    widens all. Without rows of both labels the rankings are undefined.
    """
    counts = [
        np.bincount(label * grid.cells + at, minlength=2 * grid.cells).reshape(2, -1).astype(float)
        for at in cells
    ]
    found = {
        "roc_auc": _ranking(grid, area, label, cells, counts, confidence),
        "average_precision": _ranking(grid, precision_area, label, cells, counts, confidence),
    }
    for name, table in (("log_loss", logarithmic(grid)), ("brier", quadratic(grid))):
        middle, half = table.mean(axis=0), np.abs(table[0] - table[1]) / 2
        rows = [middle[label, at] for at in cells]
        hidden = sum(float(half[label, at].mean()) if at.size else 0.0 for at in cells)
        found[name] = by_loss((rows[0], rows[1]), confidence, hidden)
    return found


def by_loss(losses: tuple[Vector, Vector], confidence: float, hidden: float = 0.0) -> Comparison:
    """The difference of mean losses of the same rows; `hidden` is what binning may conceal."""
    method = "paired mean, Hall"
    n = losses[0].size
    if not n:
        nothing = Estimate(math.nan, -math.inf, math.inf, confidence, 0, method)
        return Comparison(math.nan, math.nan, nothing, larger_is_better=False)
    apart = losses[0] - losses[1]
    mean = float(apart.mean())
    away = apart - mean
    variance, third = float(away @ away) / max(n - 1, 1), float(away**2 @ away) / n
    low, high = skewed_mean(mean, variance, third, n, confidence)
    if n > 1:
        # rows on which the losses are equal in the sample may differ outside it
        reach = clopper_pearson(0, n, confidence)[1] * float(np.abs(np.stack(losses)).max())
        low, high = min(low, mean - reach), max(high, mean + reach)
    told = Estimate(mean, low - hidden, high + hidden, confidence, n, method)
    a, b = (float(part.mean()) for part in losses)
    return Comparison(a, b, told, larger_is_better=False)


def _ranking(
    grid: Grid,
    measure: Callable[[Vector, Vector], Influence],
    label: NDArray[np.int64],
    cells: tuple[NDArray[np.int64], NDArray[np.int64]],
    counts: list[Vector],
    confidence: float,
) -> Comparison:
    """Variance of the difference: over positives, over negatives, and of their ratio.

    Each side counts one row more whose two scores, of its own label or of anybody, have nothing to
    do with each other: few rows that agree do not show that all would, and one shows no spread.
    """
    N, P = (float(c) for c in counts[0].sum(axis=1))
    n, method = int(N + P), "paired DeLong" if measure is area else "paired delta method"
    if not N or not P:
        nothing = Estimate(math.nan, -1.0, 1.0, confidence, n, method)
        return Comparison(math.nan, math.nan, nothing, larger_is_better=True)
    model, other = (measure(c[NEGATIVE], c[POSITIVE]) for c in counts)
    parts = [((model.share - other.share) ** 2 * P * N / n**3, float(n))]
    for side, size in ((NEGATIVE, N), (POSITIVE, P)):
        tables = [f.positive if side == POSITIVE else f.negative for f in (model, other)]
        rows = np.flatnonzero(label == side)
        apart = tables[0][cells[0][rows]] - tables[1][cells[1][rows]]
        alone = sum(
            max(spread(c[side], t), spread(c.sum(axis=0), t))
            for c, t in zip(counts, tables, strict=True)
        )
        parts.append(((float(np.var(apart)) + alone / size) / size, max(size - 1, 0.5)))
    variance = sum(v for v, _ in parts)
    freedom = variance**2 / sum(v * v / df for v, df in parts) if variance > 0 else n
    half = student_quantile(freedom, confidence) * math.sqrt(variance)
    half += sum(_hidden(measure, c, found.value, grid)
                for c, found in zip(counts, (model, other), strict=True))  # fmt: skip
    value = model.value - other.value
    low, high = clip((value - half, value + half), -1.0, 1.0)
    told = Estimate(value, low, high, confidence, n, method)
    return Comparison(model.value, other.value, told, larger_is_better=True)


def _hidden(
    measure: Callable[[Vector, Vector], Influence], counts: Vector, value: float, grid: Grid
) -> float:
    if measure is area:
        return hidden_area(counts[NEGATIVE], counts[POSITIVE], grid.exact)
    least, most = order_of_precision(counts[NEGATIVE], counts[POSITIVE], grid.exact)
    return max(value - least, most - value)
