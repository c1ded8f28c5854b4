"""What the gateways counted of one endpoint, decoded once for a whole page."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import cached_property

from seawall.app.root import App
from seawall.app.telemetry import HOUR, LAG, load
from seawall.kernel import from_ns, now
from seawall.serving.endpoint import Endpoint
from seawall.serving.telemetry import Counters, Labels

DAYS = 14
"""How far back the pages look at traffic and labels."""


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
        """The hourly labelled cohorts, oldest first."""
        found = load(self.app, self.endpoint.name, "labels", since=self.since)
        return [
            (from_ns(row.start_ns), body)
            for row, body in found
            if row.arm != "shadow" and isinstance(body, Labels)
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
