"""Look at an endpoint: drift against its baseline, error budgets, what fails validation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from seawall.adapters.sql import TelemetryRow
from seawall.app.bundles import Deployment
from seawall.app.gateways import refusals
from seawall.app.monitors import alarms
from seawall.app.root import App
from seawall.app.telemetry import HOUR, LAG, aligned, counters, inputs, load, matured_until
from seawall.incidents.alert import Alert, make_alert
from seawall.kernel import SYSTEM, NotFound, Window, from_json, from_ns, now
from seawall.monitoring.looking import Looking
from seawall.monitoring.watch import DriftReading, watch
from seawall.registry.version import Version
from seawall.serving.endpoint import Endpoint
from seawall.serving.signature import Signature
from seawall.serving.telemetry import Counters, Labels
from seawall.serving.validate import REFUSING
from seawall.slo.burn import alerts as burning
from seawall.slo.objective import Counts, Objective
from seawall.statistics.rescaled import rescaled
from seawall.statistics.sequential import proportion
from seawall.statistics.summary import TableSummary

Counted = tuple[TelemetryRow, Counters]
DAY = timedelta(days=1)
INVALID_TOLERATED = 0.01


class DriftLook(msgspec.Struct, frozen=True):
    """The newest look at an endpoint's inputs; its history holds the earlier ones."""

    kind: ClassVar[str] = "drift_look"

    endpoint: str
    version: str
    reading: DriftReading

    @property
    def key(self) -> str:
        """The endpoint's name."""
        return self.endpoint


def last_look(app: App, endpoint: str) -> DriftLook | None:
    """The newest look at an endpoint's inputs; None before the first."""
    try:
        return app.store.get(DriftLook, endpoint)
    except NotFound:
        return None


def look_at_drift(app: App, endpoint: Endpoint) -> DriftLook | None:
    """Compare the last full window with the champion's baseline, once an hour; else None."""
    until = aligned(now(app.clock) - LAG - HOUR, HOUR)
    window = Window(until - endpoint.window_hours * HOUR, until)
    deployment = app.store.get(Deployment, endpoint.name)
    last = last_look(app, endpoint.name)
    if last and last.reading.window is not None and last.reading.window.end >= until:
        return None
    version = app.store.get(Version, deployment.champion)
    baseline = TableSummary.from_bytes(app.objects.get(version.objects["baseline"]))
    current = inputs(app, endpoint.name, window.start, window.end, like=baseline)
    if current is None or not current.rows:
        return None
    reading = watch(
        TableSummary(baseline.rows, {n: baseline.columns[n] for n in current.columns}),
        current,
        # the other half of the endpoint's budget is its monitors'
        looking=Looking(mean_time_between_false_alarms=endpoint.alarms.between, streams=2),
        window=window,
    )
    reading = _naming_units(app, version, reading, baseline, current)
    look = DriftLook(endpoint.name, version.key, reading)
    with app.store.transaction(SYSTEM) as tx:
        tx.put(look)
        detail = {
            "outcome": reading.outcome.value,
            "window_end": until.isoformat(),
            "rows": current.rows,
            "moved": [f.name for f in reading.moved],
        }
        tx.record("monitoring:drift:read", endpoint.name, detail)
        if reading.moved:
            tx.emit("monitoring:drift:found", endpoint.name, detail)
    return look


def _naming_units(
    app: App, version: Version, reading: DriftReading, baseline: TableSummary, current: TableSummary
) -> DriftReading:
    """The reading, which says of features that moved that they seem to come in another unit."""
    moved = {f.name for f in reading.moved}
    if not moved:
        return reading
    signature = from_json(app.objects.get(version.objects["signature"]), Signature)
    units = {f.name: f.unit for f in signature.fields}
    told = {
        one.name: f"{one.sentence} To do: {one.remedy}"
        for one in rescaled(baseline, current, units=units)
        if one.name in moved
    }
    change = msgspec.structs.replace
    features = tuple(
        change(f, sentence=f"{f.sentence}; {told[f.name]}") if f.name in told else f
        for f in reading.features
    )
    return change(reading, features=features)


def event_counts(app: App, objectives: Sequence[Objective]) -> dict[Objective, list[Counts]]:
    """Good and all events of one endpoint's objectives, by five minutes (labels: by hour)."""
    if not objectives:
        return {}
    endpoint = app.store.get(Endpoint, objectives[0].endpoint)
    since = now(app.clock) - max(*(o.window for o in objectives), 3 * DAY)
    counted = [(r, c) for r, c in counters(app, endpoint.name, since) if r.arm != "shadow"]
    return {
        o: _label_counts(app, endpoint, since)
        if o.indicator == "quality"
        else _answer_counts(o, counted)
        for o in objectives
    }


def _answer_counts(objective: Objective, counted: Sequence[Counted]) -> list[Counts]:
    by_start: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
    for row, c in counted:
        total = c.decisions + c.rejected
        good = c.decisions - c.errors - c.fallbacks
        if objective.indicator == "latency":
            total, good = c.decisions, c.decisions - c.slow
        sums = by_start[from_ns(row.start_ns)]
        sums[0] += max(0, good)
        sums[1] += total
    return [Counts(start, good, total) for start, (good, total) in sorted(by_start.items())]


def _label_counts(app: App, endpoint: Endpoint, since: datetime) -> list[Counts]:
    """Right predictions among the labels of hours that are old enough, over all that answered.

    An hour's labels count at the moment they mature, so that a burn is seen when it can be.
    """
    age = timedelta(seconds=endpoint.label_age_seconds)
    until = matured_until(app, age)
    total: Counter[datetime] = Counter()
    correct: Counter[datetime] = Counter()
    for row, labels in load(app, endpoint.name, "labels", since=since):
        hour = from_ns(row.start_ns)
        if row.arm != "shadow" and hour <= until and isinstance(labels, Labels):
            total[hour + HOUR + age] += labels.correct + labels.wrong
            correct[hour + HOUR + age] += labels.correct
    return [Counts(at, correct[at], total[at]) for at in sorted(total)]


def firing(app: App, endpoint: Endpoint, drift: DriftReading | None) -> list[Alert]:
    """The alerts that hold now on an endpoint."""
    moment = now(app.clock)
    objectives = app.store.find(Objective, f"{endpoint.name}/")
    readings = event_counts(app, objectives)
    found: dict[str, Alert] = {}
    for burn in burning(readings, moment):
        labels = {
            "alert": "budget_burn",
            "endpoint": endpoint.name,
            "objective": burn.objective.name,
            "indicator": burn.objective.indicator,
        }
        alert = make_alert(
            burn.severity, labels, burn.summary, moment, runbook=burn.objective.runbook
        )
        found.setdefault(alert.fingerprint, alert)
    for feature in drift.moved if drift else ():
        labels = {"alert": "drift", "endpoint": endpoint.name, "feature": feature.name}
        summary = f"{endpoint.name}: {feature.sentence}"
        alert = make_alert("ticket", labels, summary, moment, runbook=endpoint.runbook or "")
        found[alert.fingerprint] = alert
    for field, failures, requests in failing_fields(app, endpoint, moment - HOUR):
        share = proportion(failures, requests, 0.999)
        if share.low > INVALID_TOLERATED:
            labels = {"alert": "invalid_input", "endpoint": endpoint.name, "field": field}
            summary = f"{endpoint.name}: {field} is invalid in {share.value:.0%} of rows"
            alert = make_alert("ticket", labels, summary, moment, runbook=endpoint.runbook or "")
            found[alert.fingerprint] = alert
    found |= {alert.fingerprint: alert for alert in alarms(app, endpoint, moment)}
    return [*found.values(), *refusals(app, endpoint.name)]


def failing_fields(
    app: App, endpoint: Endpoint, since: datetime, until: datetime | None = None
) -> Sequence[tuple[str, int, int]]:
    """Fields that failed validation since a moment: the field's problem, its rows, all rows."""
    failures: Counter[str] = Counter()
    total = 0
    for row, c in counters(app, endpoint.name, since):
        if row.arm == "shadow" or (until is not None and from_ns(row.start_ns) >= until):
            continue
        total += c.decisions + c.rejected
        for problem, count in c.invalid.items():
            if problem.rpartition(": ")[2] in REFUSING:  # the others refuse nothing
                failures[problem] += count
    return [(problem, count, max(total, count)) for problem, count in failures.most_common(20)]
