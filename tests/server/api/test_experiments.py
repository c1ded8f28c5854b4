"""An experiment from the command to the control plane and back."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from litestar.testing import TestClient
from tests.app.world import HOUR, World
from tests.server.api.conftest import Headers
from typer.testing import CliRunner

from seawall.app import declare
from seawall.app.experiments import end, observe
from seawall.cli import experiment, main
from seawall.kernel import now
from seawall.server.queries.experiments import rows
from seawall.serving.endpoint import Endpoint

API = "/api/v1"


class Asked:
    """The client of the command line, on the control plane of this process."""

    def __init__(self, http: TestClient, headers: dict[str, str]) -> None:
        self._http, self._headers = http, headers

    def get(self, path: str, **params: Any) -> Any:
        answer = self._http.get(API + path, headers=self._headers, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(API + path, headers=self._headers, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_an_experiment_is_read_and_ended_from_the_command(
    http: TestClient, world: World, bearer: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def client(_url: str | None) -> Generator[Asked]:
        yield Asked(http, bearer(world.otto))

    def said(*words: str) -> str:
        shown = CliRunner().invoke(main.app, ["experiment", *words], env={"COLUMNS": "100"})
        assert shown.exit_code == 0, shown.output
        return shown.output

    monkeypatch.setattr(experiment, "client", client)
    assert said("status", "income") == (
        "No experiment on income yet: apply a document of kind Experiment\n"
    )
    champion, other = world.serving(b"one"), world.approved(b"two")
    spec = {"endpoint": "income", "variants": {"b": {"version": other, "share": 0.2}}}
    head = {"apiVersion": "seawall/v1", "kind": "Experiment", "metadata": {"name": "ab"}}
    declare.apply(world.app, world.otto, head | {"spec": spec})
    world.hour(now(world.clock), {"champion": (champion, 8_000, 8), "b": (other, 2_000, 2)})
    world.clock.advance(2 * HOUR)
    told = said("status", "income")
    assert "income/ab is running, begun 2026-03-01 12:00 UTC" in told
    assert f"b: {other}, 0.2 of the units, 2,000 decisions" in told
    assert "error_difference " in told
    assert "Every interval holds at 99.00%" in told
    (as_json,) = json.loads(said("status", "--json"))
    found = as_json["variants"][0]["evidence"]["error_difference"]
    assert found["low"] < 0 < found["high"]
    wrong = CliRunner().invoke(main.app, ["experiment", "end", "ab", "--reason", "enough seen"])
    assert "'ab' names no experiment" in str(wrong.exception)
    assert "the champion answers every unit" in said("end", "income/ab", "--reason", "enough seen")
    assert "income/ab has ended: enough seen" in said("status")


def test_the_models_page_shows_how_each_variant_stands(http: TestClient, world: World) -> None:
    champion, other = world.serving(b"one"), world.approved(b"two")
    third = world.approved(b"three")
    shares = {"b": {"version": other, "share": 0.2}, "c": {"version": third, "share": 0.2}}
    head = {"apiVersion": "seawall/v1", "kind": "Experiment", "metadata": {"name": "abc"}}
    spec = {"endpoint": "income", "variants": shares}
    declare.apply(world.app, world.otto, head | {"spec": spec})
    arms = {"champion": (champion, 6_000, 6), "b": (other, 2_000, 2), "c": (third, 2_000, 400)}
    world.hour(now(world.clock), arms)
    world.clock.advance(2 * HOUR)
    observe(world.app, world.app.store.get(Endpoint, "income"))
    found = {row.arm: row for row in rows(world.app, "income")}
    assert found["b"].status.word in {"undecided", "no worse"}
    assert found["c"].status.word == "stopped"
    assert "errors, difference" in found["c"].note
    end(world.app, world.otto, "income/abc", "seen enough")
    assert rows(world.app, "income") == ()
