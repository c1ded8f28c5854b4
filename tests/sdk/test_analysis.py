"""drift, evaluate and estimate from Python and the command line."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from seawall.cli import drift as drift_command
from seawall.cli import estimate as estimate_command
from seawall.cli import evaluate as evaluate_command
from seawall.kernel import BadInput, Outcome
from seawall.sdk.drift import drift
from seawall.sdk.estimate import estimate
from seawall.sdk.evaluate import evaluate

ESTIMATE = {"value", "low", "high", "confidence", "n", "method", "validity"}


def made(n=6000, seed=1, shift=0.0, slope=1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1.5, n)
    sex = rng.choice(["f", "m"], n).astype(object)
    race = rng.choice(["p", "q", "r"], n).astype(object)
    return {
        "x": x,
        "k": rng.integers(0, 9, n),
        "sex": sex,
        "race": race,
        "score": 1 / (1 + np.exp(-x)),
        "label": (rng.random(n) < 1 / (1 + np.exp(-slope * x))).astype(int),
    }


@pytest.fixture
def files(tmp_path):
    paths = {}
    for name, table in {
        "base": made(), "same": made(seed=2), "moved": made(seed=3, shift=1.0)
    }.items():  # fmt: skip
        paths[name] = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({k: list(v) for k, v in table.items()}), paths[name])
    return paths


def run(*arguments):
    app = typer.Typer()
    for command in (drift_command, evaluate_command, estimate_command):
        command.register(app)
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_drift_has_the_documented_shape():
    found = drift(made(), made(seed=2)).to_dict()
    assert set(found) >= {"verdict", "features", "rows"}
    assert found["rows"] == {"reference": 6000, "current": 6000}
    numeric, word = found["features"]["x"], found["features"]["sex"]
    assert (numeric["kind"], word["kind"]) == ("numeric", "categorical")
    assert set(numeric["measures"]) >= {"psi", "js", "kl", "wasserstein", "ks"}
    assert set(word["measures"]) >= {"psi", "js", "kl", "chi2", "total_variation"}
    assert set(numeric["measures"]["ks"]) == ESTIMATE
    assert set(found["verdict"]) == {"outcome", "reasons"}
    json.dumps(found, allow_nan=False)


def test_drift_finds_the_column_that_moved_and_no_other():
    found = drift(made(), made(seed=3, shift=1.0))
    features = found.to_dict()["features"]
    failed = {n for n, f in features.items() if f["verdict"]["outcome"] == "fail"}
    assert found.verdict.outcome is Outcome.FAIL
    assert failed == {"x", "score", "label"}


def test_dates_are_named_as_not_compared_and_columns_of_one_side_too():
    day = np.datetime64("2026-01-01") + np.arange(50)
    found = drift({"d": day, "x": np.arange(50)}, {"d": day, "x": np.arange(50), "new": day})
    assert found.to_dict()["not_compared"] == {
        "d": "dates and times always move",
        "new": "it is not in the reference",
    }
    with pytest.raises(BadInput, match="no column 'x'"):
        drift({"x": np.arange(50)}, {"y": np.arange(50)})


def test_evaluate_has_the_documented_shape():
    found = evaluate(made(), label="label", score="score", groups=["sex", ("sex", "race")])
    body = found.to_dict()
    assert set(body) >= {"verdict", "measures", "groups", "fairness"}
    assert set(body["measures"]) >= {"accuracy", "roc_auc", "log_loss", "brier", "ece"}
    assert len(body["groups"]) == 2 + 6
    assert body["groups"][0]["by"] == {"sex": "f"}
    assert body["groups"][2]["by"] == {"sex": "f", "race": "p"}
    assert set(body["fairness"]) == {"sex", "sex×race"}
    json.dumps(body, allow_nan=False)


def test_evaluate_passes_what_is_fair_and_calibrated_and_fails_what_is_neither():
    table = made(20_000)
    assert evaluate(table, label="label", score="score", groups=["sex"]).verdict.outcome == "pass"
    bad = made(20_000, slope=0.3)
    assert evaluate(bad, label="label", score="score").verdict.outcome == "fail"
    unfair = {**table, "score": np.where(table["sex"] == "f", table["score"], 0.1)}
    found = evaluate(unfair, label="label", score="score", groups=["sex"])
    failed = {r.rule for r in found.verdict.reasons if r.outcome == "fail"}
    assert "sex: demographic_parity_difference at most 0.1" in failed


def test_a_small_group_keeps_the_verdict_undecided():
    table = made(20_000)
    table["sex"][:5] = "x"
    found = evaluate(table, label="label", score="score", groups=["sex"])
    assert found.verdict.outcome is Outcome.UNDECIDED
    assert "x (5)" in str(found.verdict.reasons)


def test_calls_of_their_own_replace_the_threshold():
    table = made()
    table["call"] = (table["score"] >= 0.3).astype(int)
    by_call = evaluate(table, label="label", score="score", prediction="call").to_dict()
    by_cut = evaluate(table, label="label", score="score", threshold=0.3).to_dict()
    for name in ("accuracy", "precision", "roc_auc", "ece"):
        values = (r["measures"][name]["value"] for r in (by_call, by_cut))
        # an atom at the threshold moves its bin's stand-in scores a little
        assert next(values) == pytest.approx(next(values), abs=1e-5)
    with pytest.raises(BadInput, match="neither 0 nor 1"):
        evaluate(table, label="label", score="score", prediction="score")


def test_estimate_has_the_documented_shape_and_realised_measures_where_labels_are():
    current = made(5000, seed=4)
    found = estimate(made(20_000), current, label="label", score="score", chunk_size=2000)
    chunks = found.to_dict()["chunks"]
    assert [(c["first"], c["last"], c["n"]) for c in chunks] == [
        (0, 1999, 2000), (2000, 3999, 2000), (4000, 4999, 1000)
    ]  # fmt: skip
    assert set(chunks[0]["measures"]) >= {"roc_auc", "f1", "accuracy"}
    assert "realised" in chunks[0]
    del current["label"]
    blind = estimate(made(20_000), current, label="label", score="score", chunk_size=2000)
    assert "realised" not in blind.to_dict()["chunks"][0]
    assert blind.to_dict()["chunks"][0]["measures"] == chunks[0]["measures"]
    assert blind.verdict.outcome is Outcome.PASS


def test_estimate_fails_scores_that_have_lost_their_certainty():
    rng = np.random.default_rng(5)
    unsure = {"score": np.clip(rng.normal(0.5, 0.03, 8000), 0, 1)}
    found = estimate(made(20_000), unsure, label="label", score="score", chunk_size=4000)
    assert found.verdict.outcome is Outcome.FAIL


def test_unusable_arguments_are_told():
    table = made(100)
    with pytest.raises(BadInput, match="did you mean 'label'"):
        evaluate(table, label="lable", score="score")
    with pytest.raises(BadInput, match="score x"):
        evaluate(table, label="label", score="x")
    with pytest.raises(BadInput, match="at least 1"):
        estimate(table, table, label="label", score="score", chunk_size=0)
    with pytest.raises(BadInput, match="no column 'score'"):
        estimate(table, {"a": np.zeros(3)}, label="label", score="score")


def test_a_report_is_saved_as_the_json_it_says(tmp_path):
    found = drift(made(500), made(500, seed=2))
    path = found.save(tmp_path / "r.json")
    assert json.loads(path.read_text()) == json.loads(json.dumps(found.to_dict()))
    with pytest.raises(BadInput, match=r"end it in \.json, \.html, \.pdf or \.md"):
        found.save(tmp_path / "r.docx")


def test_a_report_is_saved_as_its_ending_says(tmp_path):
    found = drift(made(500), made(500, seed=2))
    begins = {".html": b"<!doctype html>", ".pdf": b"%PDF-", ".md": b"# Drift", ".json": b"{"}
    for ending, first in begins.items():
        assert found.save(tmp_path / f"r{ending}").read_bytes().startswith(first)
    assert found._repr_html_().startswith('<div class="seawall">')


def test_commands_write_every_format_and_nothing_to_the_terminal_when_quiet(files, tmp_path):
    written = {form: tmp_path / f"report.{form}" for form in ("html", "pdf", "md")}
    options = [word for form, path in written.items() for word in (f"--{form}", path)]
    found = run("drift", files["base"], files["moved"], *options, "--quiet")
    assert (found.exit_code, found.stdout) == (1, "")
    assert all(path.stat().st_size > 1000 for path in written.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--html", "nowhere/r.html"], "there is no folder nowhere"),
        (["--md", "."], "is a folder"),
        (["--json", "--quiet"], "--quiet prints nothing and --json something"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_read(options, said):
    found = run("drift", "absent.parquet", "absent.parquet", *options)
    assert isinstance(found.exception, BadInput)
    assert said in str(found.exception)


def test_a_drift_report_counts_both_samples_of_what_moved_in_the_same_bins():
    base, moved = made(), made(seed=3, shift=1.0)
    features = drift(base, moved).to_dict()["features"]
    drawn = features["x"]["histogram"]
    assert sum(drawn["reference"]) == sum(drawn["current"]) == 6000
    inside = [drawn["edges"][1], drawn["edges"][-2]]  # the outermost bins hold what is beyond
    edges = [-np.inf, *drawn["edges"][1:-1], np.inf]
    exact = np.histogram(base["x"], edges)[0]
    assert np.abs(exact - drawn["reference"]).max() < 0.01 * 6000
    assert inside[0] < 0 < inside[1]
    assert set(features["sex"]["histogram"]) == {"categories", "reference", "current"}
    assert features["k"]["histogram"]["edges"][0] % 1 == 0.5


def test_progress_is_told_to_the_last_row(files):
    told = []
    drift(files["base"], files["same"], progress=lambda *now: told.append(now))
    assert told[-1] == ("current", 6000, 6000)


@pytest.mark.parametrize(("current", "status"), [("same", 0), ("moved", 1)])
def test_the_exit_status_of_drift_is_its_verdict(files, current, status):
    found = run("drift", files["base"], files[current], "--json")
    assert found.exit_code == status
    assert json.loads(found.stdout)["verdict"]["outcome"] == ("pass", "fail")[status]


def test_too_few_rows_exit_with_three(tmp_path):
    pq.write_table(pa.table({"x": list(range(20))}), tmp_path / "t.parquet")
    assert run("drift", tmp_path / "t.parquet", tmp_path / "t.parquet").exit_code == 3


def test_commands_print_tables_for_people(files, tmp_path):
    base, same = files["base"], files["same"]
    columns = ("--label", "label", "--score", "score")
    found = run("drift", base, same, "--column", "x", "--tolerance", "ks=0.2")
    assert found.stdout.startswith("✓ pass  No column of 1 moved beyond its tolerance.")
    found = run("evaluate", base, *columns, "--group", "sex", "--group", "sex,race")
    assert "ROC AUC" in found.stdout
    assert "Fairness by sex×race" in found.stdout
    found = run("estimate", base, same, *columns, "--chunk-size", "3000")
    assert "rows 3,000 to 5,999" in found.stdout
    assert found.exit_code == 0


def test_a_tolerance_that_is_no_number_is_refused(files):
    found = run("drift", files["base"], files["same"], "--tolerance", "ks")
    assert isinstance(found.exception, BadInput)
