from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from tests.app.world import HOUR, World, documents

from seawall.app import declare, monitors, respond, watch
from seawall.app.monitors import MonitorLook
from seawall.kernel import BadInput, Forbidden, now
from seawall.serving.endpoint import Endpoint


def declared(world: World, *watches: dict[str, Any], name: str = "lasting", **spec: Any) -> None:
    document = {
        "apiVersion": "seawall/v1",
        "kind": "Monitor",
        "metadata": {"name": name},
        "spec": {"endpoint": "income", "watches": list(watches)} | spec,
    }
    declare.apply(world.app, world.otto, document)


def endpoint(world: World) -> Endpoint:
    return world.app.store.get(Endpoint, "income")


def looked(world: World) -> MonitorLook:
    (look,) = monitors.look_at_monitors(world.app, endpoint(world))
    return look


def whole_hour(world: World) -> datetime:
    """Move to half past an hour, and tell when that hour began."""
    world.clock.advance(timedelta(minutes=45))
    return now(world.clock).replace(minute=0, second=0, microsecond=0)


def test_errors_beyond_what_is_tolerated_alarm_and_open_an_incident(world: World) -> None:
    key = world.serving()
    declared(world, {"measure": "error_rate", "tolerance": 0.1}, severity="page")
    start = whole_hour(world)
    rng = np.random.default_rng(1)
    assert looked(world).reading is None
    for hour in range(60):
        rate = 0.1 if hour < 20 else 0.16
        wrong = int(rng.binomial(200, rate))
        world.labels(start + (hour - 1) * HOUR, key, "champion", 200 - wrong, wrong)
        world.clock.advance(HOUR)
        look = looked(world)
        firing = watch.firing(world.app, endpoint(world), None)
        if firing:
            break
    assert hour > 20
    assert look.alarmed is not None
    assert look.alarmed.streams == ("error_rate",)
    assert [a.labels["alert"] for a in firing] == ["monitor"]
    assert "error_rate is beyond 0.1" in firing[0].summary
    (incident,) = respond.respond(world.app, endpoint(world), firing)
    assert incident.severity == "page"
    assert "monitoring:monitor:alarmed" in world.actions(subject="income/lasting")
