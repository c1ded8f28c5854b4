"""estimate and labels from Python and the command line."""

import json
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

import seawall
from seawall.cli import estimate as estimate_command
from seawall.cli import labels as labels_command
from seawall.kernel import BadInput, Outcome
from seawall.report.from_estimation import estimation_document
from seawall.sdk.label_rows import estimate_from_labels

DAY = np.timedelta64(1, "D")
START = np.datetime64("2026-03-01T00:00:00", "us")


def scored(n=8000, seed=1, age=0.0):
    """The score leaves out `age`, which matters: a shift of age changes what a score means."""
    rng = np.random.default_rng(seed)
    x, a = rng.normal(0, 1.2, n), rng.normal(age, 1, n)
    return {
        "x": x,
        "age": a,
        "score": 1 / (1 + np.exp(-x)),
        "label": (rng.random(n) < 1 / (1 + np.exp(-(x + a)))).astype(int),
    }


def run(*words):
    app = typer.Typer()
    estimate_command.register(app)
    labels_command.register(app)
    return CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "120"})


def test_features_correct_an_estimate_that_a_shift_of_inputs_spoils():
    base, moved = scored(20_000), scored(20_000, 2, age=0.8)
    plain, corrected = (
        seawall.estimate(
            base, moved, label="label", score="score", features=f, chunk_size=5000
        ).to_dict()
        for f in ((), ("x", "age"))
    )
    off = {n: abs(e) for n, e in plain["verified"]["mean_error"].items()}
    left = {n: abs(e) for n, e in corrected["verified"]["mean_error"].items()}
    assert left["recall"] < off["recall"] / 3
    assert left["precision"] < off["precision"] / 3
    assert corrected["chunks"][0]["effective_reference"] < 0.8 * 20_000
    assert corrected["verified"]["covered"]["recall"]["value"] == 1
    assert plain["verified"]["covered"]["recall"]["value"] < 1


def test_realised_measures_verify_the_estimates():
    found = seawall.estimate(
        scored(), scored(8000, 3), label="label", score="score", chunk_size=1000
    ).to_dict()
    assert found["verified"]["chunks"] == 8
    assert found["verified"]["covered"]["accuracy"]["value"] >= 6 / 8
    assert found["provisional"] is False  # labels decide on every chunk
    assert found["warnings"] == found["verified"]["refuted"] == []


def turned(n=8000, seed=2):
    """A fifth of the labels are the opposite: what a score means has moved, and no input has."""
    table = scored(n, seed)
    other = np.random.default_rng(seed).random(n) < 0.2
    return table | {"label": np.where(other, 1 - table["label"], table["label"])}


def test_labels_that_refute_the_estimates_are_a_warning_and_lead_the_headline():
    found = seawall.estimate(scored(), turned(), label="label", score="score", chunk_size=2000)
    told = found.to_dict()
    assert {"accuracy", "roc_auc"} <= set(told["verified"]["refuted"])
    (warning,) = told["warnings"]
    assert "labels of 4 chunks refute these estimates" in warning
    assert "accuracy 0 of 4, estimated 0.0" in warning
    assert "lies in the estimated interval in 0" in estimation_document(found.to_dict()).sentence


def test_the_headline_is_of_the_worst_covered_measure_that_decides():
    now = scored(8000, 5)
    low = now["score"] < 0.5  # precision of calls and their order stay; calls of 0 are wrong more
    wrong = low & (np.random.default_rng(1).random(8000) < 0.25)
    now["label"] = np.where(wrong, 1 - now["label"], now["label"])
    found = seawall.estimate(scored(), now, label="label", score="score", chunk_size=2000)
    covered = found.to_dict()["verified"]["covered"]
    worst = min(covered[name]["value"] for name in ("accuracy", "roc_auc"))
    assert (
        f"lies in the estimated interval in {round(4 * worst)}"
        in estimation_document(found.to_dict()).sentence
    )


def test_where_labels_came_they_decide_and_name_the_estimate_that_they_contradict():
    found = seawall.estimate(scored(), turned(), label="label", score="score", chunk_size=4000)
    verdict = found.verdict
    assert verdict.outcome is Outcome.FAIL
    for reason in verdict.reasons:
        assert ", realised: " in reason.rule
        assert "does not hold the realised" in reason.message
    chunk = found.to_dict()["chunks"][0]
    was = found.to_dict()["reference"]["accuracy"]["value"]
    accuracy = next(r.estimate for r in verdict.reasons if "accuracy" in r.rule)
    assert accuracy.value == pytest.approx(was - chunk["realised"]["accuracy"]["value"])


def test_an_estimate_decides_where_a_label_is_missing():
    now = turned()
    now["label"] = now["label"].astype(float)
    now["label"][4000] = np.nan
    found = seawall.estimate(scored(), now, label="label", score="score", chunk_size=4000)
    rules = [r.rule for r in found.verdict.reasons]
    assert [", realised: " in rule for rule in rules] == [True, True, False, False]
    assert found.to_dict()["provisional"] is True


def test_a_measure_that_labels_leave_undefined_stays_estimated():
    now = scored(300, 4)
    now["label"] = np.zeros(300, int)
    found = seawall.estimate(scored(), now, label="label", score="score")
    rules = [r.rule for r in found.verdict.reasons]
    assert ["realised: accuracy" in rules[0], "estimated: roc_auc" in rules[1]] == [True, True]


def test_realised_losses_of_a_regression_decide_and_refute():
    def table(n, seed, spread):
        rng = np.random.default_rng(seed)
        x = rng.normal(0, 1, n)
        return {"x": x, "p": 20 + x, "y": 20 + x + spread * rng.normal(size=n)}

    found = seawall.estimate(
        table(4000, 1, 1.0), table(2000, 2, 1.4), label="y", prediction="p", chunk_size=1000
    )
    assert found.verdict.outcome is Outcome.FAIL
    assert all(", realised: mae_rise" in r.rule for r in found.verdict.reasons)
    assert "mean absolute error 0 of 2" in found.to_dict()["warnings"][0]


@pytest.mark.soak
def test_estimates_that_hold_are_rarely_refuted():
    def calibrated(n, rng):
        score = rng.beta(2, 2, n)
        return {"score": score, "label": (rng.random(n) < score).astype(int)}

    refuted, rng = 0, np.random.default_rng(1)
    for _ in range(300):
        found = seawall.estimate(
            calibrated(10_000, rng), calibrated(8000, rng), label="label", score="score",
            chunk_size=1000,
        )  # fmt: skip
        refuted += bool(found.to_dict()["verified"]["refuted"])
    assert refuted <= 25  # of a true 5% fewer in 99.5% of runs


def test_unusable_rows_are_told_by_table_and_column():
    now = scored(200, 2)
    with pytest.raises(BadInput, match="no rows"):
        seawall.estimate(scored(), scored(0), label="label", score="score")
    now["age"] = np.array(["old"] * 200, object)
    with pytest.raises(BadInput, match="column age holds text"):
        seawall.estimate(scored(), now, label="label", score="score", features=["age"])
    now["score"] = now["score"] + 1
    with pytest.raises(BadInput, match=r"outside \[0, 1\].*a table in memory, score score"):
        seawall.estimate(scored(), now, label="label", score="score")


def test_a_prediction_column_gives_the_calls():
    base, now = scored(), scored(8000, 4)
    for table in (base, now):
        table["call"] = (table["score"] >= 0.3).astype(int)
    arguments = {"label": "label", "score": "score"}
    by_call = seawall.estimate(base, now, prediction="call", **arguments).to_dict()
    by_cut = seawall.estimate(base, now, threshold=0.3, **arguments).to_dict()
    for name in ("accuracy", "recall", "roc_auc"):
        a, b = (r["chunks"][0]["measures"][name]["value"] for r in (by_call, by_cut))
        assert a == pytest.approx(b, abs=0.01)


def test_scores_and_features_unlike_the_reference_are_told():
    now = scored(2000, 5)
    now["age"][:200] = 50.0
    found = seawall.estimate(
        scored(), now, label="label", score="score", features=["age"]
    ).to_dict()
    assert found["chunks"][0]["unlike_reference"] == pytest.approx(0.1, abs=0.01)
    assert "10.0% have scores or features that no reference row has" in found["warnings"][0]


def test_a_regression_is_estimated_from_its_predictions():
    rng = np.random.default_rng(6)

    def table(n):
        x = rng.normal(0, 1, n)
        return {"x": x, "p": 20 + x, "y": 20 + x + np.exp(0.5 * x) * rng.normal(size=n)}

    found = seawall.estimate(
        table(5000), table(3000), label="y", prediction="p", features=["x"], chunk_size=1000
    ).to_dict()
    assert set(found["chunks"][0]["measures"]) == {"mae", "rmse", "mape"}
    assert found["verified"]["chunks"] == 3
    assert found["verdict"]["outcome"] == "pass"


def test_chosen_rows_come_with_their_chances_and_give_an_estimate_back(tmp_path):
    now = scored(5000, 7)
    path = tmp_path / "rows.parquet"
    found = seawall.estimate(
        scored(), now, label="label", score="score", label_budget=400, label_rows=path
    ).to_dict()["labelling"]
    assert found["rows"] == sum(s["labels"] for s in found["strata"]) == 400
    sample = pq.read_table(path).to_pydict()
    assert sum(1 / p for p in sample["probability"]) == pytest.approx(5000)
    sample["label"] = now["label"][sample["row"]]
    back = estimate_from_labels({k: np.array(v) for k, v in sample.items()}, label="label")
    truth = ((now["score"] >= 0.5) == now["label"]).mean()
    assert back["measures"]["accuracy"]["low"] < truth < back["measures"]["accuracy"]["high"]
    assert (back["labelled"], back["rows"]) == (400, 5000)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"score": "scre"}, "did you mean 'score'"),
        ({}, "neither a score nor a prediction"),
        ({"prediction": "label"}, "named twice"),
        ({"prediction": "x", "cost": {"fp": -1}}, "is for binary models"),
        ({"score": "score", "cost": {"tq": 1}}, "no 'tq'"),
        ({"score": "score", "prediction": "x"}, "neither 0 nor 1 .*column x"),
        ({"score": "score", "label_rows": "a.csv"}, "how many rows"),
        ({"score": "score", "label_budget": 50, "label_rows": "a.txt"}, "end it in"),
        ({"score": "score", "label_budget": 50, "label_rows": "nodir/a.csv"}, "no folder nodir "),
        ({"prediction": "x"}, "only 0 and 1"),
    ],
)
def test_unusable_options_are_told(options, said):
    with pytest.raises(BadInput, match=said):
        seawall.estimate(scored(500), scored(500, 2), label="label", **options)


def test_the_command_estimates_warns_and_writes_rows(tmp_path):
    for name, table in {"a": scored(), "b": scored(3000, 8)}.items():
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    found = run(
        "estimate", tmp_path / "a.parquet", tmp_path / "b.parquet", "--label", "label",
        "--score", "score", "--feature", "age", "--cost", "fp=-1,fn=-5",
        "--label-budget", 100, "--label-rows", tmp_path / "rows.csv", "--json",
    )  # fmt: skip
    assert found.exit_code == 0
    assert "business_value" in json.loads(found.stdout)["chunks"][0]["measures"]
    assert csv.read_csv(tmp_path / "rows.csv").num_rows == 100
    told = run("estimate", tmp_path / "a.parquet", tmp_path / "b.parquet", "--label", "label",
               "--score", "score", "--cost", "fp")  # fmt: skip
    assert isinstance(told.exception, BadInput)


# --- labels ---


def delayed(n, days, seed, growth):
    """Wrong decisions are labelled after a day, right ones after ten; 5% are wrong."""
    rng = np.random.default_rng(seed)
    at = days * rng.random(n) ** (1 / growth)
    wrong = rng.random(n) < 0.05
    call = rng.integers(0, 2, n)
    times = START + (at * 86_400e6).astype("timedelta64[us]")
    return times, call, np.where(wrong, 1 - call, call), wrong


def two_arms():
    parts = [delayed(20_000, 20, 1, 1.0), delayed(20_000, 20, 2, 3.0)]
    times, call, label, wrong = (np.concatenate(p) for p in zip(*parts, strict=True))
    ids = np.arange(times.size)
    came = times + np.where(wrong, DAY, 10 * DAY)
    seen = came <= START + 20 * DAY
    arm = np.repeat(np.array(["steady", "growing"], object), 20_000)
    decisions = {"id": ids, "t": times, "call": call, "arm": arm}
    return decisions, {"id": ids[seen], "at": came[seen], "label": label[seen]}, wrong, seen


COLUMNS = {"id": "id", "time": "t", "label_time": "at"}


def test_equal_arms_differ_in_arrival_order_and_not_at_a_fixed_age():
    decisions, outcomes, wrong, seen = two_arms()
    arm = decisions["arm"]
    naive = [wrong[seen & (arm == a)].mean() for a in ("steady", "growing")]
    assert naive[1] > 1.4 * naive[0] > 1.4 * 0.05
    found = seawall.labels(
        decisions, outcomes, **COLUMNS, label="label", prediction="call", groups=["arm"],
        age=timedelta(days=7),
    ).to_dict()  # fmt: skip
    growing, steady = found["groups"]
    for group in (growing, steady):
        assert group["wrong"]["low"] <= 0.05 <= group["wrong"]["high"]
        assert group["not_arrived"]["value"] == pytest.approx(0.95, abs=0.01)
        assert group["right"]["value"] == 0
    assert growing["wrong_difference"]["low"] <= 0 <= growing["wrong_difference"]["high"]
    assert found["verdict"]["outcome"] == "fail"  # 95% have no label at seven days


def test_the_curve_rises_with_age_and_settles_where_most_have_come():
    decisions, outcomes, *_ = two_arms()
    found = seawall.labels(decisions, outcomes, **COLUMNS).to_dict()
    share = {p["age_days"]: p["share"]["value"] for p in found["curve"]}
    assert share[7] == pytest.approx(0.05, abs=0.01)
    assert share[10] == 1
    assert found["settled_age_days"] == 10
    assert found["provisional"] is True
    assert [c["provisional"] for c in found["cohorts"]] == sorted(
        c["provisional"] for c in found["cohorts"]
    )
    assert found["verdict"]["outcome"] == "pass"


def test_what_does_not_join_is_counted_by_kind():
    t = START + np.arange(4) * DAY
    decisions = {"id": np.array([1, 2, 3, 3]), "t": t}
    outcomes = {
        "id": np.array([1, 1, 2, 2, 9]),
        "at": np.array([t[0] - DAY, t[3], t[3], t[3] + DAY, t[3]]),
        "label": np.array([1, 1, 0, 1, 0]),
    }
    found = seawall.labels(decisions, outcomes, **COLUMNS, label="label").to_dict()["join"]
    assert found == {
        "decisions": 3, "labelled": 2, "repeated_decisions": 1, "outcomes": 5,
        "without_decision": 1, "repeated": 1, "conflicting": 1, "before_decision": 1,
    }  # fmt: skip


def test_a_proxy_is_tried_against_being_wrong():
    rng = np.random.default_rng(3)
    n = 3000
    times = START + np.sort(rng.integers(0, 20 * 86_400_000_000, n)).astype("timedelta64[us]")
    call = rng.integers(0, 2, n)
    wrong = rng.random(n) < 0.1
    complaint = (rng.random(n) < np.where(wrong, 0.5, 0.05)).astype(int)
    decisions = {"id": np.arange(n), "t": times, "call": call, "complaint": complaint}
    outcomes = {"id": np.arange(n), "at": times + DAY, "label": np.where(wrong, 1 - call, call)}
    found = seawall.labels(
        decisions, outcomes, **COLUMNS, label="label", prediction="call", proxies=["complaint"]
    ).to_dict()["proxies"]["complaint"]
    assert found["difference"]["low"] > 0.3
    assert found["rate"]["value"] == pytest.approx(complaint.mean())


def test_words_serve_as_ids():
    ids = np.array([f"d{i}" for i in range(50)], object)
    times = START + np.arange(50) * DAY
    found = seawall.labels(
        {"id": ids, "t": times}, {"id": ids[::-1][:40], "at": (times + DAY)[::-1][:40]}, **COLUMNS
    ).to_dict()
    assert (found["join"]["labelled"], found["join"]["without_decision"]) == (40, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"t": np.arange(3)}, "times are expected .*column t"),
        ({"t": np.array([START, START, np.datetime64("NaT")])}, "1 row has no time .*column t"),
        ({"id": np.array([1.0, np.nan, 2.0])}, "1 row has no id .*column id"),
        ({"key": np.arange(3), "id": None}, "no column 'id'"),
    ],
)
def test_unusable_tables_are_told(change, said):
    table = {"id": np.arange(3), "t": np.full(3, START)} | change
    table = {name: values for name, values in table.items() if values is not None}
    with pytest.raises(BadInput, match=said):
        seawall.labels(table, {"id": np.arange(3), "at": np.full(3, START)}, **COLUMNS)


def test_where_no_id_joins_one_of_each_side_is_shown():
    rows = {"id": np.array([f"A-{i}" for i in range(50)]), "t": START + np.arange(50) * DAY}
    found = seawall.labels(rows, {"id": np.arange(50), "at": rows["t"] + DAY}, **COLUMNS)
    assert found.verdict.outcome is Outcome.FAIL
    assert "'A-0' among decisions, '0' among outcomes" in found.to_document().sentence
    assert "unlike" not in seawall.labels(rows, rows | {"at": rows["t"]}, **COLUMNS).body["join"]


def test_outcomes_and_calls_that_share_no_value_are_refused():
    rows = {"id": np.arange(3), "t": START + np.arange(3) * DAY, "call": np.array([1, 0, 1])}
    came = {"id": np.arange(3), "at": rows["t"] + DAY, "y": np.array(["yes", "no", "yes"])}
    with pytest.raises(BadInput, match=r"share no value: labels have .*column call"):
        seawall.labels(rows, came, label="y", prediction="call", **COLUMNS)


def test_groups_without_bound_and_proxies_that_are_no_flags_are_refused():
    rows = {"id": np.arange(300), "t": START + np.arange(300) * DAY, "call": np.zeros(300)}
    came = {"id": np.arange(300), "at": rows["t"] + DAY, "y": np.zeros(300)}
    with pytest.raises(BadInput, match=r"300 groups, above 256 .*column id"):
        seawall.labels(rows, came, groups=["id"], **COLUMNS)
    with pytest.raises(BadInput, match=r"proxy .2. is neither 0 nor 1 .*column id"):
        seawall.labels(rows, came, label="y", prediction="call", proxies=["id"], **COLUMNS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"s": ["a", "b"]}, "numbers are expected, not text .base.parquet, column s"),
        ({"s": [0.2, 2.0]}, r"outside \[0, 1\].*base.parquet"),
        ({"y": [1, 1]}, "labels of both kinds .base.parquet"),
        ({"y": pa.nulls(2)}, "no row has a label .base.parquet, column y"),
        ({"s": pa.nulls(2, pa.float64())}, "no row has a value .base.parquet, column s"),
    ],
)
def test_a_reference_that_cannot_be_learnt_from_is_named(tmp_path, change, said):
    good = {"s": [0.2, 0.9], "y": [0, 1]}
    pq.write_table(pa.table(good | change), tmp_path / "base.parquet")
    with pytest.raises(BadInput, match=said):
        seawall.estimate(tmp_path / "base.parquet", pa.table(good), label="y", score="s")


def test_the_command_shows_the_curve_and_cohorts(tmp_path):
    decisions, outcomes, *_ = two_arms()
    decisions["arm"] = decisions["arm"].tolist()
    pq.write_table(pa.table(decisions), tmp_path / "d.parquet")
    csv.write_csv(pa.table(outcomes), tmp_path / "o.csv")
    found = run(
        "labels", tmp_path / "d.parquet", tmp_path / "o.csv", "--id", "id", "--time", "t",
        "--label-time", "at", "--label", "label", "--prediction", "call", "--group", "arm",
        "--age", "7d",
    )  # fmt: skip
    assert found.exit_code == 1
    assert "2026-03-12" in found.stdout
    assert "arm steady" in found.stdout
    assert "Every outcome has its decision" in found.stdout


def test_a_regression_whose_labels_come_near_zero_is_warned_of_its_mape():
    rng = np.random.default_rng(9)
    tables = []
    for n in (2000, 500):
        x = rng.normal(size=n)
        tables.append({"x": x, "p": x, "y": x + rng.normal(0, 0.1, n)})
    told = seawall.estimate(*tables, label="y", prediction="p", features=["x"]).to_dict()[
        "warnings"
    ]
    assert any(warning.startswith("mape hangs on a few rows") for warning in told)
    assert not any(warning.startswith("rmse") for warning in told)
