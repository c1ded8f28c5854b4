from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.report.walked import headings, plain_numbers, said, tables

from seawall import drift
from seawall.kernel import Outcome
from seawall.report.document import Document

EFFECT = "What it does to errors"


def table(seed: int, n: int = 8_000, youngest: int = 18, b: float = 0.5) -> Any:
    """Answers for the old are wrong four times as often; the city has nothing to do with it."""
    rng = np.random.default_rng(seed)
    age, score = rng.integers(youngest, 80, n), rng.random(n)
    wrong = rng.random(n) < np.where(age > 65, 0.4, 0.1)
    city = rng.choice(["a", "b"], n, p=[1 - b, b])
    label = ((score >= 0.5) != wrong).astype(int)
    return pa.table({"age": age, "city": city, "score": score, "label": label})


def told(old: Any, new: Any) -> Document:
    return drift(old, new.drop_columns(["label"]), label="label", score="score").to_document()


@pytest.fixture(scope="module")
def harmful(tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder: Path = tmp_path_factory.mktemp("rows")
    files = [str(folder / "labelled.parquet"), str(folder / "march.parquet")]
    pq.write_table(table(0), files[0])
    pq.write_table(table(1, youngest=45, b=0.8).drop_columns(["label"]), files[1])
    return drift(*files, label="label", score="score").to_document()


def test_what_moved_comes_first_then_what_it_does_to_errors_before_every_column(
    harmful: Document,
) -> None:
    order = headings(harmful)
    assert harmful.sentence.startswith("age and city moved beyond tolerance")
    assert order[:3] == ["What speaks against it", "How far each column moved", EFFECT]
    assert order.index(EFFECT) < order.index("Every column and measure")


def test_the_finding_names_the_harmful_column_and_not_the_benign_one(harmful: Document) -> None:
    assert "Harmful: age, above 0.02 more errors a decision" in said(harmful, EFFECT)


def effect_tables(document: Document) -> Document:
    [section] = [s for s in document.sections if s.heading == EFFECT]
    return Document("", "", (section,))


def test_the_change_of_errors_has_its_interval_and_the_counts_behind_it_stand_apart(
    harmful: Document,
) -> None:
    changes, behind = tables(effect_tables(harmful))
    assert changes.rows[0][0] == "age"
    assert plain_numbers(effect_tables(harmful)) == {
        "share then", "share now", "errors there", "adds",
    }  # fmt: skip
    assert behind.caption == "Values behind it"
    assert {row[0] for row in behind.rows} == {"age", "city"}


def test_the_reader_is_told_what_the_estimate_cannot_see(harmful: Document) -> None:
    assert "a change of what values mean is not in it" in said(harmful, EFFECT)


def test_the_files_are_named(harmful: Document) -> None:
    facts = dict(harmful.facts)
    assert (facts["reference"], facts["current"]) == ("labelled.parquet", "march.parquet")


def test_a_column_that_moved_without_bringing_errors_is_called_benign() -> None:
    document = told(table(0), table(1, b=0.8))
    assert document.outcome is Outcome.FAIL
    assert said(document, EFFECT).startswith("city moved, and that is benign")


def test_where_nothing_moved_no_value_is_blamed() -> None:
    document = told(table(0), table(1))
    assert said(document, EFFECT).startswith("No drift adds more than 0.02 errors a decision")
    assert len(list(tables(effect_tables(document)))) == 1


def test_too_few_rows_do_not_claim_that_no_harm_is_done() -> None:
    document = told(table(0, 200), table(1, 200))
    assert document.outcome is Outcome.UNDECIDED
    assert said(document, EFFECT).startswith("No drift is shown to add more than 0.02 errors")


def test_values_that_the_reference_never_had_are_said_to_be_unknown() -> None:
    document = told(table(0), table(1, youngest=75).set_column(
        0, "age", pa.array(np.random.default_rng(2).integers(85, 95, 8_000))
    ))  # fmt: skip
    assert "Like no row of the reference: 100% of age." in said(document, EFFECT)
