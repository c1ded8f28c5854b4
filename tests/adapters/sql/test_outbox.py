"""Events reach their handlers, each effect exactly once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import structlog
from tests.adapters.sql.things import Thing, change

from seawall.adapters.sql import SqlStore
from seawall.adapters.sql.outbox import ATTEMPTS, Handlers, backoff_ns
from seawall.kernel import SYSTEM, Actor, BadInput, Event, FixedClock, NotFound, Transaction


def emit(store: SqlStore, *types: str) -> list[str]:
    with change(store) as transaction:
        return [transaction.emit(type_, "income", {"n": i}) for i, type_ in enumerate(types)]


def count(event: Event, transaction: Transaction) -> None:
    """An effect that shows how often it happened: the revision of the event's record."""
    transaction.put(Thing(event.id))
    transaction.record("test:thing:count", event.id, {})


class Fails:
    """A handler that leaves a trace in its transaction, then raises while it is told to."""

    def __init__(self, times: int) -> None:
        self.times, self.calls = times, 0

    def __call__(self, event: Event, transaction: Transaction) -> None:
        self.calls += 1
        count(event, transaction)
        if self.calls <= self.times:
            raise OSError("the mail server is away")


@pytest.fixture(autouse=True)
def logs() -> list[dict[str, object]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def test_a_handler_gets_the_events_that_match_in_order(store: SqlStore) -> None:
    seen: list[Event] = []
    handlers: Handlers = {
        "stages": ("registry:*:stage_changed", lambda event, _: seen.append(event)),
    }
    emit(store, "registry:version:stage_changed", "registry:version:made", "slo:burn:alert")
    emit(store, "registry:model:stage_changed")
    assert store.outbox.deliver(handlers) == 2
    assert [(e.type, e.actor, e.subject, e.data["n"]) for e in seen] == [
        ("registry:version:stage_changed", "ann", "income", 0),
        ("registry:model:stage_changed", "ann", "income", 0),
    ]
    assert store.outbox.deliver(handlers) == 0


def test_handlers_write_in_the_name_of_the_system(store: SqlStore) -> None:
    (event,) = emit(store, "a:b:c")
    store.outbox.deliver({"count": ("*:*:*", count)})
    assert [r.actor for r in store.history(Thing, event)] == [SYSTEM.id]


def test_a_handler_that_fails_blocks_no_other_and_leaves_no_trace(
    store: SqlStore, logs: list[dict[str, object]]
) -> None:
    first, second = emit(store, "a:b:c", "a:b:d")
    fails = Fails(1)
    assert store.outbox.deliver({"fails": ("a:b:*", fails), "fine": ("a:b:c", Fails(0))}) == 2
    assert fails.calls == 2
    assert [len(store.history(Thing, event)) for event in (first, second)] == [1, 1]
    (log,) = [entry for entry in logs if entry["event"] == "event handler failed"]
    assert (log["handler"], log["event_id"], log["attempt"]) == ("fails", first, 1)


def test_a_failed_delivery_is_retried_when_its_time_has_come(
    store: SqlStore, clock: FixedClock
) -> None:
    (event,) = emit(store, "a:b:c")
    handler = Fails(2)
    handlers: Handlers = {"mail": ("a:b:c", handler)}
    for wait, calls in ((0, 1), (1, 1), (1, 2), (7, 2), (1, 3), (9999, 3)):
        clock.advance(timedelta(seconds=wait))
        store.outbox.deliver(handlers)
        assert handler.calls == calls
    assert len(store.history(Thing, event)) == 1
    assert store.outbox.dead() == []


def test_after_the_last_attempt_a_delivery_is_dead_and_can_be_retried(
    store: SqlStore, clock: FixedClock
) -> None:
    event, _ = emit(store, "a:b:c", "a:b:other")
    handler = Fails(ATTEMPTS)
    handlers: Handlers = {"mail": ("a:b:c", handler)}
    for attempt in range(1, ATTEMPTS + 3):
        store.outbox.deliver(handlers)
        clock.advance(timedelta(microseconds=backoff_ns(attempt) / 1_000))
    assert handler.calls == ATTEMPTS == 8
    (dead,) = store.outbox.dead()
    assert (dead.event.id, dead.handler, dead.attempts) == (event, "mail", 8)
    assert dead.error == "OSError: the mail server is away"
    with pytest.raises(NotFound):
        store.outbox.retry(event, "post", Actor("ann"))
    store.outbox.retry(event, "mail", Actor("ann"))
    with pytest.raises(NotFound):
        store.outbox.retry(event, "mail", Actor("ann"))
    assert store.outbox.deliver(handlers) == 1
    assert store.outbox.dead() == []
    assert len(store.history(Thing, event)) == 1
    assert [f.entry.actor for f in store.audit.find(action="outbox:delivery:retry")] == ["ann"]


def test_a_handler_that_changes_state_unrecorded_is_a_failure(store: SqlStore) -> None:
    emit(store, "a:b:c")
    handlers: Handlers = {"h": ("a:b:c", lambda event, tx: tx.put(Thing("x")) and None)}
    assert store.outbox.deliver(handlers) == 0
    assert store.find(Thing) == []


def test_events_that_a_handler_emits_wait_for_the_next_call(store: SqlStore) -> None:
    def chain(event: Event, transaction: Transaction) -> None:
        if event.data["n"] < 3:
            transaction.emit("a:b:c", "x", {"n": event.data["n"] + 1})

    emit(store, "a:b:c")
    assert [store.outbox.deliver({"h": ("a:b:c", chain)}) for _ in range(5)] == [1, 1, 1, 1, 0]


def test_a_new_handler_begins_with_the_oldest_event(store: SqlStore) -> None:
    emit(store, *["a:b:c"] * 1_100)
    assert store.outbox.deliver({"old": ("a:x:*", count)}) == 0
    assert (
        store.outbox.deliver({"old": ("a:x:*", count), "new": ("a:*:*", lambda *_: None)}) == 1_100
    )


def test_several_workers_deliver_each_event_once(
    store: SqlStore, url: str, clock: FixedClock
) -> None:
    ids = emit(store, *["a:b:c"] * 40)
    stores = [SqlStore(url, clock) for _ in range(3)]
    workers = [
        threading.Thread(target=s.outbox.deliver, args=({"h": ("a:b:c", count)},)) for s in stores
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [len(store.history(Thing, event)) for event in ids] == [1] * 40
    for other in stores:
        other.close()


@pytest.mark.parametrize("pattern", ["", "*", "a:b", "a:b:c:d", "a.:b:c", "A:b:c", "a*:b:c"])
def test_a_malformed_pattern_is_bad_input(store: SqlStore, pattern: str) -> None:
    with pytest.raises(BadInput, match="pattern"):
        store.outbox.deliver({"h": (pattern, count)})
