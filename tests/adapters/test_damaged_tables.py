"""Damaged files: told in one line, or read right; never another error, a hang or a crash."""

import json
import os
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from seawall.adapters.tables import delimited, open_source, read_columns
from seawall.kernel import BadInput
from seawall.sdk.drift import drift
from seawall.sdk.summaries import reference_summary, summary_on

rng = np.random.default_rng(7)
TABLE = pa.table(
    {
        "x": rng.normal(size=400),
        "k": pa.array([None if i % 5 == 0 else i for i in range(400)], pa.int64()),
        "word": rng.choice(["red", "green", "blue"], 400),
        "yes": rng.random(400) < 0.5,
    }
)
WRITERS = {
    "plain.parquet": lambda p: pq.write_table(TABLE, p, row_group_size=100, compression="none"),
    "packed.parquet": lambda p: pq.write_table(TABLE, p, row_group_size=100),
    "checked.parquet": lambda p: pq.write_table(TABLE, p, write_page_checksum=True),
    "plain.feather": lambda p: feather.write_feather(TABLE, p, "uncompressed", chunksize=100),
    "packed.feather": lambda p: feather.write_feather(TABLE, p, "lz4", chunksize=100),
    "stream.arrows": lambda p: _stream(p),
    "text.csv": lambda p: csv.write_csv(TABLE, p),
}
READ = """
import json, sys
from seawall.kernel import BadInput
from seawall.sdk.summaries import reference_summary
for path in sys.stdin.read().split():
    try:
        told = str(reference_summary(path).summary.rows)
    except BadInput as error:
        told = str(error)
    print(json.dumps([path, told]), flush=True)
"""


def _stream(path):
    with pa.ipc.new_stream(path, TABLE.schema) as out:
        out.write_table(TABLE, 100)


def damaged(data, seed):
    """Flipped bits, a cut, a run of noise or a piece moved."""
    dice = random.Random(seed)
    data = bytearray(data)
    kind = dice.randrange(4)
    if kind == 0:
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    elif kind == 1:
        del data[dice.randrange(len(data)) :]
    elif kind == 2:
        at, size = dice.randrange(len(data)), dice.randint(1, 40)
        data[at : at + size] = dice.randbytes(size)
    else:
        at, size = dice.randrange(len(data)), dice.randint(1, 200)
        del data[at : at + size]
    return bytes(data)


def fuzz(folder, name, seeds):
    whole = folder / name
    WRITERS[name](whole)
    paths = []
    for seed in seeds:
        paths.append(folder / f"{seed}-{name}")
        paths[-1].write_bytes(damaged(whole.read_bytes(), seed))
    ran = subprocess.run(
        [sys.executable, "-c", READ], input="\n".join(map(str, paths)), text=True,
        capture_output=True, timeout=170, env={**os.environ, "ARROW_IO_THREADS": "1"},
    )  # fmt: skip
    told = dict(map(json.loads, ran.stdout.splitlines()))
    odd = [str(p) for p in paths if str(p) not in told]
    assert not odd, f"{odd[0]}: status {ran.returncode}, {ran.stderr[-800:]}"
    assert all("\n" not in line for line in told.values())
    return told


@pytest.mark.parametrize("name", WRITERS)
def test_any_damage_is_told_or_does_not_matter(tmp_path, name):
    told = fuzz(tmp_path, name, range(60))
    assert any(not line.isdigit() for line in told.values())


@pytest.mark.soak
@pytest.mark.parametrize("name", WRITERS)
def test_much_damage_is_told_or_does_not_matter(tmp_path, name):
    for start in range(1000, 4000, 500):
        fuzz(tmp_path, name, range(start, start + 500))


def test_a_flipped_bit_in_a_page_with_a_checksum_is_found(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(TABLE, path, write_page_checksum=True, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[1500] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"row group 0 of .*t\.parquet cannot be read as Parquet"):
        reference_summary(path)


def test_a_damaged_row_group_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(TABLE, path, row_group_size=100, compression="zstd")
    place = pq.ParquetFile(path).metadata.row_group(2).column(0)
    data = bytearray(path.read_bytes())
    start = place.dictionary_page_offset or place.data_page_offset
    data[start : start + place.total_compressed_size] = b"\xff" * place.total_compressed_size
    path.write_bytes(data)
    with pytest.raises(BadInput, match="row group 2 of") as caught:
        reference_summary(path)
    assert "check that it is complete" in str(caught.value)


def test_what_is_told_of_a_damaged_file_holds_no_row_and_no_librarys_internals(tmp_path):
    (tmp_path / "t.csv").write_text("name,age\nanna,4\nsecret,5,6\n")
    with pytest.raises(BadInput, match="Expected 2 columns, got 3; check") as ragged:
        reference_summary(tmp_path / "t.csv")
    assert "secret" not in str(ragged.value)
    (tmp_path / "t.parquet").write_text("no table")
    with pytest.raises(BadInput, match=r"damaged, cut short, or something else") as other:
        reference_summary(tmp_path / "t.parquet")
    assert "magic" not in str(other.value)


def test_parquet_under_another_name_is_told(tmp_path):
    pq.write_table(TABLE, tmp_path / "t.csv")
    with pytest.raises(BadInput, match=r"t\.csv .*it holds Parquet; name it \.parquet"):
        reference_summary(tmp_path / "t.csv")


def test_ragged_lines_and_odd_encodings_of_csv_are_told(tmp_path):
    for text, told in (
        (b"a,b\n1,2\n1,2,3\n", "Expected 2 columns, got 3"),
        ("a,b\n1,ü\n".encode("latin-1"), "column b of .* is not UTF-8; save it as UTF-8"),
        ("ä,b\n1,2\n".encode("latin-1"), "not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"", "cannot be read as CSV"),
        (b"a,a\n1,2\n", "'a' occurs twice"),
    ):
        path = tmp_path / "t.csv"
        path.write_bytes(text)
        with pytest.raises(BadInput, match=told):
            reference_summary(path)


def test_a_large_csv_is_read_in_blocks_with_types_that_hold_in_all(tmp_path, monkeypatch):
    rows = 4000
    lines = [
        f"{i},{'' if i < 3000 else i / 2},{i if i < 2000 else 'x'},2026-01-01" for i in range(rows)
    ]
    path = tmp_path / "t.csv"
    path.write_text("whole,late,mixed,day\n" + "\n".join(lines) + "\n")
    small = read_columns(path)
    whole = reference_summary(path, ["whole", "late", "mixed"])
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 4096)
    assert len(list(open_source(path).pieces)) > 10
    blocks = read_columns(path)
    for name in ("whole", "late", "day"):
        np.testing.assert_array_equal(small[name], blocks[name])
    counted = summary_on(path, whole.grids).summary
    assert counted.to_bytes() == whole.summary.to_bytes()


def test_files_of_one_folder_that_differ_are_told_by_name(tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    pq.write_table(TABLE.drop_columns(["word"]), tmp_path / "b.parquet")
    with pytest.raises(BadInput, match=r"b\.parquet has no column 'word', which a\.parquet has"):
        reference_summary(tmp_path)
    pq.write_table(TABLE.set_column(1, "k", TABLE["word"]), tmp_path / "b.parquet")
    with pytest.raises(BadInput, match=r"column k is string in .*b\.parquet, and int64 in a"):
        reference_summary(tmp_path)
    csv.write_csv(TABLE, tmp_path / "c.csv")
    with pytest.raises(BadInput, match="holds CSV and Parquet files"):
        reference_summary(tmp_path)


def test_mixed_types_are_told():
    import pandas as pd

    for table in ({"x": [1, "a", None]}, pd.DataFrame({"x": pd.Series([1, "a"], dtype=object)})):
        with pytest.raises(BadInput, match=r"x.*one type"):
            reference_summary(table)


def test_a_column_that_the_current_table_lacks_is_told_with_its_file_and_the_nearest(tmp_path):
    path = tmp_path / "now.parquet"
    pq.write_table(TABLE.rename_columns(["x", "k", "words", "yes"]), path)
    with pytest.raises(
        BadInput, match=r"no column 'word'.*now\.parquet.*'words' may be it under another name"
    ):
        drift(TABLE, path)


def test_a_delta_table_without_its_reader_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "_delta_log").mkdir()
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(BadInput, match=r"pip install 'seawall\[delta\]'"):
        open_source(tmp_path)
