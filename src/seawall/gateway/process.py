"""What a worker takes of the machine: processor, memory, its start, how long its requests queue."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from time import monotonic, process_time, time

from seawall.gateway.lag import LoopLag

Labels = tuple[tuple[str, str], ...]
_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process:
    """This process, as worker number `worker` of its gateway; `lag` is of its event loop."""

    def __init__(self, worker: int, lag: LoopLag) -> None:
        self._labels: Labels = (("worker", str(worker)),)
        self._lag, self._cold_start = lag, 0.0
        self._last = monotonic(), process_time(), 0.0
        self._clocks = time() - monotonic()

    def ready(self) -> None:
        """Note that callers are answered from now on."""
        self._cold_start = _age()

    def counts(self) -> dict[tuple[str, Labels], float]:
        """Seconds of processor time, and this start."""
        return {
            ("worker_cpu_seconds_total", self._labels): process_time(),
            ("worker_starts_total", self._labels): 1,
        }

    def gauges(self) -> dict[tuple[str, Labels], float]:
        """Memory in bytes, seconds of the start, queue delay, share of a processor taken, and
        how far the wall clock was set forward (or back, negative) since the start.
        """
        now, spent = monotonic(), process_time()
        since, before, busy = self._last
        if now - since >= 1.0:
            busy = (spent - before) / (now - since)
            self._last = now, spent, busy
        return {
            ("worker_memory_bytes", self._labels): _resident(),
            ("worker_cold_start_seconds", self._labels): self._cold_start,
            ("worker_queue_delay_seconds", self._labels): self._lag.last(now),
            ("worker_saturation_ratio", self._labels): busy,
            ("worker_clock_jump_seconds", self._labels): time() - now - self._clocks,
        }


def _resident() -> int:
    """Bytes in memory; where the system does not tell, the most there ever were."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _age() -> float:
    """Seconds since the system started this process; 0 where it does not tell."""
    try:
        began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        booted = time() - float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return 0.0
    return time() - booted - began / os.sysconf("SC_CLK_TCK")
