from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.kernel import BadInput, Digest
from seawall.sdk.datasets import describe, file_digest, table_digest

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-9, 9)),
        st.one_of(st.none(), st.floats(allow_nan=False)),
        st.one_of(st.none(), st.text(max_size=3)),
        st.one_of(st.none(), st.booleans()),
    ),
    max_size=20,
)


def table(given_rows: list[Any]) -> pa.Table:
    names = ("i", "f", "s", "b")
    types = (pa.int64(), pa.float64(), pa.string(), pa.bool_())
    columns = [[row[at] for row in given_rows] for at in range(4)]
    arrays = [pa.array(c, t) for c, t in zip(columns, types, strict=True)]
    return pa.table(dict(zip(names, arrays, strict=True)))


@given(rows, st.integers(0, 20), st.integers(0, 20))
def test_a_digest_does_not_know_how_a_table_is_cut(given_rows: list[Any], a: int, b: int) -> None:
    whole = table(given_rows)
    first, last = sorted((a, b))
    cut = pa.concat_tables([whole.slice(0, first), whole.slice(first, last - first),
                            whole.slice(last)])  # fmt: skip
    assert table_digest(cut) == table_digest(whole)
    assert table_digest(whole.slice(first)) == table_digest(table(given_rows[first:]))


@given(rows, rows)
def test_unequal_values_have_unequal_digests(one: list[Any], two: list[Any]) -> None:
    same = table_digest(table(one)) == table_digest(table(two))
    assert same == (repr(one) == repr(two))  # repr: -0.0 and 0.0 are two values


def test_what_memory_holds_under_a_null_does_not_count() -> None:
    bits, numbers = pa.py_buffer(b"\x01"), pa.py_buffer(np.array([1.0, 99.0]).tobytes())
    masked = pa.Array.from_buffers(pa.float64(), 2, [bits, numbers])
    plain = pa.array([1.0, None])
    assert table_digest(pa.table({"x": masked})) == table_digest(pa.table({"x": plain}))


def test_metadata_does_not_count_but_order_names_and_types_do() -> None:
    plain = pa.table({"a": [1, 2], "b": [3, 4]})
    field = pa.field("a", pa.int64(), metadata={"unit": "years"})
    noted = pa.table(plain.columns, schema=pa.schema([field, plain.schema.field("b")]))
    digest = table_digest(plain)
    assert table_digest(plain.replace_schema_metadata({"pandas": "{}"})) == digest
    assert table_digest(noted) == digest
    assert table_digest(plain.select(["b", "a"])) != digest
    assert table_digest(plain.rename_columns(["a", "c"])) != digest
    assert table_digest(plain.cast(pa.schema({"a": pa.int32(), "b": pa.int64()}))) != digest


def test_a_table_without_rows_or_columns_has_a_digest() -> None:
    assert table_digest(pa.table({"a": pa.array([], pa.int64())})) != table_digest(pa.table({}))


def test_a_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"rows")
    assert file_digest(path) == Digest.of(b"rows")
    with pytest.raises(BadInput, match="No such file"):
        file_digest(tmp_path / "b.bin")


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow"])
def test_a_card_tells_rows_columns_and_source_of_every_format(tmp_path: Path, kind: str) -> None:
    data = pa.table({"age": [1, 2, 3], "word": ["a", "b", "a"]})
    path = tmp_path / f"train.{kind}"
    write = {"parquet": pq.write_table, "csv": csv.write_csv, "arrow": feather.write_feather}
    write[kind](data, path)
    card = describe(path, name="train")
    assert (card.rows, card.columns) == (3, {"age": "int64", "word": "string"})
    assert (card.digest, card.source) == (file_digest(path), str(path))


def test_a_table_in_memory_is_described_by_its_values() -> None:
    data = pa.table({"age": [1, 2, 3]})
    parent = Digest.of(b"p")
    card = describe(data, name="train", parents=(parent,), source="a query")
    assert card.digest == table_digest(data)
    assert (card.parents, card.source, card.rows) == ((parent,), "a query", 3)


@pytest.mark.parametrize("name", ["torn.parquet", "torn.arrow", "strange.xyz"])
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PAR1 but torn")
    with pytest.raises(BadInput) as error:
        describe(tmp_path / name, name="train")
    assert "\n" not in str(error.value)
    with pytest.raises(BadInput):
        describe(tmp_path / "absent.parquet", name="train")
