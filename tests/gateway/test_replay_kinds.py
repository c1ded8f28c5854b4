"""Replays of classes and values: real models, a real gateway's log, scikit-learn beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import confusion_matrix, f1_score, mean_absolute_error, mean_squared_error
from sklearn.tree import DecisionTreeClassifier
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import Control
from tests.gateway.registered import MARITAL, Case, Deployed, diabetes, marital_status
from tests.sdk.recorder import Recorder

from seawall.kernel import BadInput, Digest, Rule, to_builtins
from seawall.registry.version import Version
from seawall.sdk.again import again
from seawall.sdk.candidate import Candidate
from seawall.sdk.export import export
from seawall.sdk.replay import replay
from seawall.sdk.replay_gathered import replayed
from seawall.serving.output import Output
from seawall.validation.check import run_checks
from seawall.validation.evidence import Evidence
from seawall.validation.plan import ValidationPlan
from seawall.validation.replay import ReplayPlan

CLASSES = sorted(MARITAL)
ROWS = 150
Deploy = Callable[..., tuple[Deployed, Served]]


@pytest.fixture
def deploy(control: Control, serve: Serve, tmp_path: Path) -> Iterator[Deploy]:
    made: list[Deployed] = []

    def start(case: Case, **spec: Any) -> tuple[Deployed, Served]:
        (tmp_path / "plane").mkdir()
        made.append(Deployed(tmp_path, control, case, **spec))
        return made[-1], serve(**made[-1].settings)

    yield start
    for one in made:
        one.close()


def exported(case: Case, estimator: Any) -> tuple[Any, Candidate]:
    """Another estimator of the same data, and what it is converted to."""
    rows = np.column_stack([case.columns[n] for n in case.features])
    estimator.fit(rows, case.columns["y"])
    artefact = export(estimator, rows[:50], names=case.features).artefact
    return estimator, Candidate("other.onnx", artefact, "onnx")


def recorded(served: Served, case: Case, labelled: int) -> list[str]:
    """Rows decided by the gateway, the first of them with their outcomes."""
    ids = [p["decision_id"] for p in served.score(*case.records(ROWS))]
    told = [
        {"decision_id": i, "label": label}
        for i, label in zip(ids[:labelled], case.truth[:labelled].tolist(), strict=True)
    ]
    assert served.http.post("/outcomes", json=told).json()["rejected"] == []
    served.gateway.log.seal()
    served.keeper.join()
    served.keeper.ship()
    return ids


def told(report: Any) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(report.to_dict()))


def test_changed_classes_and_both_qualities_are_scikit_learns(
    deploy: Deploy, tmp_path: Path
) -> None:
    deployed, served = deploy(
        marital_status(), fallback={"label": "never married", "reason": "most"}
    )
    case = deployed.case
    ids = recorded(served, case, 100)
    other, candidate = exported(case, DecisionTreeClassifier(max_depth=4, random_state=0))
    report = replay(tmp_path / "gateway", candidate, by=["arm"], rows=tmp_path / "rows.parquet")
    found = told(report)
    rows = case.rows[:ROWS]
    then, now = case.estimator.predict(rows), other.predict(rows)
    assert found["measures"]["flips"]["value"] == pytest.approx((then != now).mean())
    changes = found["changes"]
    assert changes["classes"] == [*CLASSES, None]
    expected = confusion_matrix(then, now, labels=CLASSES)
    np.testing.assert_array_equal(np.array(changes["counts"])[:-1, :-1], expected)
    quality, truth = found["quality"], case.truth[:100]
    assert quality["n"] == quality["labelled"] == 100
    for who, calls in (("candidate", now), ("recorded", then)):
        each = quality["each"][who]
        occur: Any = {"labels": sorted({*truth, *then[:100], *now[:100]}), "zero_division": 0}
        macro = f1_score(truth, calls[:100], average="macro", **occur)
        assert each["measures"]["macro_f1"]["value"] == pytest.approx(macro)
    assert quality["measures"]["accuracy"]["difference"]["value"] == pytest.approx(
        (now[:100] == truth).mean() - (then[:100] == truth).mean()
    )
    shares = [
        np.array([(labels == c).mean() for c in CLASSES]) for labels in (then, now)
    ]  # total variation by hand
    assert found["scores"]["distribution"]["measures"]["total_variation"]["value"] == pytest.approx(
        np.abs(shares[0] - shares[1]).sum() / 2
    )
    table = {r["decision_id"]: r for r in pq.read_table(tmp_path / "rows.parquet").to_pylist()}
    assert [table[i]["candidate_label"] for i in ids] == now.tolist()
    page = report.save(tmp_path / "r.md").read_text()
    assert "recorded, then by the candidate" in page
    assert "macro f1" in page
    assert again(tmp_path / "gateway", ids[3]).verdict.outcome == "pass"


def test_moved_values_and_both_errors_are_scikit_learns(deploy: Deploy, tmp_path: Path) -> None:
    value = {"unit": "points", "minimum": -400, "maximum": 900, "tolerance": 40}
    deployed, served = deploy(diabetes(), fallback={"label": 150.5, "reason": "mean"}, value=value)
    case = deployed.case
    ids = recorded(served, case, 100)
    other, candidate = exported(case, LinearRegression())
    report = replay(tmp_path / "gateway", candidate, rows=tmp_path / "rows.parquet")
    found = told(report)
    rows = case.rows[:ROWS]
    then, now = case.estimator.predict(rows), other.predict(rows)
    apart = np.abs(now - then)
    assert found["apart"] == 40
    assert found["measures"]["flips"]["value"] == pytest.approx((apart > 40).mean())
    size = found["scores"]["mean_absolute_difference"]
    assert size["value"] == pytest.approx(apart.mean(), rel=1e-4)
    assert size["low"] < apart.mean() < size["high"]
    assert found["scores"]["largest"]["decision_id"] == ids[int(apart.argmax())]
    truth, measures = case.truth[:100], found["quality"]["measures"]
    assert measures["mae"]["model"] == pytest.approx(
        mean_absolute_error(truth, now[:100]), rel=1e-4
    )
    assert measures["mae"]["other"] == pytest.approx(
        mean_absolute_error(truth, then[:100]), rel=1e-4
    )
    assert measures["rmse"]["model"] == pytest.approx(
        mean_squared_error(truth, now[:100]) ** 0.5, rel=1e-4
    )
    table = {r["decision_id"]: r for r in pq.read_table(tmp_path / "rows.parquet").to_pylist()}
    np.testing.assert_allclose([table[i]["candidate_label"] for i in ids], now, rtol=1e-4)
    assert [table[i]["flips"] for i in ids] == (apart > 40).tolist()
    page = report.save(tmp_path / "r.md").read_text()
    assert "A value counts as another answer when it lies more than 40.0 away" in page
    assert again(tmp_path / "gateway", ids[3]).verdict.outcome == "pass"
    with pytest.raises(BadInput, match="a cost matrix does not fit a model of values"):
        replay(tmp_path / "gateway", candidate, cost={"fp": -1})
    with pytest.raises(BadInput, match=r"no tolerance for 'roc_auc_difference'"):
        replay(tmp_path / "gateway", candidate, tolerances={"roc_auc_difference": 0.1})


def test_without_a_declared_tolerance_a_tenth_of_the_deviation_is_another_answer(
    deploy: Deploy, tmp_path: Path
) -> None:
    deployed, served = deploy(diabetes(), fallback={"label": 150.5, "reason": "mean"})
    case = deployed.case
    recorded(served, case, 0)
    same = Candidate("same.onnx", deployed.world.app.objects.get(artefact(deployed)), "onnx")
    found = told(replay(tmp_path / "gateway", same))
    deviation = np.std(case.estimator.predict(case.rows[:ROWS]), ddof=1)
    assert found["apart"] == pytest.approx(0.1 * deviation, rel=1e-4)
    assert found["measures"]["flips"]["value"] == 0
    assert found["quality"] is None


def artefact(deployed: Deployed) -> Any:
    (arm,) = deployed.world.bundle().arms
    return arm.artefact


def test_a_candidate_that_answers_in_another_way_is_refused_by_name(
    deploy: Deploy, tmp_path: Path
) -> None:
    deployed, served = deploy(marital_status(), fallback={"label": "widowed", "reason": "most"})
    case = deployed.case
    recorded(served, case, 0)
    numbers = Case(case.estimator, dict(case.columns), case.features, case.rows, case.truth)
    numbers.columns["y"] = np.array([len(v) for v in case.columns["y"]], float)
    _, regression = exported(numbers, LinearRegression())
    with pytest.raises(BadInput, match=r"answers regression, the endpoint multiclass \(divorced"):
        replay(tmp_path / "gateway", regression)
    two = np.isin(case.columns["y"], CLASSES[:3])
    fewer = Case(case.estimator, {n: v[two] for n, v in case.columns.items()}, *case[2:])
    _, three = exported(fewer, DecisionTreeClassifier(max_depth=2))
    with pytest.raises(BadInput, match=r"other\.onnx"):
        replay(tmp_path / "gateway", three)
    _, good = exported(case, DecisionTreeClassifier(max_depth=2))
    odd = Output(kind="multiclass", classes=tuple(CLASSES[::-1]))
    with pytest.raises(BadInput, match="the candidate answers multiclass"):
        replay(tmp_path / "gateway", msgspec.structs.replace(good, output=odd))


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_a_replay_that_a_plan_asks_for_is_judged_by_its_rules_and_kept_by_its_digest(
    deploy: Deploy, tmp_path: Path, kind: str
) -> None:
    case = marital_status() if kind == "classes" else diabetes()
    label = "widowed" if kind == "classes" else 150.5
    deployed, served = deploy(case, fallback={"label": label, "reason": "safe"})
    recorded(served, case, 100)
    client = Recorder()
    version = deployed.world.app.store.get(Version, deployed.version)
    client.documents[f"/versions/{version.key}"] = {"version": to_builtins(version)}
    for digest in (version.artefact.digest, *version.objects.values()):
        client.objects[digest] = deployed.world.app.objects.get(digest)
    quality = "accuracy_difference" if kind == "classes" else "mae_difference"
    asked = ReplayPlan(
        days=4000,
        rules=(Rule("flips", at_most=0.05), Rule(quality, within=50.0), Rule("drops", at_most=1)),
    )
    evidence = replayed(empty(), client, version, asked, tmp_path / "gateway", None)
    told = evidence.replay
    assert told is not None
    assert (told.champion, told.replayed, told.labelled) == (version.key, ROWS, 100)
    assert Digest.of(client.objects[told.report]) == told.report
    whole = msgspec.json.decode(client.objects[told.report])
    assert whole["measures"]["flips"]["value"] == evidence.estimates["flips[replay]"].value == 0
    plan = ValidationPlan(name="p", label="y", owner="ada", quality=(Rule("mae", at_most=1),),
                          replay=asked)  # fmt: skip
    verdict = dict(run_checks(plan, evidence))["replay"]
    assert [r.outcome.value for r in verdict.reasons] == ["pass", "pass", "undecided"]
    (unasked,) = dict(run_checks(plan, empty()))["replay"].reasons
    assert (unasked.outcome.value, "--state" in unasked.message) == ("undecided", True)


def empty() -> Evidence:
    return Evidence(data=Digest.of(b""), rows=0, estimates={})
