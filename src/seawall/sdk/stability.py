"""How a version's answers change when its inputs are disturbed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, nearest
from seawall.sdk.subject import Subject
from seawall.serving.signature import Field
from seawall.statistics.intervals import rate
from seawall.statistics.paired import by_call, by_loss
from seawall.validation.perturbation import Perturbation
from seawall.validation.plan import ValidationPlan

Vector = NDArray[np.float64]


def stability(
    subject: Subject, matrix: NDArray[np.float32], label: Vector, said: Vector, plan: ValidationPlan
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Estimates by perturbation, at their own level and at the level for all of them.

    Of calls `changed[NAME]`, the share of rows called otherwise, and `error_rate_rise[NAME]`; of
    values `changed[NAME]`, the mean change in standard deviations of the values, and
    `mae_rise[NAME]`, as a share of the MAE, both units taken as known. The same plan disturbs the
    same table in the same way. Raises `BadInput` for a field that is not there or no number.
    """
    own: dict[str, Estimate] = {}
    strict: dict[str, Estimate] = {}
    members = max(1, sum(len(rule.by) for rule in plan.stability_rules))
    seed = int(plan.digest.hex[:16], 16)
    calls = subject.calls(said, plan.threshold)
    for at, one in enumerate(plan.perturbations):
        random = np.random.default_rng([seed, at])
        rows = disturbed(matrix, subject.signature.fields, one, random)
        after = subject.calls(subject.says(rows), plan.threshold)
        for into, level in ((own, plan.confidence), (strict, 1 - (1 - plan.confidence) / members)):
            found = _measured(subject.output.kind, label, calls, after, level)
            into |= {f"{name}[{one.name}]": e for name, e in found.items()}
    return own, strict if members > 1 else {}


def disturbed(
    matrix: NDArray[np.float32],
    fields: tuple[Field, ...],
    how: Perturbation,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """The rows (n × fields) with noise on their numbers, or values from other rows."""
    found, known = matrix.copy(), [f.name for f in fields]
    for name in how.fields or known:
        if name not in known:
            what = f"perturbation {how.name}: there is no field {name!r}"
            raise BadInput(what, remedy=nearest(name, tuple(known)))
        place = known.index(name)
        field, column = fields[place], matrix[:, place].astype(np.float64)
        there = ~np.isnan(column)
        if how.noise and field.kind not in ("number", "integer"):
            if how.fields:
                what = f"perturbation {how.name}: {name} is no number, which noise could change"
                raise BadInput(what, remedy="give swapped instead of noise")
        elif how.noise and there.any():
            told = column[there]
            told = told + how.noise * told.std() * random.standard_normal(told.size)
            if field.kind == "integer":
                told = np.rint(told)
            column[there] = np.clip(told, column[there].min(), column[there].max())
        if how.swapped:
            moved = random.random(len(column)) < how.swapped
            column = np.where(moved, random.permutation(column), column)
        found[:, place] = column.astype(np.float32)
    return found


def _measured(
    kind: str, label: Vector, before: Vector, after: Vector, confidence: float
) -> dict[str, Estimate]:
    both = ~np.isnan(before) & ~np.isnan(after)
    known = both & ~np.isnan(label)
    if kind != "regression":
        answered = ~np.isnan(before)
        other = int(np.count_nonzero(answered & (before != after)))
        right = after[known] == label[known], before[known] == label[known]
        return {
            "changed": rate(other, int(answered.sum()), confidence),
            "error_rate_rise": by_call(right, confidence)["error_rate"].difference,
        }
    change = np.abs(after[both] - before[both])
    moved = by_loss((change, np.zeros(change.size)), confidence).difference
    errors = np.abs(after[known] - label[known]), np.abs(before[known] - label[known])
    compared = by_loss(errors, confidence)
    deviation = float(before[both].std()) if both.any() else 0.0
    return {
        "changed": in_units(moved, deviation),
        "mae_rise": in_units(compared.difference, compared.other),
    }


def in_units(e: Estimate, unit: float) -> Estimate:
    """An estimate as a multiple of a unit that is taken as known; undefined without one."""
    if not unit > 0:
        return Estimate(float("nan"), -np.inf, np.inf, e.confidence, e.n, e.method)
    ends = (e.value / unit, e.low / unit, e.high / unit)
    return Estimate(*ends, e.confidence, e.n, e.method)
