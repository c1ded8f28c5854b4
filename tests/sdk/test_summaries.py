"""Any source read into summaries: the same rows give the same bytes, wherever they are."""

import threading
from itertools import pairwise

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.dataset as ds
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.adapters.tables import source as sources
from seawall.kernel import BadInput
from seawall.sdk.drift import drift
from seawall.sdk.summaries import reference_summary, summary_on

rng = np.random.default_rng(20261125)
N = 3000
TABLE = pa.table(
    {
        "real": pa.array(
            np.where(rng.random(N) < 0.1, np.nan, rng.normal(5, 2, N)), from_pandas=True
        ),
        "heavy": np.where(rng.random(N) < 0.3, 0.0, rng.standard_cauchy(N)),
        "whole": pa.array([None if k % 7 == 0 else k % 40 for k in range(N)], pa.int64()),
        "word": rng.choice(["a", "b", "Ж", "d e"], N),
        "yes": rng.random(N) < 0.2,
    }
)


def in_batches(rows=500):
    return (TABLE.slice(at, rows) for at in range(0, N, rows))


def made(kind, folder):
    path = folder / kind
    if kind == "parquet":
        pq.write_table(TABLE, path.with_suffix(".parquet"), row_group_size=400)
        return path.with_suffix(".parquet")
    if kind == "csv":
        csv.write_csv(TABLE, path.with_suffix(".csv"))
        return path.with_suffix(".csv")
    if kind == "feather":
        feather.write_feather(TABLE, path.with_suffix(".feather"), chunksize=700)
        return path.with_suffix(".feather")
    if kind == "arrow stream":
        with pa.ipc.new_stream(path.with_suffix(".arrows"), TABLE.schema) as out:
            out.write_table(TABLE, 600)
        return path.with_suffix(".arrows")
    if kind in ("folder", "glob"):
        path.mkdir()
        for at, part in enumerate(in_batches()):
            pq.write_table(part, path / f"{at}.parquet")
        return path if kind == "folder" else path / "*.parquet"
    if kind == "folder of csv":
        path.mkdir()
        for at, part in enumerate(in_batches()):
            csv.write_csv(part, path / f"{at}.csv")
        return path
    if kind == "delta":
        for part in in_batches(1000):
            write_deltalake(path, part, mode="append")
        return path
    return {
        "arrow": lambda: TABLE,
        "reader": lambda: TABLE.to_reader(300),
        "dataset": lambda: ds.dataset(TABLE),
        "pandas": lambda: TABLE.to_pandas(types_mapper=pd.ArrowDtype),
        "polars": lambda: pl.from_arrow(TABLE),
        "lazy polars": lambda: pl.from_arrow(TABLE).lazy(),
        "duckdb": lambda: duckdb.from_arrow(TABLE),
        "mapping": lambda: {
            "real": TABLE["real"].to_numpy(),
            "heavy": TABLE["heavy"].to_numpy(),
            "whole": TABLE["whole"].to_pylist(),
            "word": TABLE["word"].to_pylist(),
            "yes": TABLE["yes"].to_numpy(),
        },
        "iterator": in_batches,
        "list of frames": lambda: [pl.from_arrow(part) for part in in_batches()],
    }[kind]()


KINDS = (
    "parquet", "csv", "feather", "arrow stream", "folder", "glob", "folder of csv", "delta",
    "reader", "dataset", "pandas", "polars", "lazy polars", "duckdb", "mapping", "iterator",
    "list of frames",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_give_the_same_bytes_wherever_they_are(tmp_path, kind):
    whole = reference_summary(TABLE)
    counted = summary_on(made(kind, tmp_path), whole.grids)
    assert counted.extra == {}
    assert counted.summary.to_bytes() == whole.summary.to_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_may_be_of_any_kind(tmp_path, kind):
    found = reference_summary(made(kind, tmp_path))
    assert found.left_out == {}
    assert found.summary.rows == N
    assert summary_on(TABLE, found.grids).summary.to_bytes() == found.summary.to_bytes()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, N), max_size=6))
def test_cuts_into_batches_do_not_show(cuts):
    whole = reference_summary(TABLE)
    ends = [0, *sorted(cuts), N]
    parts = (TABLE.slice(a, b - a) for a, b in pairwise(ends))
    assert summary_on(parts, whole.grids).summary.to_bytes() == whole.summary.to_bytes()


def test_a_long_reference_is_read_once_and_its_grid_made_from_rows_all_over_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(sources, "SAMPLE_ROWS", 1000)
    rising = np.sort(rng.normal(size=20_000))
    path = tmp_path / "rising.parquet"
    pq.write_table(pa.table({"x": rising, "k": np.arange(20_000)}), path, row_group_size=500)
    found = reference_summary(path)
    assert found.summary.rows == 20_000
    assert summary_on({"x": rising, "k": np.arange(20_000)}, found.grids).summary == found.summary
    # the centre is the median of rows from everywhere, not of the lowest
    assert abs(found.grids["x"].centre) < 0.3
    assert found.summary.columns["k"].counts[[0, -1]].sum() == 0


def test_an_iterator_that_can_be_read_once_is_a_reference(monkeypatch):
    monkeypatch.setattr(sources, "SAMPLE_ROWS", 1000)
    found = reference_summary(in_batches())
    assert found.summary.rows == N
    assert summary_on(TABLE, found.grids).summary == found.summary


def test_few_batches_are_held_at_a_time():
    alive, most = 0, 0
    lock = threading.Lock()

    class Held(dict):
        def __del__(self):
            nonlocal alive
            with lock:
                alive -= 1

    def flow():
        nonlocal alive, most
        for _ in range(60):
            with lock:
                alive += 1
                most = max(most, alive)
            yield Held(x=rng.normal(size=20_000))

    grids = reference_summary({"x": rng.normal(size=100)}).grids
    assert summary_on(flow(), grids).summary.rows == 60 * 20_000
    assert most <= 8


def test_partition_folders_are_columns(tmp_path):
    for year in (2015, 2018):
        (tmp_path / "t" / f"year={year}").mkdir(parents=True)
        pq.write_table(TABLE.slice(0, 100), tmp_path / "t" / f"year={year}" / "a.parquet")
    found = reference_summary(tmp_path / "t")
    assert (found.summary.rows, found.grids["year"].kind) == (200, "integer")
    assert found.summary.columns["year"].low == 2015


def test_what_is_counted_of_a_number_is_what_numpy_counts():
    kinds = {
        "normal": rng.normal(size=N),
        "lognormal": rng.lognormal(0, 3, N),
        "heavy": rng.standard_cauchy(N),
        "constant": np.full(N, 3.3),
        "atoms": np.where(rng.random(N) < 0.4, 0.0, rng.normal(size=N)),
        "rounded": np.round(rng.random(N), 1),
        "infinite": np.where(
            rng.random(N) < 0.1, -np.inf, np.where(rng.random(N) < 0.1, np.inf, 1)
        ),
        "tiny": rng.integers(1, 1000, N) * 5e-324,
        "offset": 1.7e15 + rng.normal(size=N),
        "whole": rng.integers(-5, 5000, N),
        "all of int64": rng.integers(-(2**63), 2**63 - 1, N),
    }
    found = reference_summary(kinds).summary
    for name, values in kinds.items():
        one = found.columns[name]
        assert (one.n, one.low, one.high) == (N, values.min(), values.max()), name
        # counts up to each edge are those of a sort; an edge is itself rounded to float64
        edges, upto = one.grid.edges[1:-1], np.cumsum(one.counts)[:-1]
        rising = np.sort(values).astype(float)
        least = np.searchsorted(rising, np.nextafter(edges, -np.inf), "left")
        most = np.searchsorted(rising, np.nextafter(edges, np.inf), "right")
        assert ((least <= upto) & (upto <= most)).all(), name


def test_times_and_what_no_table_holds_are_named_as_left_out():
    table = TABLE.append_column("when", pa.array(rng.integers(0, 9, N), pa.timestamp("us")))
    table = table.append_column("list", pa.array([[1]] * N))
    table = table.append_column("raw", pa.array([b"x"] * N))
    found = reference_summary(table)
    assert sorted(found.left_out) == ["list", "raw", "when"]
    table = table.drop_columns(["real", "heavy"])
    report = drift(table, table.append_column("new", pa.array([1] * N))).to_dict()
    assert list(report["not_compared"]) == ["list", "new", "raw", "when"]
    assert list(reference_summary(table, ["when"]).grids) == ["when"]
    with pytest.raises(BadInput, match=r"column raw holds binary.*leave it out"):
        reference_summary(table, ["raw"])


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (np.array(["x"] * 9), "column x holds text where the reference holds numbers"),
        (np.arange(9).astype("datetime64[D]"), "column x holds times where"),
    ],
)
def test_a_number_that_became_something_else_is_told_with_its_file(tmp_path, column, told):
    path = tmp_path / "now.parquet"
    pq.write_table(pa.table({"x": column}), path)
    with pytest.raises(BadInput, match=told) as caught:
        drift({"x": rng.normal(size=50)}, path)
    assert str(path) in str(caught.value)
    assert "give it the reference's type" in str(caught.value)


def test_text_or_flags_that_became_numbers_are_told():
    for was, told in ((["a", "b"] * 9, "text"), ([True, False] * 9, "flags")):
        with pytest.raises(BadInput, match=f"x holds numbers where the reference holds {told}"):
            drift({"x": was}, {"x": np.arange(18)})
    # numbers that were read as text once are the same categories
    assert drift({"x": ["1", "2"] * 900}, {"x": [1, 2] * 900}).verdict.outcome == "pass"


def test_columns_without_any_value_fit_every_grid():
    nothing = pa.table(
        {"real": pa.nulls(50), "word": pa.nulls(50), "whole": pa.nulls(50, pa.string())}
    )
    grids = reference_summary(TABLE, ["real", "word", "whole"]).grids
    found = summary_on(nothing, grids).summary
    assert [one.missing for one in found.columns.values()] == [50, 50, 50]


def test_one_row_is_undecided_and_no_row_is_told():
    one, none = TABLE.slice(0, 1), TABLE.slice(0, 0)
    assert drift(TABLE, one).verdict.outcome == "undecided"
    assert drift(one, TABLE).verdict.outcome == "undecided"
    for tables in ((TABLE, none), (none, TABLE)):
        with pytest.raises(BadInput, match="there are no rows"):
            drift(*tables)


def test_batches_that_differ_in_columns_are_refused():
    with pytest.raises(BadInput, match=r"batch 2 lacks column 'word'"):
        reference_summary([TABLE, TABLE.drop_columns(["word"])])
    with pytest.raises(BadInput, match=r"batch 2 has a further column 'y'"):
        reference_summary([{"x": [1]}, {"x": [1], "y": [2]}])
    with pytest.raises(BadInput, match="gave no batch"):
        reference_summary(iter(()))


def test_batches_whose_types_differ_name_the_batch():
    with pytest.raises(BadInput, match=r"column x holds text .*batch 2"):
        reference_summary([{"x": [1.5, 2.5]}, {"x": ["a", "b"]}])
