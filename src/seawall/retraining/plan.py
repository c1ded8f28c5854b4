"""When a model is trained again, by declared triggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec

from seawall.kernel import Estimate, Outcome, Rule
from seawall.registry.model import Tier


class DriftTrigger(
    msgspec.Struct,
    frozen=True,
    tag_field="on",
    tag="drift",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """At least `features_moved` features (of those named, or of all) moved beyond `at_most`."""

    on: ClassVar[Literal["drift"]] = "drift"
    at_most: float = 0.10
    features: tuple[str, ...] = ()
    features_moved: int = 1


class QualityTrigger(
    msgspec.Struct,
    frozen=True,
    tag_field="on",
    tag="quality",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """A measure of quality is shown to break a rule."""

    on: ClassVar[Literal["quality"]] = "quality"
    rule: Rule


class CalendarTrigger(
    msgspec.Struct,
    frozen=True,
    tag_field="on",
    tag="calendar",
    kw_only=True,
    forbid_unknown_fields=True,
):
    """So many days passed since the last run."""

    on: ClassVar[Literal["calendar"]] = "calendar"
    every_days: float


class RetrainingPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Triggers in order of precedence, and the user's own training command as an argument vector.

    `cool_down` (seconds) must pass after a run before another is triggered. More runs in 30 days
    than `most_per_month` is itself worth an alert. A plan of the `low` tier needs no approval
    beyond its gate.
    """

    kind: ClassVar[str] = "retraining_plan"
    name: str
    model: str
    triggers: tuple[DriftTrigger | QualityTrigger | CalendarTrigger, ...]
    command: tuple[str, ...]
    cool_down: float = 86_400.0
    tier: Tier = "high"
    most_per_month: int = 8

    def __post_init__(self) -> None:
        if not self.triggers or not self.command:
            raise ValueError(f"retraining plan {self.name!r} needs triggers and a command")
        if self.cool_down < 0 or self.most_per_month < 1:
            raise ValueError(f"retraining plan {self.name!r}: cool_down >= 0, most_per_month >= 1")

    @property
    def key(self) -> str:
        """One per model and name."""
        return f"{self.model}/{self.name}"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured in one window: drift distance by feature, quality by measure.

    A window marked `quarantined` (poisoned, replayed, or under an incident) triggers nothing.
    """

    end: datetime
    drift: dict[str, Estimate] = {}
    quality: dict[str, Estimate] = {}
    quarantined: bool = False


class Trigger(msgspec.Struct, frozen=True):
    """Why a run starts now."""

    on: Literal["drift", "quality", "calendar"]
    reason: str


def due(
    plan: RetrainingPlan,
    readings: Sequence[Reading],
    last_run: datetime | None,
    now: datetime,
) -> Trigger | None:
    """The first trigger that is shown to hold, or None.

    Drift and quality decide on the bounds of the newest window that is not quarantined: an
    undecided measure triggers nothing. Windows that ended before the last run, and anything within
    the cool-down, are left out. Without a run so far the calendar does not trigger: it counts from
    the first.
    """
    if last_run is not None and now - last_run < timedelta(seconds=plan.cool_down):
        return None
    usable = [r for r in readings if not r.quarantined and (last_run is None or r.end > last_run)]
    newest = max(usable, key=lambda r: r.end, default=None)
    for trigger in plan.triggers:
        if reason := _reason(trigger, newest, last_run, now):
            return Trigger(trigger.on, reason)
    return None


def _reason(
    trigger: DriftTrigger | QualityTrigger | CalendarTrigger,
    newest: Reading | None,
    last_run: datetime | None,
    now: datetime,
) -> str:
    match trigger:
        case DriftTrigger():
            return _drifted(trigger, newest.drift) if newest else ""
        case QualityTrigger(rule=rule):
            estimate = newest.quality.get(rule.measure) if newest else None
            verdict = rule.judge(estimate)
            return verdict.reasons[0].message if verdict.outcome is Outcome.FAIL else ""
        case CalendarTrigger(every_days=days):
            passed = last_run is not None and now - last_run >= timedelta(days=days)
            return f"{days:g} days passed since the last run" if passed else ""


def _drifted(trigger: DriftTrigger, drift: Mapping[str, Estimate]) -> str:
    moved = {
        name: distance
        for name, distance in drift.items()
        if (not trigger.features or name in trigger.features)
        and Rule(name, at_most=trigger.at_most).judge(distance).outcome is Outcome.FAIL
    }
    if len(moved) < trigger.features_moved:
        return ""
    told = ", ".join(f"{name} {distance}" for name, distance in sorted(moved.items()))
    return f"moved beyond {trigger.at_most:g}: {told}"
