"""Drift: how far each column has moved from its baseline, and whether that passes a tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from seawall.kernel import BadInput, Estimate, Outcome, Reason, Rule, Verdict, all_of
from seawall.statistics.categories import Renaming, renamed, vanished
from seawall.statistics.deciding import MEASURES, applies, check_tolerances, deciding
from seawall.statistics.divergence import divergences
from seawall.statistics.family import Member, discovery_confidence
from seawall.statistics.summary import ColumnSummary, TableSummary


class FeatureDrift(msgspec.Struct, frozen=True):
    """One column: every measure, and the verdict of those that decide.

    `deciding` are the tolerances of those; `new_values` values outside the baseline's categories
    with their counts; `vanished` baseline categories that are gone with their baseline share.
    """

    kind: str
    verdict: Verdict
    measures: dict[str, Estimate]
    deciding: dict[str, float]
    new_values: dict[str, int] = {}
    vanished: dict[str, Estimate] = {}
    renamed: tuple[Renaming, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape; what concerns categories is there where there is any."""
        found: dict[str, Any] = {
            "kind": self.kind,
            "verdict": self.verdict.to_dict(),
            "measures": {name: e.to_dict() for name, e in self.measures.items()},
            "deciding": self.deciding,
        }
        if self.new_values:
            found["new_values"] = self.new_values
        if self.vanished:
            found["vanished"] = {name: e.to_dict() for name, e in self.vanished.items()}
        if self.renamed:
            found["renamed"] = [msgspec.structs.asdict(pair) for pair in self.renamed]
        return found


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
    at the confidence that holds the false discovery rate over the deciding measures of all
    columns. `tolerances` is as for `deciding`. Raises `BadInput` on different columns, unequal
    grids, or a tolerance for what is not there.
    """
    check_tolerances(tolerances, {name: s.grid for name, s in reference.columns.items()})
    if reference.columns.keys() != current.columns.keys():
        odd = sorted(reference.columns.keys() ^ current.columns.keys())
        raise BadInput(f"columns {', '.join(odd)} are in one of the tables only")
    compared = {
        name: _Compared(name, old, current.columns[name], deciding(name, old.grid, tolerances))
        for name, old in reference.columns.items()
    }
    family = discovery_confidence([m for c in compared.values() for m in c.members], confidence)
    features = {name: c.judged(confidence, family) for name, c in compared.items()}
    rows = {"reference": reference.rows, "current": current.rows}
    return Drift(all_of(f.verdict for f in features.values()), features, rows)


class _Compared(msgspec.Struct, frozen=True):
    """A column of both tables, and what decides on it."""

    name: str
    old: ColumnSummary
    new: ColumnSummary
    deciding: dict[str, float]

    def __post_init__(self) -> None:
        if self.old.grid.digest != self.new.grid.digest:
            raise BadInput(
                f"column {self.name} was counted on grids {self.old.grid.digest.short} and "
                f"{self.new.grid.digest.short}",
                remedy="count both on the baseline's grid",
            )

    @property
    def members(self) -> list[Member]:
        return [
            (Rule(m, within=t), partial(MEASURES[m], self.old, self.new))
            for m, t in self.deciding.items()
        ]

    def judged(self, confidence: float, family: float) -> FeatureDrift:
        """Every measure, the deciding ones first, and the verdict on those."""
        verdicts: list[Verdict] = []
        measures: dict[str, Estimate] = {}
        for rule, measure in self.members:
            own = measures[rule.measure] = measure(confidence)
            broken = rule.judge(own).outcome is Outcome.FAIL
            corrected = measure(family) if broken else own
            verdicts.append(judge_in_family(rule, own, corrected, self.name))
        measures |= divergences(self.old, self.new, confidence)
        for name, measure in MEASURES.items():
            if name not in measures and applies(name, self.old.grid):
                measures[name] = measure(self.old, self.new, confidence)
        gone = vanished(self.old, self.new, confidence)
        return FeatureDrift(
            self.old.grid.kind, all_of(verdicts), measures, self.deciding, dict(self.new.others),
            gone, renamed(self.old, self.new, gone),
        )  # fmt: skip


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
