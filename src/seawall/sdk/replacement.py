"""What replacing a baseline by another would hide."""

from __future__ import annotations

from typing import Any

import msgspec

from seawall.kernel import BadInput, Estimate, Rule, Verdict, all_of
from seawall.report.document import Document
from seawall.sdk.drift import drift
from seawall.sdk.report import CONFIDENCE, Report, Table, named
from seawall.sdk.summaries import reference_summary
from seawall.statistics.deciding import MEASURES, TOLERANCES
from seawall.statistics.drift import judge_in_family
from seawall.statistics.regrid import regrid
from seawall.statistics.summary import ColumnSummary


class ReplacementReport(Report, frozen=True):
    """What `compare_baselines` found."""

    subject = "replacement of the baseline"

    def _document(self) -> Document:
        from seawall.report.from_replacement import replacement_document

        return replacement_document(self.to_dict())


def compare_baselines(old: Table, new: Table, current: Table | None = None) -> ReplacementReport:
    """How far `new` lies from `old`: drift that is no longer seen once `new` is the baseline.

    Each is a saved baseline or data. A column passes when the hidden drift is within the tolerance
    of drift. With `current`, `hidden` names its columns that fail against `old` and do not against
    `new`. Bins of unequal baselines are matched, and what that may misplace widens the interval.
    Raises `BadInput` on unreadable data and a column whose kind has changed.
    """
    was, now = reference_summary(old), reference_summary(new)
    inputs = named(old=old, new=new)
    shared = [name for name in was.grids if name in now.grids]
    for name in shared:
        if was.grids[name].ordered != now.grids[name].ordered:
            raise BadInput(
                f"column {name} was {was.grids[name].kind} and is {now.grids[name].kind}",
                where=inputs["new"], remedy=f"give it the type that it has in {inputs['old']}",
            )  # fmt: skip
    family = 1 - (1 - CONFIDENCE) / max(1, 2 * len(shared))
    features: dict[str, Any] = {}
    verdicts: list[Verdict] = []
    for name in shared:
        own = _distances(was.summary.columns[name], now.summary.columns[name], CONFIDENCE)
        strict = _distances(was.summary.columns[name], now.summary.columns[name], family)
        found = all_of(
            judge_in_family(Rule(m, within=TOLERANCES[m]), own[m], strict[m], name) for m in own
        )
        verdicts.append(found)
        features[name] = {
            "kind": was.grids[name].kind,
            "verdict": found.to_dict(),
            "measures": {measure: estimate.to_dict() for measure, estimate in own.items()},
        }
    body: dict[str, Any] = {
        "features": features,
        "rows": {"old": was.summary.rows, "new": now.summary.rows},
        "only_old": [name for name in was.grids if name not in now.grids],
        "only_new": [name for name in now.grids if name not in was.grids],
    }
    if current is not None:
        body["hidden"] = _hidden(old, new, current)
    return ReplacementReport(all_of(verdicts), body, inputs)


def _hidden(old: Table, new: Table, current: Table) -> list[str]:
    failing = [
        {
            name
            for name, feature in drift(base, current).to_dict()["features"].items()
            if feature["verdict"]["outcome"] == "fail"
        }
        for base in (old, new)
    ]
    return sorted(failing[0] - failing[1])


def _distances(old: ColumnSummary, new: ColumnSummary, confidence: float) -> dict[str, Estimate]:
    moved, error = regrid(new, old.grid)
    main = "ks" if old.grid.ordered else "total_variation"
    apart = MEASURES[main](old, moved, confidence)
    if error:
        apart = msgspec.structs.replace(
            apart, low=max(0.0, apart.low - error), high=min(1.0, apart.high + error),
            method=f"{apart.method}; bins matched within {error:.2g}",
        )  # fmt: skip
    missing = MEASURES["missing_difference"](old, new, confidence)
    return {main: apart, "missing_difference": missing}
