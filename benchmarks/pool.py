"""Simulated runs over two processes, with progress on stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from typing import TypeVar

J, R = TypeVar("J"), TypeVar("R")
PROCESSES = 2
_EVERY = 20.0
"""Seconds between two lines of progress."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


def spread(work: Callable[[J], R], jobs: Sequence[J], what: str) -> Iterator[R]:
    """What `work` makes of each job, in order.

    Processes are begun afresh, each with one thread: forked ones hang where OpenMP ran before, and
    two with a thread for each core wait for each other.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    told, first = time.monotonic(), 0.0
    try:
        with get_context("spawn").Pool(PROCESSES, initializer=_yield) as pool:
            size = max(1, min(25, len(jobs) // (8 * PROCESSES)))
            for done, found in enumerate(pool.imap(work, jobs, size), 1):
                first = first or time.monotonic()
                if time.monotonic() - told > _EVERY and done > size:
                    told = time.monotonic()
                    left = (told - first) / (done - 1) * (len(jobs) - done)
                    print(f"{what}: {done:,} of {len(jobs):,}, {left:,.0f} s left",
                          file=sys.stderr)  # fmt: skip
                yield found
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _yield() -> None:
    """Others on this machine go first."""
    os.nice(10)
