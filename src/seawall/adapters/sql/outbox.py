"""Events go to their handlers, each effect exactly once by (event, handler).

A handler runs in a transaction of its own in which its position moves on too: both commit, or
neither does. What fails leaves the queue for `outbox_deliveries`, where it waits for its next
attempt or, after the last one, for a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import msgspec
import structlog
from sqlalchemy import Connection, CursorResult, delete, func, insert, select, update

from seawall.adapters.sql.database import Database
from seawall.adapters.sql.tables import deliveries, events, positions
from seawall.adapters.sql.transaction import SqlTransaction
from seawall.kernel import (
    SYSTEM,
    Actor,
    BadInput,
    Clock,
    Event,
    NotFound,
    Transaction,
    from_json,
    from_ns,
)

ATTEMPTS = 8
PAGE = 500

Handle = Callable[[Event, Transaction], None]
Handlers = Mapping[str, tuple[str, Handle]]


def backoff_ns(attempts: int) -> int:
    """How long to wait after so many failed attempts: 2 s, 8 s, 32 s, …, in all three hours."""
    return 2 * 4 ** (attempts - 1) * 1_000_000_000


class DeadLetter(msgspec.Struct, frozen=True):
    """A delivery that failed for the last time: when, and with what error."""

    event: Event
    handler: str
    attempts: int
    failed: datetime
    error: str


class OpenTransaction(Protocol):
    """How the outbox opens a transaction: `SqlStore.transaction`."""

    def __call__(self, actor: Actor) -> AbstractContextManager[SqlTransaction]:
        """A transaction in this actor's name."""
        ...


class SqlOutbox:
    """The events of one database and how far each handler has come."""

    def __init__(self, database: Database, clock: Clock, transaction: OpenTransaction) -> None:
        self._database, self._clock, self._transaction = database, clock, transaction

    def deliver(self, handlers: Handlers) -> int:
        """Give every event that was there at the call to its handlers; how many succeeded.

        `handlers` maps a lasting name to an event type, with `*` for any part, and a function.
        A new name begins with the oldest event. Events reach a handler in commit order, except
        those that failed: they are retried later, and hold up nothing. A handler runs in the
        name of `SYSTEM`; events that it emits wait for the next call. Several processes may
        deliver at once.
        """
        accepts = {name: _pattern(pattern) for name, (pattern, _) in handlers.items()}
        head, reached = self._survey(handlers)
        count = sum(self._retry_due(name, handle) for name, (_, handle) in handlers.items())
        start = min(reached.values(), default=head)
        while start < head:
            page = self._page(start, head)
            for name, (_, handle) in handlers.items():
                for number, type_, body in page:
                    if number > reached[name] and accepts[name].fullmatch(type_):
                        count += self._first(name, number, body, handle)
            start = page[-1][0] if page else head
        self._advance([name for name, at in reached.items() if at < head], head)
        return count

    def dead(self, limit: int = 1_000) -> list[DeadLetter]:
        """The deliveries that were given up, oldest event first."""
        table = deliveries.c
        query = (
            select(events.c.body, table.handler, table.attempts, table.failed_ns, table.error)
            .join(events, events.c.number == table.event)
            .where(table.next_ns.is_(None))
            .order_by(table.event, table.handler)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [
                DeadLetter(from_json(body, Event), handler, attempts, from_ns(failed), error)
                for body, handler, attempts, failed, error in connection.execute(query)
            ]

    def retry(self, event_id: str, handler: str, actor: Actor) -> None:
        """Put a dead letter back into delivery, with all attempts anew; raises `NotFound`."""
        number = select(events.c.number).where(events.c.id == event_id).scalar_subquery()
        with self._transaction(actor) as transaction:
            change = (
                update(deliveries)
                .where(deliveries.c.handler == handler, deliveries.c.event == number)
                .where(deliveries.c.next_ns.is_(None))
                .values(attempts=0, next_ns=self._clock.now_ns())
            )
            if not _changed(transaction.connection.execute(change)):
                raise NotFound(f"there is no dead letter {event_id[:60]!r} for {handler!r}")
            transaction.record("outbox:delivery:retry", event_id, {"handler": handler})

    def _survey(self, handlers: Handlers) -> tuple[int, dict[str, int]]:
        """The newest event, and how far each of these handlers has come."""
        query = select(positions.c.handler, positions.c.event)
        with self._database.reading() as connection:
            head = connection.execute(select(func.max(events.c.number))).scalar() or 0
            reached = {name: at for name, at in connection.execute(query) if name in handlers}
        if new := [name for name in handlers if name not in reached]:
            with self._database.writing() as connection:
                known = set(connection.execute(select(positions.c.handler)).scalars())
                for name in new:
                    if name not in known:
                        connection.execute(insert(positions).values(handler=name, event=0))
        return head, {name: reached.get(name, 0) for name in handlers}

    def _page(self, start: int, head: int) -> Sequence[tuple[int, str, str]]:
        table = events.c
        query = (
            select(table.number, table.type, table.body)
            .where(table.number > start, table.number <= head)
            .order_by(table.number)
            .limit(PAGE)
        )
        with self._database.reading() as connection:
            return [(n, t, b) for n, t, b in connection.execute(query)]

    def _first(self, name: str, number: int, body: str, handle: Handle) -> bool:
        def move_on(connection: Connection) -> bool:
            mine = (positions.c.handler == name, positions.c.event < number)
            return _changed(connection.execute(update(positions).where(*mine).values(event=number)))

        def note(connection: Connection, failure: dict[str, Any]) -> None:
            if move_on(connection):
                row = {"handler": name, "event": number, **failure}
                connection.execute(insert(deliveries).values(row))

        return self._attempt(name, from_json(body, Event), handle, 1, move_on, note)

    def _retry_due(self, name: str, handle: Handle) -> int:
        table = deliveries.c
        query = (
            select(table.event, table.attempts, events.c.body)
            .join(events, events.c.number == table.event)
            .where(table.handler == name, table.next_ns <= self._clock.now_ns())
            .order_by(table.event)
            .limit(PAGE)
        )
        with self._database.reading() as connection:
            due = [(n, a, b) for n, a, b in connection.execute(query)]
        return sum(self._again(name, n, a, b, handle) for n, a, b in due)

    def _again(self, name: str, number: int, attempts: int, body: str, handle: Handle) -> bool:
        table = deliveries.c
        this = (table.handler == name, table.event == number, table.attempts == attempts)

        def take(connection: Connection) -> bool:
            return _changed(connection.execute(delete(deliveries).where(*this)))

        def note(connection: Connection, failure: dict[str, Any]) -> None:
            connection.execute(update(deliveries).where(*this).values(failure))

        event = from_json(body, Event)
        return self._attempt(name, event, handle, attempts + 1, take, note)

    def _attempt(
        self,
        name: str,
        event: Event,
        handle: Handle,
        attempt: int,
        take: Callable[[Connection], bool],
        note: Callable[[Connection, dict[str, Any]], None],
    ) -> bool:
        """Run the handler unless another process was faster; whether it ran and succeeded."""
        try:
            with self._transaction(SYSTEM) as transaction:
                if not take(transaction.connection):
                    return False
                handle(event, transaction)
        except Exception as error:  # noqa: BLE001 -- the worker's outermost loop: others go on
            last = attempt >= ATTEMPTS
            at = self._clock.now_ns()
            failure = {
                "attempts": attempt,
                "next_ns": None if last else at + backoff_ns(attempt),
                "failed_ns": at,
                "error": f"{type(error).__name__}: {error}"[:2_000].replace("\x00", "�"),
            }
            with self._database.writing() as connection:
                note(connection, failure)
            structlog.get_logger("seawall.outbox").warning(
                "event handler failed",
                handler=name,
                event_id=event.id,
                event_type=event.type,
                attempt=attempt,
                dead=last,
                exc_info=error,
            )
            return False
        return True

    def _advance(self, names: list[str], head: int) -> None:
        """These handlers are done with every event up to `head`."""
        if names:
            behind = (positions.c.handler.in_(names), positions.c.event < head)
            with self._database.writing() as connection:
                connection.execute(update(positions).where(*behind).values(event=head))


def _pattern(text: str) -> re.Pattern[str]:
    if not re.fullmatch(r"([a-z_]+|\*)(:([a-z_]+|\*)){2}", text):
        raise BadInput(
            f"{text!r} is not a pattern of event types", remedy="write source:subject:action"
        )
    return re.compile(text.replace("*", "[a-z_]+"))


def _changed(result: CursorResult[Any]) -> bool:
    return result.rowcount == 1
