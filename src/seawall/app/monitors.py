"""The declared monitors of an endpoint: the reports of gateways, hour by hour, under one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple

import msgspec

from seawall.app.bundles import Deployment
from seawall.app.root import App
from seawall.app.telemetry import HOUR, LAG, aligned
from seawall.app.watched_reports import WatchedReports
from seawall.incidents.alert import Alert, make_alert
from seawall.kernel import SYSTEM, Digest, NotFound, now, to_json
from seawall.monitoring.monitor import Monitor, MonitorReading
from seawall.monitoring.plan import MonitorPlan
from seawall.monitoring.sharing import BANDS, shares
from seawall.registry.version import Version
from seawall.serving.endpoint import Endpoint

HELD = timedelta(days=1)
"""For how long the alarm of a monitor that begins anew is shown to hold."""
PATH = 168
"""Hours of evidence that are kept for a picture."""


class MonitorLook(msgspec.Struct, frozen=True, kw_only=True):
    """How far a declared monitor has come, with its newest reading and its last alarm.

    It begins anew with another champion, another plan or another budget of its endpoint. `plan` is
    the digest of both. `origin` is when the endpoint's monitors began to spend the budget on this
    champion, and `before` how many streams they had begun by then. `path` holds the log of the
    evidence of the last hours, the newest last. By stream there are `tolerances`, and `hours`, in
    how many something was told; `lacking` are streams that the champion has no baseline of.
    """

    kind: ClassVar[str] = "monitor_look"

    endpoint: str
    name: str
    plan: Digest
    version: str
    since: datetime
    origin: datetime
    before: int
    monitor: Monitor
    reading: MonitorReading | None = None
    alarmed: MonitorReading | None = None
    path: tuple[float, ...] = ()
    tolerances: dict[str, float] = {}
    hours: dict[str, int] = {}
    lacking: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The plan's."""
        return f"{self.endpoint}/{self.name}"

    @property
    def ended(self) -> bool:
        """Whether it has alarmed and was to do so once."""
        return self.monitor.contract == "ever" and self.alarmed is not None

    def alarm(self, moment: datetime) -> MonitorReading | None:
        """The alarm that holds at a moment, if one does."""
        if self.alarmed is None or self.ended:
            return self.alarmed
        return self.alarmed if moment - self.alarmed.window.end < HELD + LAG + HOUR else None


class _Pass(NamedTuple):
    """One pass over an endpoint's monitors: all of them are brought to one hour, or none."""

    endpoint: Endpoint
    version: Version
    until: datetime
    shares: Mapping[str, float]
    origin: datetime


def look_at_monitors(app: App, endpoint: Endpoint) -> list[MonitorLook]:
    """Bring every declared monitor of an endpoint to the last hour that is told whole.

    Those that ran before share the budget over the hours of this pass, and one that begins now
    shares it from the next on, so that nothing seen has a say in what was staked on it.
    """
    plans = app.store.find(MonitorPlan, f"{endpoint.name}/")
    if not plans:
        return []
    deployment = app.store.get(Deployment, endpoint.name)
    version = app.store.get(Version, deployment.champion)
    until = aligned(now(app.clock) - LAG - HOUR, HOUR)
    known = [look for plan in plans if (look := last_look(app, plan)) is not None]
    spent = [look for look in known if look.version == version.key]
    origin = min((look.origin for look in spent), default=until)
    going = {plan.key: look for plan, look in running(app, endpoint, version.key)}
    told = _Pass(endpoint, version, until, parts(going), origin)
    before = max((look.before + len(look.monitor.detectors) for look in spent), default=0)
    found: list[MonitorLook] = []
    steps: list[_Step] = []
    for plan in plans:
        look = last_look(app, plan)
        if look is not None and plan.key in going:
            steps.append(_go_on(app, told, plan, look))
        elif look is None or look.plan != _digest(plan, endpoint) or look.version != version.key:
            begun = _begin(app, told, plan, before)
            if begun is None:
                continue
            before += len(begun.monitor.detectors)
            steps.append(_Step(begun, [], begun=True))
        else:
            found.append(look)
    _keep(app, steps)
    return sorted([*found, *(s.look for s in steps)], key=lambda look: look.name)


def running(app: App, endpoint: Endpoint, version: str) -> list[tuple[MonitorPlan, MonitorLook]]:
    """The monitors that go on watching a version as they are declared."""
    return [
        (plan, look)
        for plan in app.store.find(MonitorPlan, f"{endpoint.name}/")
        if (look := last_look(app, plan)) is not None
        and (look.plan, look.version) == (_digest(plan, endpoint), version)
        and not look.ended
    ]


def parts(looks: Mapping[str, MonitorLook]) -> dict[str, float]:
    """Each of the monitors' part of its contract's budget."""
    return shares({k: (m.monitor.contract, len(m.monitor.detectors)) for k, m in looks.items()})


def streams(app: App, endpoint: Endpoint, plan: MonitorPlan, look: MonitorLook) -> tuple[int, int]:
    """How many streams a monitor has, and how many share its budget, those of ended ones aside."""
    mine = len(look.monitor.detectors)
    others = sum(
        len(one.monitor.detectors)
        for other, one in running(app, endpoint, look.version)
        if other.contract == plan.contract and other.name != plan.name
    )
    return mine, mine + others


def last_look(app: App, plan: MonitorPlan) -> MonitorLook | None:
    """How far a monitor has come; None before its first look."""
    try:
        return app.store.get(MonitorLook, plan.key)
    except NotFound:
        return None


def alarms(app: App, endpoint: Endpoint, moment: datetime) -> list[Alert]:
    """The alerts of monitors whose alarm holds."""
    found: list[Alert] = []
    for plan in app.store.find(MonitorPlan, f"{endpoint.name}/"):
        look = last_look(app, plan)
        alarm = look.alarm(moment) if look else None
        if look is None or alarm is None:
            continue
        labels = {"alert": "monitor", "endpoint": endpoint.name, "monitor": plan.name}
        promise = plan.promise(endpoint.alarms, *streams(app, endpoint, plan, look))
        summary = f"{endpoint.name}: {told(look, alarm)}; monitor {plan.name} {promise}"
        runbook = plan.runbook or endpoint.runbook or ""
        found.append(make_alert(plan.severity, labels, summary, moment, runbook=runbook))
    return found


def told(look: MonitorLook, reading: MonitorReading) -> str:
    """What an alarm says."""
    beyond = [f"{name} is beyond {look.tolerances[name]:g}" for name in reading.streams]
    return f"{', '.join(beyond)}, found {reading.window.end:%Y-%m-%d %H:%M} UTC"


class _Step(NamedTuple):
    """A monitor after a pass, and what it read."""

    look: MonitorLook
    readings: Sequence[MonitorReading]
    begun: bool = False


def _begin(app: App, told: _Pass, plan: MonitorPlan, before: int) -> MonitorLook | None:
    """A monitor at its first hour; None while nothing that it watches has a baseline."""
    endpoint, version = told.endpoint, told.version
    reports = WatchedReports(app, endpoint, version, plan, before)
    if not reports.streams:
        return None
    since = max(told.until, aligned(plan.season.until, HOUR)) if plan.season else told.until
    monitor = (
        Monitor.until_it_ends(reports.bettors, (1 - BANDS) * endpoint.alarms.alpha)
        if plan.contract == "ever"
        else Monitor.without_end(reports.bettors, HOUR, 2 * endpoint.alarms.between)
    )
    return MonitorLook(
        endpoint=endpoint.name,
        name=plan.name,
        plan=_digest(plan, endpoint),
        version=version.key,
        since=since,
        origin=told.origin,
        before=before,
        monitor=msgspec.structs.replace(monitor, until=since),
        tolerances={s.name: s.watched.allowed for s in reports.streams},
        lacking=reports.lacking,
    )


def _go_on(app: App, told: _Pass, plan: MonitorPlan, look: MonitorLook) -> _Step:
    since = look.monitor.until or look.since
    if since >= told.until:
        return _Step(look, [])
    readings: list[MonitorReading] = []
    reports = WatchedReports(app, told.endpoint, told.version, plan, look.before)
    for window, bets in reports.hours(since, told.until):
        if look.ended:
            break
        hour = round((window.start - told.origin) / HOUR) + 1
        share = told.shares[plan.key]
        monitor, reading = look.monitor.observe(
            window, bets, share=share, step=hour if plan.contract == "ever" else None
        )
        alarmed = reading if reading.alarm else look.alarmed
        hours = look.hours | {name: look.hours.get(name, 0) + 1 for name in bets}
        look = msgspec.structs.replace(
            look, monitor=monitor, reading=reading, alarmed=alarmed, hours=hours
        )
        readings.append(reading)
    path = (*look.path, *(r.log_value for r in readings))[-PATH:]
    return _Step(msgspec.structs.replace(look, path=path), readings)


def _digest(plan: MonitorPlan, endpoint: Endpoint) -> Digest:
    """What a monitor was begun with: another plan or budget begins it anew."""
    return Digest.of(to_json(plan) + to_json(endpoint.alarms))


def _keep(app: App, steps: Sequence[_Step]) -> None:
    """All of them at once: an hour's parts would not add up if only some had moved."""
    changed = [step for step in steps if step.readings or step.begun]
    if not changed:
        return
    with app.store.transaction(SYSTEM) as tx:
        for look, readings, begun in changed:
            tx.put(look)
            if begun:
                detail = {"version": look.version, "streams": list(look.monitor.detectors)}
                tx.record("monitoring:monitor:begun", look.key, detail)
            for reading in readings:
                if reading.alarm:
                    detail = {"window_end": reading.window.end.isoformat(),
                              "streams": list(reading.streams), "log_value": reading.log_value,
                              "log_boundary": reading.log_boundary}  # fmt: skip
                    tx.record("monitoring:monitor:alarmed", look.key, detail)
                    tx.emit("monitoring:monitor:alarmed", look.key, detail)
            if readings:
                last = readings[-1]
                detail = {"window_end": last.window.end.isoformat(), "log_value": last.log_value}
                tx.record("monitoring:monitor:read", look.key, detail)
