"""State in one transaction: the same law on SQLite and PostgreSQL."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.sql.things import Measured, Thing, change, write

from seawall.adapters.sql import SqlStore
from seawall.adapters.sql.values import decode, encode, end_of_prefix
from seawall.kernel import (
    SYSTEM,
    Actor,
    BadInput,
    Conflict,
    Corrupt,
    Digest,
    Estimate,
    FixedClock,
    NotFound,
    now,
)

ANN = Actor("ann")
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


def test_a_value_reads_back_as_it_was_written(store: SqlStore) -> None:
    thing = Thing("income@3", size=7, digest=Digest.of(b"x"), note="ünï\x00\n😀")
    write(store, thing)
    assert store.get(Thing, "income@3") == thing


def test_infinite_bounds_survive_storage(store: SqlStore) -> None:
    estimate = Estimate(0.1, -math.inf, math.inf, 0.95, 3, "none", "anytime")
    measured = Measured("a", estimate, None, parts=(estimate, estimate))
    write(store, measured)
    assert store.get(Measured, "a") == measured


def test_revisions_count_the_writes_of_a_key(store: SqlStore) -> None:
    with change(store) as transaction:
        assert transaction.revision(Thing, "a") == 0
        assert transaction.put(Thing("a")) == 1
        assert transaction.put(Thing("a", size=2)) == 2
        assert transaction.revision(Thing, "a") == 2
        assert transaction.get(Thing, "a") == Thing("a", size=2)


def test_a_write_that_expects_another_revision_is_refused(store: SqlStore) -> None:
    write(store, Thing("a"))
    with change(store) as transaction:
        with pytest.raises(Conflict, match="revision 1, not 2"):
            transaction.put(Thing("a", size=9), expect=2)
        with pytest.raises(Conflict):
            transaction.put(Thing("a", size=9), expect=0)
        with pytest.raises(Conflict, match="revision 0"):
            transaction.put(Thing("new"), expect=1)
        assert transaction.put(Thing("a", size=1), expect=1) == 2
        assert transaction.put(Thing("b"), expect=0) == 1
    assert store.get(Thing, "a").size == 1


def test_find_gives_the_values_under_a_prefix_in_key_order(store: SqlStore) -> None:
    keys = ["income@3/b", "income@3", "income@30", "income@3/a", "loan@1", "income@3/é", "Income"]
    write(store, *map(Thing, keys))
    assert [t.name for t in store.find(Thing)] == sorted(keys)
    assert [t.name for t in store.find(Thing, "income@3/")] == sorted(
        k for k in keys if k.startswith("income@3/")
    )
    assert [t.name for t in store.find(Thing, "income", limit=2)] == ["income@3", "income@3/a"]
    assert store.find(Measured) == []


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sets(st.text(CHARACTERS, min_size=1), max_size=8),
    st.text(CHARACTERS, max_size=2),
)
def test_a_prefix_selects_what_begins_with_it(store: SqlStore, keys: set[str], prefix: str) -> None:
    wanted = sorted(k for k in {*keys, prefix + "a"} if k.startswith(prefix))
    with store.transaction(SYSTEM) as transaction:
        for old in transaction.find(Thing):
            transaction.delete(Thing, old.name)
        for key in {*keys, prefix + "a"}:
            transaction.put(Thing(key))
        transaction.record("test:thing:change", "all", {})
        assert [t.name for t in transaction.find(Thing, prefix)] == wanted
    assert [t.name for t in store.find(Thing, prefix, at=now(store.clock))] == wanted


def test_the_last_code_point_has_no_key_after_it() -> None:
    assert end_of_prefix("") is None
    assert end_of_prefix("\U0010ffff") is None
    assert end_of_prefix("a\U0010ffff") == "b"
    assert end_of_prefix("\ud7ff") == "\ue000"


def test_what_is_not_there_is_named_with_the_nearest_key(store: SqlStore) -> None:
    write(store, Thing("income@3"))
    with pytest.raises(NotFound, match=r"no thing 'incme@3'.*did you mean 'income@3'"):
        store.get(Thing, "incme@3")
    with change(store) as transaction, pytest.raises(NotFound):
        transaction.delete(Thing, "incme@3")


@pytest.mark.parametrize("key", ["", "a\x00b", "\ud800"])
def test_a_key_that_a_database_cannot_hold_is_refused(store: SqlStore, key: str) -> None:
    with change(store) as transaction, pytest.raises(BadInput, match="cannot be a key"):
        transaction.put(Thing(key))


def test_stored_text_that_is_not_the_type_is_corrupt() -> None:
    assert decode(encode(Thing("a")), Thing, "a") == Thing("a")
    for body in ('{"name": 1}', "{", '{"name": "a", "digest": "sha256:1"}'):
        with pytest.raises(Corrupt, match="thing 'a'"):
            decode(body, Thing, "a")


def test_state_without_an_audit_entry_does_not_commit(store: SqlStore) -> None:
    with pytest.raises(RuntimeError, match="no audit entry: thing a"), store.transaction(ANN) as t:
        t.put(Thing("a"))
    assert store.find(Thing) == []
    write(store, Thing("a"))
    with pytest.raises(RuntimeError, match="no audit entry"), store.transaction(ANN) as t:
        t.delete(Thing, "a")
    assert store.find(Thing) == [Thing("a")]


def test_an_exception_undoes_state_entry_and_events(store: SqlStore) -> None:
    def fail() -> None:
        with store.transaction(ANN) as transaction:
            transaction.put(Thing("a"))
            transaction.record("test:thing:write", "a", {})
            transaction.emit("test:thing:written", "a", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.find(Thing) == []
    assert store.audit.pending() == 0
    assert store.outbox.deliver({"h": ("*:*:*", lambda event, transaction: None)}) == 0


def test_an_unnamed_action_or_event_is_bad_input(store: SqlStore) -> None:
    with change(store) as transaction:
        with pytest.raises(BadInput, match="source:subject:action"):
            transaction.record("written", "a", {})
        with pytest.raises(BadInput, match="source:subject:action"):
            transaction.emit("Written", "a", {})
        with pytest.raises(BadInput, match="JSON"):
            transaction.record("test:thing:write", "a", {"n": math.nan})


def test_a_past_moment_shows_the_state_of_then(store: SqlStore, clock: FixedClock) -> None:
    moments = [now(clock)]
    for step in ({"a": 1}, {"a": 2, "b": 1}, {"b": 2}, {"a": None}, {"a": 4}):
        clock.advance(timedelta(hours=1))
        with change(store) as transaction:
            for name, size in step.items():
                if size is None:
                    transaction.delete(Thing, name)
                else:
                    transaction.put(Thing(name, size=size))
        moments.append(now(clock))
    seen = [{t.name: t.size for t in store.find(Thing, at=moment)} for moment in moments]
    wanted = [{}, {"a": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 2}, {"b": 2}, {"a": 4, "b": 2}]
    assert seen == wanted
    assert store.get(Thing, "a", at=moments[2] + timedelta(minutes=59)).size == 2
    with pytest.raises(NotFound, match="there was no thing 'a' at 2026-03-01T16:00"):
        store.get(Thing, "a", at=moments[4])
    with pytest.raises(NotFound, match="did you mean 'a'"):
        store.get(Thing, "aa", at=moments[1])
    assert [r.number for r in store.history(Thing, "a")] == [1, 2, 3, 4]
    assert [r.value and r.value.size for r in store.history(Thing, "a")] == [1, 2, None, 4]
    assert {r.actor for r in store.history(Thing, "a")} == {"ann"}
    with pytest.raises(NotFound):
        store.history(Thing, "c")


def test_a_clock_set_back_never_mixes_two_states(store: SqlStore, clock: FixedClock) -> None:
    write(store, Thing("a", size=1), Thing("b", size=1))
    start = now(clock)
    clock.advance(timedelta(days=365))
    write(store, Thing("a", size=2))
    clock.advance(timedelta(days=-364))
    write(store, Thing("b", size=2))
    seen = [
        {t.name: t.size for t in store.find(Thing, at=start + timedelta(days=days))}
        for days in (0, 0.5, 1, 2, 400)
    ]
    assert seen == [{"a": 1, "b": 1}] * 2 + [{"a": 2, "b": 2}] * 3


def test_a_transaction_inside_another_is_refused_at_once(store: SqlStore) -> None:
    with change(store), pytest.raises(RuntimeError, match="inside another"), change(store):
        pass
    write(store, Thing("a"))  # and the thread can go on


def test_only_databases_that_keep_state_are_accepted(clock: FixedClock) -> None:
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://x/y", "no url"):
        with pytest.raises(BadInput, match="sqlite:///FILE"):
            SqlStore(url, clock)
