"""Gateways as the control plane knows them: who serves what, who lags, who refused a bundle."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.app.world import START, World

from seawall.app import gateways, respond, watch
from seawall.app.bundles import issue
from seawall.app.gateways import Standing
from seawall.incidents.alert import Alert
from seawall.incidents.incident import Incident
from seawall.kernel import SYSTEM, Digest, Forbidden, convert, now, to_builtins
from seawall.serving.endpoint import Endpoint
from seawall.serving.gateways import GatewayStatus, Refusal, Serving

MINUTE = timedelta(minutes=1)
OFFERED = str(Digest.of(b"envelope"))


def refusal(at: datetime, **given: Any) -> Refusal:
    about = {"why": "digest", "message": "an artefact came with another digest"}
    fields = {"endpoint": "income", "offered": OFFERED, "number": 2, "held": 1, "at": at}
    return Refusal(**(about | fields | given))


def say(
    world: World, name: str = "north", bundle: int | None = 1, *refusals: Refusal, **given: Any
) -> None:
    serving = {} if bundle is None else {"income": Serving(number=bundle, digest=OFFERED, **given)}
    status = GatewayStatus(
        gateway=name, software="0.1.0", started=START, serving=serving, refusals=refusals
    )
    sent = convert(to_builtins(status), GatewayStatus)
    gateways.attend(world.app, world.gateway, sent)


def look(world: World) -> None:
    """What the reconciler does with alerts."""
    endpoint = world.app.store.get(Endpoint, "income")
    respond.respond(world.app, endpoint, watch.firing(world.app, endpoint, None))


def issued(world: World) -> None:
    with world.app.store.transaction(SYSTEM) as tx:
        issue(world.app, tx, world.deployment(), "a test")


def standing(world: World) -> dict[str, Standing]:
    return {s.gateway: s for s in gateways.standings(world.app, "income")}


def incidents(world: World) -> list[Incident]:
    return world.app.store.find(Incident)


def test_a_gateway_behind_is_told_since_the_next_bundle_was_issued(world: World) -> None:
    world.serving()
    say(world, "north")
    say(world, "south")
    assert {s.state for s in standing(world).values()} == {"current"}
    world.clock.advance(MINUTE)
    issued(world)
    second = now(world.clock)
    assert standing(world)["north"].state == "current"  # it has a moment to take it
    world.clock.advance(MINUTE)
    issued(world)
    say(world, "north", 3)
    say(world, "south")
    found = standing(world)
    assert (found["north"].state, found["north"].since) == ("current", None)
    assert (found["south"].state, found["south"].since) == ("behind", second)
    assert (found["south"].bundle, found["south"].issued) == (1, 3)
    assert found["south"].software == "0.1.0"


def test_one_that_is_not_heard_is_silent_and_in_a_day_forgotten(world: World) -> None:
    world.serving()
    say(world, "north")
    world.clock.advance(3 * MINUTE)
    found = standing(world)["north"]
    assert (found.state, found.since, found.heard) == ("silent", START, START)
    world.clock.advance(timedelta(days=1))
    say(world, "south")
    assert set(standing(world)) == {"south"}


def test_every_deployed_endpoint_is_listed_and_only_a_service_may_speak(world: World) -> None:
    assert gateways.standings(world.app) == []
    world.serving()
    say(world)
    assert [(s.endpoint, s.gateway) for s in gateways.standings(world.app)] == [("income", "north")]
    assert gateways.standings(world.app, "other") == []
    status = GatewayStatus(gateway="g", software="", started=START, serving={})
    with pytest.raises(Forbidden):
        gateways.attend(world.app, world.ada, status)


def test_a_refused_bundle_opens_one_incident_with_its_evidence_on_record(world: World) -> None:
    world.serving()
    one = refusal(START)
    for _ in range(3):
        say(world, "north", 1, one)
        say(world, "north-1", 1, one)
        look(world)
    (incident,) = incidents(world)
    assert incident.severity == "page"
    assert incident.title == (
        "income: gateway north refused bundle 2: an artefact came with another digest; "
        "it serves bundle 1 on"
    )
    assert len(incident.alerts) == 2
    recorded = world.app.store.audit.find(action="serving:bundle:refused")
    assert [item.entry.detail["gateway"] for item in recorded] == ["north-1", "north"]
    assert recorded[0].entry.subject == "income"
    assert recorded[0].entry.detail["offered"] == OFFERED
    assert recorded[0].entry.detail["why"] == "digest"
    assert standing(world)["north"].state == "refuses"
    assert standing(world)["north"].since == START


def test_a_good_bundle_ends_the_alert_and_is_noted_in_the_incident(world: World) -> None:
    world.serving()
    one = refusal(START)
    say(world, "north", 1, one)
    look(world)
    world.clock.advance(MINUTE)
    ended = refusal(START, ended=now(world.clock), taken=3)
    for _ in range(2):
        say(world, "north", 3, ended)
        look(world)
    (incident,) = incidents(world)
    assert not any(a.firing for a in incident.alerts)
    said = [e.text for e in incident.timeline]
    assert said.count("gateway north took bundle 3 at 12:01:00") == 1
    assert len([s for s in said if s.startswith("ended: ")]) == 1
    assert world.actions().count("serving:bundle:taken") == 1
    respond.resolve(world.app, world.otto, incident.id, "a bad copy, repaired")
    say(world, "north", 3)
    look(world)
    assert [i.state for i in incidents(world)] == ["resolved"]


def test_a_refusal_that_is_told_late_and_is_over_still_opens_an_incident_once(
    world: World,
) -> None:
    """The control plane was away from before the refusal until after its end."""
    world.serving()
    over = refusal(START, ended=START + MINUTE, taken=3)
    world.clock.advance(10 * MINUTE)
    say(world, "north", 3, over)
    for _ in range(3):
        look(world)
        world.clock.advance(MINUTE)
    (incident,) = incidents(world)
    assert not any(a.firing for a in incident.alerts)
    assert world.actions().count("incidents:incident:opened") == 1
    assert standing(world)["north"].state == "silent"


def test_the_same_bundle_refused_again_is_told_again(world: World) -> None:
    world.serving()
    say(world, "north", 1, refusal(START, ended=START + MINUTE, taken=3))
    look(world)
    world.clock.advance(10 * MINUTE)
    look(world)
    again = refusal(now(world.clock), ended=now(world.clock), taken=4)
    say(world, "north", 4, again)
    look(world)
    (incident,) = incidents(world)
    assert [e.text[:6] for e in incident.timeline if e.what == "alert"].count("again:") == 1


def test_a_gateway_that_is_gone_for_a_day_holds_no_alert(world: World) -> None:
    world.serving()
    say(world, "north", None, refusal(START, held=None, number=None))
    look(world)
    assert "refused a bundle: " in incidents(world)[0].title
    assert "it serves nothing" in incidents(world)[0].title
    world.clock.advance(timedelta(days=1, minutes=1))
    say(world, "south")
    look(world)
    assert not [a for a in world.app.store.find(Alert) if a.firing]
