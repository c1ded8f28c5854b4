"""What a benchmark gives, and how time and memory are taken."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
ENV = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "NO_COLOR": "1", "COLUMNS": "100"}
# what others send home would be measured too
ENV |= {"DO_NOT_TRACK": "true", "BENTOML_DO_NOT_TRACK": "true", "RAY_USAGE_STATS_ENABLED": "0"}
ENV |= {"NML_DISABLE_USAGE_LOGGING": "1"}


class Result(NamedTuple):
    """A measured value beside a peer's; `holds` says whether it keeps the limit, None without."""

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    limit: str = ""
    holds: bool | None = None

    @property
    def ratio(self) -> float | None:
        """The value over the peer's."""
        return self.value / self.peer_value if self.peer_value else None


class Size(NamedTuple):
    """How much a benchmark works on: a quick look, or the sizes of the published targets."""

    full: bool = False

    def rows(self, quick: int, full: int) -> int:
        return full if self.full else quick


class Ran(NamedTuple):
    """A finished process: its seconds, the peak memory of it and its children, what it printed."""

    seconds: float
    peak_mb: float
    printed: str
    status: int


def python(*words: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *words]


def seconds(command: Sequence[str]) -> float:
    """The wall time of a process that succeeds, its output discarded."""
    began = time.perf_counter()
    subprocess.run(command, env=ENV, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - began


def beside(ours: Callable[[], float], peer: Callable[[], float], times: int) -> tuple[float, float]:
    """The least of several measurements of each, taken in turn so that both see the same noise."""
    pairs = [(ours(), peer()) for _ in range(times)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)


def watch(command: Sequence[str], every: float = 0.02) -> Ran:
    """Run a process to its end and sample the resident memory of it and all it started."""
    import psutil

    began, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            command, env=ENV, cwd=ROOT, stdout=printed, stderr=subprocess.DEVNULL
        )
        tree = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                parts = (tree, *tree.children(recursive=True))
                peak = max(peak, sum(part.memory_info().rss for part in parts))
            except psutil.Error:
                pass  # one of them ended meanwhile
            time.sleep(every)
        took = time.perf_counter() - began
        printed.seek(0)
        said = printed.read()
    return Ran(took, peak / 2**20, said, process.returncode)
