from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.incidents.alert import Alert, fingerprint, make_alert, matches, reconcile
from seawall.incidents.pipeline import (
    Inhibition,
    Routing,
    Silence,
    deduplicate,
    group,
    inhibit,
    route,
    settle,
    silence,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def alert(name="burn", severity="page", endpoint="income", age=60, **labels) -> Alert:
    labels = {"alert": name, "endpoint": endpoint, **labels}
    return make_alert(severity, labels, f"{name} on {endpoint}", NOW - age * MINUTE)


@given(st.dictionaries(st.text(), st.text(), min_size=2))
def test_a_fingerprint_does_not_depend_on_the_order_of_labels(labels):
    assert fingerprint(labels) == fingerprint(dict(reversed(labels.items())))


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_different_labels_have_different_fingerprints(a, b):
    assert (fingerprint(a) == fingerprint(b)) == (a == b)


def test_a_star_matches_any_value_but_not_a_missing_label():
    assert matches({"endpoint": "income"}, {"endpoint": "*"})
    assert not matches({}, {"endpoint": "*"})


def test_fifty_alerts_of_one_endpoint_make_one_page():
    alerts = [alert("drift", "ticket", feature=f"f{i}") for i in range(49)] + [alert()]
    told = route(alerts, Routing(), [], {}, NOW)
    assert [(n.reason, n.group.severity, len(n.group.alerts)) for n in told.notices] == [
        ("new", "page", 50)
    ]


def test_an_endpoint_that_is_down_inhibits_its_other_alerts_and_no_others():
    down, burn, other = alert("endpoint_down"), alert(), alert(endpoint="fraud")
    told = route([down, burn, other], Routing(), [], {}, NOW)
    assert [h.alert for h in told.held] == [burn]
    assert "follows from" in told.held[0].reason
    assert {n.group.key for n in told.notices} == {"endpoint=income", "endpoint=fraud"}


def test_an_alert_that_ended_inhibits_nothing():
    down = alert("endpoint_down")
    ended = reconcile({down.fingerprint: down}, {}, NOW)[0]
    assert inhibit([ended, alert()], [Inhibition({"alert": "endpoint_down"}, {"alert": "*"})]) == []


def test_an_alert_never_inhibits_itself():
    rule = Inhibition({"alert": "*"}, {"alert": "*"})
    assert inhibit([alert()], [rule]) == []


def test_a_silence_holds_only_while_it_lasts():
    mute = Silence(
        id="s1",
        match={"endpoint": "income"},
        start=NOW,
        end=NOW + 60 * MINUTE,
        author="ann",
        reason="planned work",
    )
    assert [h.reason for h in silence([alert()], [mute], NOW)] == ["silenced by ann: planned work"]
    assert silence([alert()], [mute], NOW + 60 * MINUTE) == []
    assert silence([alert(endpoint="fraud")], [mute], NOW) == []


def test_a_silence_of_everything_is_refused():
    with pytest.raises(ValueError, match="at least one label"):
        Silence(id="s", match={}, start=NOW, end=NOW + MINUTE, author="a", reason="r")


def test_a_transient_is_not_told_and_a_lasting_alert_is():
    young, old = alert("drift", "ticket", age=1), alert("labels", "ticket", age=10)
    assert [h.alert for h in settle([young, old], Routing().settle, NOW)] == [young]


def notices(alerts, notified=None, now=NOW):
    groups = group(alerts, ("endpoint",))
    found = deduplicate(groups, notified or {}, Routing().repeat, now)
    return [n.reason for n in found], {n.group.key: n.notified(now) for n in found}


def test_a_group_is_told_once_and_again_only_after_its_repeat_time():
    _, told = notices([alert()])
    assert notices([alert()], told, NOW + 239 * MINUTE)[0] == []
    assert notices([alert()], told, NOW + 240 * MINUTE)[0] == ["again"]


def test_another_alert_in_the_group_is_news_and_one_that_ends_is_not():
    first, second = alert(), alert("latency")
    _, told = notices([first])
    reasons, both = notices([first, second], told)
    assert reasons == ["more"]
    assert notices([first], both)[0] == []


def test_a_ticket_that_becomes_a_page_is_told_at_once():
    ticket, page = alert(severity="ticket"), alert(severity="page")
    _, told = notices([ticket])
    assert notices([page], told)[0] == ["worse"]


def test_the_end_of_all_alerts_is_told_once():
    firing = alert()
    _, told = notices([firing])
    (ended,) = reconcile({firing.fingerprint: firing}, {}, NOW)
    reasons, resolved = notices([ended], told)
    assert reasons == ["resolved"]
    assert notices([ended], resolved)[0] == []
    assert notices([firing], resolved)[0] == ["new"]


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12), st.randoms())
def test_every_alert_is_told_or_held_exactly_once_in_any_order(names, random):
    alerts = list({n: alert(n, endpoint=n) for n in names}.values())
    mute = Silence(
        id="s",
        match={"alert": "a"},
        start=NOW - MINUTE,
        end=NOW + MINUTE,
        author="ann",
        reason="work",
    )
    shuffled = alerts[:]
    random.shuffle(shuffled)
    one, two = (route(x, Routing(), [mute], {}, NOW) for x in (alerts, shuffled))
    assert one.notices == two.notices
    seen = [a for n in one.notices for a in n.group.alerts] + [h.alert for h in one.held]
    assert sorted(a.fingerprint for a in seen) == sorted(a.fingerprint for a in alerts)


def test_reconciling_keeps_the_moment_an_alert_started():
    before = alert(age=60)
    worse = make_alert("page", before.labels, "worse now", NOW)
    (changed,) = reconcile({before.fingerprint: before}, {worse.fingerprint: worse}, NOW)
    assert (changed.started, changed.summary) == (before.started, "worse now")


def test_reconciling_an_unchanged_alert_changes_nothing_and_an_absent_one_ends_it():
    known = {(a := alert()).fingerprint: a}
    assert reconcile(known, known, NOW) == ()
    (ended,) = reconcile(known, {}, NOW)
    assert ended.ended == NOW
    assert reconcile({ended.fingerprint: ended}, {}, NOW) == ()
    assert reconcile({ended.fingerprint: ended}, known, NOW) == (a,)
