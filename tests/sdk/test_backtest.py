"""backtest from Python and the command line."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from seawall.cli import backtest as command
from seawall.cli import doctor
from seawall.kernel import BadInput
from seawall.sdk.backtest import backtest

START = datetime(2026, 3, 2, tzinfo=UTC)


def table(days, n=400, moved=lambda _: 0.0, seed=1):
    rng = np.random.default_rng(seed)
    total = days * n
    at = np.datetime64("2026-03-02", "us") + np.arange(total) * np.timedelta64(86_400 // n, "s")
    shift = np.repeat([moved(d) for d in range(days)], n)
    return {"at": at, "x": rng.normal(shift), "k": rng.integers(0, 4, total)}


def run(*arguments):
    app = typer.Typer()
    command.register(app)
    doctor.register(app)
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    for name, made in {
        "base": table(14), "past": table(20, moved=lambda d: 1.0 * (d in (9, 10)), seed=2)
    }.items():  # fmt: skip
        pq.write_table(pa.table(made), tmp_path / f"{name}.parquet")
    return tmp_path / "base.parquet", tmp_path / "past.parquet"


def test_the_report_names_the_alarms_the_rate_and_the_quiet_tolerance():
    found = backtest(table(14), table(20, moved=lambda d: d in (9, 10), seed=2), time="at")
    body = found.to_dict()
    assert [(a["column"], a["windows"]) for a in body["alarms"]] == [("x", 2)]
    assert body["windows"]["count"] == 20
    assert body["false_alarms_per_year"]["value"] == pytest.approx(365 / 20)
    assert body["tolerances"]["ks"]["one_a_year"]["value"] > 0.1
    assert [d["size"] for d in body["delays"]] == [1.5, 2.0]
    assert body["notes"] == []
    json.dumps(body, allow_nan=False)


def test_days_are_compared_with_the_same_day_of_the_week_where_the_reference_has_times():
    def weekend(d):
        return 2.0 * (d % 7 >= 5)

    found = backtest(table(28, moved=weekend), table(21, moved=weekend, seed=2), time="at")
    body = found.to_dict()
    assert body["windows"]["compared_with"] == {"the same hours of the week": 21}
    assert body["alarms"] == []
    plain = {k: v for k, v in table(28, moved=weekend).items() if k != "at"}
    assert backtest(plain, table(21, moved=weekend, seed=2), time="at").to_dict()["alarms"]


def test_rows_out_of_order_change_nothing_and_are_said_as_are_undated_rows_and_empty_windows():
    past = table(20, moved=lambda d: d in (9, 10), seed=2)
    order = np.random.default_rng(3).permutation(len(past["at"]))
    kept = order[(past["at"][order] < past["at"][0] + np.timedelta64(5, "D"))
                 | (past["at"][order] >= past["at"][0] + np.timedelta64(7, "D"))]  # fmt: skip
    mixed = {k: v[kept] for k, v in past.items()}
    mixed["at"] = mixed["at"].copy()
    mixed["at"][:3] = np.datetime64("NaT")
    found = backtest(table(14), mixed, time="at").to_dict()
    whole = backtest(table(14), past, time="at").to_dict()
    assert [a["start"] for a in found["alarms"]] == [a["start"] for a in whole["alarms"]]
    undated, backward, empty = found["notes"]
    assert undated == "3 rows without a time in at were left out"
    assert backward.startswith("time goes backward")
    assert empty == "2 windows between the first and the last have no rows"


def test_a_known_change_has_its_delay():
    past = table(20, moved=lambda d: 1.0 * (d >= 12), seed=2)
    found = backtest(table(14), past, time="at", change=START + timedelta(days=12)).to_dict()
    assert found["change"]["seconds_to_alarm"] == 86_400
    assert found["windows"]["before_change"] == 12
    assert not any(a["false"] for a in found["alarms"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: {**t, "at": np.arange(len(t["at"]))}, "times are expected .*column at"),
        (
            lambda t: {**t, "at": np.full(len(t["at"]), np.datetime64("NaT", "us"))},
            "no row has a time .*column at",
        ),
        (lambda t: {k: v for k, v in t.items() if k != "at"}, "no column 'at'"),
        (lambda t: {k: v for k, v in t.items() if k != "x"}, "no column 'x'"),
    ],
)
def test_a_history_that_cannot_be_cut_is_refused(change, said):
    with pytest.raises(BadInput, match=said):
        backtest(table(7), change(table(7)), time="at")


def test_a_reference_without_rows_and_columns_of_another_type_are_refused():
    with pytest.raises(BadInput, match=r"there are no rows .a table in memory"):
        backtest({n: v[:0] for n, v in table(7).items()}, table(7), time="at")
    named = table(7) | {"x": np.array([f"w{i % 9}" for i in range(len(table(7)["x"]))])}
    for base, past in ((table(7), named), (named, table(7))):
        with pytest.raises(BadInput, match=r"column x holds .* where the reference holds"):
            backtest(base, past, time="at")


def test_an_unknown_tolerance_is_refused_with_the_nearest_name():
    with pytest.raises(BadInput, match="xx"):
        backtest(table(7), table(7), time="at", tolerances={"xx": 0.1})


def test_the_command_prints_and_ends_with_the_outcome(files):
    found = run(*files, "--time", "at", "--window", "1d", "--json")
    body = json.loads(found.stdout)
    assert found.exit_code == {"pass": 0, "fail": 1, "undecided": 3}[body["verdict"]["outcome"]]
    text = run(*files, "--time", "at", "--tolerance", "ks=0.6").stdout
    assert "No alarm" in text.replace("\n", " ")
    assert "too short" in text.replace("\n", " ").replace("  ", " ")
    for bad in (["--window", "soon"], ["--tolerance", "ks"]):
        refused = run(*files, "--time", "at", *bad)
        assert isinstance(refused.exception, BadInput)


def test_the_report_is_a_page(files, tmp_path):
    found = backtest(*files, time="at")
    page = found.save(tmp_path / "past.html").read_text()
    assert "Which tolerance would be quiet" in page


def test_a_text_is_replayed_by_its_measures():
    rng = np.random.default_rng(5)
    notes = np.array([f"case {i} near the harbour wall" for i in range(2000)], object)
    then = {"note": notes, "x": rng.normal(size=2000)}
    hours = np.datetime64("2026-01-01", "us") + np.arange(2000) * np.timedelta64(1, "h")
    found = backtest(then, then | {"t": hours}, time="t").to_dict()
    assert found["rows"]["history"] == 2000
