from datetime import UTC, date, datetime, timedelta

import pytest

from seawall.incidents import incident as inc
from seawall.incidents.alert import make_alert
from seawall.incidents.postmortem import (
    QUESTIONS,
    ActionItem,
    add_action,
    answer,
    draft,
    finish_action,
)
from seawall.incidents.runbook import Permission, Runbook, RunbookStep, runbook_for
from seawall.incidents.suspects import Deploy, DriftedFeature, FailingField, rank
from seawall.kernel import BadInput, Conflict, Estimate, NotFound, convert, from_json, to_json

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def burn(severity="page", ended=None):
    made = make_alert(severity, {"alert": "burn", "endpoint": "income"}, "budget burns", NOW)
    return made if ended is None else inc.msgspec.structs.replace(made, ended=ended)


def opened(**more):
    return inc.open_incident(id="i1", endpoint="income", alerts=(burn(),), now=NOW, **more)


def test_an_incident_opens_with_the_summary_and_severity_of_its_worst_alert():
    ticket = make_alert("ticket", {"alert": "drift"}, "age drifted", NOW - HOUR)
    made = inc.open_incident(id="i1", endpoint="income", alerts=(ticket, burn()), now=NOW)
    assert (made.title, made.severity, made.started) == ("budget burns", "page", NOW - HOUR)


def test_an_incident_cannot_be_resolved_while_an_alert_fires():
    with pytest.raises(Conflict, match="firing"):
        inc.resolve(opened(), actor="ann", reason="quiet", now=NOW)
    ended = inc.absorb(opened(), [burn(ended=NOW + HOUR)], NOW + HOUR)
    done = inc.resolve(ended, actor="ann", reason="rolled back", now=NOW + HOUR)
    assert (done.state, done.resolved, done.mitigated) == ("resolved", NOW + HOUR, NOW + HOUR)


def test_a_further_alert_joins_and_raises_the_severity_and_never_lowers_it():
    ticket = inc.open_incident(id="i", endpoint="income", alerts=(burn("ticket"),), now=NOW)
    worse = inc.absorb(ticket, [burn("page")], NOW)
    assert worse.severity == "page"
    assert inc.absorb(worse, [burn("ticket")], NOW).severity == "page"
    assert len(worse.alerts) == 1


def test_actions_and_notes_stay_on_the_timeline():
    acted = inc.act(opened(), actor="seawall", text="rolled back to income@2", now=NOW)
    noted = inc.note(acted, actor="ann", text="looking", now=NOW)
    assert [e.text for e in noted.actions] == ["rolled back to income@2"]
    assert noted.timeline[-1].actor == "ann"


def test_a_mitigated_incident_is_not_mitigated_twice():
    once = inc.mitigate(opened(), actor="ann", reason="rolled back", now=NOW)
    with pytest.raises(Conflict, match="already mitigated"):
        inc.mitigate(once, actor="ann", reason="again", now=NOW)


def test_harm_escalates_to_product_and_legal():
    assert opened(harm=True).escalates_to == ("product", "legal")
    assert opened().escalates_to == ()


def test_an_incident_survives_the_wire():
    whole = inc.with_postmortem(opened(), draft("x", ["y"]), actor="ann", now=NOW)
    assert from_json(to_json(whole), inc.Incident) == whole


def estimate(value, low, high):
    return Estimate(value, low, high, 0.95, 1000, "test")


def test_the_latest_deploy_before_the_start_is_suspected_most_and_a_later_one_not_at_all():
    found = rank(
        NOW,
        [
            Deploy("old", NOW - 20 * HOUR),
            Deploy("new", NOW - HOUR / 6),
            Deploy("after", NOW + HOUR),
        ],
        [
            DriftedFeature("age", estimate(0.4, 0.3, 0.5), 0.1),
            DriftedFeature("hours", estimate(0.2, 0.05, 0.4), 0.1),
        ],
        [FailingField("sex", 500, 1000, 10, 1000), FailingField("job", 0, 1000)],
    )
    assert [s.name for s in found] == ["new", "sex", "age", "old"]
    assert found[0].reason == "changed 10 min before it started"
    assert found[1].reason == "fails validation in 50.0% of requests, before in 1.0%"


def test_with_nothing_known_there_is_no_suspect():
    assert rank(NOW) == ()


BOOK = {
    "name": "budget-burn",
    "match": {"alert": "burn"},
    "steps": [{"text": "Look at recent deploys", "command": "seawall rollout status"}],
    "automatic": [
        {"action": "roll_back", "when": {"indicator": "availability"}},
        {"action": "open_review", "severity": "ticket"},
    ],
}


def test_a_runbook_permits_only_what_it_says_for_the_alert():
    book = convert(BOOK, Runbook)
    page = make_alert("page", {"alert": "burn", "indicator": "availability"}, "s", NOW)
    ticket = make_alert("ticket", page.labels, "s", NOW)
    other = make_alert("page", {"alert": "drift", "indicator": "availability"}, "s", NOW)
    assert book.permitted(page) == ("roll_back", "open_review")
    assert book.permitted(ticket) == ("open_review",)
    assert book.permitted(other) == ()
    assert book.permitted(inc.msgspec.structs.replace(page, ended=NOW)) == ()


def test_a_misspelt_action_is_refused_when_read():
    with pytest.raises(BadInput, match="rol_back"):
        convert({**BOOK, "automatic": [{"action": "rol_back"}]}, Runbook)


def test_the_runbook_named_by_the_alert_wins_then_the_most_specific():
    general = convert(BOOK, Runbook)
    special = Runbook(
        name="special",
        match={"alert": "burn", "endpoint": "income"},
        steps=(RunbookStep("Call"),),
        automatic=(Permission("throttle"),),
    )
    plain = burn()
    named = inc.msgspec.structs.replace(plain, runbook="budget-burn")
    assert runbook_for(plain, [general, special]) == special
    assert runbook_for(named, [general, special]) == general
    assert runbook_for(make_alert("page", {"alert": "x"}, "s", NOW), [general]) is None


def item(**more):
    fields = {"id": "a1", "text": "add a check", "owner": "ann", "due": date(2026, 3, 10)}
    return ActionItem(**{**fields, **more})


def test_a_postmortem_is_complete_with_five_answers_and_an_owned_action_and_closed_when_done():
    report = draft("labels inverted", ["began at noon"])
    assert len(report.unanswered) == 5
    for name in QUESTIONS:
        report = answer(report, name, "yes")
    assert not report.complete
    report = add_action(report, item())
    assert report.complete
    assert not report.closed
    assert finish_action(report, "a1", NOW).closed


def test_an_action_item_is_open_until_done_and_overdue_after_its_date():
    assert not item().overdue(date(2026, 3, 10))
    assert item().overdue(date(2026, 3, 11))
    assert not item(done=NOW).overdue(date(2026, 3, 11))


@pytest.mark.parametrize("missing", ["owner", "text"])
def test_an_action_item_without_owner_or_text_is_refused(missing):
    with pytest.raises(ValueError, match="owns"):
        item(**{missing: " "})


def test_wrong_names_in_a_postmortem_are_told_with_the_nearest():
    report = add_action(draft("x", []), item())
    with pytest.raises(BadInput, match="cause"):
        answer(report, "causes", "x")
    with pytest.raises(NotFound, match="a1"):
        finish_action(report, "a2", NOW)
    with pytest.raises(Conflict, match="exists"):
        add_action(report, item())


def test_a_drafted_postmortem_states_what_was_suspected_and_done():
    made = opened(suspects=rank(NOW, [Deploy("income@3", NOW)]))
    acted = inc.act(made, actor="seawall", text="rolled back", now=NOW)
    summary = inc.draft_postmortem(acted).summary
    assert "suspected: deploy income@3" in summary
    assert "done by seawall: rolled back" in summary
