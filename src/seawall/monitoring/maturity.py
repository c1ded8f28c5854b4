"""When labels come: the share arrived by age."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from seawall.kernel import BadInput, Estimate


class Cohort(msgspec.Struct, frozen=True):
    """Decisions of one span that ended at `end`, with the labels that came at each age.

    `arrived[i]` counts those whose label came at an age in [edges[i-1], edges[i]), the first from
    age 0; a label is counted once.
    """

    end: datetime
    decisions: int
    arrived: tuple[int, ...]

    def __post_init__(self) -> None:
        if min(self.arrived, default=0) < 0 or sum(self.arrived) > self.decisions:
            raise ValueError("a cohort has at most one label per decision")


class MaturityPoint(msgspec.Struct, frozen=True):
    """The share of decisions whose label has come by an age; `decisions` are all old enough."""

    age: timedelta
    share: Estimate
    decisions: int


def maturity_curve(
    cohorts: Sequence[Cohort],
    edges: Sequence[timedelta],
    now: datetime,
    confidence: float = 0.95,
) -> tuple[MaturityPoint, ...]:
    """Share labelled by each age, from the cohorts that are at least so old.

    A younger cohort says nothing about an age it has not reached, so it is left out there rather
    than read as unlabelled. Ages that no cohort has reached have no point.
    """
    from seawall.statistics.sequential import proportion

    if list(edges) != sorted(set(edges)) or any(len(c.arrived) != len(edges) for c in cohorts):
        raise BadInput("ages must increase, and every cohort must count arrivals at each")
    points: list[MaturityPoint] = []
    for i, age in enumerate(edges):
        old = [c for c in cohorts if now - c.end >= age]
        decisions = sum(c.decisions for c in old)
        if decisions:
            arrived = sum(sum(c.arrived[: i + 1]) for c in old)
            points.append(MaturityPoint(age, proportion(arrived, decisions, confidence), decisions))
    return tuple(points)


def settled_age(curve: Sequence[MaturityPoint], share: float = 0.9) -> timedelta | None:
    """The first age by which that share of labels is shown to have come; None if none is shown."""
    return next((p.age for p in curve if p.share.low >= share), None)
