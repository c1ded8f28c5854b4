"""Decisions as Arrow columns, a few thousand at a time, with their leaf hashes.

This is where the shipper spends its time, so values go from lists straight into columns, and no
record is held longer than its batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec

from seawall.adapters.decisions.apart import Apart, parted
from seawall.adapters.decisions.frame import HEADER_BYTES, Damage, scan
from seawall.adapters.decisions.keyring import Keyring, opened, sealed
from seawall.adapters.decisions.schema import (
    COLUMNS,
    DECISIONS,
    PROTECTED,
    SUBJECTS,
    day_of,
    month_of,
    schema,
)
from seawall.kernel import Corrupt
from seawall.serving.decision import DecisionRecord, from_bytes, to_bytes
from seawall.serving.leaf import leaf_of

ROWS = 512
"""Records in a batch: few, so that their memory is used again."""


class Change(Protocol):
    """What erasures make of a record (erasures.py)."""

    def fields(self, record: DecisionRecord) -> frozenset[str]:
        """What of it is to be erased."""
        ...

    def __call__(self, record: DecisionRecord) -> DecisionRecord:
        """The record without that; itself when that is nothing."""
        ...


class Logged(NamedTuple):
    """What a file of decisions holds, ready for the tables."""

    decisions: Any
    """A `pyarrow.Table`, and so are the next two."""
    subjects: Any
    protected: Any
    leaves: list[bytes]
    ids: tuple[str, str]
    """The first and the last."""
    times: tuple[datetime, datetime]
    """The earliest and the latest."""
    changed: dict[str, frozenset[str]]
    """The fields that were erased of each record of which any were, by its id."""
    damage: tuple[Damage, ...]


def logged(
    data: bytes, segment: str, change: Change, keys: Keyring | None = None
) -> Logged | tuple[Damage, ...]:
    """The decisions in the bytes of a file, or only its damage when it holds none.

    `change` is what erasure makes of a record; leaf hashes are those of the records as logged.
    Raises `BadInput` when the records are encrypted and their key is not among `keys`.
    """
    import pyarrow as pa

    found = scan(data)
    damage, leaves = list(found.damage), list[bytes]()
    rows, subjects, protected = list[Any](), list[Any](), list[Any]()
    first = last = ""
    earliest = latest = None
    changed = dict[str, frozenset[str]]()
    payloads = iter(found.payloads.items())
    while part := list(islice(payloads, ROWS)):
        records, packed, days = list[DecisionRecord](), list[bytes](), list[date]()
        beside = dict[int, Apart]()
        for start, payload in part:
            try:
                own, apart = parted(payload)
                record = from_bytes(opened(own, keys))
                day = day_of(record.id)
                bytes_ = to_bytes(record)
                leaves.append(leaf_of(bytes_))
            except (Corrupt, msgspec.DecodeError, ValueError, TypeError, OverflowError):
                damage.append(Damage(start, start + HEADER_BYTES + len(payload)))
                continue
            kept = record
            if record.subject is not None and (gone := change.fields(record)):
                kept, changed[record.id] = change(record), gone
                apart = {} if "input" in gone else _without(apart, gone)
            if apart:
                beside[len(records)] = apart
            records.append(kept)
            days.append(day)
            packed.append(sealed(bytes_ if kept is record else to_bytes(kept), keys))
        if not records:
            continue
        rows.append(decision_rows(records, packed, days, segment, len(leaves) - len(records), keys))
        subjects.append(subject_rows(records, days, keys))
        protected.append(protected_rows(records, days, beside))
        first, last = first or records[0].id, records[-1].id
        times = [r.time for r in records]
        earliest = min([*times, earliest] if earliest else times)
        latest = max([*times, latest] if latest else times)
    spans = tuple(sorted(damage, key=lambda d: d.start))
    if earliest is None or latest is None:
        return spans
    return Logged(
        pa.Table.from_batches(rows),
        pa.Table.from_batches(subjects),
        pa.Table.from_batches(protected),
        leaves,
        (first, last),
        (earliest, latest),
        changed,
        spans,
    )


def _without(apart: Apart, gone: frozenset[str]) -> Apart:
    return {name: content for name, content in apart.items() if "input." + name not in gone}


_OWN = {"day", "segment", "position", "input", "output", "record"}
_SAME = tuple(name for name in COLUMNS[DECISIONS] if name not in _OWN)
_json = msgspec.json.Encoder().encode


def decision_rows(
    records: Sequence[DecisionRecord],
    packed: Sequence[bytes],
    days: Sequence[date],
    segment: str,
    first: int,
    keys: Keyring | None = None,
) -> Any:
    """A `pyarrow.RecordBatch` for `decisions`, at the positions from `first` on in its segment."""
    columns: dict[str, Any] = {name: [getattr(r, name) for r in records] for name in _SAME}
    if keys:
        columns["subject"] = [None if s is None else keys.subject(s) for s in columns["subject"]]
    return batch(
        DECISIONS,
        columns
        | {
            "day": days,
            "segment": [segment] * len(records),
            "position": range(first, first + len(records)),
            "input": [None if keys else _json(r.input) for r in records],
            "output": [None if keys else _json(r.output) for r in records],
            "record": packed,
        },
    )


def subject_rows(
    records: Sequence[DecisionRecord], days: Sequence[date], keys: Keyring | None = None
) -> Any:
    """Their batch of the index `subjects`: where the decisions of a subject are."""
    named = [(r, r.subject, d) for r, d in zip(records, days, strict=True) if r.subject is not None]
    return batch(
        SUBJECTS,
        {
            "month": [month_of(day) for *_, day in named],
            "key": [subject_key(keys.subject(s) if keys else s) for _, s, _ in named],
            "id": [r.id for r, *_ in named],
            "endpoint": [r.endpoint for r, *_ in named],
            "day": [day for *_, day in named],
        },
    )


def protected_rows(
    records: Sequence[DecisionRecord], days: Sequence[date], beside: Mapping[int, Apart]
) -> Any:
    """A batch of `protected`: what is kept apart from some of the records, by their place."""
    named = [(at, name, content) for at, a in beside.items() for name, content in a.items()]
    return batch(
        PROTECTED,
        {
            "decision_id": [records[at].id for at, *_ in named],
            "day": [days[at] for at, *_ in named],
            "endpoint": [records[at].endpoint for at, *_ in named],
            "attribute": [name for _, name, _ in named],
            "content": [content for *_, content in named],
        },
    )


def subject_key(subject: str) -> int:
    """The number of what a subject is filed under, 64 bits."""
    return int.from_bytes(sha256(subject.encode()).digest()[:8], "little", signed=True)


def batch(kind: str, columns: dict[str, Any]) -> Any:
    """The columns, each a list, as a batch of the table's schema."""
    import pyarrow as pa

    fields = schema(kind)
    arrays = [_array(columns[field.name], field.type) for field in fields]
    return pa.RecordBatch.from_arrays(arrays, schema=fields)


def _array(values: Any, type_: Any) -> Any:
    import pyarrow as pa

    if str(type_) == "string" and len(values) and isinstance(values[0], bytes):
        return pa.array(values, pa.binary()).cast(type_)  # JSON, which is UTF-8 already
    return pa.array(values, type_)
