"""How the declared monitors of an endpoint stand, and what budget they share."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from seawall.app.monitors import MonitorLook, last_look, streams, told
from seawall.app.root import App
from seawall.kernel import now
from seawall.monitoring.plan import MonitorPlan
from seawall.serving.endpoint import Endpoint


def standing(app: App, endpoint: str) -> list[dict[str, Any]]:
    """How each declared monitor of an endpoint stands, as JSON; by stream the strongest first.

    `share` is its part of the budget of its contract now, 0 when it has ended or not begun.
    """
    moment, declared = now(app.clock), app.store.get(Endpoint, endpoint)
    return [_standing(app, declared, plan, last_look(app, plan), moment)
            for plan in app.store.find(MonitorPlan, f"{endpoint}/")]  # fmt: skip


def _standing(
    app: App, endpoint: Endpoint, plan: MonitorPlan, look: MonitorLook | None, moment: datetime
) -> dict[str, Any]:
    mine, all_ = streams(app, endpoint, plan, look) if look else (0, 0)
    found: dict[str, Any] = {
        "monitor": plan.name, "contract": plan.contract, "severity": plan.severity,
        "promise": plan.promise(endpoint.alarms, mine, all_),
        "share": mine / all_ if look and not look.ended else 0.0,
        "budget": {"days_between_false_alarms": endpoint.alarms.days_between_false_alarms,
                   "alpha": endpoint.alarms.alpha},
    }  # fmt: skip
    if look is None:
        return found | {"state": "not begun", "streams": []}
    alarm = look.alarm(moment)
    evidence = {name: one.log_value for name, one in look.monitor.detectors.items()}
    return found | {
        "state": "alarmed" if alarm else "quiet",
        "version": look.version,
        "since": look.since.isoformat(),
        "until": look.monitor.until.isoformat() if look.monitor.until else None,
        "log_value": look.path[-1] if look.path else 0.0,
        "log_boundary": -math.log(look.monitor.alpha),
        "alarm": {"at": alarm.window.end.isoformat(), "streams": list(alarm.streams),
                  "sentence": told(look, alarm)} if alarm else None,
        "streams": [
            {"stream": name, "tolerance": look.tolerances[name], "log_value": evidence[name],
             "hours": look.hours.get(name, 0)}
            for name in sorted(evidence, key=lambda n: -evidence[n])
        ],
        "lacking": list(look.lacking),
    }  # fmt: skip
