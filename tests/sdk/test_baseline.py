"""Baselines saved in files."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seawall
from seawall.kernel import BadInput
from seawall.sdk.baseline import labelled_scores
from seawall.sdk.replacement import compare_baselines
from seawall.sdk.saved import Baseline, saved_scores
from seawall.statistics.counting import summarise
from seawall.statistics.distance import ks
from seawall.statistics.grid import make_grid
from seawall.statistics.regrid import regrid


def people(shift=0.0, seed=1, rows=3000):
    rng = np.random.default_rng(seed)
    income = rng.normal(40 + shift, 9, rows)
    score = np.round(1 / (1 + np.exp(-(income - 40) / 9)), 3)
    return {
        "id": np.arange(rows),
        "income": np.where(rng.random(rows) < 0.02, np.nan, income),
        "age": rng.integers(18, 95, rows),
        "region": rng.choice(["north", "south", "west"], rows).astype(object),
        "owner": rng.random(rows) < 0.4,
        "since": np.datetime64("2026-01-01", "us") + rng.integers(0, 10**13, rows),
        "note": np.array([f"case {i} near the harbour wall" for i in range(rows)], object),
        "score": score,
        "label": (rng.random(rows) < score).astype(np.int64),
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    made = seawall.baseline(people(), label="label", score="score", groups=["region"], key=["id"])
    return made.save(tmp_path_factory.mktemp("saved") / "people.baseline")


def test_a_saved_baseline_gives_the_report_that_its_data_gives(saved):
    current = people(shift=4, seed=2)
    by_data, by_file = (seawall.drift(r, current).to_dict() for r in (people(), str(saved)))
    assert msgspec.json.encode(by_file) == msgspec.json.encode(by_data)
    assert by_file["features"]["income"]["verdict"]["outcome"] == "fail"
    assert list(by_file["not_compared"]) == ["id", "since"]


@pytest.mark.parametrize("columns", [["income"], ["note", "region"], ["since"]])
def test_chosen_columns_give_the_same_report_too(saved, columns):
    current = people(shift=4, seed=2)
    by_file = seawall.drift(saved, current, columns=columns).to_dict()
    assert by_file == seawall.drift(people(), current, columns=columns).to_dict()


def test_saved_scores_calibrate_as_the_rows_do(saved):
    held = saved_scores(saved, score="score", label="label", threshold=0.5)
    rows = labelled_scores(people(), "score", "label", (), 0.5)
    assert held is not None
    assert (held.summary.counts == rows.summary.counts).all()


def test_a_saved_baseline_estimates_what_its_rows_do(saved):
    current = people(shift=6, seed=3)
    asked = {"label": "label", "score": "score", "chunk_size": 1_000}
    by_rows, by_file = (seawall.estimate(r, current, **asked) for r in (people(), saved))
    assert by_file.to_dict() == by_rows.to_dict()


def test_an_estimate_that_needs_rows_refuses_a_saved_baseline(saved):
    for asked in ({"score": "score", "features": ["income"]}, {"prediction": "income"}):
        with pytest.raises(BadInput, match="a saved baseline has no"):
            seawall.estimate(saved, people(seed=4), label="label", **asked)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"score": "p", "label": "label", "threshold": 0.5}, "holds score score"),
        ({"score": "score", "label": "label", "threshold": 0.7}, "threshold 0.5"),
    ],
)
def test_scores_that_a_baseline_does_not_hold_are_refused(saved, asked, told):
    with pytest.raises(BadInput, match=told):
        saved_scores(saved, **asked)


def test_a_baseline_survives_its_file(saved):
    assert Baseline.load(saved).save(saved.with_name("again.baseline")).read_bytes() == (
        saved.read_bytes()
    )


def test_a_baseline_is_kilobytes_and_holds_no_text_and_no_key(saved):
    data = saved.read_bytes()
    assert len(data) < 60_000
    assert b"harbour" not in data
    keys = Baseline.load(saved).profile.keys
    assert keys is not None
    assert [key for key, _ in keys.sample] == list(range(1024))


def test_facts_read_off_a_baseline_are_those_of_the_rows(saved):
    facts, rows = Baseline.load(saved).to_dict(), people()
    assert facts["columns"]["age"]["distinct"]["value"] == len(np.unique(rows["age"]))
    ids = facts["columns"]["id"]["distinct"]
    assert ids["low"] <= 3000 <= ids["high"]
    assert facts["columns"]["income"]["missing"] == np.isnan(rows["income"]).sum()
    assert facts["columns"]["region"]["top"][0]["count"] == max(
        np.unique(rows["region"].astype(str), return_counts=True)[1]
    )
    assert facts["columns"]["since"]["high"][:19] == str(rows["since"].max())[:19]
    words = facts["columns"]["note words"]
    assert (words["low"], words["high"]) == (6, 6)
    assert facts["scores"]["rows"]["labelled"] == 3000


def test_duplicate_keys_are_counted_where_few_and_bounded_where_many():
    few = seawall.baseline({"id": np.array([1, 1, 2, 3])}, key=["id"]).profile.keys
    assert few is not None
    assert few.duplicate_rows().value == 0.25
    rng = np.random.default_rng(4)
    many = rng.permutation(np.concatenate([np.arange(9000), np.arange(3000)]))
    keys = seawall.baseline({"id": many}, key=["id"]).profile.keys
    assert keys is not None
    assert keys.duplicate_rows().low <= 0.25 <= keys.duplicate_rows().high
    assert keys.repeated_keys().low <= 1 / 3 <= keys.repeated_keys().high


@pytest.mark.parametrize("cut", [0, 5, 900, -1])
def test_a_file_cut_short_is_named(saved, tmp_path, cut):
    broken = tmp_path / "broken.baseline"
    broken.write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(BadInput, match=r"broken\.baseline"):
        seawall.drift(broken, people())


def test_another_ending_is_refused_and_a_stream_cannot_be_read_twice(tmp_path):
    with pytest.raises(BadInput, match=r"call it people\.baseline"):
        seawall.baseline(people()).save(tmp_path / "people.json")
    with pytest.raises(BadInput, match="reads twice"):
        seawall.baseline(iter([people()]))


def test_a_baseline_of_no_rows_or_no_labelled_score_is_refused():
    with pytest.raises(BadInput, match="there are no rows"):
        seawall.baseline({name: values[:0] for name, values in people().items()})
    blank = people() | {"score": np.full(3000, np.nan)}
    with pytest.raises(BadInput, match=r"no row has both .*columns label and score"):
        seawall.baseline(blank, label="label", score="score")


def test_a_replacement_of_another_type_names_its_column():
    words = people() | {"age": people()["region"]}
    with pytest.raises(BadInput, match="column age was integer and is categorical"):
        compare_baselines(people(), words)


def test_a_baseline_stands_as_the_reference_only(saved):
    with pytest.raises(BadInput, match="seawall baseline compare"):
        seawall.drift(people(), saved)


def test_a_replacement_tells_the_drift_that_it_would_hide(saved):
    now = people(shift=9, seed=3)
    new = seawall.baseline(now)
    report = compare_baselines(saved, new, people(shift=9, seed=4)).to_dict()
    assert report["verdict"]["outcome"] == "fail"
    hidden = report["features"]["income"]["measures"]["ks"]
    exact = seawall.drift(people(), now).to_dict()["features"]["income"]["measures"]["ks"]
    assert hidden["low"] <= exact["value"] <= hidden["high"]
    assert "income" in report["hidden"]
    assert "age" not in report["hidden"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(-3, 3), st.floats(0.2, 5))
def test_matched_bins_are_off_by_no_more_than_their_bound(seed, shift, width):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 1, 400), np.round(rng.normal(shift, width, 300), int(rng.integers(0, 6)))
    old, own = summarise(x, make_grid(x)), summarise(y, make_grid(y))
    moved, error = regrid(own, old.grid)
    assert moved.n == own.n
    exact = ks(old, summarise(y, old.grid), 0.95).value
    assert abs(ks(old, moved, 0.95).value - exact) <= error + 1e-12


def test_categories_of_another_baseline_are_matched_by_name():
    old = summarise(np.array(["a", "b", "c"], object), make_grid(np.array(["a", "b", "c"], object)))
    values = np.array(["a", "a", "c", "d"], object)
    moved, error = regrid(summarise(values, make_grid(values)), old.grid)
    assert (moved.counts == summarise(values, old.grid).counts).all()
    assert error == 0


def test_the_commands_save_show_and_compare(saved, tmp_path):
    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "seawall", *map(str, arguments), "--json"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, msgspec.json.decode(done.stdout)

    target = tmp_path / "acs.baseline"
    data = "src/seawall/data/acs_employment_ma.parquet"
    status, told = run("baseline", "save", data, "-o", target, "--column", "AGEP")
    assert (status, told["rows"], told["columns"]) == (0, 277_677, 1)
    assert told["bytes"] == target.stat().st_size
    assert run("baseline", "show", target)[1]["digest"] == told["digest"]
    status, compared = run("baseline", "compare", target, target)
    assert (status, compared["features"]["AGEP"]["measures"]["ks"]["value"]) == (0, 0)
    status, drifted = run("drift", target, data)
    assert (status, drifted["verdict"]["outcome"]) == (0, "pass")
    assert list(drifted["features"]) == ["AGEP"]


@pytest.mark.parametrize(
    "asked",
    [
        lambda path, rows: seawall.segments(rows, reference=path),
        lambda path, rows: seawall.evaluate(path, label="label", score="score"),
        lambda path, rows: seawall.drift(path, rows, columns=["age"], multivariate=True),
        lambda path, rows: seawall.drift(path, rows, label="label", score="score"),
    ],
)
def test_what_needs_rows_says_that_a_baseline_has_none(tmp_path, asked):
    path = str(seawall.baseline(people()).save(tmp_path / "people.baseline"))
    with pytest.raises(BadInput, match="counts, no rows, and this needs rows"):
        asked(path, people(seed=2))


def test_a_key_that_is_no_column_and_groups_of_no_score_are_refused():
    with pytest.raises(BadInput, match=r"no column 'idd'.*'id'"):
        seawall.baseline(people(), key=["idd"])
    with pytest.raises(BadInput, match="name score and label too"):
        seawall.baseline(people(), groups=["region"])
