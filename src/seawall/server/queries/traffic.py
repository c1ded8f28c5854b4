"""What the gateways counted of one endpoint, decoded once for a whole page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

import msgspec

from seawall.app.root import App
from seawall.app.telemetry import HOUR, LAG, load
from seawall.kernel import BadInput, from_ns, now
from seawall.serving.endpoint import Endpoint
from seawall.serving.telemetry import Counters, Labels
from seawall.statistics.regression import RegressionSummary
from seawall.statistics.score import ScoreSummary

DAYS = 14
"""How far back the pages look at traffic and labels."""
SPANS, LENGTHS = 36, (1, 2, 3, 6, 12, 24)
"""Labels are shown in at most so many spans, each of so many hours."""


class Cohort(NamedTuple):
    """The labels of one span of decisions.

    `matured` is the share of the decisions old enough to count, `known` the share with a label.
    """

    start: datetime
    end: datetime
    correct: int
    wrong: int
    matured: float
    known: float
    scores: ScoreSummary | None
    values: RegressionSummary | None = None


def span(moment: datetime, length: timedelta) -> datetime:
    """The start of the span of this length, counted from midnight, that holds the moment."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (moment - day) // length * length


@lru_cache(maxsize=128)
def _merged(bodies: tuple[bytes, ...]) -> ScoreSummary | None:
    """Scores by label and group of several cohorts. Past spans stay as they are, so it is kept."""
    return merge_scores(msgspec.msgpack.decode(body, type=Labels).scores for body in bodies)


@lru_cache(maxsize=128)
def _values(bodies: tuple[bytes, ...]) -> RegressionSummary | None:
    """A regression's errors in several cohorts; those on another grid are left out."""
    total: RegressionSummary | None = None
    for body in bodies:
        part = msgspec.msgpack.decode(body, type=Labels).values
        if part is None:
            continue
        try:
            total = part if total is None else total.merge(part)
        except BadInput:
            continue
    return total


def merge_scores(parts: Iterable[ScoreSummary | None]) -> ScoreSummary | None:
    """All of them together; what was counted on another grid or by other groups is left out."""
    total: ScoreSummary | None = None
    for part in parts:
        if part is None:
            continue
        try:
            total = part if total is None else total.merge(part)
        except BadInput:
            continue
    return total


class Traffic:
    """The windows of an endpoint's answering arms over the last fortnight."""

    def __init__(self, app: App, endpoint: Endpoint) -> None:
        self.app, self.endpoint, self.moment = app, endpoint, now(app.clock)
        self.since = (self.moment - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)

    @cached_property
    def counters(self) -> list[tuple[datetime, Counters]]:
        """The five-minute counters, oldest first; several arms may share a start."""
        found = load(self.app, self.endpoint.name, "counters", since=self.since)
        return [
            (from_ns(row.start_ns), body)
            for row, body in found
            if row.arm != "shadow" and isinstance(body, Counters)
        ]

    @cached_property
    def labels(self) -> list[tuple[datetime, Labels]]:
        """The hourly labelled cohorts, oldest first; several arms may share a start."""
        found = load(self.app, self.endpoint.name, "labels", since=self.since)
        return [
            (from_ns(row.start_ns), body)
            for row, body in found
            if row.arm != "shadow" and isinstance(body, Labels)
        ]

    @cached_property
    def cohorts(self) -> list[Cohort]:
        """The labelled cohorts in equal spans, at most `SPANS` of them, oldest first."""
        labels = [(start, body) for start, body in self.labels if body.arrived]
        if not labels:
            return []
        hours = (self.moment - min(start for start, _ in labels)) / HOUR
        length = next((n for n in LENGTHS if hours / n <= SPANS), LENGTHS[-1]) * HOUR
        parts: dict[datetime, list[Labels]] = defaultdict(list)
        for start, body in labels:
            parts[span(start, length)].append(body)
        every, mature = Counter[datetime](), Counter[datetime]()
        for hour, decisions in self.decided.items():
            every[span(hour, length)] += decisions
            if hour <= self.mature_until:
                mature[span(hour, length)] += decisions
        packed = {
            start: tuple(msgspec.msgpack.encode(b, order="sorted") for b in bodies)
            for start, bodies in parts.items()
        }
        return [
            Cohort(
                start,
                start + length,
                sum(b.correct for b in parts[start]),
                sum(b.wrong for b in parts[start]),
                mature[start] / every[start] if every[start] else 1.0,
                sum(b.arrived for b in parts[start]) / max(1, every[start]),
                _merged(packed[start]),
                _values(packed[start]),
            )
            for start in sorted(parts)
        ]

    @cached_property
    def decided(self) -> Counter[datetime]:
        """Decisions by hour."""
        by_hour: Counter[datetime] = Counter()
        for start, body in self.counters:
            by_hour[start.replace(minute=0)] += body.decisions
        return by_hour

    @property
    def label_age(self) -> timedelta:
        """The age at which a decision's label is counted."""
        return timedelta(seconds=self.endpoint.label_age_seconds)

    @property
    def mature_until(self) -> datetime:
        """Hours that begin later than this wait for labels."""
        return self.moment - self.label_age - LAG - HOUR

    def last(self, span: timedelta) -> list[Counters]:
        """The counters of the last while."""
        return [body for start, body in self.counters if start > self.moment - span]
