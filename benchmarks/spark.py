"""Counting a Spark data frame by one local worker and by two.

In turn, twice: all sessions share one Java machine, which is faster the longer it has run. One
worker is more than one core: Java reads and hands over the rows while Python counts those before.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, Size, beside

COLUMNS, LIMIT = 20, 0.75


def run(size: Size) -> Iterator[Result]:
    rows = size.rows(2_000_000, 10_000_000)
    with tempfile.TemporaryDirectory() as folder:
        source = _write(Path(folder), rows)
        one, two = beside(lambda: _count(source, 1), lambda: _count(source, 2), 2)
    yield Result(
        f"Spark, {rows:,} × {COLUMNS}, two local workers", two, "s", "one worker", one,
        f"{LIMIT:g} ×", two <= LIMIT * one,
    )  # fmt: skip


def _write(folder: Path, rows: int) -> str:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(3)
    for part in range(8):
        table = pa.table({f"x{i}": rng.normal(i, 1, rows // 8) for i in range(COLUMNS)})
        pq.write_table(table, folder / f"{part}.parquet")
    return str(folder)


def _count(source: str, workers: int) -> float:
    """Seconds to count the frame, the second time, on this many worker threads."""
    from pyspark.sql import SparkSession

    from seawall.sdk.summaries import reference_summary, summary_on

    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session: Any = (
            SparkSession.builder.master(f"local[{workers}]")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        try:
            grids = reference_summary(f"{source}/0.parquet").grids
            frame = session.read.parquet(source)
            took = 0.0
            for _ in range(2):
                began = time.perf_counter()
                summary_on(frame, grids)
                took = time.perf_counter() - began
        finally:
            session.stop()
    return took
