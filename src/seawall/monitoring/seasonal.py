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
    text: str


class SeasonalBaseline(msgspec.Struct, frozen=True, eq=False):
    """A baseline's rows by hour of the week (0 is Monday 00:00 UTC), and all of them pooled.

    All summaries are on one set of grids. `step` hours are kept together under the first of them:
    1, or 24 for windows of whole days. Hours are UTC, so daylight saving moves the seasons by one.
    """

    pooled: TableSummary
    by_hour: dict[int, TableSummary]
    step: int = 1

    @classmethod
    def of(cls, parts: Iterable[tuple[int, TableSummary]], step: int = 1) -> SeasonalBaseline:
        """From summaries by hour of the week, a multiple of `step`; `BadInput` without any."""
        by_hour: dict[int, TableSummary] = {}
        for at, part in parts:
            by_hour[at] = by_hour[at].merge(part) if at in by_hour else part
        if not by_hour:
            raise BadInput("a seasonal baseline needs at least one hour of rows")
        return cls(reduce(TableSummary.merge, by_hour.values()), by_hour, step)

    def like(self, window: Window) -> Like:
        """The baseline's rows of the hours that a window covers, else all of them."""
        if window.end - window.start >= HOURS * HOUR:
            return Like(self.pooled, "all of the baseline, a window being a week or more")
        hours = hours_of(window, self.step)
        found = [self.by_hour[h] for h in hours if h in self.by_hour]
        if len(found) < len(hours):
            return Like(self.pooled, "all of the baseline, which lacks some of the window's hours")
        if sum(one.rows for one in found) < LEAST_ROWS:
            return Like(self.pooled, f"all of the baseline, with under {LEAST_ROWS} like rows")
        return Like(reduce(TableSummary.merge, found), "the same hours of the week")


def hour_of_week(moment: datetime) -> int:
    """0 (Monday 00:00 to 01:00 UTC) to 167."""
    at = moment.astimezone(UTC)
    return at.weekday() * 24 + at.hour


def hours_of(window: Window, step: int = 1) -> tuple[int, ...]:
    """The hours of the week that a window of less than a week touches, by `step`, each once."""
    at = window.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found: dict[int, None] = {}
    while at < window.end:
        found.setdefault(hour_of_week(at) // step * step)
        at += HOUR
    return tuple(found)
