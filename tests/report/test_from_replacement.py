from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.report.walked import headings, plain_numbers, said, tables

from seawall.kernel import Outcome
from seawall.report.document import Document
from seawall.sdk.replacement import compare_baselines

APART = "How far the baselines lie apart"


def table(seed: int, n: int = 4_000, youngest: int = 18) -> Any:
    rng = np.random.default_rng(seed)
    age, city = rng.integers(youngest, 80, n), rng.choice(["a", "b"], n)
    return pa.table({"age": age, "city": city, "score": rng.random(n)})


@pytest.fixture(scope="module")
def hiding(tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder: Path = tmp_path_factory.mktemp("baselines")
    files: list[str] = []
    for seed, (name, youngest) in enumerate([("old", 18), ("new", 40), ("now", 40)]):
        files.append(str(folder / f"{name}.parquet"))
        pq.write_table(table(seed, youngest=youngest), files[-1])
    return compare_baselines(*files).to_document()


@pytest.fixture(scope="module")
def alike() -> Document:
    return compare_baselines(table(0), table(1)).to_document()


@pytest.fixture(scope="module")
def few() -> Document:
    return compare_baselines(table(0, 100), table(1, 100)).to_document()


def test_the_first_sentence_names_the_column_whose_drift_is_hidden(hiding: Document) -> None:
    assert hiding.outcome is Outcome.FAIL
    assert hiding.sentence == "The new baseline hides drift of age, of 3 columns."


def test_the_reasons_come_before_the_distances(hiding: Document, alike: Document) -> None:
    assert headings(hiding) == ["What speaks against it", APART]
    assert headings(alike) == ["Reasons", APART]


def test_the_finding_says_what_the_current_data_would_no_longer_show(hiding: Document) -> None:
    text = said(hiding, APART)
    assert "age would no longer be seen to move" in text
    assert "age fails against the old baseline and would not against the new one" in text


def test_every_distance_has_its_interval_and_the_farthest_comes_first(hiding: Document) -> None:
    assert plain_numbers(hiding) == set()
    [distances] = tables(hiding)
    assert distances.rows[0][0] == "age"
    assert len(distances.rows) == 3


def test_the_files_are_named(hiding: Document) -> None:
    facts = dict(hiding.facts)
    assert (facts["old"], facts["new"]) == ("old.parquet", "new.parquet")


def test_a_like_baseline_hides_nothing(alike: Document) -> None:
    assert alike.outcome is Outcome.PASS
    assert alike.sentence == "No drift of 3 columns is shown to be hidden by the new baseline."
    assert said(alike, APART) == "Nothing is hidden"


def test_too_few_rows_are_not_told_as_nothing_hidden_but_as_what_more_rows_would_tell(
    few: Document,
) -> None:
    assert few.outcome is Outcome.UNDECIDED
    assert said(few, APART) == (
        "Hidden or not is not yet told of age, city and score; more rows would tell"
    )
    assert "not yet told from 0.1" in said(few, "What speaks against it")


def test_a_column_that_only_one_baseline_has_is_named_with_what_that_means() -> None:
    lacking = compare_baselines(table(0), table(1).drop_columns(["city"])).to_document()
    assert lacking.sentence.endswith("It lacks city: its drift is not seen at all.")
    assert "Only the old baseline has city." in said(lacking, APART)
    gaining = compare_baselines(table(0).drop_columns(["city", "age"]), table(1)).to_document()
    assert "Only the new baseline has age, city." in said(gaining, APART)


def test_baselines_that_share_no_column_decide_nothing() -> None:
    apart = compare_baselines(
        table(0).select(["age", "city"]), table(1).select(["score"])
    ).to_document()
    assert apart.outcome is Outcome.UNDECIDED
    assert apart.sentence.endswith("It lacks age and city: their drift is not seen at all.")
