"""Reading tables: types, nulls, other libraries, and files that cannot be read."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from seawall.adapters.tables import open_source, read_columns, read_table
from seawall.kernel import BadInput

TABLE = pa.table(
    {
        "whole": pa.array([1, None, 3], pa.int64()),
        "small": pa.array([1, 2, 3], pa.int8()),
        "real": pa.array([0.5, None, 1.5]),
        "yes": pa.array([True, None, False]),
        "word": pa.array(["a", None, "b"]),
        "coded": pa.array(["x", "y", "x"]).dictionary_encode(),
        "day": pa.array([date(2026, 1, 1), None, date(2026, 1, 3)]),
        "time": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("ns", "UTC")),
        "price": pa.array([Decimal("1.25"), None, Decimal("2.50")]),
        "void": pa.nulls(3),
    }
)


def written(tmp_path, ending):
    path = tmp_path / f"data{ending}"
    if ending == ".parquet":
        pq.write_table(TABLE, path, row_group_size=2)
    elif ending == ".csv":
        csv.write_csv(TABLE.select(["whole", "small", "real", "word"]), path)
    else:
        feather.write_feather(TABLE.drop_columns(["void"]), path)
    return path


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".arrow"])
def test_integers_stay_integers_and_nulls_stay_nulls_in_every_format(tmp_path, ending):
    found = read_columns(str(written(tmp_path, ending)), ["whole", "small", "real", "word"])
    assert list(found) == ["whole", "small", "real", "word"]
    assert found["whole"].dtype == np.int64
    assert found["whole"].mask.tolist() == [False, True, False]
    assert found["small"].dtype.kind == "i"
    assert np.isnan(found["real"][1])
    codes, words = found["word"]
    # an empty CSV field of text is the empty string
    assert [words[c] if c >= 0 else None for c in codes] in (["a", None, "b"], ["a", "", "b"])


def test_every_type_has_its_numpy_form():
    found = read_table(TABLE)
    assert found["yes"].dtype == bool
    assert found["yes"].mask.tolist() == [False, True, False]
    assert found["coded"].tolist() == ["x", "y", "x"]
    assert found["word"].tolist() == ["a", None, "b"]
    assert np.isnat(found["day"][1])
    assert found["time"][0] == np.datetime64("2026-01-01", "us")
    assert found["price"][2] == 2.5
    assert np.isnan(found["void"]).all()


def test_pandas_polars_and_mappings_read_alike():
    rows = {"a": [1, 2, 3], "b": ["x", "y", "x"]}
    for source in (pd.DataFrame(rows), pl.DataFrame(rows), pa.table(rows), rows):
        found = read_table(source)
        assert found["a"].tolist() == [1, 2, 3]
        assert found["a"].dtype.kind == "i"
        assert found["b"].tolist() == ["x", "y", "x"]


def pieces_of(source, columns):
    return [piece.read(columns) for piece in open_source(source).pieces]


def test_parquet_comes_in_pieces_that_make_up_the_whole(tmp_path):
    path = written(tmp_path, ".parquet")
    pieces = pieces_of(path, ["small", "word"])
    assert [len(p["small"]) for p in pieces] == [2, 1]
    assert np.concatenate([p["small"] for p in pieces]).tolist() == [1, 2, 3]


def test_an_empty_parquet_file_has_columns_without_rows(tmp_path):
    pq.write_table(TABLE.slice(0, 0), tmp_path / "e.parquet")
    (piece,) = pieces_of(tmp_path / "e.parquet", ["whole", "word"])
    assert len(piece["whole"]) == 0
    assert len(piece["word"][0]) == 0


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_parquet_file_is_told_in_one_line(tmp_path, damage):
    path = written(tmp_path, ".parquet")
    data = path.read_bytes()
    path.write_bytes(
        {"truncated": data[:-20], "flipped": data[:-6] + b"\xff" * 6, "empty": b""}[damage]
    )
    for read in (read_columns, open_source):
        with pytest.raises(BadInput, match="cannot be read as Parquet") as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("ending", "kind"), [(".arrow", "Arrow"), (".csv", "CSV")])
def test_a_damaged_arrow_or_csv_file_is_told_in_one_line(tmp_path, ending, kind):
    path = tmp_path / f"bad{ending}"
    path.write_bytes(b"a,b\n1\n1,2,3\n")
    with pytest.raises(BadInput, match=f"cannot be read as {kind}"):
        read_columns(path)


def test_a_missing_file_suggests_the_nearest(tmp_path):
    written(tmp_path, ".parquet")
    with pytest.raises(BadInput, match=r"did you mean 'data\.parquet'"):
        read_columns(tmp_path / "dta.parquet")


def test_an_unknown_format_and_an_empty_folder_are_refused(tmp_path):
    (tmp_path / "x.xlsx").write_bytes(b"x")
    with pytest.raises(BadInput, match="unknown format"):
        read_columns(tmp_path / "x.xlsx")
    with pytest.raises(BadInput, match="holds no table"):
        read_columns(tmp_path)


def test_an_unknown_column_suggests_the_nearest(tmp_path):
    path = written(tmp_path, ".parquet")
    for source in (path, TABLE, {"small": [1]}):
        with pytest.raises(BadInput, match="did you mean 'small'"):
            read_columns(source, ["smal"])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (5, "is not a table"),
        ({"a": [1, 2], "b": [1]}, "differ in length"),
        ({"a": [[1], [2]]}, "2 dimensions"),
        (pa.table([[1], [2]], names=["a", "a"]), "twice"),
        (pa.table({"a": [[1, 2]]}), "no place"),
    ],
)
def test_what_is_not_a_table_of_features_is_refused(source, told):
    with pytest.raises(BadInput, match=told):
        read_columns(source)
