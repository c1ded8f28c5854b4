"""Past decisions over the REST API: told of in bulk, shown as one story, a person's erased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from tests.app.world import World
from tests.server.api.conftest import Headers
from tests.server.api.test_rest import API, told

from seawall.access.identity import Identity
from seawall.access.role import Role
from seawall.adapters.decisions import DecisionLog, ship
from seawall.adapters.decisions.apart import paired
from seawall.kernel import Ids, now
from seawall.serving.decision import DecisionRecord, to_bytes

ADA = "ada-1815"


@pytest.fixture
def made(world: World) -> list[DecisionRecord]:
    """Three shipped decisions about Ada and one about Bob."""
    app, ids = world.app, Ids(world.clock)
    records = [
        DecisionRecord(
            id=ids(), time=now(world.clock), endpoint="income", subject=who,
            input={"age": 36.0}, output={"label": 1}, score=0.7,
        )
        for who in (ADA, ADA, ADA, "bob")
    ]  # fmt: skip
    log = DecisionLog(app.folder / "gateway" / "decisions", gateway="edge", clock=world.clock)
    log.append(records, durable=True)
    log.close()
    ship(app.folder / "gateway" / "decisions", str(app.decisions), clock=world.clock)
    return records


@pytest.fixture
def rita(world: World) -> Identity:
    """A reviewer."""
    return world._person("rita", (Role.REVIEWER,))


def rows(made: list[DecisionRecord], **more: Any) -> dict[str, Any]:
    return {"rows": [{"decision_id": r.id, **more} for r in made]}


def test_what_is_told_of_a_decision_is_shown_as_one_story(
    http: TestClient, world: World, bearer: Headers, made: list[DecisionRecord], rita: Identity
) -> None:
    otto, reviewer = bearer(world.otto), bearer(rita)
    path, one = f"{API}/decisions/told", made[:1]
    hour = [(now(world.clock) + timedelta(hours=h)).isoformat() for h in range(4)]
    said = [
        http.post(f"{path}/events", headers=otto, json=rows(one, name="complaint", time=hour[3])),
        http.post(f"{path}/outcomes", headers=otto, json=rows(one, label="paid", time=hour[2])),
        http.post(f"{path}/actions", headers=otto, json=rows(one, action="declined", time=hour[0])),
        http.post(
            f"{path}/overrides",
            headers=reviewer,
            json=rows(one, output="approved", reason="income was misread", time=hour[1]),
        ),
    ]
    assert [a.json() for a in said] == [{"kept": 1}] * 4
    again = http.post(f"{path}/outcomes", headers=otto, json=rows(one, label="paid", time=hour[2]))
    assert again.json() == {"kept": 1}
    shown = http.get(f"{API}/decisions/{one[0].id}", headers=otto).json()
    assert [line["sentence"] for line in shown["story"]] == [
        "declined",
        f"{rita.id} made it approved: income was misread",
        "the outcome was paid",
        "complaint",
    ]
    assert len(shown["outcomes"]) == 1


def test_of_rows_told_in_bulk_all_are_kept_or_none_and_the_wrong_one_is_named(
    http: TestClient, world: World, bearer: Headers, made: list[DecisionRecord]
) -> None:
    otto, path = bearer(world.otto), f"{API}/decisions/told"
    body = rows(made, label=1)
    body["rows"][2]["label"] = ""
    assert (
        told(http.post(f"{path}/outcomes", headers=otto, json=body))["where"] == "outcomes, row 3"
    )
    body["rows"][2] = {"decision_id": "42", "label": 1}
    assert (
        "not a Seawall id" in told(http.post(f"{path}/outcomes", headers=otto, json=body))["error"]
    )
    assert http.get(f"{API}/decisions/{made[0].id}", headers=otto).json()["outcomes"] == []
    assert "outcomes" in told(http.post(f"{path}/outcome", headers=otto, json=body))["remedy"]


def test_an_override_is_a_reviewers_and_an_erasure_an_operators(
    http: TestClient, world: World, bearer: Headers, made: list[DecisionRecord], rita: Identity
) -> None:
    otto, reviewer = bearer(world.otto), bearer(rita)
    path = f"{API}/decisions"
    body = rows(made, output=1, reason="because")
    assert http.post(f"{path}/told/overrides", headers=otto, json=body).status_code == 403
    erase = {"subject": ADA, "reason": "she asked"}
    assert http.post(f"{path}/erase", headers=reviewer, json=erase).status_code == 403
    assert http.post(f"{path}/compact", headers=reviewer).status_code == 403
    assert http.get(path, headers=reviewer, params={"subject": ADA}).status_code == 403


def test_a_subjects_decisions_are_listed_and_erased_and_the_audit_log_does_not_name_them(
    http: TestClient, world: World, bearer: Headers, made: list[DecisionRecord]
) -> None:
    otto = bearer(world.otto)
    listed = http.get(f"{API}/decisions", headers=otto, params={"subject": ADA}).json()
    assert [d["id"] for d in listed] == [r.id for r in made[:3]]
    erase = {"subject": ADA, "reason": "she asked"}
    done = http.post(f"{API}/decisions/erase", headers=otto, json=erase).json()
    assert done["decisions"] == 3
    assert http.get(f"{API}/decisions", headers=otto, params={"subject": ADA}).json() == []
    shown = http.get(f"{API}/decisions/{made[0].id}", headers=otto).json()
    assert {"subject", "input.age"} <= set(shown["erased"])
    (entry,) = world.app.store.audit.find(action="decision:subject:erased", limit=9)
    assert ADA not in str(entry.entry)
    assert entry.entry.detail["reason"] == "she asked"
    nothing = http.post(f"{API}/decisions/erase", headers=otto, json={"subject": "", "reason": "x"})
    assert "needs a subject" in told(nothing)["error"]


def test_upkeep_ends_days_past_the_endpoints_retention(
    http: TestClient, world: World, bearer: Headers, made: list[DecisionRecord]
) -> None:
    otto = bearer(world.otto)
    world.declare(Endpoint={"retention_days": 30})
    first = http.post(f"{API}/decisions/compact", headers=otto).json()
    assert first["ended"] == {}
    world.clock.advance(timedelta(days=40))
    assert http.post(f"{API}/decisions/compact", headers=otto).json()["ended"] == {"income": 1}
    assert http.get(f"{API}/decisions/{made[0].id}", headers=otto).status_code == 404


def test_reading_what_is_kept_apart_needs_a_role_and_a_reason_and_goes_on_record(
    http: TestClient, world: World, bearer: Headers, made: list[DecisionRecord]
) -> None:
    world.declare()
    folder = world.app.folder / "gateway" / "decisions"
    log = DecisionLog(folder, gateway="edge", clock=world.clock)
    record = msgspec.structs.replace(made[0], id=Ids(world.clock)())
    log.append_packed([paired(to_bytes(record), {"sex": "nonbinary"})], durable=True)
    log.close()
    ship(folder, str(world.app.decisions), clock=world.clock)
    vera, otto = bearer(world.vera), bearer(world.otto)
    span = [(now(world.clock) + timedelta(days=d)).isoformat() for d in (-1, 1)]
    body = {"endpoint": "income", "since": span[0], "until": span[1], "reason": "yearly audit"}
    path = f"{API}/decisions/audit"
    assert http.post(path, headers=otto, json=body).status_code == 403
    assert "reason" in told(http.post(path, headers=vera, json=body | {"reason": " "}))["error"]
    backwards = body | {"until": span[0]}
    assert "span" in told(http.post(path, headers=vera, json=backwards))["error"]
    (row,) = http.post(path, headers=vera, json=body).json()["rows"]
    assert (row["id"], row["sex"], row["score"]) == (record.id, "nonbinary", 0.7)
    shown = http.get(f"{API}/decisions/{record.id}", headers=vera).text
    assert "nonbinary" not in shown
    (entry,) = world.app.store.audit.find(action="decision:protected:read", limit=9)
    assert (entry.entry.detail["decisions"], entry.entry.detail["reason"]) == (1, "yearly audit")
