"""From counted scores to the named estimates that a plan's rules are judged on."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from seawall.kernel import Estimate
from seawall.statistics.calibration import calibration
from seawall.statistics.fairness import RATES, Group, fairness
from seawall.statistics.performance import performance
from seawall.statistics.reliability import Bin, reliability
from seawall.statistics.score import Family, ScoreSummary
from seawall.validation.evidence import SmallGroup
from seawall.validation.plan import GroupPlan, ValidationPlan

POOLED = "(pooled)"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Estimates by name, and what was done with groups too small; see `Evidence`."""

    estimates: dict[str, Estimate]
    corrected: dict[str, Estimate]
    small: tuple[SmallGroup, ...]
    groups: tuple[Group, ...]
    reliability: tuple[Bin, ...]


def measure(summary: ScoreSummary, plan: ValidationPlan) -> Measured:
    """Performance, calibration and fairness of the summarised scores at the plan's threshold.

    Gaps between groups are named after their columns, `equalized_odds_difference[SEX]`. What has
    no rows behind it is left out. Raises `BadInput` for groups that were not counted.
    """
    level = plan.confidence
    estimates = performance(summary, plan.threshold, level) | calibration(summary, level)
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
        estimates={name: e for name, e in estimates.items() if not math.isnan(e.value)},
        corrected={name: e for name, e in corrected.items() if not math.isnan(e.value)},
        small=tuple(small),
        groups=tuple(groups),
        reliability=tuple(_plain(b) for b in reliability(summary, confidence=level)),
    )


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
    """The summary to measure, and the groups that were pooled or are left out.

    The pool takes the smallest groups, and further ones until it is large enough itself.
    """
    family = summary.family(*group.columns)
    rows = family.counts.sum(axis=(1, 2))
    order = np.argsort(rows, kind="stable")
    below = [int(at) for at in order if rows[at] < group.minimum_group]
    if not below:
        return summary, ()
    if group.small_groups == "waive":
        return summary, (_record(family, below, group),)
    pool: list[int] = []
    for at in order:
        if rows[at] >= group.minimum_group and rows[pool].sum() >= group.minimum_group:
            break
        pool.append(int(at))
    kept = [at for at in range(len(family.groups)) if at not in pool]
    pooled = Family(
        family.columns,
        (*(family.groups[at] for at in kept), (POOLED,) * len(family.columns)),
        np.concatenate([family.counts[kept], family.counts[pool].sum(axis=0, keepdims=True)]),
    )
    others = tuple(f for f in summary.families if f.columns != family.columns)
    return (
        msgspec.structs.replace(summary, families=(*others, pooled)),
        (_record(family, pool, group),),
    )


def _record(family: Family, at: list[int], group: GroupPlan) -> SmallGroup:
    return SmallGroup(
        by=group.name,
        groups=tuple("×".join(family.groups[i]) for i in sorted(at)),
        rows=int(family.counts[at].sum()),
        treatment=group.small_groups,
        reason=group.reason,
    )
