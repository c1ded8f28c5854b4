"""How many runs of a subject's cases miss what is true, over two processes."""

from __future__ import annotations

import zlib
from collections import defaultdict
from importlib import import_module
from typing import Any, NamedTuple

from benchmarks.pool import spread

_PART = 25
"""Runs of one job."""


class Job(NamedTuple):
    """Some runs of one case at one size."""

    subject: str
    case: str
    column: str
    runs: int
    seed: int


class Missed(NamedTuple):
    """How many of some runs lay wholly above, and wholly below, what is true."""

    measure: str
    case: str
    column: str
    runs: int
    over: int
    under: int


def gather(subject: str, module: Any, runs: int) -> list[Missed]:
    """Every case at every size, added up over the processes."""
    jobs = [
        Job(subject, case, column, min(_PART, runs - first), first)
        for column in module.COLUMNS
        for case in module.CASES
        for first in range(0, runs, _PART)
    ]
    total: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for part in spread(misses, jobs, f"coverage, {subject}"):
        for m in part:
            line = total[m[:3]]
            line[:] = (a + b for a, b in zip(line, m[3:], strict=True))
    return [Missed(*key, *line) for key, line in total.items()]


def misses(job: Job) -> list[Missed]:
    """The runs of one job; the truth lies outside by more than rounding."""
    import numpy as np

    module = import_module(f"benchmarks.coverage.{job.subject}")
    rng = np.random.default_rng([job.seed, zlib.crc32(f"{job.case} {job.column}".encode())])
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for _ in range(job.runs):
        for name, estimate, true in module.CASES[job.case](module.COLUMNS[job.column], rng):
            slack = 1e-9 * max(1.0, abs(true))
            line = found[name]
            line[0] += 1
            line[1] += int(estimate.low > true + slack)
            line[2] += int(estimate.high < true - slack)
    return [Missed(name, job.case, job.column, *line) for name, line in found.items()]
