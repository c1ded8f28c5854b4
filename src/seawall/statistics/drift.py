"""Drift: how far each column has moved from its baseline, and whether that passes a tolerance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from seawall.kernel import (
    BadInput,
    Estimate,
    Outcome,
    Reason,
    Rule,
    Verdict,
    all_of,
    nearest,
)
from seawall.statistics import distance
from seawall.statistics.summary import ColumnSummary, TableSummary

TOLERANCES: dict[str, float] = {"ks": 0.10, "total_variation": 0.10, "missing_difference": 0.02}
"""The deciding measures and what each may be."""

Measure = Callable[[ColumnSummary, ColumnSummary, float], Estimate]
_DECIDING: dict[str, Measure] = {
    "ks": distance.ks,
    "total_variation": distance.total_variation,
    "missing_difference": distance.missing_difference,
}


class FeatureDrift(msgspec.Struct, frozen=True):
    """One column: every measure, and the verdict of those that decide.

    `new_values` are values outside the baseline's categories with their counts.
    """

    kind: str
    verdict: Verdict
    measures: dict[str, Estimate]
    new_values: dict[str, int] = {}

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        found = {
            "kind": self.kind,
            "verdict": self.verdict.to_dict(),
            "measures": {name: e.to_dict() for name, e in self.measures.items()},
        }
        return found | ({"new_values": self.new_values} if self.new_values else {})


class Drift(msgspec.Struct, frozen=True):
    """All columns of two tables; `rows` counts `reference` and `current`."""

    verdict: Verdict
    features: dict[str, FeatureDrift]
    rows: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "verdict": self.verdict.to_dict(),
            "features": {name: f.to_dict() for name, f in self.features.items()},
            "rows": self.rows,
        }


def drift(
    reference: TableSummary,
    current: TableSummary,
    *,
    tolerances: Mapping[str, float] = {},
    confidence: float = 0.95,
) -> Drift:
    """Compare two tables on one set of grids.

    A column passes when its deciding measures hold at `confidence`; it fails when one is broken
    at 1 − α/k, k being the deciding measures of all columns together. `tolerances` overrides
    `TOLERANCES` by measure, or by column for that column's distribution. Raises `BadInput` on
    different columns, unequal grids, or a tolerance for what is not there.
    """
    for name in tolerances:
        if name not in TOLERANCES and name not in reference.columns:
            known = [*TOLERANCES, *reference.columns]
            raise BadInput(f"no measure or column {name!r}", remedy=nearest(name, known))
    if reference.columns.keys() != current.columns.keys():
        odd = sorted(reference.columns.keys() ^ current.columns.keys())
        raise BadInput(f"columns {', '.join(odd)} are in one of the tables only")
    family = 1 - (1 - confidence) / max(1, 2 * len(reference.columns))
    features = {
        name: _feature(name, old, current.columns[name], tolerances, confidence, family)
        for name, old in reference.columns.items()
    }
    rows = {"reference": reference.rows, "current": current.rows}
    return Drift(all_of(f.verdict for f in features.values()), features, rows)


def _feature(
    name: str, old: ColumnSummary, new: ColumnSummary, tolerances: Mapping[str, float],
    confidence: float, family: float,
) -> FeatureDrift:  # fmt: skip
    if old.grid.digest != new.grid.digest:
        raise BadInput(
            f"column {name} was counted on grids {old.grid.digest.short} and "
            f"{new.grid.digest.short}",
            remedy="count both on the baseline's grid",
        )
    main = "ks" if old.grid.ordered else "total_variation"
    measures: dict[str, Estimate] = {}
    verdicts: list[Verdict] = []
    for measure in (main, "missing_difference"):
        compute = _DECIDING[measure]
        tolerance = tolerances.get(measure, TOLERANCES[measure])
        if measure == main:
            tolerance = tolerances.get(name, tolerance)
        measures[measure] = compute(old, new, confidence)
        verdicts.append(
            judge_in_family(
                Rule(measure, within=tolerance), measures[measure], compute(old, new, family), name
            )
        )
    measures |= distance.divergences(old, new, confidence)
    if old.grid.ordered:
        measures["wasserstein"] = distance.wasserstein(old, new, confidence)
    return FeatureDrift(old.grid.kind, all_of(verdicts), measures, dict(new.others))


def judge_in_family(rule: Rule, own: Estimate, corrected: Estimate, subject: str) -> Verdict:
    """Judge one member of a family: pass at its own level, fail only at the corrected one."""
    reason = rule.judge(own).reasons[0]
    outcome = reason.outcome
    message = f"{subject}: {reason.message}"
    if outcome is Outcome.FAIL and rule.judge(corrected).outcome is not Outcome.FAIL:
        outcome = Outcome.UNDECIDED
        message += f"; not broken once corrected for the family ({corrected})"
    found = Reason(f"{subject}: {rule.text}", message, outcome, own)
    return Verdict(outcome, (found,))
