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

    `share` is its part of the budget of its contract now, 0 when it has ended or not begun. A
    `log_value` is the natural logarithm of evidence, null where nothing was counted since the
    monitor began or began anew; `at_alarm` is that of the moment of the alarm that holds.
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
