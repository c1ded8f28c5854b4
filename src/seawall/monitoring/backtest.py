"""What a drift monitor would have done over past windows, and at which tolerance it is quiet.

An alarm is a run of windows in which the same measure of the same column fails: people are told
once. Everything is read off summaries, so it can be asked of any past that was kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np

from seawall.kernel import Estimate, Window
from seawall.monitoring.looking import YEAR, Looking
from seawall.monitoring.planted import planted
from seawall.monitoring.seasonal import SeasonalBaseline
from seawall.statistics.deciding import MEASURES, deciding
from seawall.statistics.intervals import poisson_rate
from seawall.statistics.summary import ColumnSummary, TableSummary

SIZES = (1.5, 2.0)
"""Planted changes, in tolerances."""


class Judged(NamedTuple):
    """One measure of one column, window by window: its estimate as a look has it, and that of the
    same rows with a change of each of `SIZES` planted (their lower bounds)."""

    column: str
    kind: str
    measure: str
    tolerance: float
    bounds: list[Estimate]
    planted: list[list[float]]

    @property
    def lows(self) -> np.ndarray:
        """Lower bounds of the magnitude: above a tolerance, this window alarms at it."""
        return np.array([magnitude(b) for b in self.bounds])


class Delay(msgspec.Struct, frozen=True):
    """Windows from a planted change until its alarm, over every window that it could begin in.

    `seen` of `windows` starts were seen before the history ended; `median` and `worst` are counts
    of windows among those, 1 being the very first.
    """

    size: float
    windows: int
    seen: int
    median: float | None
    worst: int | None


class Alarm(msgspec.Struct, frozen=True):
    """A run of failing windows of one column's measure, with the largest estimate in it."""

    column: str
    measure: str
    first: Window
    windows: int
    largest: Estimate


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """The replay of one history."""

    windows: tuple[Window, ...]
    judged: tuple[Judged, ...]
    like: tuple[str, ...]
    looking: Looking
    alarms: tuple[Alarm, ...]
    change: datetime | None

    @property
    def quiet(self) -> int:
        """How many windows ended before the known change, or all: alarms there are false."""
        return sum(self.change is None or w.end <= self.change for w in self.windows)

    @property
    def years(self) -> float:
        """The time that those windows cover."""
        spans = (w.end - w.start for w in self.windows[: self.quiet])
        return sum(spans, timedelta(0)) / YEAR

    @property
    def false_alarms(self) -> tuple[Alarm, ...]:
        """Those that began before the known change, or all."""
        return tuple(a for a in self.alarms if self.change is None or a.first.end <= self.change)

    @property
    def per_year(self) -> Estimate:
        """False alarms a year, with Poisson's exact interval."""
        return poisson_rate(len(self.false_alarms), self.years, 0.95)

    @property
    def seconds_to_alarm(self) -> float | None:
        """From the known change to the end of the first window that shows it; None if none does."""
        after = [a.first.end for a in self.alarms if self.change and a.first.end > self.change]
        return (min(after) - self.change).total_seconds() if after and self.change else None

    def one_a_year(self, measure: str) -> Estimate:
        """The tolerance of a measure, on every column that it judges, that gives one alarm a year.

        The value is the least with no more alarms than years; the interval holds the tolerances
        whose count of alarms is compatible with one a year, its upper end infinite where the
        history is too short for any count to be too few.
        """
        rows = [j.lows[: self.quiet] for j in self.judged if j.measure == measure]
        tried = np.unique(np.concatenate([*rows, [0.0]]))

        def rate(tolerance: float) -> tuple[int, Estimate]:
            alarms = sum(len(runs(row > tolerance)) for row in rows)
            return alarms, poisson_rate(alarms, self.years, 0.95)

        def least(enough: Callable[[int, Estimate], bool]) -> float:
            low, high = 0, tried.size - 1  # no window alarms at the largest bound of all
            while low < high:
                middle = (low + high) // 2
                quiet = enough(*rate(float(tried[middle])))
                low, high = (low, middle) if quiet else (middle + 1, high)
            return float(tried[low])

        value = least(lambda alarms, _: alarms <= self.years)
        low = least(lambda _, found: found.low <= 1)
        top = rate(float(tried[-1]))[1]
        high = math.inf if top.high >= 1 else least(lambda _, found: found.high < 1)
        method = "least tolerance with one alarm a year, Poisson"
        return Estimate(value, min(low, value), max(high, value), 0.95, self.quiet, method)

    def delay(self, size: float, columns: Sequence[Judged] | None = None) -> Delay:
        """How late a planted change of `size` tolerances would have been seen, over columns."""
        at, waits, starts = SIZES.index(size), [], 0
        for j in columns if columns is not None else self.judged:
            if j.measure == "missing_difference":
                continue
            seen = np.array(j.planted[at][: self.quiet]) > j.tolerance
            hits = np.flatnonzero(seen)
            following = np.searchsorted(hits, np.arange(seen.size))
            known = following < hits.size
            starts += seen.size
            waits += (hits[following[known]] - np.flatnonzero(known) + 1).tolist()
        return Delay(size, starts, len(waits), float(np.median(waits)) if waits else None,
                     max(waits) if waits else None)  # fmt: skip


def backtest(
    baseline: TableSummary | SeasonalBaseline,
    history: Iterable[tuple[Window, TableSummary]],
    tolerances: Mapping[str, float] = {},
    *,
    looking: Looking,
    change: datetime | None = None,
) -> Backtest:
    """Judge every window as `watch` does: at the level of one look, split over all measures.

    Windows come in time order, each with rows; one is held at a time. A seasonal baseline compares
    like hours where it can.
    """
    pooled = baseline.pooled if isinstance(baseline, SeasonalBaseline) else baseline
    judged = [
        Judged(name, one.grid.kind, measure, tolerance, [], [[] for _ in SIZES])
        for name, one in pooled.columns.items()
        for measure, tolerance in deciding(name, one.grid, tolerances).items()
    ]
    confidence = 1 - looking.alpha / max(1, len(judged))
    windows: list[Window] = []
    like: list[str] = []
    for window, now in history:
        old, said = pooled, "all of the baseline"
        if isinstance(baseline, SeasonalBaseline):
            old, said = baseline.like(window)
        windows.append(window)
        like.append(said)
        for one in judged:
            _judge(one, old.columns[one.column], now.columns[one.column], confidence)
    alarms = [
        Alarm(j.column, j.measure, windows[first], last - first,
              max(j.bounds[first:last], key=magnitude))
        for j in judged for first, last in runs(j.lows > j.tolerance)
    ]  # fmt: skip
    alarms.sort(key=lambda a: (a.first.start, a.column))
    return Backtest(windows=tuple(windows), judged=tuple(judged), like=tuple(like),
                    looking=looking, alarms=tuple(alarms), change=change)  # fmt: skip


def _judge(one: Judged, old: ColumnSummary, new: ColumnSummary, confidence: float) -> None:
    compute = MEASURES[one.measure]
    one.bounds.append(compute(old, new, confidence))
    if one.measure != "missing_difference":
        for size, lows in zip(SIZES, one.planted, strict=True):
            moved = planted(new, size * one.tolerance)
            lows.append(magnitude(compute(old, moved, confidence)))


def magnitude(bound: Estimate) -> float:
    """The least magnitude within an interval; 0 where it holds zero or is unknown."""
    found = max(bound.low, -bound.high, 0.0)
    return found if math.isfinite(found) else 0.0


def runs(failing: np.ndarray) -> list[tuple[int, int]]:
    """The runs of true, as half-open spans."""
    edges = np.diff(np.concatenate([[0], failing.astype(np.int8), [0]]))
    return list(zip(*(np.flatnonzero(edges == e).tolist() for e in (1, -1)), strict=True))
