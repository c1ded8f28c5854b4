"""What is to be erased, written down before it is done; and what that makes of a decision."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from seawall.adapters.decisions.columns import subject_key
from seawall.adapters.decisions.keyring import Keyring, filed_under
from seawall.adapters.decisions.schema import ERASURES, schema
from seawall.adapters.decisions.tables import append_once, select
from seawall.kernel import Clock, Ids, now
from seawall.serving.decision import DecisionRecord, erase, values

TOLD = "told"
"""Names, as a field would, the text of what is told of a decision later (told.py)."""
PERSONAL = (
    *("subject", "unit", "input", "reasons", "override_reason", "trace_id"),
    TOLD,
)
"""The fields of a record that are about a person, as far as one can say for every endpoint."""


class Erasure(msgspec.Struct, frozen=True):
    """That fields of a subject's decisions up to a time are erased; `keys` say which subject's."""

    id: str
    keys: tuple[int, ...]
    fields: tuple[str, ...]
    time: datetime


class Erasing:
    """What some erasures make of decisions that are there at the `present` moment.

    A decision that was made after an erasure stays. One from after the present was made by a clock
    that was ahead, so nobody knows which came first, and it goes.
    """

    def __init__(
        self, known: Iterable[Erasure], keys: Keyring | None, present: datetime | None = None
    ) -> None:
        self._by_key = [(k, e) for e in known for k in e.keys]
        self._keys, self._present = keys, present

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def fields(self, record: DecisionRecord) -> frozenset[str]:
        """What of a decision is to be erased, by the names that were given."""
        if not self._by_key or record.subject is None:
            return frozenset()
        filed = {subject_key(name) for name in filed_under(record.subject, self._keys)}
        mine = [e for k, e in self._by_key if k in filed and self._is_before(record, e)]
        return frozenset(name for e in mine for name in e.fields)

    def _is_before(self, record: DecisionRecord, erasure: Erasure) -> bool:
        ahead = self._present is not None and record.time > self._present
        return ahead or record.time <= erasure.time

    def __call__(self, record: DecisionRecord) -> DecisionRecord:
        """The decision without what is to be erased: itself when that is nothing."""
        gone = self.fields(record)
        return erase(record, gone & {*values(record), "input"}) if gone else record


def record_erasure(
    table: str, subject: str, fields: Iterable[str], *, clock: Clock, keys: Keyring | None = None
) -> Erasure:
    """Write down that a subject's values are erased. Raises `BadInput` for a field that is none."""
    wanted = tuple(dict.fromkeys(fields))
    erase(_ANY, [name for name in wanted if name != TOLD and not name.startswith("input.")])
    filed = tuple(subject_key(name) for name in filed_under(subject, keys))
    erasure = Erasure(Ids(clock)(), filed, wanted, now(clock))
    _write_down(table, erasure, done=False)
    return erasure


def finished(table: str, erasure: Erasure) -> None:
    """Write down that no file holds any more what was to be erased."""
    _write_down(table, erasure, done=True)


def erasures(table: str) -> list[Erasure]:
    """Every erasure so far, done or not, the oldest first."""
    return [erasure for erasure, _ in _known(table)]


def undone(table: str) -> list[Erasure]:
    """The erasures that were written down and never finished."""
    return [erasure for erasure, done in _known(table) if not done]


def _known(table: str) -> list[tuple[Erasure, bool]]:
    rows = select(table, ERASURES, "SELECT * FROM t ORDER BY id")
    done = {row["id"] for row in rows if row["done"]}
    asked = [msgspec.convert(row, Erasure) for row in rows if not row["done"]]
    return [(erasure, erasure.id in done) for erasure in asked]


def _write_down(table: str, erasure: Erasure, *, done: bool) -> None:
    import pyarrow as pa

    row: dict[str, Any] = msgspec.structs.asdict(erasure) | {"done": done}
    rows = pa.Table.from_pylist([row], schema=schema(ERASURES))
    append_once(table, ERASURES, rows, log=erasure.id, number=2 if done else 1)


_ANY = DecisionRecord(
    id="", time=datetime.fromisoformat("1970-01-01T00:00:00+00:00"), endpoint="", salt=bytes(16)
)
