"""A past decision performed again by the control plane, after its bundle was replaced."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient
from tests.adapters.wild_onnx import plain
from tests.app.world import World
from tests.server.api.conftest import Headers
from tests.server.api.test_rest import API

from seawall.adapters.decisions import DecisionLog, ship
from seawall.adapters.runtimes import load
from seawall.app.bundles import Deployment
from seawall.gateway.state import State
from seawall.kernel import BadInput, Digest, NotFound
from seawall.report.from_verdict import verdict_of
from seawall.sdk.again import AgainReport
from seawall.sdk.candidate import candidate_of
from seawall.sdk.client import Client
from seawall.sdk.guard import Guard
from seawall.sdk.replay import replay

INPUT = {"age": 40, "hours": 38.5}


@pytest.fixture
def decided(world: World) -> str:
    """One shipped decision of a version that is no longer the champion."""
    key = world.serving(plain(2))
    folder = world.app.folder / "gateway" / "decisions"
    log = DecisionLog(folder, gateway="edge", clock=world.clock)
    models = {"champion": load(plain(2), "onnx")}
    with Guard(world.bundle(), models, clock=world.clock, log=log) as guard:
        made = guard.decide(INPUT, unit="ada")
    ship(folder, str(world.app.decisions), clock=world.clock)
    world.clock.advance(timedelta(hours=1))
    world.declare(Endpoint={"threshold": 0.3})
    world.rollout(world.approved(plain("width")))
    assert made.version == key
    assert world.deployment().number > 1
    return made.decision_id


def test_the_control_plane_performs_it_by_the_bundle_of_then(
    http: TestClient, world: World, bearer: Headers, decided: str
) -> None:
    answer = http.get(f"{API}/decisions/{decided}/again", headers=bearer(world.iris))
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 200, body
    assert body["verdict"]["outcome"] == "pass", body["verdict"]
    assert body["leaf"] is True
    assert body["bundle"]["number"] == 1
    assert body["route"]["by"] == "a key of the caller's"
    page = AgainReport(verdict_of(body.pop("verdict")), body).to_document()
    assert "was performed again: every value is the same" in page.sentence


def test_performing_again_is_for_those_who_answer_for_models_or_examine_them(
    http: TestClient, world: World, bearer: Headers, decided: str
) -> None:
    path = f"{API}/decisions/{decided}/again"
    assert http.get(path, headers=bearer(world.ada)).status_code == 403
    assert http.get(path).status_code == 401
    missing = f"{API}/decisions/019cae6b-6600-7007-bdbb-b13087fdc340/again"
    assert http.get(missing, headers=bearer(world.iris)).status_code == 404


def test_without_its_artefact_the_control_plane_says_so(
    http: TestClient, world: World, bearer: Headers, decided: str
) -> None:
    digest = Digest.of(plain(2)).hex
    for file in (world.app.folder / "objects").rglob("*"):
        if file.is_file() and digest in str(file).replace("/", ""):
            file.unlink()
    body = http.get(f"{API}/decisions/{decided}/again", headers=bearer(world.iris)).json()
    assert body["verdict"]["outcome"] == "undecided"
    assert body["bundle"]["number"] == 1


def test_a_registered_version_is_replayed_with_the_signature_it_was_registered_with(
    http: TestClient, world: World, bearer: Headers, decided: str, tmp_path: Path
) -> None:
    key = world.deployment().candidate
    assert key
    state = State(tmp_path / "state")
    first = world.app.store.history(Deployment, "income")[0].value
    assert first
    assert first.bundle
    state.keep_envelope("income", world.app.objects.get(first.bundle), safe=True)
    client = Client("http://testserver", "")
    client._http = httpx.Client(
        base_url="http://testserver", transport=http._transport, headers=bearer(world.ada)
    )
    candidate = candidate_of(key, client)
    table = str(world.app.decisions)
    told = replay(tmp_path / "state", candidate, table=table).to_dict()
    assert (told["candidate"]["name"], told["replayed"]) == (key, 1)
    assert told["measures"]["flips"]["value"] == 0
    with pytest.raises(NotFound):
        candidate_of("income@9", client)
    with pytest.raises(BadInput, match="a version of a control plane, and none is named"):
        candidate_of("income@9")
