from __future__ import annotations

import re

import pytest
from tests.server.site.filled import HOSTILE

from seawall.app import identities
from seawall.incidents.incident import Incident
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.rollout.rollout import Rollout
from seawall.server.pages import paths


def csrf(client, address: str = "/") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(address).text)
    assert found
    return found[1]


def send(client, address: str, **fields: str):
    return client.post(address, data={"csrf": csrf(client)} | fields)


def last(world, action: str):
    return world.app.store.audit.find(action=action, limit=1)[0].entry


def done_by(world, who: str) -> list[str]:
    found = world.app.store.audit.find(limit=1_000)
    return [item.entry.action for item in found if item.entry.actor == who]


# --- signing in ---


def test_a_one_time_token_opens_one_session_in_a_guarded_cookie(fresh, browse) -> None:
    ticket = identities.ticket_for(fresh.app, fresh.root, "otto")
    client = browse(fresh)
    assert ticket in client.get(f"/login?ticket={ticket}").text  # looking does not use it up
    reply = client.post("/login", data={"token": ticket, "next": "/incidents"})
    assert reply.status_code == 303
    assert reply.headers["location"] == "/incidents"
    cookie = reply.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part.lower() in cookie.lower()
    assert "otto" in client.get("/").text
    again = browse(fresh).post("/login", data={"token": ticket})
    assert again.status_code == 401
    assert "was used or never given out" in again.text


@pytest.mark.parametrize("there", ["https://evil.test/", "//evil.test", "/\\evil.test", "x", ""])
def test_after_signing_in_nobody_is_sent_elsewhere(fresh, browse, there) -> None:
    ticket = identities.ticket_for(fresh.app, fresh.root, "otto")
    reply = browse(fresh).post("/login", data={"token": ticket, "next": there})
    assert reply.headers["location"] == "/"


def test_another_site_can_neither_sign_in_nor_press_a_button(fresh, browse) -> None:
    ticket = identities.ticket_for(fresh.app, fresh.root, "otto")
    for header in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}):
        reply = browse(fresh).post("/login", data={"token": ticket}, headers=header)
        assert reply.status_code == 403
    assert browse(fresh).post("/login", data={"token": ticket}).status_code == 303


def test_signing_out_ends_the_session(fresh, browse) -> None:
    client = browse(fresh, fresh.otto)
    assert send(client, "/logout").status_code == 303
    assert client.get("/").status_code == 401


# --- what buttons do ---


def test_every_form_is_refused_without_its_secret_and_without_a_session(fresh, browse) -> None:
    client, nobody = browse(fresh, fresh.otto), browse(fresh)
    before = done_by(fresh, "otto")
    for address, action in (
        (paths.rollout(fresh.moving.id), "abort"),
        (paths.incident(fresh.incident.id), "mitigate"),
        (paths.version("income", "2"), "reject"),
        ("/demo/calm", ""),
    ):
        fields = {"action": action, "reason": "r", "comment": "c"}
        assert client.post(address, data=fields).status_code == 403, address
        assert client.post(address, data=fields | {"csrf": "wrong"}).status_code == 403
        assert nobody.post(address, data=fields).status_code == 401
    assert done_by(fresh, "otto") == before


def test_a_rollout_is_paused_and_rolled_back_in_the_visitors_name(fresh, browse) -> None:
    client, here = browse(fresh, fresh.otto), paths.rollout(fresh.moving.id)
    for action, state in (("pause", "paused"), ("resume", "running"), ("abort", "aborted")):
        reply = send(client, here, action=action, reason=f"because {HOSTILE}")
        assert reply.status_code == 303
        assert reply.headers["location"] == here
        assert fresh.app.store.get(Rollout, fresh.moving.key).state == state
        entry = last(fresh, f"rollout:step:{action}")
        assert (entry.actor, entry.subject) == ("otto", fresh.moving.id)
        assert "<script>alert" not in client.get(here).text
    assert fresh.deployment().candidate is None
    assert 'role="status"' in client.get(here).text
    assert send(client, here, action="abort", reason="again").status_code == 409


def test_a_reason_is_needed(fresh, browse) -> None:
    reply = send(browse(fresh, fresh.otto), paths.rollout(fresh.moving.id), action="abort")
    assert reply.status_code == 400
    assert "reason" in reply.text


def test_an_incident_is_mitigated_in_the_visitors_name(fresh, browse) -> None:
    client, here = browse(fresh, fresh.otto), paths.incident(fresh.incident.id)
    assert send(client, here, action="mitigate", reason="put it back").status_code == 303
    assert fresh.app.store.get(Incident, fresh.incident.id).state == "mitigated"
    assert last(fresh, "incidents:incident:mitigated").actor == "otto"
    assert send(client, here, action="resolve", reason="done").status_code == 409  # alerts fire
    assert send(client, here, action="close", reason="done").status_code == 400


def test_a_version_is_approved_under_a_limit_by_who_may(fresh, browse) -> None:
    here = paths.version("income", fresh.waiting.partition("@")[2])
    answer = {"action": "approve", "suitable": "on", "rating": "on", "share": "25"}
    assert send(browse(fresh, fresh.otto), here, **answer).status_code == 403
    assert send(browse(fresh, fresh.abel), here, **answer).status_code == 303
    assert fresh.app.store.get(Version, fresh.waiting).stage is Stage.APPROVED
    entry = last(fresh, "approvals:version:approved")
    assert entry.actor == "abel"
    assert entry.detail["conditions"] == {"traffic_share": 0.25}


def test_a_version_is_rejected_with_its_reason(fresh, browse) -> None:
    client, here = browse(fresh, fresh.abel), paths.version("income", "2")
    assert send(client, here, action="reject", comment=HOSTILE).status_code == 303
    assert fresh.app.store.get(Version, fresh.waiting).stage is Stage.REJECTED
    assert last(fresh, "approvals:version:rejected").actor == "abel"
    assert "<script>alert" not in client.get(here).text


def test_an_approved_version_is_rolled_out_from_its_page(fresh, browse) -> None:
    client = browse(fresh, fresh.otto)
    send(client, paths.rollout(fresh.moving.id), action="abort", reason="another first")
    fresh.approve(fresh.waiting)
    here = paths.version("income", "2")
    assert "Roll out on income" in client.get(here).text
    assert send(client, here, action="start", endpoint="income").status_code == 303
    assert fresh.deployment().candidate == fresh.waiting
    assert last(fresh, "rollout:step:start").actor == "otto"


def test_buttons_that_a_visitor_may_not_press_say_why(fresh, browse) -> None:
    text = browse(fresh, fresh.ada).get(paths.rollout(fresh.moving.id)).text
    assert "ada is developer; it needs operator" in text
    assert 'name="action"' not in text
