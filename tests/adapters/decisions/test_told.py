"""Outcomes, actions, overrides and business events: any type, late, corrected, told twice."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.adapters.decisions import outcomes_of, ship, story, told_of
from seawall.adapters.decisions.schema import ACTIONS, EVENTS, OUTCOMES, OVERRIDES
from seawall.adapters.decisions.told import ReceivedOutcome, in_order
from seawall.kernel import BadInput, Ids, SystemClock, now
from seawall.serving.followup import ActionTaken, BusinessEvent, Override
from seawall.serving.outcome import Outcome


@pytest.mark.parametrize("label", [0, 1, 2.5, -3, "spam", "1"])
def test_a_label_of_any_type_is_kept_as_it_was_told(log, wal, table, decide, clock, label):
    (made,) = decide(1)
    log.append_told([Outcome(made.id, label)])
    waiting = outcomes_of(table, made.id, wal_folders=[wal])
    log.close()
    ship(wal, table, clock=clock)
    shipped = outcomes_of(table, made.id)
    assert [o.label for o in waiting] == [o.label for o in shipped] == [label]
    assert type(shipped[0].label) is str or label != "1"


@pytest.mark.parametrize("label", [float("nan"), float("inf"), "", "x" * 65])
def test_a_label_that_cannot_be_kept_is_refused_and_nothing_is_kept(log, decide, clock, label):
    one, two = decide(2)
    with pytest.raises(BadInput, match=two.id):
        log.append_told([Outcome(one.id, 1), Outcome(two.id, label)])
    assert list(log.pending_outcomes(now(clock))) == []


def test_what_is_told_of_a_decision_makes_one_story_in_the_order_it_happened(
    log, wal, table, decide, clock
):
    (made,) = decide(1)
    t0 = now(clock)
    hours = [t0 + timedelta(hours=h) for h in range(5)]
    told = [
        BusinessEvent(made.id, "complaint", id="c-7", time=hours[4]),
        Override(made.id, {"label": 0}, "dana", "income was misread", hours[2]),
        Outcome(made.id, 1, hours[3]),
        ActionTaken(made.id, "declined", by="robot", time=hours[1]),
    ]
    log.append_told(told[:2])
    log.close()
    ship(wal, table, clock=clock)
    log.append_told(told[2:])
    found = story(table, made.id, wal_folders=[wal])
    assert [kind for kind, _ in found] == [ACTIONS, OVERRIDES, OUTCOMES, EVENTS]
    assert found[1][1].output == {"label": 0}
    assert (found[1][1].reviewer, found[1][1].reason) == ("dana", "income was misread")
    assert found[3][1].received == t0


def test_the_same_told_again_changes_nothing_wherever_the_first_is(log, wal, table, decide, clock):
    (made,) = decide(1)
    t0 = now(clock)
    told = [
        Outcome(made.id, 1, t0),
        ActionTaken(made.id, "approved", time=t0),
        Override(made.id, 1, "dana", "known customer", t0),
        BusinessEvent(made.id, "payment", 12.5, time=t0),
    ]
    for again in range(3):
        log.append_told(told)
        clock.advance(timedelta(hours=1))
        if again:
            log.seal()
            ship(wal, table, clock=clock)
    for kind in (OUTCOMES, ACTIONS, OVERRIDES, EVENTS):
        assert len(told_of(table, kind, made.id, wal_folders=[wal])) == 1


def test_an_outcome_observed_later_stands_though_it_was_told_first(log, wal, table, decide, clock):
    (made,) = decide(1)
    t0 = now(clock)
    log.append_told([Outcome(made.id, 0, t0 + timedelta(days=9))])
    clock.advance(timedelta(days=10))
    log.append_told([Outcome(made.id, 1, t0)])
    assert [o.label for o in outcomes_of(table, made.id, wal_folders=[wal])] == [1, 0]


def test_an_event_told_again_under_its_id_is_corrected(log, wal, table, decide, clock):
    (made,) = decide(1)
    log.append_told([BusinessEvent(made.id, "payment", 10.0, id="p1")])
    clock.advance(timedelta(days=1))
    log.append_told(
        [BusinessEvent(made.id, "payment", 9.0, id="p1"), BusinessEvent(made.id, "refund", id="p1")]
    )
    found = told_of(table, EVENTS, made.id, wal_folders=[wal])
    assert [(e.name, e.value) for e in found] == [("payment", 9.0), ("refund", None)]


def test_an_event_that_could_not_be_told_from_its_repeat_is_refused(decide):
    (made,) = decide(1)
    with pytest.raises(ValueError, match="needs an id or a time"):
        BusinessEvent(made.id, "payment", 10.0)
    with pytest.raises(msgspec.ValidationError, match="needs an id or a time"):
        msgspec.convert({"decision_id": made.id, "name": "payment"}, BusinessEvent)


moments = st.datetimes(timezones=st.just(now(SystemClock()).tzinfo))
outcomes = st.builds(
    ReceivedOutcome,
    st.just(Ids(SystemClock())()),
    st.sampled_from([0, 1, "a"]),
    moments,
    moments,
)


@given(st.lists(outcomes, max_size=8, unique_by=lambda o: o.received), st.randoms())
def test_the_order_does_not_depend_on_how_they_were_read_and_repeats_add_nothing(told, random):
    shuffled = told + [random.choice(told) for _ in range(3 if told else 0)]
    random.shuffle(shuffled)
    key = lambda o: (o.label, o.time)  # noqa: E731
    assert [key(o) for o in in_order(shuffled)] == [key(o) for o in in_order(told)]
