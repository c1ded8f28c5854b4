"""A decision by its id, and all of a subject's, among a million or a hundred million.

The rows are narrow, their ids and subjects real: a million a day on two endpoints, ten million
subjects, most days compacted and the last as shippers left it. Files are dropped from the page
cache before the first look-up.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Result, Size

FIRST = date(2026, 1, 1)
A_DAY = 1_000_000
ENDPOINTS = ("credit", "income")
LIMIT = "≤ 1 s"
ASKED = 25


def run(size: Size) -> Iterator[Result]:
    from seawall.adapters.decisions import find, find_subject
    from seawall.adapters.decisions.tables import open_table

    total = size.rows(1_000_000, 100_000_000)
    subjects = total // 10
    with tempfile.TemporaryDirectory(prefix="seawall-bench-", dir=os.environ.get("TMPDIR")) as root:
        ids = fill(root, total, subjects)
        rng = random.Random(7)
        asked = rng.sample(ids, ASKED)
        forget_pages(root)
        took = [timed(lambda i=i: found(find(root, i), i)) for i in asked]
        yield from told(f"a decision by its id, of {total:,}", took)
        forget_pages(root)
        chosen = [f"s{rng.randrange(subjects):09d}" for _ in range(ASKED)]
        counts: list[int] = []
        took = [timed(lambda s=s: counts.append(len(find_subject(root, s)))) for s in chosen]
        assert sum(counts) > ASKED
        yield from told(f"all of a subject's, {sum(counts) / ASKED:.0f} of {total:,}", took)
        took = [timed(lambda: open_table(root, "decisions")) for _ in range(5)]
        yield Result("the table opened", float(np.median(took)), "s")
        used = sum(p.stat().st_size for p in Path(root).rglob("*") if p.is_file())
        yield Result("on the disk, a decision", used / total, "bytes")


def told(name: str, took: list[float]) -> Iterator[Result]:
    yield Result(f"{name}: median", float(np.median(took)), "s")
    yield Result(f"{name}: slowest", max(took), "s", limit=LIMIT, holds=max(took) <= 1.0)


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def found(record: Any, id_: str) -> None:
    assert record is not None
    assert record.id == id_


def forget_pages(root: str) -> None:
    """Let the next reads come from the disk."""
    os.sync()
    for path in Path(root).rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def fill(root: str, total: int, subjects: int) -> list[str]:
    """Write the tables; returns some of the ids."""
    from seawall.adapters.decisions.columns import subject_key
    from seawall.adapters.decisions.schema import DECISIONS, SUBJECTS

    rng = np.random.default_rng(1)
    keys = np.array([subject_key(f"s{n:09d}") for n in range(subjects)], np.int64)
    per_day, kept, month = min(A_DAY, total // 10), list[str](), list[Any]()
    days = [FIRST + timedelta(days=i) for i in range(total // per_day)]
    for day in days:
        who = rng.integers(0, subjects, per_day)
        ids = ids_of(rng, day, per_day)
        kept += [bytes(i).decode() for i in ids[rng.integers(0, per_day, 20)]]
        parts = np.array_split(np.arange(per_day), 20 if day == days[-1] else 1)
        for at in parts:
            append(root, DECISIONS, decisions(day, ids[at], who[at]))
        month.append((day, ids, keys[who]))
        if day == days[-1]:
            for at in parts:
                append(root, SUBJECTS, index([(day, ids[at], keys[who[at]])]))
        elif (day + timedelta(days=1)).month != day.month or day == days[-2]:
            append(root, SUBJECTS, index(month))
            month.clear()
    return kept


def append(root: str, kind: str, rows: Any) -> None:
    from deltalake import write_deltalake

    from seawall.adapters.decisions.tables import create, open_table, writing

    table = open_table(root, kind) or create(root, kind)
    write_deltalake(table, rows, mode="append", writer_properties=writing(kind))


_HEX = np.array([list(f"{i:02x}".encode()) for i in range(256)], np.uint8)


def ids_of(rng: np.random.Generator, day: date, count: int) -> Any:
    """Sorted UUIDv7 of a day, as 36 characters each."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000
    ms = (start + np.sort(rng.integers(0, 86_400_000, count))).astype(np.uint64)
    raw = rng.integers(0, 256, (count, 16), np.uint8)
    for i in range(6):
        raw[:, i] = (ms >> np.uint64(40 - 8 * i)).astype(np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x70
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    text = _HEX[raw].reshape(count, 32)
    out = np.full((count, 36), ord("-"), np.uint8)
    for at, first, last in ((0, 0, 8), (9, 8, 12), (14, 12, 16), (19, 16, 20), (24, 20, 32)):
        out[:, at : at + last - first] = text[:, first:last]
    return out


def endpoints(ids: Any) -> Any:
    """Where each of these decisions was made, said by its last digit."""
    import pyarrow as pa

    codes = pa.array((ids[:, 35] & 1).astype(np.int8))
    return pa.DictionaryArray.from_arrays(codes, list(ENDPOINTS)).cast(pa.string())


def strings(matrix: Any, *, binary: bool = False) -> Any:
    import pyarrow as pa

    count, width = matrix.shape
    offsets = pa.py_buffer(np.arange(0, (count + 1) * width, width, dtype=np.int32))
    parts = [None, offsets, pa.py_buffer(np.ascontiguousarray(matrix))]
    type_ = pa.binary() if binary else pa.string()
    return pa.Array.from_buffers(type_, count, parts)


def decisions(day: date, ids: Any, who: Any) -> Any:
    """Rows of the table, with records that are read back as any other."""
    import pyarrow as pa

    from seawall.adapters.decisions.schema import DECISIONS, schema
    from seawall.serving.decision import DecisionRecord, to_bytes

    count = len(ids)
    digits = who[:, None] // 10 ** np.arange(8, -1, -1) % 10 + ord("0")
    subject = np.hstack([np.full((count, 1), ord("s")), digits]).astype(np.uint8)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    id_, name = "0" * 36, "s000000000"
    model = to_bytes(
        DecisionRecord(
            id=id_, time=noon, endpoint=ENDPOINTS[0], subject=name, score=0.5, salt=bytes(16)
        )
    )
    record = np.tile(np.frombuffer(model, np.uint8), (count, 1))
    record[:, model.index(id_.encode()) :][:, :36] = ids
    record[:, model.index(name.encode()) :][:, :10] = subject
    fields: dict[str, Any] = dict.fromkeys(schema(DECISIONS).names)
    fields |= {
        "id": strings(ids),
        "time": pa.repeat(pa.scalar(noon, pa.timestamp("us", tz="UTC")), count),
        "endpoint": endpoints(ids),
        "day": pa.repeat(pa.scalar(day), count),
        "segment": pa.repeat(pa.scalar("bench-000001"), count),
        "position": pa.array(np.arange(count, dtype=np.int32)),
        "subject": strings(subject),
        "score": pa.array(np.full(count, 0.5)),
        "record": strings(record, binary=True),
    }
    return table(DECISIONS, fields, count)


def index(parts: list[Any]) -> Any:
    """The index of these days, in its order."""
    import pyarrow as pa

    from seawall.adapters.decisions.schema import SUBJECTS, month_of

    keys = np.concatenate([k for *_, k in parts])
    order = np.argsort(keys, kind="stable")
    ids = np.concatenate([ids for _, ids, _ in parts])[order]
    days = np.concatenate(
        [np.full(len(k), np.datetime64(day), "datetime64[D]") for day, _, k in parts]
    )
    fields = {
        "month": pa.repeat(pa.scalar(month_of(parts[0][0])), len(keys)),
        "key": pa.array(keys[order]),
        "id": strings(ids),
        "endpoint": endpoints(ids),
        "day": pa.array(days[order]),
    }
    return table(SUBJECTS, fields, len(keys))


def table(kind: str, fields: dict[str, Any], count: int) -> Any:
    import pyarrow as pa

    from seawall.adapters.decisions.schema import schema

    columns = [
        pa.nulls(count, f.type) if fields[f.name] is None else fields[f.name].cast(f.type)
        for f in schema(kind)
    ]
    return pa.table(columns, schema=schema(kind))
