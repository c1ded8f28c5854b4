"""An incident: what happened, who did what, until it is resolved and learned from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from seawall.incidents.alert import Alert, Severity
from seawall.incidents.postmortem import Postmortem, draft
from seawall.incidents.suspects import Suspect
from seawall.kernel import Conflict

State = Literal["open", "mitigated", "resolved"]


class TimelineEntry(msgspec.Struct, frozen=True):
    """One line of what happened, by whom; `what` names its sort."""

    time: datetime
    actor: str
    what: Literal["alert", "action", "note", "state"]
    text: str


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts with one cause, handled together.

    `group` is the alert group that opened it: further alerts of the group join while it is not
    resolved. `harm` marks harm to people or a breach of rules, which product and legal must hear.
    """

    kind: ClassVar[str] = "incident"
    id: str
    title: str
    severity: Severity
    endpoint: str
    started: datetime
    model: str = ""
    group: str = ""
    state: State = "open"
    harm: bool = False
    alerts: tuple[Alert, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    runbook: str = ""
    timeline: tuple[TimelineEntry, ...] = ()
    mitigated: datetime | None = None
    resolved: datetime | None = None
    postmortem: Postmortem | None = None

    @property
    def key(self) -> str:
        """Incidents are kept by id, so in order of time."""
        return self.id

    @property
    def actions(self) -> tuple[TimelineEntry, ...]:
        """What was done about it, by people and by policy."""
        return tuple(e for e in self.timeline if e.what == "action")

    @property
    def escalates_to(self) -> tuple[str, ...]:
        """The roles to be told, beyond those on call."""
        return ("product", "legal") if self.harm else ()


def open_incident(
    *,
    id: str,  # noqa: A002 -- the field's name
    endpoint: str,
    alerts: tuple[Alert, ...],
    now: datetime,
    model: str = "",
    group: str = "",
    harm: bool = False,
    suspects: tuple[Suspect, ...] = (),
    runbook: str = "",
) -> Incident:
    """An incident for these alerts; its title is the first page's summary, or the first alert's."""
    if not alerts:
        raise Conflict("an incident is opened by at least one alert")
    first = next((a for a in alerts if a.severity == "page"), alerts[0])
    return Incident(
        id=id,
        title=first.summary,
        severity=first.severity,
        endpoint=endpoint,
        started=min(a.started for a in alerts),
        model=model,
        group=group,
        harm=harm,
        alerts=alerts,
        suspects=suspects,
        runbook=runbook or first.runbook,
        timeline=tuple(TimelineEntry(now, "seawall", "alert", a.summary) for a in alerts),
    )


def absorb(incident: Incident, alerts: Iterable[Alert], now: datetime) -> Incident:
    """The incident with these alerts added or brought up to date; its severity never falls."""
    _refuse(incident, "resolved")
    known = {a.fingerprint: a for a in incident.alerts}
    entries: list[TimelineEntry] = []
    severity = incident.severity
    for alert in alerts:
        before = known.get(alert.fingerprint)
        if before is None:
            entries.append(TimelineEntry(now, "seawall", "alert", alert.summary))
        elif before.firing and not alert.firing:
            entries.append(TimelineEntry(now, "seawall", "alert", f"ended: {alert.summary}"))
        elif alert.firing and not before.firing:
            entries.append(TimelineEntry(now, "seawall", "alert", f"again: {alert.summary}"))
        known[alert.fingerprint] = alert
        if alert.severity == "page" and severity == "ticket":
            severity = "page"
            entries.append(TimelineEntry(now, "seawall", "state", "became a page"))
    return msgspec.structs.replace(
        incident,
        alerts=tuple(known.values()),
        severity=severity,
        timeline=incident.timeline + tuple(entries),
    )


def act(incident: Incident, *, actor: str, text: str, now: datetime) -> Incident:
    """The incident with an action taken by a person or a policy."""
    _refuse(incident, "resolved")
    return _log(incident, TimelineEntry(now, actor, "action", text))


def note(incident: Incident, *, actor: str, text: str, now: datetime) -> Incident:
    """The incident with a remark; allowed in any state."""
    return _log(incident, TimelineEntry(now, actor, "note", text))


def mitigate(incident: Incident, *, actor: str, reason: str, now: datetime) -> Incident:
    """The harm has stopped, the cause may remain."""
    _refuse(incident, "mitigated", "resolved")
    entry = TimelineEntry(now, actor, "state", f"mitigated: {reason}")
    return msgspec.structs.replace(_log(incident, entry), state="mitigated", mitigated=now)


def resolve(incident: Incident, *, actor: str, reason: str, now: datetime) -> Incident:
    """The cause is gone; raises `Conflict` while an alert of it still fires."""
    _refuse(incident, "resolved")
    firing = [a.summary for a in incident.alerts if a.firing]
    if firing:
        raise Conflict(
            f"incident {incident.id} has {len(firing)} alerts firing, first: {firing[0]}",
            remedy="mitigate it, or resolve it when they have ended",
        )
    entry = TimelineEntry(now, actor, "state", f"resolved: {reason}")
    return msgspec.structs.replace(
        _log(incident, entry),
        state="resolved",
        resolved=now,
        mitigated=incident.mitigated or now,
    )


def with_postmortem(
    incident: Incident, postmortem: Postmortem, *, actor: str, now: datetime
) -> Incident:
    """The incident with its postmortem written or changed."""
    entry = TimelineEntry(now, actor, "note", "postmortem written")
    return msgspec.structs.replace(_log(incident, entry), postmortem=postmortem)


def draft_postmortem(incident: Incident) -> Postmortem:
    """A postmortem that states when the incident ran, its suspects and what was done."""
    ended = f"{incident.resolved:%Y-%m-%d %H:%M}" if incident.resolved else "not resolved yet"
    facts = [
        f"on {incident.endpoint}, from {incident.started:%Y-%m-%d %H:%M} UTC, {ended}",
        f"{len(incident.alerts)} alerts, severity {incident.severity}",
        *(f"suspected: {s.what} {s.name}, {s.reason}" for s in incident.suspects[:3]),
        *(f"done by {e.actor}: {e.text}" for e in incident.actions),
    ]
    return draft(incident.title, facts)


def _log(incident: Incident, entry: TimelineEntry) -> Incident:
    return msgspec.structs.replace(incident, timeline=(*incident.timeline, entry))


def _refuse(incident: Incident, *states: State) -> None:
    if incident.state in states:
        raise Conflict(f"incident {incident.id} is already {incident.state}")
