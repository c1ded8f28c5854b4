"""`seawall drift` of two Parquet files beside polars scanning and adding them up, whole processes.

Each file has 40 columns of float64 and 10 of categories; five are shifted in the second.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.measure import Ran, Result, Size, beside, python, watch

LIMIT = 2.5
MEMORY_MB = 700.0
SHIFTED = ("x0", "x1", "x2", "c0", "c1")
WRITE = """
import sys
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
rows, path, shifted = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "shifted"
rng = np.random.default_rng([rows, shifted])
columns = {f"x{i}": rng.normal(size=rows) + (0.5 if shifted and i < 3 else 0.0) for i in range(40)}
names = np.array([f"value {i}" for i in range(20)])
weights = np.arange(1, 21) / 210
turned = weights[::-1]
for i in range(10):
    p = turned if shifted and i < 2 else weights
    columns[f"c{i}"] = pa.DictionaryArray.from_arrays(rng.choice(20, rows, p=p), names)
pq.write_table(pa.table(columns), path, row_group_size=1 << 17)
"""
SCAN = """
import sys
import polars as pl
import polars.selectors as cs
for path in sys.argv[1:]:
    plan = pl.scan_parquet(path).select(cs.numeric().sum(), cs.categorical().is_null().sum())
    plan.collect()
"""


def run(size: Size) -> Iterator[Result]:
    rows = size.rows(200_000, 1_000_000)
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        files = [str(Path(folder) / f"{kind}.parquet") for kind in ("plain", "shifted")]
        for path in files:
            watch(python("-c", WRITE, str(rows), path, Path(path).stem))
        ran: list[Ran] = []

        def ours() -> float:
            ran.append(watch(python("-m", "seawall", "drift", *files, "--json")))
            return ran[-1].seconds

        took, peer = beside(ours, lambda: watch(python("-c", SCAN, *files)).seconds, 2)
    found = msgspec.json.decode(ran[-1].printed)["features"]
    flagged = {name for name, f in found.items() if f["verdict"]["outcome"] != "pass"}
    right = "finds the 5 shifted" if flagged == set(SHIFTED) else f"finds {len(flagged)}"
    yield Result(
        f"drift, 2 x {rows:,} x 50, {right}", took, "s", "polars scan and sum", peer,
        f"{LIMIT:g} x", took <= LIMIT * peer and flagged == set(SHIFTED),
    )  # fmt: skip
    peak = max(r.peak_mb for r in ran)
    limit = f"{MEMORY_MB:g} MB"
    yield Result("drift, peak memory", peak, "MB", limit=limit, holds=peak <= MEMORY_MB)
