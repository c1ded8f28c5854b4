"""evaluate: every task, the value of decisions, another model, and what it refuses."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from sklearn import metrics
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression
from typer.testing import CliRunner

from seawall.cli import evaluate as command
from seawall.kernel import BadInput, Outcome
from seawall.sdk.evaluate import evaluate
from seawall.sdk.segments import segments


def binary(n=3000, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(-0.5, 1.5, n)
    score = 1 / (1 + np.exp(-x))
    label = (rng.random(n) < score).astype(int)
    worse = 1 / (1 + np.exp(-(x + rng.normal(0, 1, n))))
    group = rng.choice(np.array(["f", "m"], object), n)
    return {"label": label, "score": score, "worse": worse, "group": group}


def digits():
    data = load_digits()
    train, test = slice(0, 900), slice(900, None)
    model = LogisticRegression(max_iter=100).fit(data.data[train] / 16, data.target[train])
    scores = model.predict_proba(data.data[test] / 16)
    label = data.target[test]
    table = {f"p{k}": scores[:, k] for k in range(10)}
    return table | {"digit": label, "call": scores.argmax(axis=1), "even": label % 2}, scores


def diabetes():
    data = load_diabetes()
    model = LinearRegression().fit(data.data[:250], data.target[:250])
    sex = np.where(data.data[250:, 1] > 0, "a", "b").astype(object)
    return {"y": data.target[250:], "yhat": model.predict(data.data[250:]), "sex": sex}


CLASSES = {str(k): f"p{k}" for k in range(10)}


def test_classes_have_the_measures_of_scikit_learn():
    table, scores = digits()
    found = evaluate(table, label="digit", class_scores=CLASSES, groups=["even"]).to_dict()
    label, call = table["digit"], table["call"]
    assert found["task"] == "multiclass"
    assert found["confusion"]["counts"] == metrics.confusion_matrix(label, call).tolist()
    told = {name: e["value"] for name, e in found["measures"].items()}
    assert told["accuracy"] == pytest.approx(metrics.accuracy_score(label, call))
    assert told["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(label, call))
    for average in ("macro", "weighted"):
        for name, exact in zip(
            ("precision", "recall", "f1"),
            metrics.precision_recall_fscore_support(label, call, average=average)[:3],
            strict=True,
        ):
            assert told[f"{average}_{name}"] == pytest.approx(exact), (average, name)
    assert told["log_loss"] == pytest.approx(metrics.log_loss(label, scores), abs=2e-3)
    area = metrics.roc_auc_score(label, scores, multi_class="ovr")
    assert told["roc_auc"] == pytest.approx(area, abs=1e-4)
    one_hot = np.eye(10)[label]
    assert told["brier"] == pytest.approx(((scores - one_hot) ** 2).sum(axis=1).mean(), abs=1e-3)
    f1 = metrics.f1_score(label, call, average=None)
    assert [c["measures"]["f1"]["value"] for c in found["classes"]] == pytest.approx(f1)
    assert {g["by"]["even"]: g["n"] for g in found["groups"]} == {
        str(v): int((label % 2 == v).sum()) for v in (0, 1)
    }
    json.dumps(found, allow_nan=False)


def test_classes_without_scores_need_a_group_to_be_judged_by():
    table, _ = digits()
    found = evaluate(table, label="digit", prediction="call")
    assert found.verdict.outcome is Outcome.UNDECIDED
    assert "no rule applies" in found.verdict.reasons[0].message
    judged = evaluate(table, label="digit", prediction="call", groups=["even"])
    assert "accuracy_difference" in judged.verdict.reasons[0].rule


def test_a_regression_has_the_measures_of_scikit_learn():
    table = diabetes()
    found = evaluate(table, label="y", prediction="yhat", quantile=0.8, groups=["sex"]).to_dict()
    y, p = table["y"], table["yhat"]
    exact = {
        "mae": metrics.mean_absolute_error(y, p),
        "rmse": metrics.root_mean_squared_error(y, p),
        "mape": metrics.mean_absolute_percentage_error(y, p),
        "r2": metrics.r2_score(y, p),
        "bias": (p - y).mean(),
        "standardised_bias": (p - y).mean() / y.std(ddof=1),
        "pinball_loss": metrics.mean_pinball_loss(y, p, alpha=0.8),
    }
    assert found["task"] == "regression"
    for name, value in exact.items():
        assert found["measures"][name]["value"] == pytest.approx(value, rel=1e-3), name
    median = found["measures"]["median_absolute_error"]["value"]
    assert median == pytest.approx(metrics.median_absolute_error(y, p), rel=0.01)
    of_group = {
        g["by"]["sex"]: g["measures"]["mae"]["value"] for g in found["groups"]
    }  # fmt: skip
    for sex, mae in of_group.items():
        mine = table["sex"] == sex
        assert mae == pytest.approx(metrics.mean_absolute_error(y[mine], p[mine]), rel=1e-3)
    gap = found["fairness"]["sex"]["measures"]["mae_difference"]
    assert gap["value"] == pytest.approx(abs(of_group["a"] - of_group["b"]))
    json.dumps(found, allow_nan=False)


def test_a_biased_regression_fails_and_an_unbiased_one_passes():
    rng = np.random.default_rng(3)
    y = rng.normal(100, 10, 20_000)
    fair = evaluate({"y": y, "p": y + rng.normal(0, 3, y.size)}, label="y", prediction="p")
    high = evaluate({"y": y, "p": y + rng.normal(1, 3, y.size)}, label="y", prediction="p")
    assert (fair.verdict.outcome, high.verdict.outcome) == (Outcome.PASS, Outcome.FAIL)


def test_labels_of_zero_are_left_out_of_mape_and_said():
    y = np.array([0.0, 1.5, 2.5, 0.0, 4.5] * 20)
    found = evaluate({"y": y, "p": y + 0.5}, label="y", prediction="p").to_dict()
    assert found["rows"]["zero_labels"] == 40
    assert found["measures"]["mape"]["n"] == 60
    assert "40 labels are zero: mape is of the other 60 rows." in found["notes"]


def test_one_error_that_outweighs_all_others_is_said():
    y = np.random.default_rng(4).normal(0, 1, 500)
    p = y + np.random.default_rng(5).normal(0, 0.1, 500)
    p[7] += 50
    found = evaluate({"y": y, "p": p}, label="y", prediction="p").to_dict()
    assert any("One row carries" in note for note in found["notes"])


def test_the_value_of_decisions_is_their_sum():
    table = binary()
    values = {"tp": 0.0, "fp": -5.0, "fn": -50.0, "tn": 1.0}
    found = evaluate(table, label="label", score="score", cost=values).to_dict()
    call = table["score"] >= 0.5
    tn, fp, fn, _ = metrics.confusion_matrix(table["label"], call).ravel()
    total = -5 * fp - 50 * fn + tn
    assert found["cost"]["values"] == values
    assert found["cost"]["total"]["value"] == pytest.approx(total)
    assert found["cost"]["mean"]["value"] == pytest.approx(total / 3000)
    best = found["curves"]["best"]
    assert best["low"] <= best["threshold"] <= best["high"] < 0.5
    assert best["gain"]["low"] > 0
    assert best["value"]["validity"] == "simultaneous"


def test_curves_are_those_of_scikit_learn_at_their_thresholds():
    table = binary()
    found = evaluate(table, label="label", score="score").to_dict()["curves"]
    at = np.array(found["thresholds"])
    assert 0.5 in found["thresholds"]
    assert 50 < at.size <= 103
    for i in range(0, at.size - 1, 10):
        call = table["score"] >= at[i]
        exact = metrics.precision_score(table["label"], call)
        assert found["precision"]["value"][i] == pytest.approx(exact, abs=1e-5)
        assert found["selection_rate"]["value"][i] == pytest.approx(call.mean(), abs=1e-5)
    assert found["recall"]["value"][-1] == 0
    assert found["precision"]["value"][-1] is None


def test_a_model_is_compared_with_another_on_the_same_rows():
    table = binary()
    found = evaluate(table, label="label", score="score", against="worse")
    told = found.to_dict()["against"]
    areas = [metrics.roc_auc_score(table["label"], table[c]) for c in ("score", "worse")]
    difference = told["measures"]["roc_auc"]["difference"]
    assert difference["value"] == pytest.approx(areas[0] - areas[1], abs=1e-4)
    assert told["measures"]["roc_auc"]["better"] == "model"
    assert told["measures"]["log_loss"]["better"] == "model"
    assert told["verdict"]["outcome"] == "pass"
    turned = evaluate(table, label="label", score="worse", against="score")
    assert turned.verdict.outcome is Outcome.FAIL
    assert turned.to_dict()["against"]["measures"]["roc_auc"]["better"] == "other"


def test_a_model_against_itself_is_undecided_with_few_rows_and_passes_with_many():
    for n, outcome in ((40, "undecided"), (20_000, "pass")):
        table = binary(n)
        table["same"] = table["score"]
        told = evaluate(table, label="label", score="score", against="same").to_dict()["against"]
        assert told["verdict"]["outcome"] == outcome
        assert {m["better"] for m in told["measures"].values()} == {"undecided"}


def test_calls_and_regressions_are_compared_too():
    table, _ = digits()
    table["other"] = np.where(np.arange(table["call"].size) % 5 == 0, 3, table["call"])
    told = evaluate(
        table, label="digit", prediction="call", against_prediction="other"
    ).to_dict()["against"]  # fmt: skip
    assert told["measures"]["accuracy"]["better"] == "model"
    table = diabetes()
    table["other"] = table["yhat"] + np.random.default_rng(0).normal(0, 60, table["y"].size)
    found = evaluate(table, label="y", prediction="yhat", against="other").to_dict()["against"]
    exact = metrics.mean_absolute_error(table["y"], table["other"])
    assert found["measures"]["mae"]["other"] == pytest.approx(exact)
    assert found["measures"]["rmse"]["better"] == "model"


def test_rows_without_label_score_or_prediction_are_counted_and_said():
    table = binary(500)
    table["label"] = np.where(np.arange(500) < 30, np.nan, table["label"])
    table["score"][40:50] = np.nan
    found = evaluate(table, label="label", score="score").to_dict()
    assert found["rows"]["without_label"] == 30
    assert found["rows"]["without_score"] == 10
    assert found["notes"] == [
        "30 rows have no label and are not counted.",
        "10 rows have no score and are not counted.",
    ]


def rules_of(report, outcome):
    return [r.rule for r in report.verdict.reasons if r.outcome is outcome]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_model_that_leaves_many_rows_without_an_answer_fails(task):
    table = binary(3000) if task == "binary" else {"label": np.arange(3000.0)}
    table["score"] = table.get("score", np.arange(3000) + 0.01)
    answer = {"score": "score"} if task == "binary" else {"prediction": "score"}
    for share, outcome in ((0.0, Outcome.PASS), (0.01, Outcome.PASS), (0.5, Outcome.FAIL)):
        lacking = table | {"score": table["score"].astype(float).copy()}
        lacking["score"][: int(3000 * share)] = np.nan
        found = evaluate(lacking, label="label", **answer)
        assert found.verdict.outcome is outcome, share
    assert rules_of(found, Outcome.FAIL)[0] == "rows_without_score at most 0.02"


def test_a_group_without_any_score_or_label_is_named():
    table = binary(3000)
    sex = np.where(np.arange(3000) % 2, "1", "2")
    silent = table | {"sex": sex, "score": np.where(sex == "1", np.nan, table["score"])}
    found = evaluate(silent, label="label", score="score", groups=["sex"])
    assert found.verdict.outcome is Outcome.FAIL
    assert "no row of sex=1 has a score" in " ".join(r.message for r in found.verdict.reasons)
    unlabelled = table | {"sex": sex, "label": np.where(sex == "1", np.nan, table["label"])}
    found = evaluate(unlabelled, label="label", score="score", groups=["sex"])
    assert "sex: every group has a label" in rules_of(found, Outcome.UNDECIDED)
    assert "label: labels of all rows" in rules_of(found, Outcome.UNDECIDED)


@pytest.mark.parametrize("surest", [1e-9, 0.0])
def test_a_log_loss_that_is_clipped_is_told_with_the_value_of_scikit_learn(surest):
    rng = np.random.default_rng(4)
    score, label = rng.random(1000), rng.integers(0, 2, 1000)
    score[:7], label[:7] = [surest, surest, surest, 1 - surest, 1e-9, 0.5, 1], [1, 1, 0, 0, 0, 1, 1]
    found = evaluate({"s": score, "y": label}, label="y", score="s").to_dict()
    told = found["clipped"]
    assert told["log_loss"] == pytest.approx(metrics.log_loss(label, score))
    assert told["rows"] == 3
    assert told["infinite"] == (0 if surest else 3)
    assert f"{told['log_loss']:.3g}" in found["notes"][0]
    assert any("infinite" in note for note in found["notes"]) == (surest == 0)
    clipped = np.clip(score, 2**-24, 1 - 2**-24)
    assert found["measures"]["log_loss"]["value"] == pytest.approx(
        metrics.log_loss(label, clipped), abs=1e-3
    )


def test_a_log_loss_that_nothing_clips_is_told_without_a_note():
    score = np.array([1e-9, 2.0**-24, 0.5, 1 - 1e-9] * 50)
    found = evaluate({"s": score, "y": np.array([0, 1, 1, 1] * 50)}, label="y", score="s")
    assert "clipped" not in found.to_dict()
    assert found.to_dict()["notes"] == []


def test_one_kind_of_label_is_said_and_breaks_nothing():
    table = binary(200)
    table["label"][:] = 1
    found = evaluate(table, label="label", score="score", cost={"fn": -1}).to_dict()
    assert "Every label is 1: measures that need both labels are undefined." in found["notes"]
    assert found["measures"]["roc_auc"]["value"] is None


def test_a_single_row_is_evaluated_and_decides_nothing():
    for table, given in (
        ({"label": [1], "score": [0.7]}, {"score": "score"}),
        ({"label": ["a"], "call": ["b"]}, {"prediction": "call"}),
        ({"label": [1.5], "call": [2.5]}, {"prediction": "call"}),
    ):
        found = evaluate(table, label="label", **given)
        assert found.verdict.outcome is Outcome.UNDECIDED
        json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("change", "given", "says"),
    [
        ({"label": [0, 1, 2]}, {}, "label '2' is neither 0 nor 1 .t.parquet, score s, label label"),
        ({"s": [0.1, -0.2, 1.4]}, {}, r"2 scores lie outside \[0, 1\]: -0.2 to 1.4 .t.parquet"),
        ({"s": ["a", "b", "c"]}, {}, "numbers are expected, not text .t.parquet, column s"),
        ({"s": [None, None, None]}, {}, "no row has a score .t.parquet, column s"),
        ({"label": [None, None, None]}, {}, "no row has a label .t.parquet, column label"),
        ({"c": [0.2, 1, 0]}, {"prediction": "c"}, "neither 0 nor 1.*t.parquet, column c"),
        ({"c": ["x", "y", "x"]}, {"prediction": "c"}, "neither 0 nor 1.*t.parquet, column c"),
        ({}, {"cost": {"tq": 1.0}}, "no 'tq'; there is fn, fp, tn, tp"),
        ({}, {"cost": {"tp": 1.0, "fp": 1.0, "fn": 1.0, "tn": 1.0}}, "the same value"),
        ({}, {"cost": {"tp": float("nan")}}, "finite number"),
        ({}, {"task": "ranking"}, "no task 'ranking'"),
        ({}, {"task": "regression"}, "give --prediction alone"),
        ({}, {"quantile": 0.5}, "does not fit a binary model"),
        ({}, {"against": "scor"}, "no column 'scor'.*t.parquet.*did you mean"),
        ({"o": [5, 0, 1]}, {"against": "o"}, r"outside \[0, 1\] .t.parquet, column o"),
        ({"o": [0.5, 0, 1]}, {"against_prediction": "o"}, "neither 0 nor 1 .*column o"),
        ({}, {"score": None}, "nothing to compare the labels with"),
    ],
)  # fmt: skip
def test_unusable_input_is_told_with_file_column_and_remedy(tmp_path, change, given, says):
    table = {"label": [0, 1, 1], "s": [0.1, 0.5, 0.9], "score": [0.1, 0.5, 0.9]} | change
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    with pytest.raises(BadInput, match=says):
        evaluate(tmp_path / "t.parquet", label="label", **({"score": "s"} | given))


def test_labels_and_calls_that_share_no_value_are_refused_and_not_counted_as_wrong():
    table = {"y": np.array(["yes", "no", "yes"]), "call": np.array([1, 0, 1])}
    says = r"share no value: labels have 'yes', 'no', predictions '0', '1' .*column call"
    with pytest.raises(BadInput, match=says):
        evaluate(table, label="y", prediction="call", task="multiclass")
    with pytest.raises(BadInput, match="share no value"):
        segments(table | {"x": np.arange(3)}, label="y", prediction="call")


def test_an_empty_table_and_classes_that_do_not_fit_are_told():
    with pytest.raises(BadInput, match="there are no rows"):
        evaluate({"label": np.zeros(0), "s": np.zeros(0)}, label="label", score="s")
    table, _ = digits()
    with pytest.raises(BadInput, match="'9' is none of the classes that have a score"):
        evaluate(table, label="digit", class_scores={str(k): f"p{k}" for k in range(9)})
    with pytest.raises(BadInput, match="one class is no choice"):
        evaluate(table, label="digit", class_scores={"1": "p1"})
    names = np.array([f"n{i}" for i in range(300)], object)
    with pytest.raises(BadInput, match="300 classes"):
        evaluate({"label": names, "call": names}, label="label", prediction="call")


def run(*arguments):
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "100"})


def test_the_command_takes_every_task(tmp_path):
    table, _ = digits()
    for name, columns in {"b": binary(), "m": table, "r": diabetes()}.items():
        pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), tmp_path / name)
        (tmp_path / name).rename(tmp_path / f"{name}.parquet")
    found = run(tmp_path / "b.parquet", "--label", "label", "--score", "score", "--group", "group",
                "--cost", "tp=0,fp=-5,fn=-50,tn=1", "--against", "worse")  # fmt: skip
    assert found.exception is None or isinstance(found.exception, SystemExit)
    for words in ("The best threshold is", "Against the other model", "ROC AUC", "by group"):
        assert words in found.stdout
    scores = [w for k, c in CLASSES.items() for w in ("--class-score", f"{k}={c}")]
    found = run(tmp_path / "m.parquet", "--label", "digit", *scores)
    assert "macro f1" in found.stdout.lower()
    found = run(tmp_path / "r.parquet", "--label", "y", "--prediction", "yhat", "--json")
    assert json.loads(found.stdout)["task"] == "regression"


@pytest.mark.parametrize(
    "words", [("--cost", "tp"), ("--cost", "tp=x"), ("--class-score", "a"), ("--cost", "fp=1,fp=2")]
)
def test_the_command_refuses_options_it_cannot_read(tmp_path, words):
    pq.write_table(pa.table({"y": [0, 1], "s": [0.1, 0.9]}), tmp_path / "t.parquet")
    found = run(tmp_path / "t.parquet", "--label", "y", "--score", "s", *words)
    assert isinstance(found.exception, BadInput)


def test_a_mape_of_labels_around_zero_is_said_to_hang_on_a_few_rows():
    rng = np.random.default_rng(6)
    y = rng.normal(0, 1, 3000)
    told = evaluate({"y": y, "p": y + rng.normal(0, 0.1, 3000)}, label="y", prediction="p")
    assert any("mape hangs on a few rows" in note for note in told.to_dict()["notes"])


def test_labels_that_are_all_the_same_leave_the_gap_in_their_deviations_undecided():
    same = {"y": np.ones(80), "p": np.ones(80), "g": np.repeat(["a", "b"], 40)}
    judged = evaluate(same, label="y", prediction="p", groups=["g"], task="regression")
    assert judged.verdict.outcome == "undecided"
    gap = judged.to_dict()["fairness"]["g"]["measures"]["standardised_bias_difference"]
    assert gap["value"] is None or gap["value"] != gap["value"]
