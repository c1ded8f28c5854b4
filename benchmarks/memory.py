"""The resident memory of every process of a gateway while millions of requests go through it.

Each figure is the most that was seen, every few seconds, since the figure before it: the keeper
takes more while it ships a file than in between. Two workers, their supervisor and their keeper,
the control plane gone: what waits for it must not grow with the requests either. Labels of some
decisions are told on the way. `python -m benchmarks.memory REQUESTS` does any number of requests.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import psutil

from benchmarks.gateway import CONNECTIONS, cpu_of, gateway_words, serving, train
from benchmarks.load import put_load
from benchmarks.measure import Result, Size

MARKS = (0.1, 0.5, 1.0)
WORKERS = 2
GROWTH_MB = 32.0
"""So much more may be taken in the second half of the requests than in the first."""
SPAN = 5.0


def run(size: Size) -> Iterator[Result]:
    return through(size.rows(100_000, 10_000_000))


def through(requests: int) -> Iterator[Result]:
    """Put so many requests through a gateway, and look at its processes on the way."""
    model, seen = train(), dict[str, dict[float, float]]()
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name:
        words = [*gateway_words(Path(name), model), "--workers", str(WORKERS)]
        with serving(words) as port:
            while cpu_of(port)[1] < WORKERS:
                pass
            done, marks, began = 0, list(MARKS), time.perf_counter()
            most: dict[str, float] = {}
            while marks:
                done += put_load(port, model.body, CONNECTIONS, SPAN).count
                done += tell(port, model.body)
                for who, resident in memory_of(port).items():
                    most[who] = max(resident, most.get(who, 0.0))
                while marks and done >= marks[0] * requests:
                    mark = marks.pop(0)
                    for who, resident in most.items():
                        seen.setdefault(who, {})[mark] = resident
                    shown = {who: f"{resident:.0f}" for who, resident in most.items()}
                    print(f"{done:,} requests, MB at most: {shown}", file=sys.stderr)
                    most = most if marks and done >= marks[0] * requests else {}
            rate = done / (time.perf_counter() - began)
            for process in processes_of(port):
                process.kill()  # what is left to be shipped is of no use to anybody
    yield Result(f"requests put through, {WORKERS} workers", rate, "a second")
    for who, at in sorted(seen.items()):
        half, last = at.get(0.5, 0.0), at.get(1.0, 0.0)
        yield Result(
            f"{who}, after {done:,} requests", last, "MB", "in the first half", half,
            f"{GROWTH_MB:g} MB more at most", last - half <= GROWTH_MB,
        )  # fmt: skip


def tell(port: int, body: bytes) -> int:
    """Ask for a hundred decisions in one request, and tell their labels."""
    (row,) = msgspec.json.decode(body)["dataframe_records"]
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
        asked = http.post("/invocations", json={"dataframe_records": [row] * 100}).json()
        told = [{"decision_id": p["decision_id"], "label": 1} for p in asked["predictions"]]
        assert http.post("/outcomes", json=told).json()["received"] == len(told)
    return 2


def memory_of(port: int) -> dict[str, float]:
    """Megabytes of what listens on a port and of all it started, by what they are."""
    found: dict[str, float] = {}
    for process in processes_of(port):
        command = " ".join(process.cmdline())
        name = next((n for n in ("keeper", "workers") if f"gateway.{n}" in command), "supervisor")
        key = f"worker {process.pid}" if name == "workers" else name
        found[key] = process.memory_info().rss / 1e6
    return found


def processes_of(port: int) -> list[psutil.Process]:
    """The process of ours that was told this port, and all that it started."""
    parent = next(c for c in psutil.Process().children() if str(port) in c.cmdline())
    return [parent, *parent.children(recursive=True)]


if __name__ == "__main__":
    from benchmarks.__main__ import show

    show(list(through(int(sys.argv[1]))))
