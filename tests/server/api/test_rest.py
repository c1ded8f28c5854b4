from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient
from tests.app.world import START, World, documents, estimate
from tests.server.api.conftest import Headers

from seawall.access.identity import Identity
from seawall.app import identities
from seawall.incidents.alert import make_alert
from seawall.kernel import (
    SYSTEM,
    Digest,
    Estimate,
    convert,
    from_json,
    now,
    to_builtins,
    to_json,
    to_ns,
)
from seawall.serving.endpoint import Endpoint
from seawall.serving.telemetry import Counters, Report, encode
from seawall.validation.report import ValidationReport

API = "/api/v1"


def told(answer: Any) -> dict[str, str]:
    """An error in the one shape that every error has."""
    body = answer.json()
    assert body.keys() == {"error", "where", "remedy"}
    assert all(isinstance(part, str) for part in body.values())
    assert body["error"]
    return body


# --- who asks ---


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer swl_000000000000_" + "a" * 43},
        {"authorization": "Basic YWRhOmFkYQ=="},
        {"cookie": "seawall_session=x"},
    ],
)
@pytest.mark.parametrize("path", ["/whoami", "/versions", "/audit/entries", "/incidents"])
def test_without_a_proven_identity_nothing_is_told(
    http: TestClient, path: str, headers: dict[str, str]
) -> None:
    answer = http.get(API + path, headers=headers)
    assert answer.status_code == 401
    told(answer)


def test_every_path_of_the_api_asks_who_it_is(http: TestClient, world: World) -> None:
    paths = http.get("/schema/openapi.json").json()["paths"]
    open_paths = {f"{API}/claim"}
    asked = 0
    for path, methods in paths.items():
        if not path.startswith(API) or path in open_paths:
            continue
        for method in methods:
            filled = path.replace("{digest}", Digest.of(b"x"))
            for part in ("name", "key", "kind", "model", "endpoint", "action", "to", "path"):
                filled = filled.replace(f"{{{part}}}", "income")
            answer = http.request(method.upper(), filled, content=b"")
            assert answer.status_code in (400, 401), (method, filled, answer.text)
            asked += answer.status_code == 401
    assert asked > 20


def test_who_may_not_is_told_what_it_needs(http: TestClient, world: World, bearer: Headers) -> None:
    answer = http.post(
        f"{API}/identities", headers=bearer(world.ada), json={"name": "x", "roles": []}
    )
    assert answer.status_code == 403
    assert "it needs administrator" in told(answer)["remedy"]


def test_an_identity_that_is_shut_out_is_refused_at_its_next_request(
    http: TestClient, world: World, bearer: Headers
) -> None:
    headers = bearer(world.ada)
    assert http.get(f"{API}/whoami", headers=headers).json()["id"] == "ada"
    with world.app.store.transaction(SYSTEM) as tx:
        tx.put(msgspec.structs.replace(tx.get(Identity, "ada"), active=False))
        tx.record("access:identity:changed", "ada", {})
    assert http.get(f"{API}/whoami", headers=headers).status_code == 401


def test_a_ticket_becomes_a_token_once(http: TestClient, world: World) -> None:
    ticket = identities.ticket_for(world.app, world.root, "ada")
    token = http.post(f"{API}/claim", json={"ticket": ticket}).json()["token"]
    me = http.get(f"{API}/whoami", headers={"authorization": f"bearer {token}"}).json()
    assert (me["id"], me["roles"]) == ("ada", ["developer"])
    assert http.post(f"{API}/claim", json={"ticket": ticket}).status_code == 401


def test_an_administrator_makes_identities_with_known_roles(
    http: TestClient, world: World, bearer: Headers
) -> None:
    headers = bearer(world.root)
    made = http.post(
        f"{API}/identities", headers=headers, json={"name": "dora", "roles": ["developer"]}
    )
    assert made.json()["identity"] == "dora"
    wrong = http.post(
        f"{API}/identities", headers=headers, json={"name": "d", "roles": ["develper"]}
    )
    assert wrong.status_code == 400
    assert told(wrong)["remedy"] == "did you mean 'developer'?"
    again = http.post(f"{API}/identities", headers=headers, json={"name": "dora", "roles": []})
    assert again.status_code == 409
    link = http.post(f"{API}/identities/dora/ticket", headers=headers)
    assert link.json()["ticket"]


# --- errors ---


def test_every_refusal_has_one_shape(http: TestClient, world: World, bearer: Headers) -> None:
    headers = bearer(world.ada) | {"accept": "application/json"}
    for status, answer in (
        (404, http.get(f"{API}/versions/income@9", headers=headers)),
        (404, http.get(f"{API}/nowhere", headers=headers)),
        (405, http.delete(f"{API}/versions", headers=headers)),
        (400, http.post(f"{API}/declared", headers=headers, content=b"{")),
        (400, http.post(f"{API}/declared", headers=headers, json={"kind": "Modle"})),
        (400, http.post(f"{API}/rollouts", headers=headers, json={"endpoint": "income"})),
        (400, http.get(f"{API}/objects/md5:1", headers=headers)),
        (404, http.get(f"{API}/objects/{Digest.of(b'x')}", headers=headers)),
        (404, http.get(f"{API}/endpoints/nowhere", headers=headers)),
        (404, http.get(f"{API}/bundles/income", headers=bearer(world.gateway))),
        (400, http.get(f"{API}/decisions/42", headers=headers)),
        (400, http.get(f"{API}/decisions/ffffffff-ffff-7fff-bfff-ffffffffffff", headers=headers)),
        (400, http.get(f"{API}/alerts?days=nan", headers=headers)),
        (400, http.get(f"{API}/alerts?days=1e300", headers=headers)),
        (400, http.post(f"{API}/telemetry", headers=bearer(world.gateway), content=b"\xff")),
        (400, http.post(f"{API}/segments", headers=bearer(world.gateway), json={"id": 1})),
    ):
        assert answer.status_code == status, answer.text
        told(answer)


def test_a_fault_of_ours_is_one_of_ours_and_tells_no_secret(
    http: TestClient, world: World, bearer: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seawall.app import declare

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(declare, "listed", broken)
    answer = http.get(f"{API}/declared/Model", headers=bearer(world.ada))
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert told(answer)["error"] == "the control plane failed"


def test_a_field_of_the_wrong_type_is_named(
    http: TestClient, world: World, bearer: Headers
) -> None:
    registration = {
        "artefact": {"digest": 7, "format": "onnx", "size": 1},
        "provenance": {},
        "objects": {},
    }
    answer = http.post(
        f"{API}/models/income/versions", headers=bearer(world.ada), json=registration
    )
    assert answer.status_code == 400
    assert "digest" in told(answer)["error"]


# --- objects, declared objects, versions ---


def test_objects_are_stored_by_digest_and_only_by_those_who_register(
    http: TestClient, world: World, bearer: Headers
) -> None:
    data = bytes(range(256)) * 100
    stored = http.put(f"{API}/objects", headers=bearer(world.ada), content=data).json()
    assert stored == {"digest": Digest.of(data)}
    fetched = http.get(f"{API}/objects/{stored['digest']}", headers=bearer(world.otto))
    assert fetched.content == data
    assert http.put(f"{API}/objects", headers=bearer(world.otto), content=b"x").status_code == 403


def test_an_object_that_was_altered_on_disk_is_not_handed_out(
    http: TestClient, world: World, bearer: Headers
) -> None:
    digest = world.app.objects.put(b"as it was")
    for path in (world.app.folder / "objects").rglob(f"*{digest.hex[8:]}*"):
        path.chmod(0o644)
        path.write_bytes(b"altered")
    answer = http.get(f"{API}/objects/{digest}", headers=bearer(world.ada))
    assert answer.status_code == 500
    told(answer)


def test_who_fetched_an_artefact_is_on_record(
    http: TestClient, world: World, bearer: Headers
) -> None:
    version = world.registered()
    http.get(f"{API}/objects/{version.objects['baseline']}", headers=bearer(world.vera))
    assert "registry:artefact:downloaded" not in world.actions()
    http.get(f"{API}/objects/{version.artefact.digest}", headers=bearer(world.vera))
    entry = world.app.store.audit.find(action="registry:artefact:downloaded")[0].entry
    assert (entry.actor, entry.subject) == ("vera", "income@1")


def test_declaring_tells_whether_anything_changed(
    http: TestClient, world: World, bearer: Headers
) -> None:
    document = documents()[0][1]
    same = http.post(f"{API}/declared", headers=bearer(world.ada), json=document).json()
    assert (same["kind"], same["name"], same["changed"]) == ("Model", "income", False)
    before = document["spec"]["tier"]
    document["spec"]["tier"] = "low"
    lowered = http.post(f"{API}/declared", headers=bearer(world.ada), json=document)
    assert lowered.status_code == 403  # who is judged does not choose how strictly
    document["spec"] |= {"tier": before, "purpose": "another"}
    changed = http.post(f"{API}/declared", headers=bearer(world.ada), json=document).json()
    assert changed["changed"]
    [shown] = http.get(f"{API}/declared/model/income", headers=bearer(world.iris)).json()
    assert (shown["tier"], shown["purpose"]) == (before, "another")


def test_the_life_of_a_version_by_rest_alone(
    http: TestClient, world: World, bearer: Headers
) -> None:
    ada, vera, abel, otto, iris = map(
        bearer, (world.ada, world.vera, world.abel, world.otto, world.iris)
    )
    provenance, data = world.provenance()
    body = {
        "artefact": to_builtins(world.artefact(b"model")),
        "provenance": to_builtins(provenance),
        "objects": {n: str(d) for n, d in world.objects().items()},
        "datasets": [to_builtins(d) for d in data],
    }
    made = http.post(f"{API}/models/income/versions", headers=ada, json=body)
    assert made.status_code == 201, made.text
    assert made.json()["version"] == "income@1"
    card = http.get(f"{API}/datasets/{data[0].digest}", headers=iris).json()
    assert card["name"] == "train"

    version = f"{API}/versions/income@1"
    plan = http.get(f"{version}/plan", headers=vera).json()
    evidence = {"plan": plan["digest"], "evidence": to_builtins(world.evidence())}
    assert http.post(f"{version}/evidence", headers=ada, json=evidence).status_code == 403
    handed = http.post(f"{version}/evidence", headers=vera, json=evidence).json()
    report = convert(handed["report"], ValidationReport)
    assert str(report.digest) == handed["digest"]

    gate = http.post(f"{version}/gate", headers=ada, json={"to": "validated"}).json()
    assert gate["verdict"]["outcome"] == "pass"
    yes = {"suitable": True, "rating_affirmed": True, "conditions": {"traffic_share": 1.0}}
    assert http.post(f"{version}/approvals", headers=vera, json=yes).status_code == 403
    approved = http.post(f"{version}/approvals", headers=abel, json=yes).json()
    assert approved["verdict"]["outcome"] == "pass"

    asked = {"endpoint": "income", "candidate": "income@1"}
    assert http.post(f"{API}/rollouts", headers=ada, json=asked).status_code == 403
    begun = http.post(f"{API}/rollouts", headers=otto, json=asked).json()
    assert (begun["rollout"], begun["state"]) == (None, "promoted")

    shown = http.get(version, headers=iris).json()
    assert shown["version"]["stage"] == "production"
    assert [len(shown[part]) for part in ("reports", "approvals", "gates")] == [1, 1, 2]
    listed = http.get(f"{API}/versions?model=income", headers=iris).json()
    assert [v["number"] for v in listed] == [1]
    endpoint = http.get(f"{API}/endpoints/income", headers=iris).json()
    assert endpoint["deployment"]["arms"] == {"champion": {"version": "income@1", "share": 1.0}}
    assert "salt" not in endpoint["deployment"]


def test_versions_are_listed_by_number_not_by_letter(
    http: TestClient, world: World, bearer: Headers
) -> None:
    for number in range(1, 12):
        world.registered(f"model {number}".encode())
    listed = http.get(f"{API}/versions", headers=bearer(world.iris)).json()
    assert [v["number"] for v in listed] == list(range(1, 12))


def test_a_bound_at_infinity_survives_the_way_in_and_out(
    http: TestClient, world: World, bearer: Headers
) -> None:
    key = world.registered().key
    open_ended = Estimate(0.9, 0.85, math.inf, 0.95, 10, "one-sided")
    measured = {"accuracy": estimate(0.9), "ratio": open_ended}
    evidence = msgspec.structs.replace(world.evidence(), estimates=measured)
    body = to_json({"plan": world.plan(), "evidence": evidence})
    answer = http.post(f"{API}/versions/{key}/evidence", headers=bearer(world.vera), content=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["report"]["measures"]["ratio"]["high"] is None
    assert convert(answer.json()["report"], ValidationReport).measures["ratio"] == open_ended
    held = world.app.store.find(ValidationReport, f"{key}/")[0]
    assert held.measures["ratio"] == open_ended
    shown = http.get(f"{API}/versions/{key}", headers=bearer(world.iris))
    reports = from_json(msgspec.json.encode(shown.json()["reports"]), tuple[ValidationReport, ...])
    assert reports[0].digest == held.digest


def test_a_version_is_rejected_with_a_reason(
    http: TestClient, world: World, bearer: Headers
) -> None:
    key = world.registered().key
    path, abel = f"{API}/versions/{key}/reject", bearer(world.abel)
    assert http.post(path, headers=abel, json={"reason": ""}).status_code == 400
    assert http.post(path, headers=abel, json={"reason": "no"}).json()["decision"] == "reject"
    assert http.post(path, headers=abel, json={"reason": "no"}).status_code == 409


# --- what gateways fetch and send ---


def test_a_bundle_is_fetched_once_and_then_not_modified(
    http: TestClient, world: World, bearer: Headers
) -> None:
    world.serving()
    path, headers = f"{API}/bundles/income", bearer(world.gateway)
    first = http.get(path, headers=headers)
    assert first.status_code == 200
    assert first.headers["etag"] == f'"{world.deployment().bundle}"'
    same = http.get(path, headers=headers | {"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    world.approve("income@1")
    fresh = http.get(path, headers=headers | {"if-none-match": first.headers["etag"]})
    assert fresh.status_code == 200
    assert fresh.content != first.content


def test_a_bundle_is_for_gateways(http: TestClient, world: World, bearer: Headers) -> None:
    world.serving()
    for who in (world.ada, world.otto, world.iris):
        for path in ("bundles/income", f"objects/{world.deployment().bundle}"):
            assert http.get(f"{API}/{path}", headers=bearer(who)).status_code == 403
    found = http.get(f"{API}/objects/{world.deployment().bundle}", headers=bearer(world.gateway))
    assert found.status_code == 200


def test_telemetry_counts_once(http: TestClient, world: World, bearer: Headers) -> None:
    row = ("income", "income@1", "champion", "counters", to_ns(START),
           encode(Counters(decisions=3)))  # fmt: skip
    body = msgspec.msgpack.encode(Report(gateway="g", sequence=1, rows=(row,)))
    answers = [
        http.post(f"{API}/telemetry", headers=bearer(world.gateway), content=body).json()
        for _ in range(3)
    ]
    assert answers == [{"new": True}, {"new": False}, {"new": False}]
    assert http.post(f"{API}/telemetry", headers=bearer(world.ada), content=body).status_code == 403


def test_a_segment_is_recorded_once_and_only_with_a_root(
    http: TestClient, world: World, bearer: Headers
) -> None:
    segment = {
        "id": "g1-1", "gateway": "g1", "count": 2, "first_id": "a", "last_id": "b",
        "root": "ab" * 32, "first_time": START.isoformat(), "last_time": START.isoformat(),
        "damaged": 0, "shipped": START.isoformat(),
    }  # fmt: skip
    path, headers = f"{API}/segments", bearer(world.gateway)
    assert http.post(path, headers=headers, json=segment).json() == {"new": True}
    assert http.post(path, headers=headers, json=segment).json() == {"new": False}
    wrong = http.post(path, headers=headers, json=segment | {"id": "g1-2", "root": "xy"})
    assert wrong.status_code == 400
    told(wrong)


# --- running ---


def test_a_rollout_is_seen_and_moved(http: TestClient, world: World, bearer: Headers) -> None:
    world.serving(b"one")
    otto, iris = bearer(world.otto), bearer(world.iris)
    body = {"endpoint": "income", "candidate": world.approved(b"two")}
    begun = http.post(f"{API}/rollouts", headers=otto, json=body).json()
    path = f"{API}/rollouts/{begun['rollout']}"
    [listed] = http.get(f"{API}/rollouts?endpoint=income", headers=iris).json()
    assert (listed["candidate"], listed["step"], listed["share"]) == ("income@2", "shadow", 0.0)
    assert http.get(path, headers=iris).json()["history"][0]["action"] == "start"
    why = {"reason": "a holiday"}
    assert http.post(f"{path}/abort", headers=bearer(world.ada), json=why).status_code == 403
    assert http.post(f"{path}/jump", headers=otto, json=why).status_code == 400
    assert http.post(f"{path}/abort", headers=otto, json=why).json()["state"] == "aborted"
    assert http.post(f"{path}/abort", headers=otto, json=why).status_code == 409


def test_incidents_and_alerts_are_seen_and_resolved(
    http: TestClient, world: World, bearer: Headers
) -> None:
    from seawall.app import respond

    world.serving()
    labels = {"alert": "budget_burn", "endpoint": "income"}
    endpoint = world.app.store.get(Endpoint, "income")
    respond.respond(world.app, endpoint, [make_alert("page", labels, "it burns", now(world.clock))])
    iris, otto = bearer(world.iris), bearer(world.otto)
    [alert] = http.get(f"{API}/alerts", headers=iris).json()
    assert alert["summary"] == "it burns"
    [incident] = http.get(f"{API}/incidents", headers=iris).json()
    path = f"{API}/incidents/{incident['id']}"
    assert http.get(path, headers=iris).json()["title"] == "it burns"
    why = {"reason": "mended"}
    assert http.post(f"{path}/resolve", headers=otto, json=why).status_code == 409
    assert http.post(f"{path}/mitigate", headers=otto, json=why).json()["state"] == "mitigated"
    assert http.post(f"{path}/forget", headers=otto, json=why).status_code == 400
    world.clock.advance(timedelta(hours=1))
    respond.respond(world.app, endpoint, [])
    resolved = http.post(f"{path}/resolve", headers=otto, json=why).json()
    assert resolved["postmortem"]["actions"]


def test_what_has_not_happened_yet_is_empty_not_an_error(
    http: TestClient, world: World, bearer: Headers
) -> None:
    headers = bearer(world.iris)
    for path, expected in (
        ("/rollouts", []),
        ("/experiments", []),
        ("/endpoints/income/slo", []),
        ("/endpoints/income/monitors", []),
        ("/endpoints/income/drift", None),
        ("/endpoints/income/decisions", []),
        ("/incidents", []),
        ("/alerts", []),
        ("/retraining/income", []),
        ("/versions", []),
    ):
        answer = http.get(API + path, headers=headers)
        assert (answer.status_code, answer.json()) == (200, expected), path
    shown = http.get(f"{API}/endpoints/income", headers=headers).json()
    assert shown["deployment"] is None


# --- the audit log ---


def test_the_trail_is_read_by_index_subject_and_action(
    http: TestClient, world: World, bearer: Headers
) -> None:
    world.serving()
    headers = bearer(world.iris)
    world.app.store.audit.sequence(world.app.log)
    page = http.get(f"{API}/audit/entries?first=2&count=3", headers=headers).json()
    assert [e["index"] for e in page] == [2, 3, 4]
    first = http.get(f"{API}/audit/entries?first=-5&count=1", headers=headers).json()
    assert first[0]["index"] == 0
    about = http.get(f"{API}/audit/entries?subject=income@1", headers=headers).json()
    assert about[-1]["action"] == "registry:version:registered"
    assert http.get(f"{API}/audit/entries", headers=bearer(world.ada)).status_code == 403


def test_the_log_is_handed_out_as_it_lies_and_nothing_else(
    http: TestClient, world: World, bearer: Headers
) -> None:
    headers = bearer(world.iris)
    world.app.store.audit.sequence(world.app.log)
    key = http.get(f"{API}/audit/key", headers=headers).json()
    assert key["origin"] == world.app.log.origin
    note = http.get(f"{API}/audit/log/checkpoint", headers=headers)
    assert note.content.decode().splitlines()[1] == str(world.app.log.size)
    for path in ("keys/audit.pem", "tile/../../keys/audit.pem", "tile/%2e%2e/%2e%2e/keys/audit.pem",
                 "tile/9/000", "checkpoint/x"):  # fmt: skip
        answer = http.get(f"{API}/audit/log/{path}", headers=headers)
        assert answer.status_code == 404, path
        assert b"PRIVATE" not in answer.content


# --- the description of it all ---


def test_the_openapi_document_is_whole(http: TestClient) -> None:
    document = http.get("/schema/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Seawall control plane"
    seen: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                found: Any = document
                for part in reference.removeprefix("#/").split("/"):
                    found = found[part]
                seen.append(reference)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)
    assert seen
    operations = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    ]
    assert len(operations) == len(set(operations))
    for path, methods in document["paths"].items():
        named = {p["name"] for m in methods.values() for p in m.get("parameters", ())}
        for method in methods.values():
            assert method["responses"], path
        assert {part.strip("{}") for part in path.split("/") if part[:1] == "{"} <= named


def test_the_process_says_that_it_answers_and_looks_at_its_endpoints(http: TestClient) -> None:
    told = http.get("/healthz").json()
    assert told["status"] == "ok"
    assert told["rounds"] >= 0


def test_gateways_say_what_they_serve_and_everybody_may_read_it(
    world: World, http: TestClient, bearer: Headers
) -> None:
    world.serving()
    serving = {"income": {"number": 1, "digest": str(Digest.of(b"bundle"))}}
    status = {"gateway": "north", "software": "0.1.0", "started": START.isoformat()}
    body = status | {"serving": serving}
    assert http.post(f"{API}/gateways", json=body).status_code == 401
    refused = http.post(f"{API}/gateways", json=body, headers=bearer(world.ada))
    assert refused.status_code == 403
    wrong = body | {"gateway": "x" * 300}
    answer = http.post(f"{API}/gateways", json=wrong, headers=bearer(world.gateway))
    assert (answer.status_code, "gateway" in told(answer)["error"]) == (400, True)
    assert http.post(f"{API}/gateways", json=body, headers=bearer(world.gateway)).json() == {
        "known": True
    }
    (found,) = http.get(f"{API}/gateways", headers=bearer(world.iris)).json()
    assert found == {
        "gateway": "north",
        "endpoint": "income",
        "state": "current",
        "bundle": 1,
        "issued": 1,
        "since": None,
        "heard": found["heard"],
        "started": found["started"],
        "software": "0.1.0",
        "killed": False,
        "refusal": None,
    }
    answer = http.get(f"{API}/gateways?endpoint=what", headers=bearer(world.iris))
    assert answer.status_code == 404
