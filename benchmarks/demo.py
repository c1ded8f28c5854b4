"""The whole demo: wall time, and the memory of all its processes together."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from benchmarks.measure import Result, Size, python, watch

LIMIT_SECONDS, LIMIT_GIB = 90.0, 1.5


def run(_size: Size) -> Iterator[Result]:
    ran = watch(python("-m", "seawall", "demo", "--json"), every=0.2)
    passed = ran.status == 0 and msgspec.json.decode(ran.printed)["passed"]
    gib = ran.peak_mb / 1024
    yield Result(
        "demo", ran.seconds, "s", limit=f"{LIMIT_SECONDS:g} s, and passes",
        holds=passed and ran.seconds <= LIMIT_SECONDS,
    )  # fmt: skip
    yield Result(
        "demo, peak memory", gib, "GiB", limit=f"{LIMIT_GIB:g} GiB", holds=gib <= LIMIT_GIB
    )
