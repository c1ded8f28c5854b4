"""Drift of tables that fit in no memory: 100 million rows in that of 10 million, 1,000 columns.

The rows are batches from an iterator, so that no disk is needed and none is measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Result, Size, python, watch

DRIFT = """
import sys
import numpy as np
import seawall
rows, columns, at_once = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
base = {f"x{i}": rng.normal(size=2 * at_once) for i in range(columns)}
def batches(rows, seed):
    places = np.random.default_rng(seed)
    for start in range(0, rows, at_once):
        at = places.integers(at_once)
        yield {name: v[at : at + min(at_once, rows - start)] for name, v in base.items()}
found = seawall.drift(batches(rows, 1), batches(rows, 2)).to_dict()
assert found["rows"] == {"reference": rows, "current": rows}
"""
MINUTES = 5.0
ROOM = 1.15
"""How much more memory ten times the rows may take."""


def run(size: Size) -> Iterator[Result]:
    few, many = size.rows(1_000_000, 10_000_000), size.rows(10_000_000, 100_000_000)
    peaks: list[float] = []
    for rows in (few, many):
        ran = watch(python("-c", DRIFT, str(rows), "50", str(1 << 17)))
        peaks.append(ran.peak_mb)
        yield Result(f"drift, 2 x {rows:,} x 50 in batches", ran.seconds, "s")
    yield Result(
        f"drift, {many:,} rows, peak memory", peaks[1], "MB", f"{few:,} rows", peaks[0],
        f"{ROOM:g} x", peaks[1] <= ROOM * peaks[0],
    )  # fmt: skip
    rows = size.rows(100_000, 3_000_000)
    ran = watch(python("-c", DRIFT, str(rows), "1000", str(1 << 14)))
    yield Result(
        f"drift, 2 x {rows:,} x 1,000 in batches", ran.seconds / 60, "min",
        limit=f"{MINUTES:g} min", holds=ran.status == 0 and ran.seconds <= 60 * MINUTES,
    )  # fmt: skip
    yield Result(f"drift, 2 x {rows:,} x 1,000, peak memory", ran.peak_mb, "MB")
