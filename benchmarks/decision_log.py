"""Appending decisions to the log, one at a time, beside a bare file with and without fsync."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Result, Size, beside

FIELDS = 14


def run(size: Size) -> Iterator[Result]:
    from seawall.adapters.decisions import DecisionLog
    from seawall.kernel import Ids, SystemClock
    from seawall.serving.decision import DecisionRecord, to_bytes

    clock = SystemClock()
    ids = Ids(clock)
    record = DecisionRecord(
        id=ids(),
        time=datetime.now(UTC),
        endpoint="bench",
        model="bench@1",
        arm="champion",
        arm_probability=1.0,
        input={f"field{i}": i * 0.5 for i in range(FIELDS)},
        output={"score": 0.25, "label": 0},
        score=0.25,
        threshold=0.5,
        latency_ms=0.4,
    )
    data = to_bytes(record)
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        log = DecisionLog(Path(folder) / "log", gateway="bench", clock=clock)
        file = os.open(Path(folder) / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def synced() -> None:
            os.write(file, data)
            os.fsync(file)

        many, few = size.rows(5_000, 50_000), size.rows(200, 2_000)
        parts: list[tuple[str, str, int, Callable[[], object], Callable[[], object]]] = [
            ("enqueued", "write", many,
             lambda: log.append([record], durable=False), lambda: os.write(file, data)),
            ("durable", "write and fsync", few,
             lambda: log.append([record], durable=True), synced),
        ]  # fmt: skip
        for name, peer_name, times, ours, peer in parts:
            a, b = beside(lambda f=ours, n=times: per(f, n), lambda f=peer, n=times: per(f, n), 3)
            yield Result(f"decision appended, {name}", a * 1e6, "µs", peer_name, b * 1e6)
        log.close()
        os.close(file)


def per(act: Callable[[], object], times: int) -> float:
    """Seconds for one of so many."""
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times
