"""Like compared with like: a baseline for each hour of the week."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import NamedTuple

import msgspec

from seawall.kernel import BadInput, Window
from seawall.statistics.summary import TableSummary

HOUR = timedelta(hours=1)
HOURS = 168
LEAST_ROWS = 200
"""Fewer like rows say less about a window than all rows of the baseline do."""


class Like(NamedTuple):
    """What a window is compared with, and why that: a clause for the report."""

    summary: TableSummary
    seasonal: bool
    text: str


class SeasonalBaseline(msgspec.Struct, frozen=True, eq=False):
    """A baseline's rows by hour of the week (0 is Monday 00:00 UTC), and all of them pooled.

    All summaries are on one set of grids. Hours that changed with daylight saving are UTC's.
    """

    pooled: TableSummary
    by_hour: dict[int, TableSummary]

    @classmethod
    def of(cls, parts: Iterable[tuple[datetime, TableSummary]]) -> SeasonalBaseline:
        """From summaries of rows that each belong to one hour; `BadInput` without any."""
        by_hour: dict[int, TableSummary] = {}
        for moment, part in parts:
            at = hour_of_week(moment)
            by_hour[at] = by_hour[at].merge(part) if at in by_hour else part
        if not by_hour:
            raise BadInput("a seasonal baseline needs at least one hour of rows")
        return cls(reduce(TableSummary.merge, by_hour.values()), by_hour)

    def like(self, window: Window) -> Like:
        """The baseline's rows of the hours that a window covers, else all of them."""
        span = window.end - window.start
        if span >= HOURS * HOUR:
            return Like(self.pooled, False, "all of the baseline, a window being a week or more")
        hours = hours_of(window)
        found = [self.by_hour[h] for h in hours if h in self.by_hour]
        rows = sum(one.rows for one in found)
        if len(found) < len(hours) or rows < LEAST_ROWS:
            said = f"{rows:,} like rows" if len(found) == len(hours) else "an hour without rows"
            return Like(self.pooled, False, f"all of the baseline, which has {said} to compare")
        return Like(reduce(TableSummary.merge, found), True, "the same hours of the week")


def hour_of_week(moment: datetime) -> int:
    """0 (Monday 00:00 to 01:00 UTC) to 167."""
    at = moment.astimezone(UTC)
    return at.weekday() * 24 + at.hour


def hours_of(window: Window) -> tuple[int, ...]:
    """The hours of the week that a window touches, each once."""
    first = window.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found: dict[int, None] = {}
    while first < window.end and len(found) < HOURS:
        found.setdefault(hour_of_week(first))
        first += HOUR
    return tuple(found)
