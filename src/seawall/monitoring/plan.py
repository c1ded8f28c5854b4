"""What a team declares to be watched without end (`kind: Monitor`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Literal, NamedTuple

import msgspec

from seawall.kernel import Window
from seawall.serving.alarm_budget import AlarmBudget
from seawall.statistics.e_detector import Contract

Watch = Literal[
    "error_rate", "error_rate_gap", "selection_rate_gap", "calibration", "distribution",
    "mean_error_gap", "absolute_error_gap",
]  # fmt: skip
OF_VALUES: tuple[Watch, ...] = ("mean_error_gap", "absolute_error_gap")
"""Measures of a regression's errors, in the unit of its value."""
TOLERANCES: Mapping[Watch, float] = {
    "error_rate_gap": 0.10,
    "selection_rate_gap": 0.10,
    "calibration": 0.05,
    "distribution": 0.10,
}
"""What is tolerated where a plan does not say; error rates and errors have no such default."""
SCORE = "score"
"""What `of` calls the model's scores, beside the inputs by their names."""


class Watched(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One measure, and how much of it is tolerated.

    `error_rate`: the share of labels that were called wrong, of all or of each of `groups` of the
    column `by`. `error_rate_gap`, `selection_rate_gap` (of several classes, of the endpoint's
    `favourable` one), and of values `mean_error_gap` and `absolute_error_gap`, in their unit: each
    group against all others.
    `calibration`: label less score in a band of scores. `distribution`: a share of the values of
    each of `of` (inputs by name, or `score`; all of them without it) against the baseline.
    """

    measure: Watch
    tolerance: Annotated[float, msgspec.Meta(gt=0)] | None = None
    by: str = ""
    groups: tuple[str, ...] = ()
    of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        gap = self.measure.endswith("_gap")
        if self.tolerance is None and self.measure not in TOLERANCES:
            raise ValueError(f"{self.measure} needs a tolerance")
        if self.allowed >= 1 and self.measure not in OF_VALUES:
            raise ValueError(f"a tolerance of {self.measure} is below 1")
        if bool(self.by) != bool(self.groups) or len(set(self.groups)) < len(self.groups):
            raise ValueError(f"{self.measure}: `by` needs `groups`, each once, and they need it")
        if gap and not self.by:
            raise ValueError(f"{self.measure} is of groups: name their column in `by`")
        if self.by and not (gap or self.measure == "error_rate"):
            raise ValueError(f"{self.measure} is not watched by group")
        if self.of and self.measure != "distribution":
            raise ValueError("`of` is for a distribution")

    @property
    def allowed(self) -> float:
        """The tolerance."""
        return TOLERANCES[self.measure] if self.tolerance is None else self.tolerance


class Stream(NamedTuple):
    """One of a monitor's streams: a measure of everything, of a group, or of a field."""

    name: str
    watched: Watched
    part: str = ""


class Season(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Distributions are compared with the same hours of the week of the endpoint's own reports
    from `since` to `until`, instead of with the champion's baseline."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None or self.since >= self.until:
            raise ValueError("a season is from an earlier moment to a later one, both with a zone")

    @property
    def window(self) -> Window:
        """The span."""
        return Window(self.since, self.until)


class MonitorPlan(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Streams looked at once an hour, under the alarm budget of their endpoint.

    All monitors of an endpoint with one `contract` share its budget (`Endpoint.alarms`).
    `mean_time`: they alarm falsely once in so many days on average, or less often. `ever`: they do
    with a probability, ever; such a monitor ends with its first alarm, and begins anew with the
    next champion.
    """

    kind: ClassVar[str] = "monitor_plan"

    name: str
    endpoint: str
    watches: Annotated[tuple[Watched, ...], msgspec.Meta(min_length=1)]
    contract: Contract = "mean_time"
    season: Season | None = None
    severity: Literal["page", "ticket"] = "ticket"
    runbook: str = ""

    @property
    def key(self) -> str:
        """Grouped by endpoint."""
        return f"{self.endpoint}/{self.name}"

    def streams(self, fields: tuple[str, ...]) -> Iterator[Stream]:
        """Each stream; `fields` are the inputs and `score`, as far as there is a baseline."""
        for watched in self.watches:
            parts = watched.groups or ("",)
            if watched.measure == "distribution":
                parts = watched.of or fields
            for part in parts:
                of = f" of {part}" if watched.measure == "distribution" else ""
                by = f", {watched.by}={part}" if watched.by else ""
                yield Stream(f"{watched.measure}{of}{by}", watched, part)

    def promise(self, budget: AlarmBudget, mine: int = 0, of: int = 0) -> str:
        """What the contract says, in words, with how many streams of all that share the budget."""
        streams = f"watches {mine} of the {of} streams" if mine else "is to be among the streams"
        if self.contract == "ever":
            return f"{streams} that alarm falsely with probability at most {budget.alpha:g}, ever"
        return (
            f"{streams} that, with the hourly look at drift, alarm falsely once in "
            f"{budget.days_between_false_alarms:,g} days on average, or less often"
        )
