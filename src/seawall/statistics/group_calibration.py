"""Calibration within groups: whether a score means the same whoever it is given to."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from seawall.kernel import Estimate
from seawall.statistics.calibration import calibration_bias, ece_debiased
from seawall.statistics.gaps import Compared, Pair, difference
from seawall.statistics.groups import Ends, Extremes, Group
from seawall.statistics.reliability import Bin, Table, reliability
from seawall.statistics.score import ScoreSummary


class GroupCalibration(msgspec.Struct, frozen=True):
    """Each group with its `ece_debiased` and `calibration_bias`, and with its reliability diagram;
    what they come to over the groups that are large enough; which of them differ most.
    """

    groups: tuple[Group, ...]
    reliability: tuple[tuple[Bin, ...], ...]
    measures: dict[str, Estimate]
    worst: dict[str, Extremes]


def calibration_within(
    summary: ScoreSummary, by: tuple[str, ...], minimum_group: int = 50, confidence: float = 0.95
) -> GroupCalibration:
    """Calibration of each group by these columns (Kleinberg, Mullainathan, Raghavan 2017).

    `calibration_within_groups` is the largest debiased ECE of a group: its lower bound holds for
    all groups at once, its upper bound needs no correction (see `gaps`).
    `calibration_bias_difference` is how much more scores promise in one group than in another.
    Raises `BadInput` when `by` was not counted.
    """
    family = summary.family(*by)
    parts = [summary.of_group(family, at) for at in range(len(family.groups))]
    tables = [Table(part) for part in parts]
    errors = ece_debiased(tables, confidence)
    groups = tuple(
        Group(
            dict(zip(by, values, strict=True)),
            part.n,
            {"ece_debiased": error, "calibration_bias": calibration_bias(table, confidence)},
        )
        for values, part, table, error in zip(family.groups, parts, tables, errors, strict=True)
    )
    large = [at for at, part in enumerate(parts) if part.n >= minimum_group]
    kept = [tables[at] for at in large]
    measures, pair = _between(kept, confidence)
    worst: dict[str, Extremes] = {}
    if pair:
        low, high = groups[large[pair.low]], groups[large[pair.high]]
        worst["calibration_bias_difference"] = Extremes(pair.name, low, high)
    diagrams = tuple(reliability(part, confidence=confidence) for part in parts)
    return GroupCalibration(groups, diagrams, measures, worst)


def _between(tables: list[Table], confidence: float) -> tuple[dict[str, Estimate], Pair | None]:
    def ends(level: float) -> Ends:
        found = [calibration_bias(t, level) for t in tables]
        return np.array([e.low for e in found]), np.array([e.high for e in found])

    values = np.array([calibration_bias(t, confidence).value for t in tables])
    rows = int(sum(t.total for t in tables))
    part = Compared("calibration_bias", values, ends)
    apart, pair = difference([part], len(tables), confidence, rows, top=2.0)
    return {
        "calibration_within_groups": _largest(tables, confidence),
        "calibration_bias_difference": apart,
    }, pair


def _largest(tables: list[Table], confidence: float) -> Estimate:
    method = "largest debiased ECE of a group"
    rows = int(sum(t.total for t in tables))
    if not tables:
        return Estimate(math.nan, 0.0, 1.0, confidence, rows, method, "simultaneous")
    strict = ece_debiased(tables, confidence ** (1 / len(tables)))
    plain = ece_debiased(tables, confidence)
    value = max(e.value for e in plain) if all(e.n for e in plain) else math.nan
    low, high = max(e.low for e in strict), max(e.high for e in plain)
    return Estimate(value, low, high, confidence, rows, method, "simultaneous")
