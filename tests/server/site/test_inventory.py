from __future__ import annotations

import pytest

from seawall.incidents.alert import make_alert
from seawall.kernel import now
from seawall.server.queries.inventory import Inventory, causes, health
from seawall.server.queries.pulse import Pulses


def shapes(inventory: Inventory, world) -> dict[str, str]:
    return {s.model.name: s.shape for s in inventory.of(world.app)}


def declared(world, name: str) -> None:
    from seawall.app import declare

    spec = {"owner": "ada", "tier": "low", "purpose": "p"}
    head = {"apiVersion": "seawall/v1", "kind": "Model", "metadata": {"name": name}}
    declare.apply(world.app, world.ada, head | {"spec": spec})


def test_the_inventory_follows_what_the_audit_log_tells(fresh) -> None:
    held = Inventory()
    assert shapes(held, fresh) == {"income": "bad"}
    declared(fresh, "other")
    assert shapes(held, fresh) == {"income": "bad", "other": "none"}
    for i in range(120):  # more than it looks through one by one
        declared(fresh, f"m{i:03d}")
    assert shapes(held, fresh) == shapes(Inventory(), fresh)
    assert len(shapes(held, fresh)) == 122


def test_the_inventory_reads_nothing_again_while_nothing_changes(fresh) -> None:
    held = Inventory()
    assert held.of(fresh.app) is held.of(fresh.app)


@pytest.mark.parametrize(
    ("severity", "left", "shape"),
    [("page", 1.0, "bad"), ("ticket", 1.0, "warning"), (None, 0.0, "warning"), (None, 0.2, "good")],
)
def test_health_follows_the_worst_that_is_known(fresh, severity, left, shape) -> None:
    alerts = []
    if severity:
        labels = {"alert": "drift", "endpoint": "income", "feature": "age"}
        alerts = [make_alert(severity, labels, "age moved", now(fresh.clock))]
    assert health(True, alerts, (), left).status.shape == shape
    assert health(False, alerts, (), left).status.shape == "none"


def test_causes_name_what_fires_in_a_few_words(fresh) -> None:
    def alert(kind: str, **labels: str):
        every = {"alert": kind, "endpoint": "income"} | labels
        return make_alert("ticket", every, "s", now(fresh.clock))

    alerts = [
        alert("drift", feature="age"),
        alert("drift", feature="hours"),
        alert("invalid_input", field="age: missing"),
        alert("budget_burn", objective="quality"),
    ]
    assert causes(alerts) == ("quality burns its budget, age fails validation, age and hours moved")


def test_a_pulse_counts_the_hours_and_the_worst_budget(world) -> None:
    pulse = Pulses().of(world.app, ["income"])["income"]
    assert len(pulse.traffic) == 24
    assert 400 in pulse.traffic
    assert pulse.budget_left is not None
    assert pulse.budget_left < 1
