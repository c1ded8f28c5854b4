"""The declared monitors of an endpoint: the reports of gateways, hour by hour, under one budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

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
    the last hours, the newest last. By stream there are `tolerances`, and `hours`, in how many
    something was told; `lacking` are streams that the champion has no baseline of.
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


def standing(app: App, endpoint: str) -> list[dict[str, Any]]:
    """How each declared monitor of an endpoint stands, as JSON; by stream the strongest first.

    A `log_value` is the natural logarithm of evidence, null where nothing was counted since the
    monitor began or began anew; `at_alarm` is that of the moment of the alarm that holds.
    """
    moment = now(app.clock)
    return [_standing(plan, last_look(app, plan), moment)
            for plan in app.store.find(MonitorPlan, f"{endpoint}/")]  # fmt: skip


def _standing(plan: MonitorPlan, look: MonitorLook | None, moment: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {"monitor": plan.name, "contract": plan.contract,
                             "promise": plan.promise, "severity": plan.severity}  # fmt: skip
    if look is None:
        return found | {"state": "not begun", "streams": []}
    alarm = look.alarm(moment)
    detectors = look.monitor.detectors
    evidence = {n: one.log_value if one.steps else None for n, one in detectors.items()}
    then = alarm.evidence if alarm else {}
    return found | {
        "state": "alarmed" if alarm else "quiet",
        "version": look.version,
        "since": look.since.isoformat(),
        "until": look.monitor.until.isoformat() if look.monitor.until else None,
        "log_value": look.path[-1] if look.path else None,
        "log_boundary": -math.log(look.monitor.alpha),
        "alarm": {"at": alarm.window.end.isoformat(), "streams": list(alarm.streams),
                  "log_value": alarm.log_value, "sentence": told(look, alarm)} if alarm else None,
        "streams": [
            {"stream": name, "tolerance": look.tolerances[name], "log_value": evidence[name],
             "at_alarm": then.get(name), "hours": look.hours.get(name, 0)}
            for name in sorted(evidence, key=lambda n: -then.get(n, detectors[n].log_value))
        ],
        "lacking": list(look.lacking),
    }  # fmt: skip


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
        summary = f"{endpoint.name}: {told(look, alarm)}; monitor {plan.name} {plan.promise}"
        runbook = plan.runbook or endpoint.runbook or ""
        found.append(make_alert(plan.severity, labels, summary, moment, runbook=runbook))
    return found


def told(look: MonitorLook, reading: MonitorReading) -> str:
    """What an alarm says."""
    beyond = [f"{name} is beyond {look.tolerances[name]:g}" for name in reading.streams]
    return f"{', '.join(beyond)}, found {reading.window.end:%Y-%m-%d %H:%M} UTC"


def _look(
    app: App, endpoint: Endpoint, version: Version, plan: MonitorPlan, until: datetime
) -> MonitorLook | None:
    look = last_look(app, plan)
    digest = Digest.of(to_json(plan))
    fresh = look is None or look.plan != digest or look.version != version.key
    if look is not None and not fresh and (look.ended or (look.monitor.until or until) >= until):
        return look
    reports = WatchedReports(app, endpoint, version, plan)
    if look is None or fresh:
        if not reports.streams:
            return None
        since = max(until, aligned(plan.season.until, HOUR)) if plan.season else until
        look = MonitorLook(
            endpoint=endpoint.name,
            name=plan.name,
            plan=digest,
            version=version.key,
            since=since,
            monitor=msgspec.structs.replace(_begin(plan, reports.bettors), until=since),
            tolerances={s.name: s.watched.allowed for s in reports.streams},
            lacking=reports.lacking,
        )
    readings: list[MonitorReading] = []
    for window, bets in reports.hours(look.monitor.until or until, until):
        if look.ended:
            break
        monitor, reading = look.monitor.observe(window, bets)
        alarmed = reading if reading.alarm else look.alarmed
        hours = look.hours | {name: look.hours.get(name, 0) + 1 for name in bets}
        look = msgspec.structs.replace(
            look, monitor=monitor, reading=reading, alarmed=alarmed, hours=hours
        )
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
