"""Values that these tests store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import msgspec

from seawall.adapters.sql import SqlStore
from seawall.adapters.sql.transaction import SqlTransaction
from seawall.kernel import Actor, Digest, Estimate


class Thing(msgspec.Struct, frozen=True):
    kind: ClassVar[str] = "thing"

    name: str
    size: int = 0
    digest: Digest | None = None
    note: str = ""

    @property
    def key(self) -> str:
        return self.name


class Measured(msgspec.Struct, frozen=True):
    kind: ClassVar[str] = "measured"

    name: str
    estimate: Estimate
    other: float | None
    parts: tuple[Estimate, ...] = ()

    @property
    def key(self) -> str:
        return self.name


@contextmanager
def change(store: SqlStore, actor: str = "ann") -> Iterator[SqlTransaction]:
    with store.transaction(Actor(actor)) as transaction:
        yield transaction
        transaction.record("test:thing:change", "things", {})


def write(store: SqlStore, *things: Thing | Measured) -> None:
    with change(store) as transaction:
        for thing in things:
            transaction.put(thing)
