"""Upkeep of the tables: small files into large ones, days past their retention, what erasures left.

Everything here may be killed and run again, and runs beside shippers and readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

from seawall.adapters.decisions.erasure import carry_out
from seawall.adapters.decisions.erasures import undone
from seawall.adapters.decisions.keyring import Keyring
from seawall.adapters.decisions.replacing import VACUUM, delete
from seawall.adapters.decisions.schema import DECISIONS, ERASED, PROTECTED, SEGMENTS, SUBJECTS
from seawall.adapters.decisions.shadows import SHADOWS
from seawall.adapters.decisions.tables import literal, open_table, table_errors, writing
from seawall.adapters.decisions.told import KINDS
from seawall.kernel import Clock, now

TARGET_BYTES = 256 << 20
ORPHAN_HOURS = 1
"""Files that no commit names are deleted when they are so old: a killed writer left them."""


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: files before and after by table, and days that ended."""

    files: dict[str, tuple[int, int]]
    ended: dict[str, int]
    """Days of each endpoint past their retention."""
    erasures: int
    """Erasures that a killed run had left undone."""


def compact(
    table: str,
    *,
    clock: Clock,
    retention: Mapping[str, int] | None = None,
    keys: Keyring | None = None,
) -> Compacted:
    """End what is past its retention, finish erasures, merge small files, delete what is left over.

    `retention` is in days by endpoint; without one decisions are kept. Outcomes and what else is
    told of decisions goes when no endpoint keeps decisions of that day. Segments stay, with their
    leaf hashes: what is left of them is proven still.
    """
    ended = _end(table, retention or {}, now(clock).date())
    left = undone(table)
    for erasure in left:
        carry_out(table, erasure, clock=clock, keys=keys)
    files: dict[str, tuple[int, int]] = {}
    for kind in (DECISIONS, SUBJECTS, SEGMENTS, PROTECTED, ERASED, SHADOWS, *KINDS):
        with table_errors(table, kind):
            if before := _count(table, kind):
                _merge(table, kind)
                files[kind] = before, _count(table, kind)
    for kind in files:
        _clean(table, kind)
    return Compacted(files=files, ended=ended, erasures=len(left))


def _end(root: str, retention: Mapping[str, int], today: date) -> dict[str, int]:
    table = open_table(root, DECISIONS)
    days = [(p["endpoint"], date.fromisoformat(str(p["day"]))) for p in _parts(table)]
    first = {e: today - timedelta(days=kept) for e, kept in retention.items()}
    over = sorted({(e, day) for e, day in days if e in first and day < first[e]})
    for endpoint in sorted({e for e, _ in over}):
        before = literal(first[endpoint])
        for kind in (DECISIONS, SUBJECTS, PROTECTED):
            delete(root, kind, f'"endpoint" = {literal(endpoint)} AND "day" < {before}')
    left = [day for e, day in days if (e, day) not in over]
    if over:
        last = max(day for _, day in over) + timedelta(days=1)
        oldest = min([last, *left])
        for kind in (*KINDS, SHADOWS, ERASED):
            delete(root, kind, f'"day" < {literal(oldest)}')
    return dict(Counter(e for e, _ in over))


def _clean(root: str, kind: str) -> None:
    """Delete the files that the table refers to no more, and old ones that it never did."""
    with table_errors(root, kind):
        if table := open_table(root, kind):
            table.vacuum(ORPHAN_HOURS, full=True, **VACUUM)
        if table := open_table(root, kind):
            table.vacuum(0, **VACUUM)


def _parts(table: Any) -> list[dict[str, str]]:
    return table.partitions() if table else []


def _count(root: str, kind: str) -> int:
    table = open_table(root, kind)
    return len(table.file_uris()) if table else 0


def _merge(root: str, kind: str) -> None:
    """Merge the small files of every partition; the index of subjects is put into its order."""
    table = open_table(root, kind)
    if table is None:
        return
    how: dict[str, Any] = {"target_size": TARGET_BYTES, "max_concurrent_tasks": 1}
    if kind == SUBJECTS:
        files = Counter(a["partition"]["month"] for a in _adds(table))
        for month in sorted(m for m, count in files.items() if count > 1):
            part = [("month", "=", month)]
            table.optimize.z_order(
                ["key"], partition_filters=part, writer_properties=writing(kind), **how
            )
    else:
        table.optimize.compact(writer_properties=writing(kind), **how)
    table.create_checkpoint()


def _adds(table: Any) -> list[dict[str, Any]]:
    import pyarrow as pa

    return pa.table(table.get_add_actions()).to_pylist()
