from __future__ import annotations

from datetime import timedelta

import pytest
from tests.app.world import HOUR, START, World, documents

from seawall.app import declare, respond, rollouts, watch
from seawall.incidents.alert import Alert, make_alert
from seawall.incidents.incident import Incident
from seawall.incidents.pipeline import Silence
from seawall.kernel import Conflict, Forbidden, convert, now
from seawall.serving.endpoint import Endpoint
from seawall.serving.reviewed import ReviewedSignature
from seawall.serving.telemetry import Counters
from seawall.slo.budget import budget
from seawall.slo.objective import Objective


def endpoint(world: World) -> Endpoint:
    return world.app.store.get(Endpoint, "income")


def alert(world: World, severity: str = "page", **labels: str) -> Alert:
    given = {"alert": "budget_burn", "endpoint": "income"} | labels
    summary = f"income burns: {labels}"
    return make_alert(severity, given, summary, now(world.clock))  # type: ignore[arg-type]


def incidents(world: World) -> list[Incident]:
    return world.app.store.find(Incident)


def test_fifty_alerts_of_one_kind_are_one_page(world: World) -> None:
    world.serving()
    alerts = [alert(world, field=f"f{i}") for i in range(50)]
    respond.respond(world.app, endpoint(world), alerts)
    assert len(incidents(world)) == 1
    assert len(incidents(world)[0].alerts) == 50
    actions = world.actions()
    assert actions.count("incidents:notice:told") == 1
    assert actions.count("incidents:alert:fired") == 50
    assert actions.count("incidents:incident:opened") == 1


def test_an_alert_that_goes_on_is_told_once(world: World) -> None:
    world.serving()
    firing = [alert(world)]
    respond.respond(world.app, endpoint(world), firing)
    before = world.actions()
    world.clock.advance(timedelta(minutes=5))
    assert respond.respond(world.app, endpoint(world), firing) == []
    assert world.actions() == before


def test_a_second_alert_of_the_group_extends_the_open_incident(world: World) -> None:
    world.serving()
    one, two = alert(world, objective="a"), alert(world, objective="b")
    respond.respond(world.app, endpoint(world), [one])
    world.clock.advance(timedelta(minutes=1))
    respond.respond(world.app, endpoint(world), [one, two])
    assert len(incidents(world)) == 1
    assert {a.labels["objective"] for a in incidents(world)[0].alerts} == {"a", "b"}


def test_a_ticket_opens_no_incident(world: World) -> None:
    world.serving()
    ticket = alert(world, "ticket")
    for _ in range(3):
        respond.respond(world.app, endpoint(world), [ticket])
        world.clock.advance(timedelta(minutes=10))
    assert incidents(world) == []
    assert world.actions().count("incidents:notice:told") == 1


def test_the_cause_inhibits_what_follows_from_it(world: World) -> None:
    world.serving()
    cause = alert(world)
    follows = make_alert(
        "page", {"alert": "invalid_input", "endpoint": "income"}, "invalid", now(world.clock)
    )
    respond.respond(world.app, endpoint(world), [cause, follows])
    assert [i.title for i in incidents(world)] == [cause.summary]


def test_a_silenced_alert_is_not_told_and_the_silence_is_on_record(world: World) -> None:
    world.serving()
    silence = Silence(
        id="s1",
        match={"endpoint": "income"},
        start=START,
        end=START + HOUR,
        author="otto",
        reason="planned",
    )
    respond.silenced(world.app, world.otto, silence)
    with pytest.raises(Forbidden):
        respond.silenced(world.app, world.gateway, silence)
    respond.respond(world.app, endpoint(world), [alert(world)])
    assert incidents(world) == []
    assert world.actions()[-2:] == ["incidents:silence:set", "incidents:alert:fired"]
    world.clock.advance(HOUR)
    respond.respond(world.app, endpoint(world), [alert(world)])
    assert len(incidents(world)) == 1


def test_the_runbook_falls_back_by_a_new_bundle(world: World) -> None:
    world.serving()
    respond.respond(world.app, endpoint(world), [alert(world)])
    bundle = world.bundle()
    assert (bundle.number, bundle.on_invalid) == (2, "fallback")
    incident = incidents(world)[0]
    assert incident.runbook == "bad-input"
    assert "from bundle 2 on" in incident.actions[0].text
    assert [a for a in world.actions() if a.startswith(("serving:", "incidents:action"))] == [
        "serving:bundle:issued",
        "serving:bundle:issued",
        "incidents:action:taken",
    ]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("roll_back", "no rollout is open"),
        ("throttle", "asked of the people on call"),
        ("open_review", "asked of the people on call"),
    ],
)
def test_what_cannot_be_done_is_said(bare: World, action: str, said: str) -> None:
    bare.declare(Runbook={"automatic": [{"action": action}]})
    bare.serving()
    respond.respond(bare.app, endpoint(bare), [alert(bare)])
    assert said in incidents(bare)[0].actions[0].text
    assert bare.bundle().number == 1


def test_an_endpoint_without_a_fallback_is_told_so(world: World) -> None:
    world.serving()
    document = next(d for _, d in documents() if d["kind"] == "Endpoint")
    del document["spec"]["fallback"]
    declare.apply(world.app, world.otto, document)
    respond.respond(world.app, endpoint(world), [alert(world)])
    assert "declares no fallback" in incidents(world)[0].actions[0].text


def test_a_runbook_that_may_rolls_an_open_rollout_back(bare: World) -> None:
    bare.declare(Runbook={"automatic": [{"action": "roll_back"}]})
    champion = bare.serving(b"one")
    rollout = bare.rollout(bare.approved(b"two"))
    respond.respond(bare.app, endpoint(bare), [alert(bare)])
    assert rollouts.observe(bare.app, rollout.key).state == "aborted"
    assert [a.version for a in bare.bundle().arms] == [champion]
    incident = incidents(bare)[0]
    assert "income@2 is taken off" in incident.actions[0].text
    assert any(s.what == "deploy" for s in incident.suspects)


def test_an_incident_is_resolved_when_its_alerts_have_ended_and_drafts_a_postmortem(
    world: World,
) -> None:
    world.serving()
    respond.respond(world.app, endpoint(world), [alert(world)])
    key = incidents(world)[0].id
    with pytest.raises(Conflict, match="1 alerts firing"):
        respond.resolve(world.app, world.otto, key, "done")
    respond.mitigate(world.app, world.otto, key, "fell back")
    world.clock.advance(HOUR)
    respond.respond(world.app, endpoint(world), [])
    with pytest.raises(Forbidden):
        respond.resolve(world.app, world.ada, key, "done")
    resolved = respond.resolve(world.app, world.otto, key, "the field is back")
    assert resolved.state == "resolved"
    assert resolved.postmortem is not None
    assert "lasted 1:00:00" in resolved.postmortem.summary
    assert resolved.postmortem.unanswered
    assert [a.owner for a in resolved.postmortem.actions] == ["otto"] * len(
        resolved.postmortem.actions
    )
    assert resolved.postmortem.actions
    assert world.actions(subject=key)[0] == "incidents:incident:opened"
    assert world.actions(subject=key)[-1] == "incidents:incident:resolved"
    with pytest.raises(Conflict):
        respond.mitigate(world.app, world.otto, key, "again")


def test_an_alert_that_returns_after_a_resolution_opens_another_incident(world: World) -> None:
    world.serving()
    respond.respond(world.app, endpoint(world), [alert(world)])
    world.clock.advance(HOUR)
    respond.respond(world.app, endpoint(world), [])
    respond.resolve(world.app, world.otto, incidents(world)[0].id, "done")
    world.clock.advance(HOUR)
    respond.respond(world.app, endpoint(world), [alert(world)])
    assert [i.state for i in incidents(world)] == ["resolved", "open"]


# --- what fires ---


def slo(world: World, name: str, indicator: str, target: float, **spec: object) -> None:
    document = {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": name},
        "spec": {
            "service": "income",
            "timeWindow": [{"duration": "30d", "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"target": target}],
            "indicatorRef": indicator,
        }
        | spec,
    }
    declare.apply(world.app, world.otto, document)


def test_an_outage_burns_the_budget_and_pages(world: World) -> None:
    slo(world, "availability", "availability", 0.999)
    key = world.serving()
    for minutes in range(0, 60, 5):
        start = START + timedelta(minutes=minutes)
        body = Counters(decisions=500, rejected=500, invalid={"age: missing": 500})
        world.report((key, "champion", "counters", start, body))
    world.clock.advance(HOUR)
    alerts = watch.firing(world.app, endpoint(world), None)
    found = {a.labels["alert"]: a.severity for a in alerts}
    assert found == {"budget_burn": "page", "invalid_input": "ticket"}
    respond.respond(world.app, endpoint(world), alerts)
    suspects = incidents(world)[0].suspects
    assert any(s.what == "field" and "age" in s.name for s in suspects), suspects


def test_only_fields_that_refuse_rows_fail(world: World) -> None:
    key = world.serving()
    counted = {
        "age: coerced": 900, "hours: defaulted": 900, "hours: reported_out_of_range": 900,
        "*: unknown": 900, "worked too long: rule": 90,
    }  # fmt: skip
    body = Counters(decisions=910, rejected=90, invalid=counted)
    world.report((key, "champion", "counters", START, body))
    found = watch.failing_fields(world.app, endpoint(world), START)
    assert found == [("worked too long: rule", 90, 1_000)]


def test_a_signature_that_was_applied_is_listed_as_it_was(world: World) -> None:
    fields = [{"name": "age", "kind": "integer", "unit": "years", "mode": "coerce"}]
    document = {
        "apiVersion": "seawall/v1",
        "kind": "Signature",
        "metadata": {"name": "income"},
        "spec": {"fields": fields, "rules": [{"name": "adult", "rule": "age >= 18"}]},
    }
    declare.apply(world.app, world.ada, document)
    (listed,) = declare.listed(world.app, world.ada, "Signature", "income")
    assert convert(listed, ReviewedSignature).signature.fields[0].unit == "years"
    with pytest.raises(Forbidden):
        declare.apply(world.app, world.otto, document)


def test_wrong_predictions_burn_the_quality_budget_once_they_are_known(world: World) -> None:
    slo(world, "quality", "quality", 0.9)
    key = world.serving()
    world.hour(START, {"champion": (key, 1_000, 0)})
    world.labels(START, key, "champion", 600, 400)
    declared = world.app.store.find(Objective, "income/")
    world.clock.advance(HOUR)
    assert watch.event_counts(world.app, declared)[declared[0]] == []
    world.clock.advance(2 * HOUR)
    counts = watch.event_counts(world.app, declared)[declared[0]]
    assert [(c.start, c.good, c.total) for c in counts] == [(START + 2 * HOUR, 600, 1_000)]


def test_before_anything_is_deployed_every_budget_is_whole(world: World) -> None:
    slo(world, "quality", "quality", 0.9)
    slo(world, "availability", "availability", 0.999)
    counted = watch.event_counts(world.app, world.app.store.find(Objective, "income/"))
    assert [budget(o, c, now(world.clock)).consumed for o, c in counted.items()] == [0.0, 0.0]
    assert watch.event_counts(world.app, []) == {}
