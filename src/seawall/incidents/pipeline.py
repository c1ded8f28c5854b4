"""From alerts to notices: settle, inhibit, silence, group, deduplicate. One page, not fifty.

The order and the meaning follow Alertmanager's notification pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec

from seawall.incidents.alert import Alert, Severity, matches


class Inhibition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """While an alert with the `source` labels fires, those with the `target` labels that agree
    with it in the `equal` labels are not told: their cause is known."""

    source: dict[str, str]
    target: dict[str, str]
    equal: tuple[str, ...] = ("endpoint",)


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person mutes alerts with these labels for a time: planned maintenance, say."""

    kind: ClassVar[str] = "silence"
    id: str
    match: dict[str, str]
    start: datetime
    end: datetime
    author: str
    reason: str

    def __post_init__(self) -> None:
        if not self.match or not self.start < self.end:
            raise ValueError("a silence names at least one label and ends after it starts")

    @property
    def key(self) -> str:
        """Silences are kept by id."""
        return self.id


class Held(msgspec.Struct, frozen=True):
    """An alert that is not told now, and why."""

    alert: Alert
    reason: str


class Group(msgspec.Struct, frozen=True):
    """Alerts told together, by the labels they share."""

    key: str
    alerts: tuple[Alert, ...]

    @property
    def severity(self) -> Severity:
        """The worst among those that fire, or among all when none does."""
        firing = [a for a in self.alerts if a.firing] or self.alerts
        return "page" if any(a.severity == "page" for a in firing) else "ticket"


class Notified(msgspec.Struct, frozen=True, kw_only=True):
    """What a group's last notice said: the fingerprints that fired, how badly, and when."""

    kind: ClassVar[str] = "notified"
    group: str
    firing: tuple[str, ...]
    severity: Severity
    time: datetime

    @property
    def key(self) -> str:
        """One per group."""
        return self.group


class Notice(msgspec.Struct, frozen=True):
    """A message to send about a group, and what makes it worth sending."""

    group: Group
    reason: Literal["new", "more", "worse", "again", "resolved"]

    def notified(self, now: datetime) -> Notified:
        """The record to keep once the message is sent."""
        firing = tuple(sorted(a.fingerprint for a in self.group.alerts if a.firing))
        return Notified(group=self.group.key, firing=firing, severity=self.group.severity, time=now)


class Spans(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span of time in seconds for each severity."""

    page: float
    ticket: float

    def of(self, severity: Severity) -> timedelta:
        """The span of that severity."""
        return timedelta(seconds=self.page if severity == "page" else self.ticket)


class Routing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alerts become notices. Spans are seconds.

    `settle`: an alert of that severity must have held for so long; a shorter one is a transient.
    `repeat`: a group that goes on firing is told again after so long.
    """

    inhibitions: tuple[Inhibition, ...] = (
        Inhibition({"alert": "endpoint_down"}, {"alert": "*"}),
        Inhibition({"alert": "invalid_input"}, {"alert": "drift"}),
    )
    group_by: tuple[str, ...] = ("endpoint",)
    settle: Spans = Spans(page=0.0, ticket=300.0)
    repeat: Spans = Spans(page=4 * 3600.0, ticket=7 * 86_400.0)


def settle(alerts: Iterable[Alert], wait: Spans, now: datetime) -> list[Held]:
    """The firing alerts too young to tell."""
    return [
        Held(a, f"held for less than {wait.of(a.severity).total_seconds():g} s")
        for a in alerts
        if a.firing and now - a.started < wait.of(a.severity)
    ]


def inhibit(alerts: Sequence[Alert], rules: Iterable[Inhibition]) -> list[Held]:
    """The alerts whose cause another firing alert tells already; an alert never inhibits itself."""
    held: dict[str, Held] = {}
    for rule in rules:
        sources = [a for a in alerts if a.firing and matches(a.labels, rule.source)]
        for alert in alerts:
            if matches(alert.labels, rule.source) or not matches(alert.labels, rule.target):
                continue
            for source in sources:
                if all(source.labels.get(k) == alert.labels.get(k) for k in rule.equal):
                    reason = f"follows from: {source.summary}"
                    held.setdefault(alert.fingerprint, Held(alert, reason))
    return list(held.values())


def silence(alerts: Iterable[Alert], silences: Iterable[Silence], now: datetime) -> list[Held]:
    """The alerts that a person muted for now."""
    active = [s for s in silences if s.start <= now < s.end]
    held: list[Held] = []
    for alert in alerts:
        mute = next((s for s in active if matches(alert.labels, s.match)), None)
        if mute:
            held.append(Held(alert, f"silenced by {mute.author}: {mute.reason}"))
    return held


def group(alerts: Iterable[Alert], by: Sequence[str]) -> tuple[Group, ...]:
    """The alerts by the values of these labels; a missing label counts as empty."""
    parts: dict[str, list[Alert]] = {}
    for alert in sorted(alerts, key=lambda a: (a.severity != "page", a.started, a.fingerprint)):
        name = ",".join(f"{label}={alert.labels.get(label, '')}" for label in by) or "all"
        parts.setdefault(name, []).append(alert)
    return tuple(Group(name, tuple(members)) for name, members in sorted(parts.items()))


def deduplicate(
    groups: Iterable[Group],
    notified: Mapping[str, Notified],
    repeat: Spans,
    now: datetime,
) -> list[Notice]:
    """A notice for each group that has something to say that its last notice did not.

    Alerts that end while others go on are not news.
    """
    notices: list[Notice] = []
    for part in groups:
        firing = {a.fingerprint for a in part.alerts if a.firing}
        last = notified.get(part.key)
        told = set(last.firing) if last else set[str]()
        if not firing:
            if told:
                notices.append(Notice(part, "resolved"))
        elif last is None or not told:
            notices.append(Notice(part, "new"))
        elif part.severity == "page" and last.severity == "ticket":
            notices.append(Notice(part, "worse"))
        elif firing - told:
            notices.append(Notice(part, "more"))
        elif now - last.time >= repeat.of(part.severity):
            notices.append(Notice(part, "again"))
    return notices


class Told(msgspec.Struct, frozen=True):
    """The notices to send, and the alerts held back with a reason each."""

    notices: tuple[Notice, ...]
    held: tuple[Held, ...]


def route(
    alerts: Sequence[Alert],
    routing: Routing,
    silences: Iterable[Silence],
    notified: Mapping[str, Notified],
    now: datetime,
) -> Told:
    """The whole journey of alerts, firing and lately ended, to notices."""
    remaining, held = list(alerts), list[Held]()
    for stage in (
        settle(remaining, routing.settle, now),
        inhibit(remaining, routing.inhibitions),
        silence(remaining, silences, now),
    ):
        fresh = {h.alert.fingerprint for h in stage} - {h.alert.fingerprint for h in held}
        held += [h for h in stage if h.alert.fingerprint in fresh]
    stopped = {h.alert.fingerprint for h in held}
    rest = [a for a in remaining if a.fingerprint not in stopped]
    notices = deduplicate(group(rest, routing.group_by), notified, routing.repeat, now)
    return Told(tuple(notices), tuple(held))
