"""The declared monitors of an endpoint: the reports of gateways, hour by hour, under one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from seawall.app.bundles import Deployment
from seawall.app.root import App
from seawall.app.telemetry import HOUR, LAG, aligned
from seawall.app.watched_reports import WatchedReports
from seawall.incidents.alert import Alert, make_alert
from seawall.kernel import SYSTEM, Digest, NotFound, now, to_json
from seawall.monitoring.monitor import Monitor, MonitorReading
from seawall.monitoring.plan import MonitorPlan
from seawall.registry.version import Version
from seawall.serving.endpoint import Endpoint

HELD = timedelta(days=1)
"""For how long the alarm of a monitor that begins anew is shown to hold."""
PATH = 168
"""Hours of evidence that are kept for a picture."""


class MonitorLook(msgspec.Struct, frozen=True, kw_only=True):
    """How far a declared monitor has come, with its newest reading and its last alarm.

    It begins anew with another champion or another plan. `path` holds the log of the evidence of
    the last hours, the newest last; `lacking` the streams that the champion has no baseline of.
    """

    kind: ClassVar[str] = "monitor_look"

    endpoint: str
    name: str
    plan: Digest
    version: str
    since: datetime
    monitor: Monitor
    reading: MonitorReading | None = None
    alarmed: MonitorReading | None = None
    path: tuple[float, ...] = ()
    lacking: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The plan's."""
        return f"{self.endpoint}/{self.name}"

    def alarm(self, moment: datetime) -> MonitorReading | None:
        """The alarm that holds at a moment, if one does."""
        if self.alarmed is None or self.monitor.contract == "ever":
            return self.alarmed
        return self.alarmed if moment - self.alarmed.window.end < HELD + LAG + HOUR else None


def look_at_monitors(app: App, endpoint: Endpoint) -> list[MonitorLook]:
    """Bring every declared monitor of an endpoint to the last hour that is told whole."""
    plans = app.store.find(MonitorPlan, f"{endpoint.name}/")
    if not plans:
        return []
    deployment = app.store.get(Deployment, endpoint.name)
    version = app.store.get(Version, deployment.champion)
    until = aligned(now(app.clock) - LAG - HOUR, HOUR)
    found = (_look(app, endpoint, version, plan, until) for plan in plans)
    return [look for look in found if look is not None]


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
        if alarm is None:
            continue
        labels = {"alert": "monitor", "endpoint": endpoint.name, "monitor": plan.name}
        summary = f"{endpoint.name}: {sentence(plan, alarm)}"
        runbook = plan.runbook or endpoint.runbook or ""
        found.append(make_alert(plan.severity, labels, summary, moment, runbook=runbook))
    return found


def sentence(plan: MonitorPlan, reading: MonitorReading) -> str:
    """What an alarm says."""
    allowed = {s.name: s.watched.allowed for s in plan.streams(())}
    fallback = {w.measure: w.allowed for w in plan.watches}
    told = [
        f"{name} is beyond {allowed.get(name, fallback.get(name.split(' of ')[0], 0.0)):g}"
        for name in reading.streams
    ]
    return (
        f"monitor {plan.name} alarmed at {reading.window.end:%Y-%m-%d %H:%M} UTC: "
        f"{', '.join(told)}; it {plan.promise}"
    )


def _look(
    app: App, endpoint: Endpoint, version: Version, plan: MonitorPlan, until: datetime
) -> MonitorLook | None:
    look = last_look(app, plan)
    digest = Digest.of(to_json(plan))
    fresh = look is None or look.plan != digest or look.version != version.key
    if look is not None and not fresh and (look.monitor.until or until) >= until:
        return look
    reports = WatchedReports(app, endpoint, version, plan)
    if look is None or fresh:
        if not reports.streams:
            return None
        look = MonitorLook(
            endpoint=endpoint.name,
            name=plan.name,
            plan=digest,
            version=version.key,
            since=until,
            monitor=msgspec.structs.replace(_begin(plan, reports.bettors), until=until),
            lacking=reports.lacking,
        )
    readings: list[MonitorReading] = []
    for window, bets in reports.hours(look.monitor.until or until, until):
        if look.alarmed is not None and plan.contract == "ever":
            break
        monitor, reading = look.monitor.observe(window, bets)
        alarmed = reading if reading.alarm else look.alarmed
        look = msgspec.structs.replace(look, monitor=monitor, reading=reading, alarmed=alarmed)
        readings.append(reading)
    path = (*look.path, *(r.log_value for r in readings))[-PATH:]
    look = msgspec.structs.replace(look, path=path)
    _keep(app, look, readings, fresh)
    return look


def _begin(plan: MonitorPlan, bettors: Mapping[str, int]) -> Monitor:
    if plan.contract == "ever":
        return Monitor.until_it_ends(bettors, plan.alpha)
    return Monitor.without_end(bettors, HOUR, plan.between)


def _keep(app: App, look: MonitorLook, readings: Sequence[MonitorReading], fresh: bool) -> None:
    if not readings and not fresh:
        return
    with app.store.transaction(SYSTEM) as tx:
        tx.put(look)
        if fresh:
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
