from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.report.walked import headings, plain_numbers, said, tables

from seawall import segments
from seawall.kernel import Estimate, Outcome
from seawall.report.document import Document


def table(n: int = 4_000, old: float = 0.4, youngest: int = 18) -> Any:
    rng = np.random.default_rng(0)
    age, score = rng.integers(youngest, 80, n), rng.random(n)
    wrong = rng.random(n) < np.where(age > 65, old, 0.1)
    label = ((score >= 0.5) != wrong).astype(int)
    return pa.table({"age": age, "city": rng.choice(["a", "b"], n), "score": score, "label": label})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Document:
    path: Path = tmp_path_factory.mktemp("rows") / "march.parquet"
    pq.write_table(table(), path)
    return segments(str(path), label="label", score="score").to_document()


def test_the_first_sentence_names_the_worst_slice_its_size_and_the_difference_as_an_interval(
    found: Document,
) -> None:
    told = re.fullmatch(
        r"age (\d+) to \d+ stands out most of \d+ slices of 2 columns: error rate 0\.\d+, "
        r"0\.\d+ elsewhere, in \d+ rows; the difference is \S+ \[(\S+), \S+\]\.",
        found.sentence,
    )
    assert told
    assert int(told[1]) > 60
    assert float(told[2]) > 0.05


def test_the_reasons_come_before_the_slices(found: Document) -> None:
    assert found.outcome is Outcome.FAIL
    assert headings(found) == ["What speaks against it", "Slices that stand out"]


def test_each_difference_has_its_interval_and_the_rates_that_make_it_stand_beside(
    found: Document,
) -> None:
    assert plain_numbers(found) == {"error rate", "elsewhere"}
    *_, every = tables(found)
    for _, difference, own, elsewhere, _ in every.rows:
        assert isinstance(own, float)
        assert isinstance(elsewhere, float)
        assert isinstance(difference, Estimate)
        assert difference.value == pytest.approx(own - elsewhere)
        assert difference.low < difference.value < difference.high


def test_the_reader_is_told_that_the_search_is_allowed_for(found: Document) -> None:
    assert "at once, so they allow for the search" in said(found, "Slices that stand out")


def test_the_file_is_named(found: Document) -> None:
    assert dict(found.facts)["data"] == "march.parquet"


def test_where_nothing_stands_out_that_is_the_whole_document() -> None:
    document = segments(table(old=0.1), label="label", score="score").to_document()
    assert document.outcome is Outcome.PASS
    assert re.fullmatch(r"No slice stands out among \d+ slices of 2 columns\.", document.sentence)
    assert headings(document) == ["Reasons"]


def test_a_search_of_too_few_rows_says_that_rows_would_decide_it() -> None:
    document = segments(table(5), label="label", score="score").to_document()
    assert document.outcome is Outcome.UNDECIDED
    assert document.sentence == "No slice has enough rows to be searched."
    assert "enough rows" in said(document, "Reasons")


def test_slices_that_grew_are_told_as_shares_of_rows() -> None:
    found = segments(table(youngest=45), reference=table(), columns=["age", "city"])
    document = found.to_document()
    assert re.search(r"share of rows \S+, \S+ in the reference", document.sentence)
    assert plain_numbers(document) == {"share of rows", "in the reference"}
