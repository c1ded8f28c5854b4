"""Drift from Python: whole rows, columns under another name, and rows picked by their place."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seawall.kernel import BadInput, Outcome
from seawall.report.from_drift import drift_document
from seawall.sdk.drift import drift
from seawall.sdk.sample import sample
from seawall.sdk.segments import segments


def turned(seed, correlation, n=5000):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, n))
    x[1] = correlation * x[0] + np.sqrt(1 - correlation**2) * x[1]
    return {"a": x[0], "b": x[1], "c": x[2]}


def test_only_the_multivariate_check_finds_a_correlation_that_turned():
    old, new = turned(1, 0.5), turned(2, -0.5)
    assert drift(old, new).verdict.outcome is Outcome.PASS
    found = drift(old, new, multivariate=True)
    assert found.verdict.outcome is Outcome.FAIL
    joint = found.to_dict()["multivariate"]
    assert set(joint["named"]) == {"a", "b"}
    assert joint["auc"]["low"] > joint["tolerance"] == 0.595
    assert all(f["verdict"]["outcome"] == "pass" for f in found.to_dict()["features"].values())


def test_its_tolerance_can_be_given_and_needs_the_check():
    old, new = turned(1, 0.5), turned(2, -0.5)
    wide = {"multivariate_auc": 0.9}
    assert drift(old, new, multivariate=True, tolerances=wide).verdict.outcome is Outcome.PASS
    with pytest.raises(BadInput, match="ask for multivariate"):
        drift(old, new, tolerances=wide)


def test_a_column_that_is_gone_is_told_with_the_one_it_may_be_now():
    old, new = turned(1, 0.0), turned(2, 0.0)
    new["b"] = new["b"] * 9
    new["renamed"] = new.pop("a")
    with pytest.raises(BadInput, match=r"no column 'a'.*'renamed' may be it under another name"):
        drift(old, new)
    new["renamed"] = new["renamed"] + 5
    with pytest.raises(BadInput, match="there is no column 'a'") as told:
        drift(old, new)
    assert "another name" not in str(told.value)


def test_the_same_rows_are_picked_whatever_the_pieces(tmp_path):
    rows = {"x": np.arange(5000), "w": np.array(list("abcde") * 1000, object)}
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(rows), path, row_group_size=700)
    whole, pieces = sample(rows, ["x", "w"], 300), sample(path, ["x", "w"], 300)
    assert np.asarray(whole["x"]).tolist() == np.asarray(pieces["x"]).tolist()
    assert len(set(np.asarray(whole["x"]).tolist())) == 300
    assert 2000 < np.mean(np.asarray(whole["x"])) < 3000


def test_a_stream_that_is_read_once_cannot_be_checked_for_whole_rows():
    batches = pa.table({"x": np.arange(500.0)}).to_batches()
    with pytest.raises(BadInput):
        sample(iter(batches), ["x"])


def test_identifiers_are_left_out_and_named_unless_somebody_asks_for_them():
    def table(start, year):
        rng = np.random.default_rng(start)
        return {
            "id": np.arange(start, start + 2000), "year": np.full(2000, year),
            "x": rng.normal(size=2000),
        }  # fmt: skip

    old, new = table(0, 2015), table(90_000, 2018)
    found = drift(old, new)
    told = found.to_dict()
    assert found.verdict.outcome is Outcome.PASS
    assert list(told["features"]) == ["x"]
    assert list(told["not_compared"]) == ["id", "year"]
    assert "id and year are not compared, as identifiers" in told["notes"][0]
    assert "because" in found._repr_html_()
    asked = drift(old, new, columns=["id"])
    beside = drift(old, new, tolerances={"id": 0.1, "year.ks": 0.1})
    assert asked.verdict.outcome is beside.verdict.outcome is Outcome.FAIL
    assert list(beside.to_dict()["features"]) == ["id", "year", "x"]
    assert "notes" not in beside.to_dict()
    alone = drift({"id": old["id"]}, {"id": new["id"]})  # or nothing would be compared
    assert alone.verdict.outcome is Outcome.FAIL


@pytest.mark.parametrize("files", [("mixed", "whole"), ("whole", "mixed")])
def test_text_among_the_numbers_of_a_csv_column_is_told_whichever_side_has_it(tmp_path, files):
    (tmp_path / "mixed.csv").write_text("a,b\n1,2\nx,3\n")
    (tmp_path / "whole.csv").write_text("a,b\n1,2\n")
    paths = [str(tmp_path / f"{name}.csv") for name in files]
    with pytest.raises(BadInput, match=r"column a .*\.csv.*; (?:correct|give)") as told:
        drift(*paths)
    assert "\n" not in str(told.value)
    with pytest.raises(BadInput, match="column a"):
        segments(paths[1], reference=paths[0])


def test_codes_that_are_all_numbers_may_be_text_in_one_table():
    found = drift({"a": np.array(["1", "2"] * 999, object)}, {"a": np.array([1, 2] * 999)})
    assert found.verdict.outcome is Outcome.PASS


@pytest.mark.parametrize("empty", [0, 1])
def test_a_table_without_rows_is_told_by_its_name(tmp_path, empty):
    for name, text in (("some", "a,b\n1,2\n"), ("none", "a,b\n")):
        (tmp_path / f"{name}.csv").write_text(text)
    paths = [str(tmp_path / f"{'none' if at == empty else 'some'}.csv") for at in (0, 1)]
    for compare in (drift, lambda old, new: segments(new, reference=old)):
        with pytest.raises(BadInput, match=r"there are no rows .*none\.csv"):
            compare(*paths)


def test_one_row_is_told_in_the_singular():
    found = drift({"a": [1.0, 2.0]}, {"a": [1.0]})
    assert "1 row against 2 of the reference" in drift_document(found.to_dict()).sentence
