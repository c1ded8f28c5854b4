from __future__ import annotations

import re

import pytest
from tests.server.site.filled import HOSTILE, Filled

from seawall.server.pages import assets, paths


def addresses(world: Filled) -> dict[str, str]:
    return {
        "overview": "/",
        "model": "/models/income",
        "version in production": "/models/income/versions/1",
        "version that waits": "/models/income/versions/2",
        "rollout": paths.rollout(world.moving.id),
        "incidents": "/incidents?state=all",
        "incident": paths.incident(world.incident.id),
        "audit": "/audit",
        "search": "/audit?q=otto",
        "entry": "/audit/entries/3",
        "decision": paths.decision(world.decision),
    }


def test_every_page_answers_with_the_strict_policy_and_nothing_inline(world, browse) -> None:
    client = browse(world, world.otto)
    for name, address in addresses(world).items():
        reply = client.get(address)
        assert reply.status_code == 200, (name, reply.text[:500])
        assert reply.headers["content-security-policy"] == assets.CONTENT_SECURITY_POLICY
        assert reply.headers["cache-control"] == "no-store"
        assert " style=" not in reply.text, name
        for script in re.findall(r"<script\b([^>]*)>", reply.text):
            assert "src=" in script or 'type="application/json"' in script, name


def test_without_a_session_every_page_asks_to_sign_in_and_remembers_where(world, browse) -> None:
    client = browse(world)
    for name, address in addresses(world).items():
        reply = client.get(address)
        assert reply.status_code == 401, name
        assert 'name="token"' in reply.text
        assert f'name="next" value="{address}"' in reply.text, name


def test_hostile_text_stays_text_on_every_page(world, browse) -> None:
    client = browse(world, world.otto)
    for name, address in addresses(world).items():
        text = client.get(address).text
        assert HOSTILE not in text, name
        assert "<img" not in text, name
    assert "&lt;script&gt;" in client.get("/models/income").text


def test_the_model_page_shows_what_the_store_knows(world, browse) -> None:
    text = browse(world, world.otto).get("/models/income").text
    assert "failing" in text  # the open page
    for words in ("Answers", "Right answers", "ROC AUC", "SEX", "Latency p99", "hours", "age"):
        assert words in text, words
    assert world.decision in text
    assert paths.rollout(world.moving.id) in text
    assert "no baseline" not in text.lower()


def test_the_rollout_page_holds_each_measure_against_its_bounds(world, browse) -> None:
    text = browse(world, world.otto).get(paths.rollout(world.moving.id)).text
    assert "score shift" in text
    assert "errors, difference" in text
    assert "Roll back" in text


def test_a_version_page_shows_provenance_checks_and_verified_attestations(world, browse) -> None:
    text = browse(world, world.otto).get("/models/income/versions/1").text
    assert "accuracy" in text
    assert text.count("verified") == 2
    assert "train.py" in text


def test_a_decision_page_shows_inputs_as_they_were_kept(world, browse) -> None:
    text = browse(world, world.otto).get(paths.decision(world.decision)).text
    assert "income@1 answered 1 with score 0.750" in text
    assert "abababababababab" in text
    assert "ab" * 32 not in text  # of a token only its beginning is shown
    assert "can be proven once its segment is sealed" in text


def test_the_audit_log_is_verified_searched_and_paged(world, browse) -> None:
    client = browse(world, world.iris)
    assert "verified" in client.get("/audit").text
    assert "access:identity:created" in client.get("/audit?q=vera").text
    found = client.get(f"/audit?q={world.decision}")
    assert found.status_code == 303
    assert found.headers["location"] == paths.decision(world.decision)
    assert "Nothing in the log is about" in client.get("/audit?q=nobody-at-all").text


def test_an_entry_comes_with_a_proof_that_leads_to_the_signed_root(world, browse) -> None:
    client = browse(world, world.iris)
    text = client.get("/audit/entries/5").text
    assert world.app.log.checkpoint().root.hex() in text
    assert "verified" in text
    assert client.get("/audit/entries/99999").status_code == 404


def test_the_checkpoint_is_the_signed_note_itself(world, browse) -> None:
    reply = browse(world, world.iris).get("/audit/checkpoint")
    assert reply.content == world.app.log.note()


def test_who_may_not_read_the_audit_log_is_told_who_may(world, browse) -> None:
    reply = browse(world, world.ada).get("/audit")
    assert reply.status_code == 403
    assert "needs validator or approver or operator or auditor" in reply.text


def test_the_overview_names_what_needs_someone_by_role(world, browse) -> None:
    text = browse(world, world.otto).get("/").text
    assert f"{world.waiting} waits for an approval" in text
    assert paths.incident(world.incident.id) in text


def test_the_overview_is_searched_by_name_tier_and_health(world, browse) -> None:
    client = browse(world, world.otto)
    row = 'id="m-income"'
    assert row in client.get("/?q=inc").text
    assert row not in client.get("/?q=other").text
    assert row in client.get("/?tier=medium&health=bad").text
    assert row not in client.get("/?tier=high").text


@pytest.mark.parametrize("address", ["/models/none", "/rollouts/none", "/incidents/none", "/x/y"])
def test_what_does_not_exist_is_a_page_that_says_so(world, browse, address) -> None:
    reply = browse(world, world.otto).get(address)
    assert reply.status_code == 404
    assert reply.headers["content-security-policy"] == assets.CONTENT_SECURITY_POLICY


def test_programs_get_errors_as_json(world, browse) -> None:
    reply = browse(world, world.otto).get("/models/none", headers={"accept": "*/*"})
    assert reply.json()["error"]


def test_files_are_kept_for_ever_under_their_digest(world, browse) -> None:
    client = browse(world)
    text = client.get("/login").text
    for address in set(re.findall(r'"(/static/[^"]+)"', text)):
        if address.endswith("vega.js"):
            continue
        reply = client.get(address)
        assert reply.status_code == 200
        assert "immutable" in reply.headers["cache-control"]
    assert "no-cache" in client.get("/static/old/app.css").headers["cache-control"]
    plain = client.get("/static/old/app.css", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert client.get("/static/x/none.css").status_code == 404
    assert client.get("/favicon.ico").headers["content-type"].startswith("image/svg+xml")


def test_an_empty_control_plane_says_what_would_be_here(tmp_path, empty_database, browse) -> None:
    from tests.server.site.filled import made

    world = made(tmp_path, empty_database)
    client = browse(world, world.otto)
    assert "seawall init" in client.get("/").text
    assert "No incident is open" in client.get("/incidents").text
    world.declare()
    assert "income does not serve: no version is registered yet" in (
        client.get("/models/income").text
    )
    world.close()
