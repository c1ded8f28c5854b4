from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.report.walked import headings, plain_numbers, said, tables

from seawall.kernel import Outcome
from seawall.report.document import Chart, Document
from seawall.report.from_labels import labels_by_age
from seawall.sdk.labels import labels

KEYS: dict[str, Any] = {"id": "id", "time": "at", "label_time": "came"}


def decided(n: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Decisions of 30 days; 95% of their labels come, a day later on average."""
    rng = np.random.default_rng(0)
    at = np.datetime64("2026-03-02", "us") + np.arange(n) * np.timedelta64(2_592_000 // n, "s")
    came = at + rng.exponential(86_400, n).astype(int) * np.timedelta64(1, "s")
    seen = (rng.random(n) < 0.95) & (came < at[-1])
    call = rng.integers(0, 2, n)
    truth = np.where(rng.random(n) < 0.2, 1 - call, call)
    decisions = {"id": np.arange(n), "at": at, "call": call, "sex": rng.choice(["f", "m"], n)}
    decisions["clicked"] = (call != truth).astype(int)
    return decisions, {"id": np.arange(n)[seen], "came": came[seen], "label": truth[seen]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder: Path = tmp_path_factory.mktemp("labels")
    files = [str(folder / "decided.parquet"), str(folder / "came.parquet")]
    for file, made in zip(files, decided(3_000), strict=True):
        pq.write_table(pa.table(made), file)
    return labels(
        *files, **KEYS, label="label", prediction="call", groups=["sex"], proxies=["clicked"]
    ).to_document()


@pytest.fixture(scope="module")
def few() -> Document:
    return labels(*decided(30), **KEYS).to_document()


@pytest.fixture(scope="module")
def none() -> Document:
    nothing = {"id": np.zeros(0, int), "came": np.zeros(0, "M8[us]")}
    return labels(decided(30)[0], nothing, **KEYS).to_document()


def test_the_first_sentences_say_what_holds_how_many_have_come_and_by_when(whole: Document) -> None:
    assert whole.outcome is Outcome.PASS
    assert whole.sentence.startswith("All 3 rules hold. 2,")
    assert " of 3,000 decisions (9" in whole.sentence
    assert "nine in ten come within 5 d; the newest came " in whole.sentence


def test_the_reasons_come_first_then_how_labels_come_then_what_they_say(whole: Document) -> None:
    assert headings(whole) == [
        "Reasons", "Labels by age", "Cohorts at the age of 5 d", "By group, at the same age",
        "Proxies", "How decisions and outcomes join",
    ]  # fmt: skip


def test_every_share_has_its_interval(whole: Document) -> None:
    assert plain_numbers(whole) == set()


def test_decisions_too_young_to_tell_are_counted_and_not_shown(whole: Document) -> None:
    cohorts = "Cohorts at the age of 5 d"
    assert "600 younger decisions are provisional" in said(whole, cohorts)
    days = {row[0] for t in tables(whole) if t.columns[0].name == "decided from" for row in t.rows}
    assert max(str(day) for day in days) < "2026-03-27"


def test_the_files_are_named(whole: Document) -> None:
    facts = dict(whole.facts)
    assert (facts["decisions"], facts["outcomes"]) == ("decided.parquet", "came.parquet")


def test_too_few_to_tell_an_age_asks_for_one(few: Document) -> None:
    assert few.outcome is Outcome.UNDECIDED
    assert few.sentence.startswith("Not enough evidence to judge any of 3 rules: unlabelled: ")
    assert "have come; give one" in said(few, "What speaks against it")


def test_no_label_at_all_is_said_and_nothing_is_praised(none: Document) -> None:
    assert none.outcome is Outcome.UNDECIDED
    assert none.sentence.endswith("0 of 30 decisions (0%) have a label.")
    assert said(none, "How decisions and outcomes join") == "No outcome has come."


def test_ids_that_are_written_otherwise_are_shown_side_by_side() -> None:
    decisions, outcomes = decided(30)
    outcomes["id"] = np.array([f"D-{n}" for n in outcomes["id"]], dtype=object)
    decisions["id"] = np.array([str(n) for n in decisions["id"]], dtype=object)
    document = labels(decisions, outcomes, **KEYS).to_document()
    assert document.outcome is Outcome.FAIL
    assert "an id is '0' among decisions, 'D-" in document.sentence
    assert document.sentence.endswith("write both alike.")


@pytest.mark.parametrize(("minutes", "text"), [(5, "5 min ago"), (180, "3 h ago")])
def test_how_old_the_newest_label_is_reads_in_the_unit_of_its_size(minutes: int, text: str) -> None:
    now = np.datetime64("2026-03-02T12:00", "us")
    decisions = {"id": np.arange(2), "at": np.array([now - np.timedelta64(1, "D"), now])}
    outcomes = {"id": np.array([0]), "came": np.array([now - np.timedelta64(minutes, "m")])}
    assert text in labels(decisions, outcomes, **KEYS).to_document().sentence


@pytest.mark.parametrize(("share", "told"), [(1.0, "100%"), (0.997, "Nearly all"), (0.5, "50%")])
def test_all_is_said_of_all_alone(share: float, told: str) -> None:
    bounds = {"low": 0.4, "high": 1.0, "confidence": 0.95, "validity": "at-n"}
    estimate = {"value": share, **bounds, "n": 9, "method": "test"}
    chart = labels_by_age([{"age_days": 1, "share": estimate}]).blocks[0]
    assert isinstance(chart, Chart)
    assert chart.title.startswith(f"{told} are labelled")
