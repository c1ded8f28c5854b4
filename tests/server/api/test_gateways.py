"""A real gateway and a real control plane: what is served, what is refused, the incident."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from tests.app.world import World
from tests.gateway.control import onnx_bytes, training_rows
from tests.server.api.conftest import Headers

from seawall.adapters.signing.keys import public_pem
from seawall.app import respond, rollouts, watch
from seawall.app.bundles import Deployment, issue
from seawall.gateway.main import Gateway
from seawall.gateway.settings import GatewaySettings
from seawall.incidents.incident import Incident
from seawall.kernel import SYSTEM, Digest
from seawall.sdk.client import Client
from seawall.server.main import create_app
from seawall.serving.endpoint import Endpoint


@pytest.fixture
def url(world: World) -> Iterator[str]:
    """The control plane on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(create_app(world.app), log_config=None))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        until = time.monotonic() + 30
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def gateway(world: World, url: str, bearer: Headers, tmp_path: Path) -> Iterator[Gateway]:
    token = bearer(world.gateway)["authorization"].removeprefix("Bearer ")
    made = Gateway(
        GatewaySettings(
            control_url=url,
            token=token,
            endpoints=("income",),
            state_dir=tmp_path / "gateway",
            public_keys=(public_pem(world.app.key.public_key()),),
            name="north",
            clock=world.clock,
        )
    )
    yield made
    made.close()


def test_a_bundle_whose_artefact_was_changed_is_refused_and_an_incident_opens_and_ends(
    world: World, gateway: Gateway, url: str, bearer: Headers
) -> None:
    rows = training_rows()
    columns = {
        "age": rows[:, 0].astype(np.int64),
        "hours": rows[:, 1].astype(np.float64),
        "grade": rows[:, 2].astype(np.int64),
    }
    key = world.validated(onnx_bytes(), columns=columns)
    world.approve(key)
    rollouts.start(world.app, world.otto, "income", key)
    token = bearer(world.iris)["authorization"].removeprefix("Bearer ")

    def work() -> dict[str, object]:
        gateway.worker.poll()
        gateway.worker.flush()
        endpoint = world.app.store.get(Endpoint, "income")
        respond.respond(world.app, endpoint, watch.firing(world.app, endpoint, None))
        with Client(url, token) as asking:
            (found,) = asking.get("/gateways", endpoint="income")
        return found

    assert (work()["state"], work()["bundle"]) == ("current", 1)
    # the next bundle names another model, whose stored bytes are not what was approved
    other = world.validated(onnx_bytes(4), columns=columns)
    world.approve(other)
    digest = Digest.of(onnx_bytes(4))
    (stored,) = [p for p in world.app.folder.rglob("*") if p.name.endswith(digest.hex[2:])]
    stored.chmod(0o600)
    stored.write_bytes(onnx_bytes(4)[:-1] + b"!")
    with world.app.store.transaction(SYSTEM) as tx:
        held = tx.get(Deployment, "income")
        issue(world.app, tx, Deployment(**_changed(held, champion=other)), "a test")
    found = work()
    # the runbook has issued a third bundle, which names the same artefact
    assert (found["state"], found["bundle"], found["issued"]) == ("refuses", 1, 3)
    (incident,) = world.app.store.find(Incident)
    assert incident.title.startswith("income: gateway north refused bundle 2: ")
    assert "it serves bundle 1 on" in incident.title
    assert gateway.holder.live["income"].bundle.number == 1
    world.clock.advance(timedelta(minutes=1))
    stored.write_bytes(onnx_bytes(4))
    gateway.worker._again["income"] = 0.0  # half a minute is over
    assert (work()["state"], work()["bundle"]) == ("current", 3)
    (incident,) = world.app.store.find(Incident)
    assert not any(a.firing for a in incident.alerts)
    assert any(e.text.startswith("gateway north took bundle 3") for e in incident.timeline)


def _changed(held: Deployment, **changes: object) -> dict[str, object]:
    return {name: getattr(held, name) for name in held.__struct_fields__} | changes
