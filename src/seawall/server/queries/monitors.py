"""The declared monitors of an endpoint, as rows."""

from __future__ import annotations

import math
from datetime import datetime

from seawall.app.monitors import MonitorLook, last_look, streams, told
from seawall.app.root import App
from seawall.monitoring.plan import MonitorPlan
from seawall.server.pages import views
from seawall.server.pages.views import Status
from seawall.serving.endpoint import Endpoint

NAMED = 3


def rows(app: App, endpoint: str, moment: datetime) -> tuple[views.MonitorRow, ...]:
    """Each declared monitor; those that alarm first."""
    plans = app.store.find(MonitorPlan, f"{endpoint}/")
    if not plans:
        return ()
    declared = app.store.get(Endpoint, endpoint)
    found = [_row(app, declared, plan, last_look(app, plan), moment) for plan in plans]
    return tuple(sorted(found, key=lambda r: (r.status.shape != "bad", -r.way, r.name)))


def _row(
    app: App, endpoint: Endpoint, plan: MonitorPlan, look: MonitorLook | None, moment: datetime
) -> views.MonitorRow:
    mine = streams(app, endpoint, plan, look) if look else ()
    promise = plan.promise(endpoint.alarms, *mine)
    if look is None:
        note = "nothing that it watches has a baseline yet"
        status = Status("undecided", "not begun")
        return views.MonitorRow(name=plan.name, status=status, promise=promise, note=note)
    alarm = look.alarm(moment)
    boundary = -math.log(look.monitor.alpha)
    way = [max(0.0, value) / boundary for value in look.path]
    silent = [name for name in look.monitor.detectors if not look.hours.get(name)]
    note = told(look, alarm) if alarm else ""
    if not alarm and silent:
        note = f"nothing told yet of {', '.join(silent[:NAMED])}"
    evidence = {name: one.log_value for name, one in look.monitor.detectors.items()}
    order = sorted((n for n in evidence if n not in silent), key=lambda n: -evidence[n])
    return views.MonitorRow(
        name=plan.name,
        status=Status("bad", "alarmed") if alarm else Status("good", "quiet"),
        promise=promise,
        way=way[-1] if way else 0.0,
        path=tuple(way),
        strongest=tuple(order[:NAMED]),
        note=note,
    )
