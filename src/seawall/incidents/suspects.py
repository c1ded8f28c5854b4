"""What may have caused an incident, the likeliest first, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from seawall.kernel import Estimate


class Deploy(msgspec.Struct, frozen=True):
    """A change of what runs: a rollout step, a bundle, a policy."""

    what: str
    time: datetime


class DriftedFeature(msgspec.Struct, frozen=True):
    """A feature's distance from its baseline, and the tolerance it is judged by."""

    feature: str
    distance: Estimate
    tolerance: float


class FailingField(msgspec.Struct, frozen=True):
    """How many requests a field failed validation in, of how many, lately and before."""

    field: str
    failures: int
    requests: int
    failures_before: int = 0
    requests_before: int = 0


class Suspect(msgspec.Struct, frozen=True):
    """A possible cause. `weight` in [0, 1] orders suspects; it is no probability."""

    what: Literal["deploy", "feature", "field"]
    name: str
    weight: float
    reason: str


def rank(
    started: datetime,
    deploys: Iterable[Deploy] = (),
    drifted: Iterable[DriftedFeature] = (),
    failing: Iterable[FailingField] = (),
    *,
    horizon: timedelta = timedelta(days=1),
) -> tuple[Suspect, ...]:
    """Suspects for what started then, heaviest first.

    A deploy within `horizon` before the start weighs less the older it is; one after the start is
    no cause. A feature counts when its drift is shown beyond tolerance, by the lower bound. A field
    weighs the share of requests that fail beyond what failed before.
    """
    found = [
        *_deploys(started, deploys, horizon),
        *filter(None, map(_feature, drifted)),
        *filter(None, map(_field, failing)),
    ]
    return tuple(sorted(found, key=lambda s: (-s.weight, s.what, s.name)))


def _deploys(started: datetime, deploys: Iterable[Deploy], horizon: timedelta) -> Iterable[Suspect]:
    for deploy in deploys:
        age = started - deploy.time
        if timedelta(0) <= age <= horizon:
            weight = math.exp(-3 * (age / horizon))
            minutes = age / timedelta(minutes=1)
            span = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
            yield Suspect("deploy", deploy.what, weight, f"changed {span} before it started")


def _feature(drift: DriftedFeature) -> Suspect | None:
    if drift.distance.low <= drift.tolerance:
        return None
    weight = (drift.distance.low - drift.tolerance) / (1 - drift.tolerance)
    reason = f"moved {drift.distance}, tolerance {drift.tolerance:g}"
    return Suspect("feature", drift.feature, min(1.0, weight), reason)


def _field(field: FailingField) -> Suspect | None:
    if not field.failures or not field.requests:
        return None
    share = field.failures / field.requests
    before = field.failures_before / field.requests_before if field.requests_before else 0.0
    if share <= before:
        return None
    reason = f"fails validation in {share:.1%} of requests, before in {before:.1%}"
    return Suspect("field", field.field, share - before, reason)
