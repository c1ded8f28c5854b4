"""Events, and the ports of stored state that one database adapter serves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from seawall.kernel.identity import Actor

_EVENT_TYPE = re.compile(r"[a-z_]+:[a-z_]+:[a-z_]+")


class Event(msgspec.Struct, frozen=True):
    """Something that happened, told to the other rooms. `type` reads `source:subject:action`."""

    id: str
    type: str
    subject: str
    time: datetime
    actor: str
    data: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not _EVENT_TYPE.fullmatch(self.type):
            raise ValueError(f"event type {self.type!r} must read source:subject:action")


class Record(Protocol):
    """A stored value: its `kind` names the collection, its `key` the place in it.

    Keys are paths whose prefixes group them: version `income@3`, its approvals `income@3/ID`.
    """

    kind: ClassVar[str]

    @property
    def key(self) -> str:
        """Where in its collection this value stands."""
        ...


R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Transaction(Protocol):
    """One change: state, its audit entry and its events commit together or not at all.

    A transaction that wrote state and recorded no audit entry refuses to commit.
    """

    def get(self, kind: type[R], key: str) -> R:
        """The stored value; raises `NotFound`, suggesting the nearest key."""
        ...

    def find(self, kind: type[R], prefix: str = "", *, limit: int = 10_000) -> list[R]:
        """The stored values whose key starts with the prefix, in key order."""
        ...

    def revision(self, kind: type[R], key: str) -> int:
        """How often the value was written; 0 when it does not exist."""
        ...

    def put(self, value: Record, *, expect: int | None = None) -> int:
        """Write a value and return its revision; `Conflict` if it is not at revision `expect`."""
        ...

    def delete(self, kind: type[R], key: str) -> None:
        """Remove a value from the present; its history stays."""
        ...

    def record(self, action: str, subject: str, detail: Mapping[str, Any]) -> str:
        """Add an audit entry (`action` reads source:subject:action) and return its id."""
        ...

    def emit(self, type_: str, subject: str, data: Mapping[str, Any]) -> str:
        """Put an event into the outbox and return its id."""
        ...


class Store(Protocol):
    """Opens transactions, and reads the present or any past state without one."""

    def transaction(self, actor: Actor) -> AbstractContextManager[Transaction]:
        """A transaction in this actor's name: commits on leaving, rolls back on an exception."""
        ...

    def get(self, kind: type[R], key: str, *, at: datetime | None = None) -> R:
        """The value now, or as it stood at a past moment; raises `NotFound`."""
        ...

    def find(
        self, kind: type[R], prefix: str = "", *, at: datetime | None = None, limit: int = 10_000
    ) -> list[R]:
        """The values under a prefix, now or at a past moment, in key order."""
        ...
