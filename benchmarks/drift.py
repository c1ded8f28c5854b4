"""`seawall drift` of two Parquet files beside polars scanning and adding them up, whole processes.

Each file has 40 columns of float64 and 10 of categories; five are shifted in the second. Against
a saved baseline only the second is read, and half the time is allowed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.measure import Ran, Result, Size, beside, python, watch

LIMIT = 2.5
MEMORY_MB = 700.0
SMALL, SECONDS = 100_000, 1.0
"""Up to so many rows the start of the program decides, and so many seconds are allowed."""
SHIFTED = ("x0", "x1", "x2", "c0", "c1")
WRITE = """
import sys
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
rows, path, shifted = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "shifted"
rng = np.random.default_rng([rows, shifted])
names = np.array([f"value {i}" for i in range(20)])
weights = np.arange(1, 21) / 210
out = None
for start in range(0, rows, 1 << 17):
    n = min(1 << 17, rows - start)
    columns = {f"x{i}": rng.normal(size=n) + (0.5 if shifted and i < 3 else 0.0) for i in range(40)}
    for i in range(10):
        p = weights[::-1] if shifted and i < 2 else weights
        columns[f"c{i}"] = pa.DictionaryArray.from_arrays(rng.choice(20, n, p=p), names)
    table = pa.table(columns)
    out = out or pq.ParquetWriter(path, table.schema)
    out.write_table(table)
out.close()
"""
SCAN = """
import sys
import polars as pl
import polars.selectors as cs
for path in sys.argv[1:]:
    plan = pl.scan_parquet(path).select(cs.numeric().sum(), cs.categorical().is_null().sum())
    plan.collect()
"""
SAVE = """
import sys
from pathlib import Path
from seawall.sdk.summaries import reference_summary
Path(sys.argv[2]).write_bytes(reference_summary(sys.argv[1]).summary.to_bytes())
"""
AGAINST = """
import json, sys
from pathlib import Path
from seawall.sdk.summaries import summary_on
from seawall.statistics.drift import drift
from seawall.statistics.summary import TableSummary
old = TableSummary.from_bytes(Path(sys.argv[1]).read_bytes())
new = summary_on(sys.argv[2], {name: one.grid for name, one in old.columns.items()}).summary
print(json.dumps(drift(old, new).to_dict()))
"""


def run(size: Size) -> Iterator[Result]:
    for rows in (100_000, 1_000_000, 10_000_000) if size.full else (100_000,):
        with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
            yield from _beside_polars(Path(folder), rows)


def _beside_polars(folder: Path, rows: int) -> Iterator[Result]:
    files = [str(folder / f"{kind}.parquet") for kind in ("plain", "shifted")]
    for path in files:
        watch(python("-c", WRITE, str(rows), path, Path(path).stem))
    saved = str(folder / "baseline")
    watch(python("-c", SAVE, files[0], saved))
    ways = {
        "both read": (LIMIT, python("-m", "seawall", "drift", *files, "--json")),
        "against a baseline": (LIMIT / 2, python("-c", AGAINST, saved, files[1])),
    }
    for name, (limit, command) in ways.items():
        ran: list[Ran] = []

        def ours(command: list[str] = command, ran: list[Ran] = ran) -> float:
            ran.append(watch(command))
            return ran[-1].seconds

        took, peer = beside(ours, lambda: watch(python("-c", SCAN, *files)).seconds, 3)
        found = msgspec.json.decode(ran[-1].printed)["features"]
        flagged = {key for key, f in found.items() if f["verdict"]["outcome"] != "pass"}
        right = "finds the 5 shifted" if flagged == set(SHIFTED) else f"finds {len(flagged)}"
        most, told = (limit * peer, f"{limit:g} x") if rows > SMALL else (SECONDS, f"{SECONDS:g} s")
        yield Result(
            f"drift, 2 x {rows:,} x 50, {name}, {right}", took, "s", "polars scan and sum", peer,
            told, took <= most and flagged == set(SHIFTED),
        )  # fmt: skip
        peak = max(r.peak_mb for r in ran)
        yield Result(
            f"drift, 2 x {rows:,} x 50, {name}, peak memory", peak, "MB",
            limit=f"{MEMORY_MB:g} MB", holds=peak <= MEMORY_MB,
        )  # fmt: skip
