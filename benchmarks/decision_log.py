"""Appending decisions to the log beside a bare file with and without fsync, and shipping them.

Shipping takes the CPU time of one process, beside what hashing every value alone takes: the least
that the contract's leaf hash can cost in Python.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measure import Result, Size, beside

FIELDS = 14


def run(size: Size) -> Iterator[Result]:
    yield from appended(size)
    yield from shipped(size)


def appended(size: Size) -> Iterator[Result]:
    from seawall.adapters.decisions import DecisionLog
    from seawall.kernel import SystemClock
    from seawall.serving.decision import to_bytes

    record = a_record()
    data = to_bytes(record)
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        log = DecisionLog(Path(folder) / "log", gateway="bench", clock=SystemClock())
        file = os.open(Path(folder) / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def synced() -> None:
            os.write(file, data)
            os.fsync(file)

        many, few = size.rows(5_000, 50_000), size.rows(200, 2_000)
        parts: list[tuple[str, str, int, Callable[[], object], Callable[[], object]]] = [
            ("enqueued", "write", many,
             lambda: log.append([record], durable=False), lambda: os.write(file, data)),
            ("packed, enqueued", "write", many,
             lambda: log.append_packed([data], durable=False), lambda: os.write(file, data)),
            ("durable", "write and fsync", few,
             lambda: log.append([record], durable=True), synced),
        ]  # fmt: skip
        for name, peer_name, times, ours, peer in parts:
            a, b = beside(lambda f=ours, n=times: per(f, n), lambda f=peer, n=times: per(f, n), 3)
            yield Result(f"decision appended, {name}", a * 1e6, "µs", peer_name, b * 1e6)
        each = few * 16
        a, b = beside(lambda: waiting(log, data, few), lambda: per(synced, few), 3)
        yield Result("decision appended, durable, 16 wait", a / each * 1e6, "µs",
                     "write and fsync", b * 1e6)  # fmt: skip
        log.close()
        os.close(file)


def shipped(size: Size) -> Iterator[Result]:
    from seawall.adapters.decisions import DecisionLog, ship
    from seawall.kernel import Ids, SystemClock
    from seawall.serving.decision import disclose, to_bytes

    clock, record = SystemClock(), a_record()
    ids = Ids(clock)
    fields = {f"field{i}": i * 0.37 if i < 24 else f"class {i}" for i in range(30)}
    wide = [msgspec.structs.replace(record, id=ids(), subject=f"s{i}", unit="0" * 64,
                                    version_digest="sha256:" + "a" * 64, input=fields)
            for i in range(size.rows(5_000, 50_000))]  # fmt: skip
    values = [b"".join(pair) for pair in disclose(wide[0]).values()]
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        root = Path(folder)
        log = DecisionLog(root / "log", gateway="bench", clock=clock)
        spent: list[float] = []
        for round_ in range(4):  # the first pays for imports
            log.append_packed([to_bytes(r) for r in wide], durable=False)
            log.close()
            began = time.process_time()
            ship(root / "log", f"{root}/table{round_}", clock=clock)
            spent.append((time.process_time() - began) / len(wide))
        began = time.process_time()
        for _ in range(2_000):
            for value in values:
                hashlib.sha256(value).digest()
        least = (time.process_time() - began) / 2_000
    name = f"decision of {len(values)} values shipped, CPU"
    yield Result(name, min(spent) * 1e6, "µs", "SHA-256 of each value", least * 1e6)
    yield Result("decisions shipped by a core", 1 / min(spent), "a second")


def a_record() -> Any:
    """A decision as a gateway makes it."""
    from seawall.kernel import Ids, SystemClock
    from seawall.serving.decision import DecisionRecord

    return DecisionRecord(
        id=Ids(SystemClock())(),
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


def waiting(log: Any, data: bytes, rounds: int) -> float:
    """Seconds of so many rounds of sixteen that wait for the disk on one event loop."""

    async def run() -> None:
        async def caller() -> None:
            for _ in range(rounds):
                await log.commit([data])

        await asyncio.gather(*(caller() for _ in range(16)))

    began = time.perf_counter()
    asyncio.run(run())
    return time.perf_counter() - began


def per(act: Callable[[], object], times: int) -> float:
    """Seconds for one of so many."""
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times
