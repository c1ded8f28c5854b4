"""Whether scores mean what they say: calibration errors with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.intervals import clopper_pearson
from seawall.statistics.noncentral import squared_norm
from seawall.statistics.recalibration import calibration_intercept, calibration_slope
from seawall.statistics.reliability import BINS, Table, by_width
from seawall.statistics.score import ScoreSummary
from seawall.statistics.smooth_calibration import smooth_ece

Measure = Callable[[ScoreSummary, float], Estimate]


def calibration(
    summary: ScoreSummary,
    confidence: float = 0.95,
    bins: int | None = None,
    assigned: NDArray[np.int64] | None = None,
) -> dict[str, Estimate]:
    """Every measure of `MEASURES`; what is binned by mass can be binned as `assigned` by cell.

    `ece`, `ece_debiased` and `ece_equal_width` concern the calibration error *between bins*: how
    far mean score and rate of positives lie apart in each. What cancels within a bin they do not
    see, so that the error of single scores is at least as large; `ece_smooth` has no bins.
    """
    table = Table(summary, bins, assigned)
    return {
        "ece": ece(table, confidence),
        "ece_equal_width": measure("ece_equal_width", summary, confidence),
        "ece_debiased": ece_debiased([table], confidence)[0],
        "ece_smooth": smooth_ece(summary, confidence),
        "calibration_bias": calibration_bias(table, confidence),
        "calibration_intercept": calibration_intercept(summary, confidence),
        "calibration_slope": calibration_slope(summary, confidence),
    }


def measure(name: str, summary: ScoreSummary, confidence: float) -> Estimate:
    """One measure of `MEASURES`."""
    return MEASURES[name](summary, confidence)


def ece(table: Table, confidence: float) -> Estimate:
    """The binned error Σwᵢ|p̄ᵢ − ȳᵢ| (Naeini et al. 2015), which is biased upwards.

    Its lower bound takes off the most that noise can add, √(2/π)·Σwᵢσᵢ/√nᵢ; either bound allows for
    Gaussian concentration of a function that no direction moves by more than its length.
    """
    method = f"binned L1 over {table.n.size} bins, Gaussian concentration"
    if not table.total:
        return Estimate(math.nan, 0.0, 1.0, confidence, 0, method)
    value = float((table.weight * np.abs(table.gap)).sum())
    added = float((table.weight * np.sqrt(2 * table.variance / (math.pi * table.n))).sum())
    spread = math.sqrt(float((table.weight * table.variance).sum()) / table.total)
    reach = spread * math.sqrt(2 * math.log(2 / (1 - confidence))) + table.hidden
    low, high = max(0.0, value - added - reach), min(1.0, value + reach)
    return Estimate(value, low, high, confidence, int(table.total), method)


def ece_debiased(tables: Sequence[Table], confidence: float) -> list[Estimate]:
    """√Σwᵢ[(p̄ᵢ−ȳᵢ)² − ȳᵢ(1−ȳᵢ)/(nᵢ−1)], 0 where the sum is negative, for each table.

    Estimates √Σwᵢ(p̄ᵢ−E ȳᵢ)², the L2 error between the table's bins given its scores (Kumar, Liang,
    Ma 2019, section 4). The interval inverts a noncentral χ² of matching mean and variance.
    """
    size = max((t.n.size for t in tables), default=0)
    noise, squares = np.zeros((2, len(tables), size))
    excess = np.zeros(len(tables))
    for i, t in enumerate(tables):
        correction = t.positive * (1 - t.positive) / np.maximum(t.n - 1, 1)
        excess[i] = (t.weight * (t.gap**2 - correction)).sum()
        noise[i, : t.n.size] = t.variance / max(t.total, 1.0)
        squares[i, : t.n.size] = t.weight * t.gap**2
    lows, highs = squared_norm(excess, noise, squares, confidence)
    found: list[Estimate] = []
    for t, squared, low, high in zip(tables, excess, lows, highs, strict=True):
        method = f"debiased L2 over {t.n.size} bins, noncentral chi-squared"
        value = math.sqrt(max(float(squared), 0.0)) if t.total else math.nan
        low = max(0.0, math.sqrt(low) - t.hidden)
        high = min(1.0, math.sqrt(high) + t.hidden)
        if t.total < 2:
            low, high = 0.0, 1.0
        else:
            low, high = min(low, value), max(high, value)
        found.append(Estimate(value, low, high, confidence, int(t.total), method))
    return found


def calibration_bias(table: Table, confidence: float) -> Estimate:
    """Mean score − rate of positives; above 0 where scores promise too many.

    The rate's exact interval, at the number of independent rows whose rate would vary as much as
    the mean of score − label does (Korn & Graubard 1998).
    """
    method = "Clopper-Pearson at the effective sample size"
    total, positives = table.total, float(table.positives.sum())
    if not total:
        return Estimate(math.nan, -1.0, 1.0, confidence, 0, method)
    value = float((table.weight * table.gap).sum())
    within = float((table.n * (table.variance + (table.gap - value) ** 2)).sum())
    effect = (within + 0.5) / (positives * (total - positives) / total + 0.5)
    low, high = clopper_pearson(positives / effect, total / effect, confidence)
    score = value + positives / total
    low, high = score - high - table.hidden, score - low + table.hidden
    return Estimate(value, max(low, -1.0), min(high, 1.0), confidence, int(total), method)


def _binned(of: Callable[[Table, float], Estimate]) -> Measure:
    return lambda summary, confidence: of(Table(summary), confidence)


def _equal_width(summary: ScoreSummary, confidence: float) -> Estimate:
    return ece(Table(summary, assigned=by_width(summary.grid, BINS)), confidence)


MEASURES: dict[str, Measure] = {
    "ece": _binned(ece),
    "ece_equal_width": _equal_width,
    "ece_debiased": _binned(lambda table, confidence: ece_debiased([table], confidence)[0]),
    "ece_smooth": smooth_ece,
    "calibration_bias": _binned(calibration_bias),
    "calibration_intercept": calibration_intercept,
    "calibration_slope": calibration_slope,
}
"""Every calibration measure by its name."""
