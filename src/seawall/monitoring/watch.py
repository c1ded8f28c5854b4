"""The drift monitor: a window of traffic against its baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from seawall.kernel import Estimate, Outcome, Rule, Window
from seawall.monitoring.looking import Looking

if TYPE_CHECKING:
    from seawall.statistics.drift import FeatureDrift
    from seawall.statistics.summary import ColumnSummary, TableSummary


class FeatureReading(msgspec.Struct, frozen=True, kw_only=True):
    """One feature in one window.

    `measure` is the one that decided: `ks` or `total_variation`, or `missing_difference` when that
    is worse. `distance` is its estimate at the reading's confidence, which a pass is judged on;
    `bound` the one corrected for looking and for the number of features, which a fail is.
    """

    name: str
    kind: str
    outcome: Outcome
    measure: str
    tolerance: float
    distance: Estimate
    bound: Estimate
    sentence: str


class DriftReading(msgspec.Struct, frozen=True, kw_only=True):
    """A window judged against a baseline.

    `outcome` fails when a feature is shown to have moved beyond its tolerance. `looking` says how
    repeated looks are corrected for. Features stand worst first.
    """

    outcome: Outcome
    features: tuple[FeatureReading, ...]
    reference_rows: int
    current_rows: int
    confidence: float
    looking: str
    window: Window | None = None

    @property
    def moved(self) -> tuple[FeatureReading, ...]:
        """The features shown to have moved."""
        return tuple(f for f in self.features if f.outcome is Outcome.FAIL)

    @property
    def distances(self) -> dict[str, Estimate]:
        """Distance by feature, corrected for looking, as a retraining trigger reads it."""
        return {f.name: f.bound for f in self.features if f.measure != "missing_difference"}

    @property
    def sentence(self) -> str:
        """The reading in one line."""
        rows = f"{self.current_rows:,} rows against {self.reference_rows:,}"
        if self.moved:
            first, others = self.moved[0].sentence, len(self.moved) - 1
            more = f", and {others} more moved" if others else ""
            return f"{first}{more} ({rows})"
        if self.outcome is Outcome.PASS:
            return f"no feature moved beyond its tolerance ({rows})"
        return f"not enough rows to say that no feature moved ({rows})"


def watch(
    reference: TableSummary,
    current: TableSummary,
    tolerances: Mapping[str, float] = {},
    confidence: float = 0.95,
    *,
    looking: Looking | None = None,
    window: Window | None = None,
) -> DriftReading:
    """Judge one window, as one of the looks that `looking` plans.

    `tolerances` is as for `statistics.drift.drift`. Each feature has two deciding measures, its
    distribution and its missing share. A pass is judged at `confidence`, since a false pass costs
    one window; a fail at the level of one look, split over all deciding measures of this table, so
    that `looking.streams` counts tables. The bounds count the baseline's own uncertainty. An empty
    window is undecided. Raises `BadInput` on unequal grids or columns.
    """
    from seawall.statistics.drift import drift

    plan = looking or Looking()
    found = (
        drift(reference, current, tolerances=tolerances, confidence=confidence).features
        if current.rows and reference.rows
        else {}
    )
    strict = 1 - plan.alpha / max(1, sum(len(one.deciding) for one in found.values()))
    readings = [
        _read(name, one, reference.columns[name], current.columns[name], strict)
        for name, one in found.items()
    ]
    readings.sort(key=lambda r: (_ORDER[r.outcome], -r.bound.low, -r.distance.value, r.name))
    outcomes = {r.outcome for r in readings}
    outcome = next(
        (o for o in (Outcome.FAIL, Outcome.UNDECIDED) if o in outcomes),
        Outcome.PASS if readings else Outcome.UNDECIDED,
    )
    return DriftReading(
        outcome=outcome,
        features=tuple(readings),
        reference_rows=reference.rows,
        current_rows=current.rows,
        confidence=confidence,
        looking=plan.sentence,
        window=window,
    )


_ORDER = {Outcome.FAIL: 0, Outcome.UNDECIDED: 1, Outcome.PASS: 2}


def _read(
    name: str,
    found: FeatureDrift,
    old: ColumnSummary,
    new: ColumnSummary,
    strict: float,
) -> FeatureReading:
    from seawall.statistics.deciding import MEASURES

    allowed = found.deciding
    bounds = {m: MEASURES[m](old, new, strict) for m in allowed}
    judged = {
        m: _outcome(Rule(m, within=allowed[m]), found.measures[m], bounds[m]) for m in allowed
    }
    # a column without any value has no distribution to tell; its missing share still is
    known = [m for m in allowed if not math.isnan(found.measures[m].value)]
    measure = min(known, key=lambda m: (_ORDER[judged[m]], m == "missing_difference"))
    outcome = min(judged.values(), key=lambda o: _ORDER[o])
    estimate = found.measures[measure]
    return FeatureReading(
        name=name,
        kind=found.kind,
        outcome=outcome,
        measure=measure,
        tolerance=allowed[measure],
        distance=estimate,
        bound=bounds[measure],
        sentence=_sentence(name, outcome, measure, estimate, allowed[measure]),
    )


def _outcome(rule: Rule, own: Estimate, corrected: Estimate) -> Outcome:
    if rule.judge(corrected).outcome is Outcome.FAIL:
        return Outcome.FAIL
    return Outcome.PASS if rule.judge(own).outcome is Outcome.PASS else Outcome.UNDECIDED


def _sentence(
    name: str, outcome: Outcome, measure: str, estimate: Estimate, tolerance: float
) -> str:
    missing = measure == "missing_difference"
    shown = f"{estimate}, tolerance {tolerance:g}"
    if outcome is Outcome.FAIL:
        return f"{name} {'is missing more or less often' if missing else 'moved'}: {shown}"
    if outcome is Outcome.PASS:
        return f"{name} holds: {shown}"
    return f"{name} is undecided: {shown}"
