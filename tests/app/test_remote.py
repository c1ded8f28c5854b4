"""A version whose artefact tells of another server, on its way into a bundle."""

from __future__ import annotations

from typing import Any

import pytest
from tests.app.world import World

from seawall.app import register, rollouts, validate
from seawall.app.gate import pass_gate
from seawall.kernel import Conflict
from seawall.serving.remote import FORMAT, RemoteServer

SERVER = RemoteServer(name="elsewhere", url="http://there:8080", model="income")


def approved(world: World, server: RemoteServer = SERVER) -> str:
    provenance, data = world.provenance()
    artefact = world.artefact(server.to_bytes(), FORMAT)
    objects = world.objects()
    key = register.register_version(
        world.app, world.ada, "income", artefact, provenance, data, objects
    ).key
    validate.record_evidence(world.app, world.vera, key, world.plan(), world.evidence())
    pass_gate(world.app, world.ada, key, "validated")
    world.approve(key)
    return key


@pytest.mark.parametrize("mode", ["serve", "observe"])
def test_a_remote_version_is_served_as_its_endpoint_says(world: World, mode: str) -> None:
    timeouts: dict[str, Any] = {"champion": 200}
    world.declare(Endpoint={"mode": mode, "timeouts_ms": timeouts, "log": "enqueued"})
    key = approved(world)
    rollouts.start(world.app, world.otto, "income", key)
    bundle = world.bundle()
    assert bundle.mode == mode
    (champion,) = bundle.arms
    assert (champion.version, champion.format, champion.timeout_ms) == (key, FORMAT, 200)
    assert RemoteServer.from_bytes(world.app.objects.get(champion.artefact)) == SERVER


def test_a_model_in_the_process_cannot_be_observed(world: World) -> None:
    world.declare(Endpoint={"mode": "observe", "log": "enqueued"})
    key = world.approved()
    with pytest.raises(Conflict, match="what is observed is a remote model"):
        rollouts.start(world.app, world.otto, "income", key)
