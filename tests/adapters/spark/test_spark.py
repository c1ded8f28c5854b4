"""Spark data frames, counted by real workers."""

import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seawall
from seawall.kernel import BadInput
from seawall.sdk.summaries import reference_summary, summary_on

ROWS = 4000
pytestmark = pytest.mark.timeout(600)  # Java and Python workers start slowly where cores are few


def table(shift: float) -> pa.Table:
    rng = np.random.default_rng(5)
    notes = [f"the sea wall holds near harbour {i}" for i in range(ROWS)]
    return pa.table({
        "income": pa.array(rng.normal(30 + shift, 9, ROWS), mask=rng.random(ROWS) < 0.05),
        "age": pa.array(rng.integers(0, 99, ROWS), mask=rng.random(ROWS) < 0.1),
        "region": rng.choice(["north", "south", "é"], ROWS),
        "owner": rng.random(ROWS) < 0.5,
        "note": notes,
        "at": pa.array(rng.integers(0, 10**15, ROWS), pa.timestamp("us", "UTC")),
    })  # fmt: skip


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A local session of two workers, on the loopback, without its pages."""
    from pyspark.sql import SparkSession

    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.log.level", "ERROR")
            .config("spark.sql.session.timeZone", "UTC")
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.fixture(scope="module")
def frame(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    import pyarrow.parquet as pq

    path = tmp_path_factory.mktemp("spark") / "rows.parquet"
    pq.write_table(table(0), path)
    return spark.read.parquet(str(path)).repartition(3)


def test_partitions_merge_into_the_bytes_that_one_machine_counts(frame):
    rows = table(0)
    grids = reference_summary(rows, times=True).grids
    assert "note known words" in grids
    local = summary_on(rows, grids).summary
    assert summary_on(frame, grids).summary.to_bytes() == local.to_bytes()


def test_drift_takes_a_spark_frame_on_either_side(frame):
    local = seawall.drift(table(6), table(0)).to_dict()
    assert seawall.drift(table(6), frame).to_dict() == local
    assert local["features"]["income"]["verdict"]["outcome"] == "fail"
    same = seawall.drift(frame, frame).to_dict()
    assert same["rows"] == {"reference": ROWS, "current": ROWS}
    assert "at" in same["not_compared"]
    assert {f["measures"]["missing_difference"]["value"] for f in same["features"].values()} == {0}


def test_a_frame_without_rows_is_counted(frame):
    grids = reference_summary(table(0)).grids
    assert summary_on(frame.limit(0), grids).summary.rows == 0


def test_what_a_worker_refuses_is_told_in_one_line(frame):
    with pytest.raises(BadInput, match="region holds text where the reference holds numbers"):
        seawall.drift({"region": np.arange(9.0)}, frame, columns=["region"])


def test_a_column_that_a_frame_lacks_is_suggested(frame):
    with pytest.raises(BadInput, match="did you mean 'income'"):
        seawall.drift({"incom": np.arange(9.0)}, frame)
