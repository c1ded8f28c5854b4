"""The analysis commands on tables that nobody would write by hand."""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from seawall.cli import main

COMMANDS = {
    "drift": "drift {a} {b}",
    "drift harm": "drift {a} {b} --label label --score score",
    "drift rows": "drift {a} {b} --multivariate",
    "evaluate": "evaluate {a} --label label --score score --group k",
    "evaluate calls": "evaluate {a} --label label --prediction call",
    "evaluate against": "evaluate {a} --label label --score score --against x",
    "estimate": "estimate {a} {b} --label label --score score --feature x --chunk-size 3",
    "estimate numbers": "estimate {a} {b} --label label --prediction call",
    "segments": "segments {a} --label label --score score",
    "segments drift": "segments {a} --reference {b}",
    "backtest": "backtest {a} {b} --time at",
    "labels": "labels {a} {b} --id id --time at --label-time at --label label --prediction call",
    "labels groups": "labels {a} {b} --id id --time at --label-time at --group k --age 1d",
    "baseline save": "baseline save {a} -o {a}.baseline --label label --score score --group k",
    "baseline show": "baseline show {a}",
    "baseline compare": "baseline compare {a} {b}",
}
BITS = st.integers(0, 1)
FRACTIONS = st.floats(0, 1)
WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=True, allow_infinity=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
HOURS = st.integers(0, 400)
TIMES = HOURS.map(lambda hour: datetime.fromtimestamp(1_772_409_600 + 3_600 * hour, UTC))
KINDS: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "bits": (BITS, pa.int64()),
    "fractions": (FRACTIONS, pa.float64()),
    "integers": (WHOLE, pa.int64()),
    "small": (st.integers(0, 4), pa.int32()),
    "floats": (REAL, pa.float64()),
    "booleans": (st.booleans(), pa.bool_()),
    "words": (st.sampled_from(["a", "b", "", "nan", "1", "é", "=1+1"]), pa.string()),
    "texts": (TEXT, pa.string()),
    "times": (TIMES, pa.timestamp("us", "UTC")),
    "days": (TIMES.map(datetime.date), pa.date32()),
    "nulls": (st.none(), pa.null()),
}
ROLES = {
    "label": "bits", "score": "fractions", "call": "bits", "at": "times", "id": "integers",
    "x": "floats", "k": "words",
}  # fmt: skip
"""What each column mostly is."""
ODD_NAMES = st.one_of(
    st.sampled_from(["", " ", "a.b", "x=1", "[red]", "label ", "Label", "é", "a\nb", "__row__"]),
    TEXT,
)


@st.composite
def tables(draw: st.DrawFn) -> Any:
    """A few rows of the usual columns, of which some are of another kind, missing or odd."""
    size = draw(st.one_of(st.sampled_from([0, 1, 2]), st.integers(3, 40)))
    columns: dict[str, Any] = {}
    kinds = {name: draw(st.sampled_from([usual] * 12 + [*KINDS])) for name, usual in ROLES.items()}
    kinds |= draw(st.dictionaries(ODD_NAMES, st.sampled_from([*KINDS]), max_size=2))
    left_out = draw(st.sampled_from([None] * 8 + [*ROLES]))
    for name, kind in kinds.items():
        values, type_ = KINDS[kind]
        some = draw(st.sampled_from([values, values, st.one_of(values, st.none())]))
        if name != left_out:
            rows = draw(st.lists(some, min_size=size, max_size=size))
            columns[name] = pa.array(rows, type_)
    return pa.table(columns)


def ended(words: list[str]) -> tuple[int, str]:
    """The exit status of the command as installed, and what it said on standard error."""
    told = io.StringIO()
    with (
        mock.patch("sys.argv", ["seawall", *words]),
        redirect_stdout(io.StringIO()),
        redirect_stderr(told),
        pytest.raises(SystemExit) as left,
    ):
        main.run()
    return int(left.value.code or 0), told.getvalue()


def tried(name: str, a: Any, b: Any, form: str, shown: str) -> int:
    """The exit status of a command on these tables, once it is as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {"a": Path(folder) / f"a.{form}", "b": Path(folder) / f"b.{form}"}
        for key, table in (("a", a), ("b", b)):
            write = pq.write_table if form == "parquet" else csv.write_csv
            write(table, paths[key])
        words = [word.format(**paths) for word in COMMANDS[name].split()]
        if shown:
            words.append(shown if shown == "--json" else f"--md={folder}/told.md")
        if words[:2] == ["baseline", "save"] or words[:2] == ["baseline", "show"]:
            words = [word for word in words if not word.startswith("--md")]
        status, told = ended(words)
    assert status in {0, 1, 2, 3}, told
    assert "Traceback" not in told
    if status == 2:
        [line] = told.splitlines()
        assert line.startswith("seawall: ")
    return status


ANY = {
    "a": tables(), "b": tables(), "form": st.sampled_from(["parquet", "parquet", "csv"]),
    "shown": st.sampled_from(["", "--json", "--md"]),
}  # fmt: skip
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@pytest.mark.parametrize("name", COMMANDS)
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=SLOW,
)
@given(**ANY)
def test_any_table_gives_a_verdict_or_one_line(
    name: str, a: Any, b: Any, form: str, shown: str
) -> None:
    tried(name, a, b, form, shown)


def usual(rows: int) -> Any:
    """Zeros in every column, and so many rows."""
    made = {n: pa.array([0 if KINDS[k][1] != pa.string() else "a"] * rows, KINDS[k][1])
            for n, k in ROLES.items()}  # fmt: skip
    return pa.table(made)


@pytest.mark.parametrize(
    ("name", "a", "b", "status"),
    [
        ("drift rows", usual(0), usual(0), 2),
        ("drift harm", usual(3), usual(0), 2),
        ("evaluate calls", pa.table({"label": [0.0] * 8 + [2e-309], "call": [0] * 8 + [1]}),
         usual(0), 3),
        ("evaluate calls", pa.table({"label": [0.5, 2e300], "call": [0, 1]}), usual(0), 2),
        ("evaluate calls", pa.table({"label": [0.0] * 30 + [2.9e-254, 0, 1], "call": [1] * 33}),
         usual(0), 1),
        ("evaluate calls", pa.table({"label": [0.0] * 30 + [2.4e51, 0.5], "call": [0] * 32}),
         usual(0), 3),
        ("evaluate calls", pa.table({"label": [0.0] * 30 + [9e149, -8e149], "call": [0] * 32}),
         usual(0), 3),
        ("drift", pa.table({"x": [0] * 7}), pa.table({"x": [2.2e20]}), 3),
        ("drift", pa.table({"x": [2**60, 2**60 + 999]}), pa.table({"x": [2**60 + 1]}), 3),
        ("drift harm", pa.table({"label": [0, 1] * 9, "score": [0.5] * 18, "x": [1e250, 0] * 9}),
         pa.table({"label": [0, 1], "score": [0.5] * 2, "x": [0.0, 1.0]}), 3),
        ("drift", pa.table({"x": [1.7e308, -1.7e308, 1e308, 0.0] * 5}),
         pa.table({"x": [1e308, -1e300] * 4}), 3),
        ("drift", pa.table({"x": [0.5, float("inf")] * 9}), pa.table({"x": [float("inf")] * 5}), 3),
        ("drift", pa.table({"x": [0.5] * 99 + [float("inf")]}),
         pa.table({"x": [0.25] * 40 + [float("inf")] * 2}), 1),
    ],
    ids=["no rows to tell apart", "no rows to do harm", "a label of nearly 0", "a huge label",
         "a label nearer to 0 than its error can be cubed", "errors whose losses cannot be cubed",
         "errors that can only just be squared",
         "integers beyond 64 bits", "integers closer than floats of their size", "huge floats",
         "the hugest floats", "much that is infinite", "infinity"],
)  # fmt: skip
def test_what_once_was_an_error_of_ours(name: str, a: Any, b: Any, status: int) -> None:
    assert tried(name, a, b, "parquet", "--md") == status


@pytest.mark.soak
@pytest.mark.parametrize("name", COMMANDS)
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(**ANY)
def test_no_table_of_many_gives_anything_else(
    name: str, a: Any, b: Any, form: str, shown: str
) -> None:
    tried(name, a, b, form, shown)
