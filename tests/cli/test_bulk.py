"""Rows of a file as they are sent."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seawall.cli.bulk import rows_of
from seawall.kernel import BadInput

TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_same_rows_come_from_every_kind_of_file(tmp_path):
    rows = [
        {"decision_id": "a", "label": 1.5, "time": TIME},
        {"decision_id": "b", "label": 2.5, "time": TIME},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    lines = [f"{r['decision_id']},{r['label']},2026-03-01T12:00:00Z" for r in rows]
    (tmp_path / "x.csv").write_text("decision_id,label,time\n" + "\n".join(lines))
    (tmp_path / "x.jsonl").write_text(
        '{"decision_id": "a", "label": 1.5}\n\n{"decision_id": "b", "label": 2.5}\n'
    )
    assert rows_of(tmp_path / "x.parquet") == rows_of(tmp_path / "x.csv") == rows
    assert rows_of(tmp_path / "x.jsonl") == [
        {n: r[n] for n in ("decision_id", "label")} for r in rows
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl", b'{"a": 1}\n[1]\n', "x.jsonl:2"),
        ("x.jsonl", b"{", "no JSON object"),
        ("x.parquet", b"PAR1", "cannot be read"),
        ("x.csv", b"a,b\n1\n", "cannot be read"),
        ("x.xlsx", b"", "rows are read from .parquet, .csv, .jsonl"),
        ("absent.csv", None, "cannot be read"),
    ],
)
def test_what_is_no_such_file_is_told_in_one_line_with_its_place(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        rows_of(path)
    assert said in str(refused.value)
    assert name in str(refused.value)
