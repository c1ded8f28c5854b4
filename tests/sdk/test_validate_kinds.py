"""Plans for several classes and values: real data, scikit-learn and fairlearn beside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fairlearn.metrics import MetricFrame, demographic_parity_difference
from msgspec.structs import replace
from sklearn.linear_model import LinearRegression
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    r2_score,
    recall_score,
)
from sklearn.tree import DecisionTreeClassifier
from tests.gateway.registered import MARITAL, Case, diabetes, marital_status
from tests.sdk.recorder import Recorder

from seawall.adapters.rendering import markdown
from seawall.kernel import BadInput, Digest, Outcome, Rule, convert, to_builtins
from seawall.registry.provenance import Provenance
from seawall.registry.version import Artefact, Version
from seawall.report.from_validation import validation_document
from seawall.sdk import validate
from seawall.sdk.training import training_run
from seawall.sdk.validate import gather
from seawall.validation.check import run_checks
from seawall.validation.evidence import Evidence
from seawall.validation.perturbation import Perturbation
from seawall.validation.plan import GroupPlan, ValidationPlan
from seawall.validation.report import validate as judged

CLASSES = tuple(sorted(MARITAL))
NOISE = Perturbation(name="noise", noise=0.05)
BY_AGE = GroupPlan(columns=("old",), minimum_group=50)
CLASSED = ValidationPlan(
    name="marital",
    label="y",
    owner="ada",
    quality=(Rule("accuracy", at_least=0.5), Rule("recall", at_least=0.4, by=("married",))),
    calibration=(Rule("ece_debiased", at_most=0.2),),
    fairness=(Rule("demographic_parity_difference", at_most=0.9),),
    groups=(BY_AGE,),
    perturbations=(NOISE,),
    stability=(Rule("changed", at_most=0.2),),
)
VALUED = ValidationPlan(
    name="progress",
    label="y",
    owner="ada",
    quality=(Rule("r2", at_least=0.0),),
    calibration=(Rule("standardised_bias", within=0.5),),
    fairness=(Rule("mae_difference", at_most=60),),
    groups=(replace(BY_AGE, minimum_group=20),),
    perturbations=(NOISE,),
    stability=(Rule("changed", at_most=0.5), Rule("mae_rise", at_most=0.5)),
)


@pytest.fixture(autouse=True)
def few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "LATENCY_CALLS", 50)


def trained(client: Recorder, case: Case, estimator: Any, number: int = 1) -> Version:
    table = pa.table(case.columns)
    with training_run("m", client, data={"train": table}) as run:
        run.save(estimator, table, features=case.features, label="y")
    body = client.posted.pop()[1]
    version = Version(
        model="m",
        number=number,
        artefact=convert(body["artefact"], Artefact),
        provenance=convert(body["provenance"], Provenance),
        objects={name: Digest.parse(d) for name, d in body["objects"].items()},
        created=datetime(2026, 3, 1, tzinfo=UTC),
    )
    client.documents[f"/versions/m@{number}"] = {"version": to_builtins(version)}
    return version


def holdout(folder: Path, case: Case, by: str) -> tuple[Path, np.ndarray]:
    """The rows that were not trained on, with whether a field is above its middle."""
    column = case.rows[:, case.features.index(by)]
    old = np.where(column > np.median(column), "yes", "no")
    columns = {n: case.rows[:, i] for i, n in enumerate(case.features)}
    path = folder / "holdout.parquet"
    pq.write_table(pa.table(columns | {"y": case.truth, "old": old}), path)
    return path, old


def outcomes(plan: ValidationPlan, evidence: Evidence) -> dict[str, str]:
    return {name: verdict.outcome.value for name, verdict in run_checks(plan, evidence)}


def test_classes_are_measured_as_scikit_learn_and_fairlearn_do(tmp_path: Path) -> None:
    case, client = marital_status(), Recorder()
    path, old = holdout(tmp_path, case, "AGEP")
    plan = replace(CLASSED, favourable="married")
    evidence = gather(client, trained(client, case, case.estimator), plan, path)
    call, truth = case.estimator.predict(case.rows), case.truth
    gap = demographic_parity_difference(
        truth == "married", call == "married", sensitive_features=old
    )
    right = MetricFrame(
        metrics=accuracy_score, y_true=truth, y_pred=call, sensitive_features=old
    ).difference()
    expected = {
        "accuracy": accuracy_score(truth, call),
        "macro_f1": f1_score(truth, call, average="macro"),
        "recall[married]": recall_score(truth == "married", call == "married"),
        "demographic_parity_difference[old]": gap,
        "accuracy_difference[old]": right,
    }
    for name, value in expected.items():
        found = evidence.estimates[name]
        assert found.value == pytest.approx(value, abs=1e-9), name
        assert found.low <= value <= found.high
    assert evidence.task == "multiclass"
    assert evidence.confusion is not None
    assert sum(map(sum, evidence.confusion.counts)) == len(truth)
    worst = evidence.estimates["ece_debiased"]
    each = [evidence.estimates[f"ece_debiased[{c}]"] for c in CLASSES]
    assert worst.value == max(e.value for e in each)
    assert worst.high >= max(e.high for e in each)
    assert set(outcomes(plan, evidence).values()) == {"pass"}
    assert outcomes(replace(plan, fairness=(Rule("demographic_parity_difference", at_most=0.05),)),
                    evidence)["fairness"] == "fail"  # fmt: skip


def test_without_a_favourable_class_the_gap_is_that_of_the_class_that_differs_most(
    tmp_path: Path,
) -> None:
    case, client = marital_status(), Recorder()
    path, old = holdout(tmp_path, case, "AGEP")
    evidence = gather(client, trained(client, case, case.estimator), CLASSED, path)
    call = case.estimator.predict(case.rows)
    gaps = [
        demographic_parity_difference(case.truth == c, call == c, sensitive_features=old)
        for c in CLASSES
    ]
    found = evidence.estimates["demographic_parity_difference[old]"]
    assert found.value == pytest.approx(max(gaps), abs=1e-9)
    assert found.validity == "simultaneous"
    strange = replace(CLASSED, favourable="maried")
    with pytest.raises(BadInput, match=r"'maried' is none of the model's.*married"):
        gather(client, trained(client, case, case.estimator), strange, path)


def test_values_are_measured_as_scikit_learn_does(tmp_path: Path) -> None:
    case, client = diabetes(), Recorder()
    path, old = holdout(tmp_path, case, "age")
    evidence = gather(client, trained(client, case, case.estimator), VALUED, path)
    told, truth = case.estimator.predict(case.rows), case.truth
    sides = [old == "yes", old == "no"]
    errors = [mean_absolute_error(truth[s], told[s]) for s in sides]
    expected = {
        "mae": mean_absolute_error(truth, told),
        "r2": r2_score(truth, told),
        "bias": (told - truth).mean(),
        "mae_difference[old]": abs(errors[0] - errors[1]),
        "mean_prediction_difference[old]": abs(told[sides[0]].mean() - told[sides[1]].mean()),
    }
    for name, value in expected.items():
        found = evidence.estimates[name]
        assert found.value == pytest.approx(value, rel=2e-3, abs=0.02), name
        assert found.low <= value <= found.high
    assert evidence.task == "regression"
    assert evidence.parity is not None
    assert {g.by["old"]: g.n for g in evidence.groups} == {
        side: int((old == side).sum()) for side in ("yes", "no")
    }
    assert "fail" not in outcomes(VALUED, evidence).values()


@pytest.mark.parametrize(("noise", "outcome"), [(0.001, "pass"), (3.0, "fail")])
def test_answers_that_turn_with_a_little_noise_are_found_and_steady_ones_pass(
    tmp_path: Path, noise: float, outcome: str
) -> None:
    case, client = marital_status(), Recorder()
    path, _ = holdout(tmp_path, case, "AGEP")
    plan = replace(CLASSED, perturbations=(replace(NOISE, noise=noise),))
    version = trained(client, case, case.estimator)
    evidence = gather(client, version, plan, path)
    assert outcomes(plan, evidence)["stability"] == outcome
    assert gather(client, version, plan, path).estimates == evidence.estimates
    with pytest.raises(BadInput, match="there is no field 'AGE'"):
        gather(client, version, replace(plan, perturbations=(
            replace(NOISE, fields=("AGE",)),)), path)  # fmt: skip


def test_a_worse_version_than_the_champion_is_found_and_an_equal_one_passes(
    tmp_path: Path,
) -> None:
    case, client = marital_status(), Recorder()
    path, _ = holdout(tmp_path, case, "AGEP")
    rows = np.column_stack([case.columns[n] for n in case.features])
    blunt = DecisionTreeClassifier(max_depth=1).fit(rows, np.roll(case.columns["y"], 7))
    plan = replace(CLASSED, champion=(Rule("accuracy_difference", at_least=-0.02),))
    trained(client, case, case.estimator, 1)
    worse = trained(client, case, blunt, 2)
    evidence = gather(client, worse, plan, path, champion="m@1")
    difference = evidence.estimates["accuracy_difference[champion]"]
    expected = accuracy_score(case.truth, blunt.predict(case.rows)) - accuracy_score(
        case.truth, case.estimator.predict(case.rows)
    )
    assert difference.value == pytest.approx(expected, abs=1e-9)
    assert outcomes(plan, evidence)["champion"] == "fail"
    same = trained(client, case, case.estimator, 3)
    assert outcomes(plan, gather(client, same, plan, path, "m@1"))["champion"] == "pass"
    first = gather(client, same, plan, path)
    assert outcomes(plan, first)["champion"] == "pass"
    assert first.champion == ""


def test_a_worse_regression_than_the_champion_is_found_by_its_error(tmp_path: Path) -> None:
    case, client = diabetes(), Recorder()
    path, _ = holdout(tmp_path, case, "age")
    rows = np.column_stack([case.columns[n] for n in case.features])
    blunt = LinearRegression().fit(rows, case.columns["y"] * 0 + 300)
    plan = replace(VALUED, champion=(Rule("relative_mae_difference", at_most=0.05),))
    trained(client, case, case.estimator, 1)
    evidence = gather(client, trained(client, case, blunt, 2), plan, path, "m@1")
    theirs = mean_absolute_error(case.truth, case.estimator.predict(case.rows))
    ours = mean_absolute_error(case.truth, np.full(len(case.truth), 300.0))
    found = evidence.estimates["relative_mae_difference[champion]"]
    assert found.value == pytest.approx(ours / theirs - 1, rel=1e-3)
    assert outcomes(plan, evidence)["champion"] == "fail"


def test_a_label_that_is_no_class_is_named(tmp_path: Path) -> None:
    case, client = marital_status(), Recorder()
    odd = case._replace(truth=np.where(case.truth == "widowed", "widow", case.truth))
    path, _ = holdout(tmp_path, odd, "AGEP")
    with pytest.raises(BadInput, match=r"'widow' is no class of the model.*column y.*widowed"):
        gather(client, trained(client, case, case.estimator), CLASSED, path)


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_the_report_shows_what_the_kind_has(tmp_path: Path, kind: str) -> None:
    case, plan = (marital_status(), CLASSED) if kind == "classes" else (diabetes(), VALUED)
    client = Recorder()
    path, _ = holdout(tmp_path, case, "AGEP" if kind == "classes" else "age")
    version = trained(client, case, case.estimator)
    evidence = gather(client, version, plan, path)
    report = judged(
        plan, evidence, version=version, validator="vera", at=datetime(2026, 3, 2, tzinfo=UTC)
    )
    assert report.verdict.outcome is not Outcome.FAIL
    page = markdown(validation_document(report))
    assert "Stability" in page
    shown = "Shares of right answers by old" if kind == "classes" else "Mean predictions by old"
    assert shown in page
    assert ("label, then called" in page) == (kind == "classes")
