from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.report.walked import headings, plain_numbers, said, tables

from seawall.kernel import Outcome
from seawall.report.document import Document
from seawall.sdk.backtest import backtest

CHANGE = datetime(2026, 3, 17, tzinfo=UTC)


def rows(days: int, *moved: int, seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    total = days * 200
    day = np.arange(total) // 200
    at = np.datetime64("2026-03-02", "us") + np.arange(total) * np.timedelta64(432, "s")
    return {"at": at, "x": rng.normal(2.0 * np.isin(day, moved)), "k": rng.integers(0, 4, total)}


@pytest.fixture(scope="module")
def alarmed(tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder = tmp_path_factory.mktemp("past")
    files: list[Path] = []
    for name, made in {"base": rows(14), "past": rows(20, 9, 10, seed=2)}.items():
        files.append(folder / f"{name}.parquet")
        pq.write_table(pa.table(made), files[-1])
    return backtest(str(files[0]), str(files[1]), time="at").to_document()


@pytest.fixture(scope="module")
def quiet() -> Document:
    return backtest(rows(14), rows(5, seed=2), time="at").to_document()


def test_the_first_sentence_says_how_many_alarms_on_what_and_how_often_that_is(
    alarmed: Document,
) -> None:
    start = "1 alarm on x in 20 windows of 1 day: "
    assert alarmed.sentence.startswith(start)
    low, high = alarmed.sentence.removeprefix(start).removesuffix(" a year.").split(" to ")
    assert float(low) < 365 / 20 < float(high)


def test_whether_it_is_quiet_comes_first_then_the_alarms_then_everything(alarmed: Document) -> None:
    assert headings(alarmed) == [
        "Is it quiet enough?", "Alarms", "Which tolerance would be quiet", "How late",
        "By column", "How it was read",
    ]  # fmt: skip


def test_only_chosen_numbers_and_whole_windows_stand_without_an_interval(
    alarmed: Document,
) -> None:
    assert plain_numbers(alarmed) <= {"tolerance", "size", "median", "worst"}


def test_the_tolerance_to_use_instead_is_written_as_the_flag_that_sets_it(
    alarmed: Document,
) -> None:
    assert "--tolerance ks=0." in said(alarmed, "Which tolerance would be quiet")


def test_a_history_that_decides_nothing_is_told_how_much_longer_it_should_be(
    quiet: Document,
) -> None:
    assert quiet.outcome is Outcome.UNDECIDED
    assert "four quiet years would" in said(quiet, "Which tolerance would be quiet")
    assert "not yet told from 1" in said(quiet, "Is it quiet enough?")


def test_no_alarms_are_said_in_words_and_not_by_an_empty_table(quiet: Document) -> None:
    assert quiet.sentence.startswith("No alarms in 5 windows of 1 day: 0 to ")
    assert said(quiet, "Alarms") == "No window would have alarmed."
    assert all(table.rows for table in tables(quiet))


def test_the_files_are_named(alarmed: Document) -> None:
    facts = dict(alarmed.facts)
    assert (facts["reference"], facts["history"]) == ("base.parquet", "past.parquet")


@pytest.mark.parametrize(
    ("moved", "seen"),
    [((), "The change was not seen."), (tuple(range(15, 20)), "The change was seen after 1 day.")],
)
def test_a_known_change_is_said_to_have_been_seen_or_not(moved: tuple[int, ...], seen: str) -> None:
    past = rows(20, *moved, seed=2)
    document = backtest(rows(14), past, time="at", change=CHANGE).to_document()
    assert document.sentence.startswith("No alarms in 15 windows of 1 day before the change")
    assert document.sentence.endswith(seen)
