"""From the predictions of a regression to the estimates that a plan is judged on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.column import Column
from seawall.statistics.groups import Group
from seawall.statistics.intervals import skewed_mean
from seawall.statistics.regression import (
    error_grids,
    largest_gap,
    regression,
    summarise_errors,
)
from seawall.statistics.score import cross, group_codes
from seawall.validation.evidence import SmallGroup
from seawall.validation.measure import POOLED, Measured, defined, too_small, treated_small
from seawall.validation.plan import GroupPlan, ValidationPlan

Vector = NDArray[np.float64]
GAPS = {"mean_prediction": "mean_prediction_difference", "mae": "mae_difference",
        "bias": "bias_difference"}  # fmt: skip
"""What is compared between groups; each also in standard deviations of the label."""


def measure_values(
    label: Vector, prediction: Vector, groups: Mapping[str, Column], plan: ValidationPlan
) -> Measured:
    """Quality, bias and groups' gaps of predictions; rows without a label or one are left out.

    Gaps are largest pairwise differences, named `mean_prediction_difference[SEX]`, and with
    `standardised_` before it in standard deviations of the label, which are taken as known. Raises
    `BadInput` when no row has both numbers.
    """
    kept = np.isfinite(label) & np.isfinite(prediction)
    if not kept.any():
        raise BadInput("no row has both a label and a prediction", where=f"column {plan.label}")
    y, p, level = label[kept], prediction[kept], plan.confidence
    whole = summarise_errors(y, p, error_grids(y, p), missing=int(kept.size - y.size))
    estimates = regression(whole, None, level)
    corrected: dict[str, Estimate] = {}
    small: list[SmallGroup] = []
    shown: list[Group] = []
    members = sum(len(rule.by) for rule in plan.fairness_rules)
    unit = float(np.std(y, ddof=1)) if y.size > 1 else float("nan")
    for group in plan.groups:
        codes, names = cross([group_codes(groups[c], kept) for c in group.columns])
        codes, names, found = _treat_small(codes, names, group)
        small += found
        parts = [(y[codes == at], p[codes == at]) for at in range(len(names))]
        estimates |= _gaps(parts, group, unit, level)
        if members > 1:
            corrected |= _gaps(parts, group, unit, 1 - (1 - level) / members)
        for values, part in zip(names, parts, strict=True):
            by = dict(zip(group.columns, values, strict=True))
            shown.append(Group(by, len(part[0]), _of(part, level)))
    return Measured(
        estimates=defined(estimates), corrected=defined(corrected), small=tuple(small),
        groups=tuple(shown),
    )  # fmt: skip


def _treat_small(
    codes: NDArray[np.int64], names: tuple[tuple[str, ...], ...], group: GroupPlan
) -> tuple[NDArray[np.int64], tuple[tuple[str, ...], ...], tuple[SmallGroup, ...]]:
    rows = np.bincount(codes, minlength=len(names))
    small = too_small(rows, group)
    if not small:
        return codes, names, ()
    told = treated_small(names, rows, small, group)
    kept = [at for at in range(len(names)) if at not in small]
    place = np.full(len(names), len(kept) if group.small_groups == "pool" else -1)
    place[kept] = np.arange(len(kept))
    pooled = ((POOLED,) * len(group.columns),) if group.small_groups == "pool" else ()
    return place[codes], (*(names[at] for at in kept), *pooled), (told,)


def _of(part: tuple[Vector, Vector], confidence: float) -> dict[str, Estimate]:
    """One group's mean prediction, mean absolute error and bias."""
    y, p = part
    found = regression(summarise_errors(y, p, error_grids(y, p)), None, confidence)
    return {
        "mean_prediction": _mean(p, confidence), "mae": found["mae"], "bias": found["bias"],
    }  # fmt: skip


def _mean(values: Vector, confidence: float) -> Estimate:
    n = values.size
    mean = float(values.mean())
    away = values - mean
    variance, third = float(away @ away) / max(n - 1, 1), float(away**2 @ away) / n
    low, high = skewed_mean(mean, variance, third, n, confidence)
    return Estimate(mean, low, high, confidence, n, "mean, Hall")


def _gaps(
    parts: list[tuple[Vector, Vector]], group: GroupPlan, unit: float, confidence: float
) -> dict[str, Estimate]:
    pairs = max(1, len(parts) * (len(parts) - 1) // 2)
    each = [_of(part, 1 - (1 - confidence) / pairs) for part in parts]
    method = "largest pairwise difference, simultaneous MOVER"
    found: dict[str, Estimate] = {}
    for measure, name in GAPS.items():
        gap = largest_gap([one[measure] for one in each], confidence, method)
        found[f"{name}[{group.name}]"] = gap
        if unit > 0:
            ends = (gap.value / unit, gap.low / unit, gap.high / unit)
            told = Estimate(*ends, confidence, gap.n, f"{method}, label deviations", gap.validity)
            found[f"standardised_{name}[{group.name}]"] = told
    return found
