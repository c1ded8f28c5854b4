"""Erasing what is kept of a person: the values go from the disk, the proofs stay.

An erasure is first written down (erasures.py); from then on a shipper erases the values from what
it ships. Then the rows that are in the tables are replaced, and the files that held them are
deleted. A shipper that committed rows meanwhile looks again before it goes on, so whichever comes
first, no value is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import partial
from typing import Any

import msgspec

from seawall.adapters.decisions.columns import decision_rows
from seawall.adapters.decisions.erased import forget_words, mark
from seawall.adapters.decisions.erasures import TOLD, Erasing, Erasure, finished
from seawall.adapters.decisions.keyring import Keyring, opened, sealed
from seawall.adapters.decisions.replacing import delete, delete_of, delete_replaced, replace
from seawall.adapters.decisions.schema import DECISIONS, PROTECTED, SUBJECTS
from seawall.adapters.decisions.tables import is_in, open_table, select
from seawall.kernel import Clock, now
from seawall.serving.decision import from_bytes, to_bytes

_PLACED = ("id", "day", "segment", "position", "record")


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did."""

    erasure: str
    decisions: int
    """Rows of the table that were replaced, and whose old files were deleted."""
    told: int
    """Decisions of which later text was erased, counted for each kind of what was told."""


def carry_out(table: str, erasure: Erasure, *, clock: Clock, keys: Keyring | None = None) -> Erased:
    """Replace the rows of an erasure, and delete the files that held them; may be repeated."""
    wanted = is_in("key", erasure.keys)
    places = select(table, SUBJECTS, f"SELECT id, day FROM t WHERE {wanted}")  # noqa: S608
    days = {row["id"]: row["day"] for row in places}
    count = erase_rows(table, days, Erasing([erasure], keys, now(clock)), keys=keys)
    told = erase_beside(table, days, erasure.fields)
    if "subject" in erasure.fields:
        forget(table, days)
    delete_replaced(table, (DECISIONS, SUBJECTS))
    finished(table, erasure)
    return Erased(erasure=erasure.id, decisions=count, told=told)


def erase_rows(
    table: str, days: Mapping[str, date], change: Erasing, *, keys: Keyring | None
) -> int:
    """Put decisions without what is erased in the place of those with these ids, by day."""
    return replace(table, DECISIONS, days, _PLACED, partial(_changed, change, keys))


def erase_beside(table: str, days: Mapping[str, date], fields: Collection[str]) -> int:
    """Erase what is kept beside these decisions, as far as the fields say; text told of how many.

    It is there once more in no file when this returns, whatever comes later.
    """
    attributes = [name.removeprefix("input.") for name in fields if name.startswith("input.")]
    if open_table(table, PROTECTED) and ("input" in fields or attributes):
        mine = "true" if "input" in fields else is_in("attribute", attributes)
        delete_of(table, PROTECTED, days, mine)
        delete_replaced(table, [PROTECTED])
    if TOLD not in fields:
        return 0
    mark(table, days)
    return forget_words(table, days)


def forget(root: str, ids: Iterable[str]) -> None:
    """Take decisions out of the index of subjects."""
    gone = sorted(ids)
    for at in range(0, len(gone), 1_000):
        delete(root, SUBJECTS, is_in("id", gone[at : at + 1_000]))


def _changed(
    change: Erasing, keys: Keyring | None, rows: list[dict[str, Any]]
) -> tuple[list[str], Any]:
    import pyarrow as pa

    changed: dict[str, Any] = {}
    for row in rows:
        record = from_bytes(opened(row["record"], keys))
        kept = change(record)
        if kept is not record:
            packed = [sealed(to_bytes(kept), keys)]
            place = [row["day"]], row["segment"], row["position"]
            changed[record.id] = decision_rows([kept], packed, *place, keys)
    return sorted(changed), pa.Table.from_batches(changed.values()) if changed else None
