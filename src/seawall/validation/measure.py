"""From counted scores to the named estimates that a plan's rules are judged on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.calibration import calibration
from seawall.statistics.fairness import RATES, fairness
from seawall.statistics.groups import Group
from seawall.statistics.performance import performance
from seawall.statistics.reliability import Bin, reliability
from seawall.statistics.score import Family, ScoreSummary
from seawall.validation.evidence import Confusion, SmallGroup
from seawall.validation.plan import GroupPlan, ValidationPlan

POOLED = "(pooled)"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Estimates by name, and what was done with groups too small; see `Evidence`."""

    estimates: dict[str, Estimate]
    corrected: dict[str, Estimate]
    small: tuple[SmallGroup, ...]
    groups: tuple[Group, ...]
    reliability: tuple[Bin, ...] = ()
    confusion: Confusion | None = None


def measure(summary: ScoreSummary, plan: ValidationPlan) -> Measured:
    """Performance, calibration and fairness of the summarised scores at the plan's threshold.

    Gaps between groups are named after their columns, `equalized_odds_difference[SEX]`. What has
    no rows behind it is left out. Raises `BadInput` for groups that were not counted.
    """
    level = plan.confidence
    estimates = performance(summary, plan.threshold, level) | calibration(summary, level)
    between = between_groups(summary, plan)
    return Measured(
        estimates=defined(estimates | between.estimates),
        corrected=defined(between.corrected),
        small=between.small,
        groups=between.groups,
        reliability=tuple(_plain(b) for b in reliability(summary, confidence=level)),
    )


def between_groups(summary: ScoreSummary, plan: ValidationPlan, strictness: int = 1) -> Measured:
    """The gaps between the plan's groups; at a level for so many comparisons at once."""
    level = 1 - (1 - plan.confidence) / strictness
    estimates: dict[str, Estimate] = {}
    corrected: dict[str, Estimate] = {}
    small: list[SmallGroup] = []
    groups: list[Group] = []
    members = sum(len(rule.by) for rule in plan.fairness_rules)
    for group in plan.groups:
        counted, found = _treat_small(summary, group)
        small += found
        gaps, shown = _gaps(counted, group, plan, level)
        estimates |= gaps
        groups += shown
        if members > 1:
            corrected |= _gaps(counted, group, plan, 1 - (1 - level) / members)[0]
    return Measured(
        estimates=estimates, corrected=corrected, small=tuple(small), groups=tuple(groups)
    )


def defined(estimates: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Those that have rows behind them."""
    return {name: e for name, e in estimates.items() if not math.isnan(e.value)}


def _plain(one: Bin) -> Bin:
    """With Python's numbers alone, which the wire form needs."""
    rate = msgspec.structs.replace(one.positive, value=float(one.positive.value))
    return msgspec.structs.replace(one, positive=rate)


def _gaps(
    summary: ScoreSummary, group: GroupPlan, plan: ValidationPlan, confidence: float
) -> tuple[dict[str, Estimate], list[Group]]:
    found = fairness(summary, group.columns, plan.threshold, group.minimum_group, confidence)
    gaps = {f"{name}[{group.name}]": gap for name, gap in found.measures.items()}
    shown = [
        Group(part.by, part.n, {rate: part.measures[rate] for rate in RATES})
        for part in (*found.groups, *found.small)
    ]
    return gaps, shown


def _treat_small(
    summary: ScoreSummary, group: GroupPlan
) -> tuple[ScoreSummary, tuple[SmallGroup, ...]]:
    """The summary to measure, and the groups that were pooled or are left out."""
    family = summary.family(*group.columns)
    rows = family.counts.sum(axis=(1, 2))
    pool = too_small(rows, group)
    if not pool:
        return summary, ()
    treated = (treated_small(family.groups, rows, pool, group),)
    if group.small_groups == "waive":
        return summary, treated
    kept = [at for at in range(len(family.groups)) if at not in pool]
    pooled = Family(
        family.columns,
        (*(family.groups[at] for at in kept), (POOLED,) * len(family.columns)),
        np.concatenate([family.counts[kept], family.counts[pool].sum(axis=0, keepdims=True)]),
    )
    others = tuple(f for f in summary.families if f.columns != family.columns)
    return msgspec.structs.replace(summary, families=(*others, pooled)), treated


def too_small(rows: NDArray[np.int64], group: GroupPlan) -> list[int]:
    """Which groups, of so many rows each, are pooled or waived.

    The pool takes the smallest groups, and further ones until it is large enough itself.
    """
    order = np.argsort(rows, kind="stable")
    below = [int(at) for at in order if rows[at] < group.minimum_group]
    if not below or group.small_groups == "waive":
        return below
    pool: list[int] = []
    for at in order:
        if rows[at] >= group.minimum_group and rows[pool].sum() >= group.minimum_group:
            break
        pool.append(int(at))
    return pool


def treated_small(
    names: Sequence[tuple[str, ...]], rows: NDArray[np.int64], at: list[int], group: GroupPlan
) -> SmallGroup:
    """What is told of groups that are pooled or waived."""
    return SmallGroup(
        by=group.name,
        groups=tuple("×".join(names[i]) for i in sorted(at)),
        rows=int(rows[at].sum()),
        treatment=group.small_groups,
        reason=group.reason,
    )
