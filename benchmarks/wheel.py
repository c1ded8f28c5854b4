"""The size of the wheel."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Result, Size, python, seconds

LIMIT_MB = 5.0


def run(_size: Size) -> Iterator[Result]:
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        seconds(python("-m", "hatchling", "build", "-t", "wheel", "-d", folder))
        (wheel,) = Path(folder).glob("*.whl")
        size = wheel.stat().st_size / 1e6
    yield Result("wheel", size, "MB", limit=f"{LIMIT_MB:g} MB", holds=size < LIMIT_MB)
