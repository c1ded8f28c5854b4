"""Several classes and regressions from training to quality: real data, real clients."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tritonclient.http as triton
from fairlearn.metrics import MetricFrame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, mean_absolute_error
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import Control
from tests.gateway.registered import MARITAL, Case, Deployed, diabetes, marital_status

from seawall.adapters.decisions import find
from seawall.app import rollouts
from seawall.app.decisions import reasons
from seawall.kernel import BadInput, Conflict
from seawall.sdk.guard import Guard
from seawall.sdk.score import score
from seawall.server.queries.fairness import by_group
from seawall.server.queries.quality import quality
from seawall.server.queries.traffic import Traffic
from seawall.serving.endpoint import Endpoint
from seawall.serving.label_groups import CALLED, calls
from seawall.statistics.error_gaps import error_gaps
from seawall.statistics.fairness import fairness
from seawall.statistics.multiclass import multiclass
from seawall.statistics.regression import regression

CLASSES = tuple(sorted(MARITAL))
VALUE = {"unit": "points", "minimum": 0, "maximum": 400, "tolerance": 40}
ROWS = 120

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


def moderated(deploy: Deploy, **spec: Any) -> tuple[Deployed, Served]:
    fallback = {"label": "never married", "reason": "the most frequent"}
    return deploy(marital_status(), **({"fallback": fallback} | spec))


def priced(deploy: Deploy, **spec: Any) -> tuple[Deployed, Served]:
    fallback = {"label": 150.5, "reason": "the mean"}
    return deploy(diabetes(), **({"fallback": fallback, "value": VALUE} | spec))


def record(served: Served, decision_id: str) -> Any:
    place = served.gateway.settings
    return find(place.table_root, decision_id, wal_folders=[place.log_folder])


def told(served: Served, predictions: list[dict[str, Any]], labels: list[Any]) -> None:
    body = [
        {"decision_id": p["decision_id"], "label": label}
        for p, label in zip(predictions, labels, strict=True)
    ]
    answer = served.http.post("/outcomes", json=body).json()
    assert answer == {"received": len(body), "rejected": []}
    served.worker.flush()
    served.keeper.join()


def test_classes_are_those_of_scikit_learn_from_training_to_quality(deploy: Deploy):
    deployed, served = moderated(deploy)
    case = deployed.case
    found = served.score(*case.records(ROWS))
    chances = case.estimator.predict_proba(case.rows[:ROWS])
    assert [p["label"] for p in found] == case.estimator.predict(case.rows[:ROWS]).tolist()
    shown = [[p["probabilities"][c] for c in CLASSES] for p in found]
    np.testing.assert_allclose(shown, chances, atol=1e-5)
    np.testing.assert_allclose([p["score"] for p in found], chances.max(axis=1), atol=1e-5)
    kept = record(served, found[0]["decision_id"])
    assert kept.output == {"score": found[0]["score"], "label": found[0]["label"]}
    assert kept.probabilities == found[0]["probabilities"]
    assert kept.threshold is None
    truth = case.truth[:ROWS].tolist()
    told(served, found, truth)
    body = served_labels(deployed)
    calls = [p["label"] for p in found]
    right = round(accuracy_score(truth, calls, normalize=False))
    assert (body.arrived, body.correct, body.wrong) == (ROWS, right, ROWS - right)
    summary = body.classes
    np.testing.assert_array_equal(
        summary.confusion, confusion_matrix(truth, calls, labels=list(summary.classes))
    )
    assert multiclass(summary)["accuracy"].value == pytest.approx(right / ROWS)
    assert shown_quality(deployed) == {"right answers": pytest.approx(right / ROWS)}


def test_values_are_those_of_scikit_learn_from_training_to_quality(deploy: Deploy):
    deployed, served = priced(deploy)
    case = deployed.case
    found = served.score(*case.records(ROWS))
    expected = case.estimator.predict(case.rows[:ROWS])
    np.testing.assert_allclose([p["label"] for p in found], expected, rtol=1e-5)
    assert [p["score"] for p in found] == [p["label"] for p in found]
    assert record(served, found[0]["decision_id"]).output["label"] == found[0]["label"]
    truth = case.truth[:ROWS]
    told(served, found, truth.tolist())
    body = served_labels(deployed)
    right = int((np.abs(expected - truth) <= VALUE["tolerance"]).sum())
    assert (body.arrived, body.correct, body.wrong) == (ROWS, right, ROWS - right)
    error = mean_absolute_error(truth, expected)
    measured = regression(body.values)["mae"]
    assert measured.value == pytest.approx(error, rel=1e-3)
    assert measured.low < error < measured.high
    assert shown_quality(deployed) == {
        "right answers": pytest.approx(right / ROWS),
        "mean absolute error": pytest.approx(error, rel=1e-3),
    }


def served_labels(deployed: Deployed) -> Any:
    return deployed.control.body("labels", version=deployed.version)


def shown_quality(deployed: Deployed) -> dict[str, float]:
    """What the model's page shows last of each measure."""
    deployed.absorb()
    app = deployed.world.app
    shown = quality(Traffic(app, app.store.get(Endpoint, "income")), ())
    return {q.measure: q.points[-1].measured.value for q in shown if q.points[-1].measured}


def in_groups(served: Served, deployed: Deployed, rows: int) -> tuple[list[Any], np.ndarray]:
    """Predictions of records that say a group, and the groups."""
    region = np.array(["north", "south"])[np.random.default_rng(5).integers(0, 2, rows)]
    records = deployed.case.records(rows)
    found = served.score(
        *(r | {"region": g} for r, g in zip(records, region.tolist(), strict=True))
    )
    return found, region


def test_classes_by_group_are_those_of_fairlearn_also_after_a_correction(deploy: Deploy):
    deployed, served = moderated(deploy, protected=["region"])
    found, region = in_groups(served, deployed, ROWS)
    truth = deployed.case.truth[:ROWS].copy()
    told(served, found, ["married", *truth[1:].tolist()])
    told(served, found[:1], ["widowed"])
    truth[0] = "widowed"
    called = np.array([p["label"] for p in found])
    groups = served_labels(deployed).groups
    measures = fairness(calls(groups, "married"), ("region",), CALLED, 10)
    frame = MetricFrame(
        metrics={"right": accuracy_score, "married": lambda _, said: (said == "married").mean()},
        y_true=truth, y_pred=called, sensitive_features=region,
    )  # fmt: skip
    for group in measures.groups:
        expected = frame.by_group.loc[group.by["region"]]
        assert group.measures["accuracy"].value == pytest.approx(expected["right"])
        assert group.measures["selection_rate"].value == pytest.approx(expected["married"])
        assert group.n == (region == group.by["region"]).sum()
    for gap, name in (("accuracy", "right"), ("demographic_parity", "married")):
        estimate = measures.measures[f"{gap}_difference"]
        assert estimate.value == pytest.approx(frame.difference()[name])
        assert estimate.low <= estimate.value <= estimate.high


def test_errors_by_group_are_those_of_fairlearn_also_after_a_correction(deploy: Deploy):
    deployed, served = priced(deploy, protected=["region"])
    found, region = in_groups(served, deployed, ROWS)
    truth = deployed.case.truth[:ROWS]
    told(served, found, [300.0, *truth[1:].tolist()])
    told(served, found[:1], [float(truth[0])])
    said = np.array([p["label"] for p in found])
    groups = served_labels(deployed).groups["region"]
    right = np.abs(said - truth) <= VALUE["tolerance"]
    frame = MetricFrame(
        metrics={"mae": mean_absolute_error, "bias": lambda y, p: float(np.mean(p - y))},
        y_true=truth, y_pred=said, sensitive_features=region,
    )  # fmt: skip
    parts = {name: counted.values for name, counted in groups.items()}
    for name, counted in groups.items():
        measured = regression(parts[name])
        for measure in ("mae", "bias"):
            expected = frame.by_group.loc[name, measure]
            assert measured[measure].value == pytest.approx(expected, rel=1e-2, abs=0.1)
        mine = region == name
        assert (counted.correct, counted.wrong) == (right[mine].sum(), (~right[mine]).sum())
    gaps = error_gaps(list(parts.values()), 0.95)
    for measure in ("mae", "bias"):
        gap = gaps[f"{measure}_difference"]
        assert gap.value == pytest.approx(frame.difference()[measure], rel=2e-2, abs=0.2)
        assert gap.low <= frame.difference()[measure] <= gap.high


def shown_groups(deployed: Deployed) -> dict[str, Any]:
    """What the model's page shows by group."""
    deployed.absorb()
    app = deployed.world.app
    found = by_group(Traffic(app, app.store.get(Endpoint, "income")))
    return {f.measure: f for f in found}


@pytest.mark.parametrize(
    ("deploying", "spec", "shown"),
    [
        (moderated, {"favourable": "married"}, ["right answers", "selection rate"]),
        (moderated, {}, ["right answers"]),
        (priced, {}, ["mean error", "mean absolute error", "right answers"]),
    ],
)
def test_the_page_shows_and_judges_groups_of_every_kind(
    deploy: Deploy, deploying: Callable[..., Any], spec: dict[str, Any], shown: list[str]
):
    deployed, served = deploying(deploy, protected=["region"], **spec)
    found, region = in_groups(served, deployed, ROWS)
    told(served, found, deployed.case.truth[:ROWS].tolist())
    groups = shown_groups(deployed)
    assert list(groups) == shown
    for one in groups.values():
        counts = {g.name: g.n for g in one.groups}
        assert counts == {name: (region == name).sum() for name in ("north", "south")}
        assert one.gap.status.shape in ("good", "bad", "undecided")
        assert one.gap.estimate.low <= one.gap.estimate.value <= one.gap.estimate.high
    if deploying is priced:
        assert groups["mean error"].gap.unit == "points"


def test_a_label_that_is_corrected_leaves_the_counts_as_if_it_had_come_right(deploy: Deploy):
    deployed, served = priced(deploy)
    found = served.score(*deployed.case.records(10))
    values = [p["label"] for p in found]
    told(served, found, [v + 100.0 for v in values])
    told(served, found[:1], [values[0]])
    body = served_labels(deployed)
    assert (body.arrived, body.correct, body.wrong) == (10, 1, 9)
    assert body.values.n == 10
    assert body.values.magnitude.mean == pytest.approx(90.0, rel=1e-3)


def test_labels_that_are_no_class_are_wrong_and_texts_about_a_value_fit_nothing(deploy: Deploy):
    deployed, served = moderated(deploy)
    found = served.score(*deployed.case.records(2))
    told(served, found, [found[0]["label"], "engaged"])
    body = served_labels(deployed)
    assert (body.arrived, body.correct) == (2, 1)
    assert body.confusion["(other)"] == {found[1]["label"]: 1}


def test_a_text_about_a_value_is_counted_as_unfit_and_as_nothing_else(deploy: Deploy):
    deployed, served = priced(deploy)
    told(served, served.score(*deployed.case.records(1)), ["high"])
    assert served_labels(deployed) is None
    assert 'seawall_outcomes_total{result="unfit"} 1' in served.http.get("/metrics").text


def test_triton_reads_classes_as_texts_and_probabilities_as_a_matrix(deploy: Deploy):
    deployed, served = moderated(deploy)
    client = triton.InferenceServerClient(str(served.http.base_url).removeprefix("http://"))
    case = deployed.case
    tensor = triton.InferInput("rows", [8, len(case.features)], "FP64")
    tensor.set_data_from_numpy(case.rows[:8])
    for binary in (True, False):
        wanted = [
            triton.InferRequestedOutput(n, binary_data=binary) for n in ("label", "probabilities")
        ]
        answer = client.infer("income", [tensor], outputs=wanted)
        chances = answer.as_numpy("probabilities")
        assert chances.shape == (8, len(CLASSES))
        np.testing.assert_allclose(chances, case.estimator.predict_proba(case.rows[:8]), atol=1e-5)
        labels = [v.decode() if binary else v for v in answer.as_numpy("label").tolist()]
        assert [str(v) for v in labels] == case.estimator.predict(case.rows[:8]).tolist()
    about = {o["name"]: o for o in client.get_model_metadata("income")["outputs"]}
    assert about["probabilities"]["parameters"] == {"classes": list(CLASSES)}
    assert about["label"]["datatype"] == "BYTES"
    client.close()


def test_triton_and_mlflow_read_a_value_as_a_number(deploy: Deploy):
    deployed, served = priced(deploy)
    case = deployed.case
    client = triton.InferenceServerClient(str(served.http.base_url).removeprefix("http://"))
    tensor = triton.InferInput("rows", [8, len(case.features)], "FP64")
    tensor.set_data_from_numpy(case.rows[:8])
    answer = client.infer("income", [tensor])
    expected = case.estimator.predict(case.rows[:8])
    assert answer.as_numpy("label").dtype == np.float64
    np.testing.assert_allclose(answer.as_numpy("label"), expected, rtol=1e-5)
    about = {o["name"]: o for o in client.get_model_metadata("income")["outputs"]}
    assert about["label"]["parameters"] == {"unit": "points"}
    client.close()
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what mlflow says of itself while it is imported
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    mlflow = ScoringServerClient("127.0.0.1", served.port)
    said = mlflow.invoke(pd.DataFrame(case.rows[:8], columns=list(case.features)))
    np.testing.assert_allclose(said.get_predictions()["label"], expected, rtol=1e-5)


def test_an_uncertain_class_is_left_to_a_person_and_a_value_is_kept_within_its_bounds(
    deploy: Deploy,
):
    guards = [
        {"name": "uncertain", "action": "abstain", "margin_at_most": 0.3},
        {"name": "widowed", "action": "flag", "classes": ["widowed"]},
    ]
    deployed, served = moderated(deploy, guards=guards)
    case = deployed.case
    found = served.score(*case.records(ROWS))
    chances = np.sort(case.estimator.predict_proba(case.rows[:ROWS]), axis=1)
    unsure = chances[:, -1] - chances[:, -2] <= 0.3
    assert 0 < unsure.sum() < ROWS
    assert [p["label"] is None for p in found] == unsure.tolist()
    calls = case.estimator.predict(case.rows[:ROWS])
    flagged = [p["verdict"] == "flag" for p in found]
    assert flagged == (unsure | (calls == "widowed")).tolist()
    decided = record(served, found[int(np.argmax(unsure))]["decision_id"])
    assert decided.guards == {"uncertain": "abstain"} | (
        {"widowed": "flag"} if "widowed" in decided.guards else {}
    )


def test_a_value_beyond_its_range_falls_back_and_a_clamp_holds_it(deploy: Deploy):
    clamp = {"name": "cap", "action": "clamp", "score_at_least": 150, "clamp_to": [0, 150]}
    spec = {"value": VALUE | {"minimum": 100}, "guards": [clamp]}
    deployed, served = priced(deploy, **spec)
    case = deployed.case
    found = served.score(*case.records(ROWS))
    expected = case.estimator.predict(case.rows[:ROWS])
    shown = np.array([p["label"] for p in found])
    np.testing.assert_allclose(shown[expected < 100], 150.5)
    rest = expected >= 100
    np.testing.assert_allclose(shown[rest], np.minimum(expected[rest], 150), rtol=1e-5)
    assert {p["verdict"] for p in np.array(found)[expected < 100]} == {"fallback"}


def test_a_shadow_of_several_classes_is_scored_beside_the_champion(deploy: Deploy):
    deployed, served = moderated(deploy)
    live = served.gateway.holder.live["income"]
    live.shadow = type(live.champion)(**{**_fields(live.champion), "name": "shadow", "weight": 0.0})
    live.models = {**live.models, "shadow": live.models["champion"]}
    served.score(*deployed.case.records(30))
    served.worker.flush()
    body = deployed.control.body("shadow", "shadow", deployed.version)
    (pair,) = body.against.values()
    assert (pair.rows, pair.flips) == (30, 0)
    assert np.trace(pair.table) == 30


def test_calls_cost_what_is_declared_of_their_arm(deploy: Deploy):
    costs = {"*": {"amount": 0.0015, "currency": "EUR"}}
    deployed, served = priced(deploy, costs=costs)
    served.score(*deployed.case.records(40))
    served.worker.flush()
    assert deployed.control.body("counters", version=deployed.version).costs == {"EUR": 60_000}
    page = served.http.get("/metrics").text
    (line,) = [ln for ln in page.splitlines() if ln.startswith("seawall_cost_total{")]
    assert 'currency="EUR"' in line
    assert float(line.split()[-1]) == pytest.approx(0.06)


def test_decisions_that_are_not_sampled_leave_all_but_their_inputs(deploy: Deploy):
    sampling = {"rate": 0.0, "strata": [{"rate": 1.0, "label": "widowed"}]}
    guards = [{"name": "unsure", "action": "flag", "score_at_most": 0.5}]
    deployed, served = moderated(deploy, sampling=sampling, guards=guards)
    found = served.score(*deployed.case.records(ROWS))
    whole = 0
    for p in found:
        kept = record(served, p["decision_id"])
        assert (kept.model, kept.output["label"]) == (deployed.version, p["label"])
        assert kept.guards == ({"unsure": "flag"} if p["verdict"] == "flag" else {})
        if p["verdict"] == "flag" or p["label"] == "widowed":
            whole += 1
            assert (kept.kept_probability, kept.minimal, kept.weight) == (1.0, None, 1.0)
            assert kept.input.keys() == set(deployed.case.features)
        else:
            assert (kept.kept_probability, kept.minimal, kept.weight) == (0.0, True, 0.0)
            assert kept.input == {}
    assert 0 < whole < ROWS
    truth = deployed.case.truth[:ROWS].tolist()
    told(served, found, truth)
    assert served_labels(deployed).arrived == ROWS


@pytest.mark.parametrize("deploying", [moderated, priced], ids=["classes", "values"])
def test_a_guard_and_a_batch_answer_as_the_gateway_does(
    deploy: Deploy, deploying: Callable[..., Any], tmp_path: Path
):
    deployed, served = deploying(deploy)
    case, records = deployed.case, deployed.case.records(20)
    answered = served.score(*records)
    with Guard.load(served.gateway.settings.state_dir, clock=deployed.world.clock) as guard:
        alone = [guard.decide(r) for r in records]
        columns: dict[str, Any] = {n: case.rows[:20, i] for i, n in enumerate(case.features)}
        columns["id"] = [f"p{i}" for i in range(20)]
        score(guard, columns, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet").to_pydict()
    for labels in ([a.label for a in alone], table["label"]):
        if deploying is moderated:
            assert labels == [p["label"] for p in answered]
        else:
            np.testing.assert_allclose(labels, [p["label"] for p in answered], rtol=1e-6)
    if deploying is moderated:
        chances = np.column_stack([table[f"probability_{c}"] for c in CLASSES])
        np.testing.assert_allclose(chances, case.estimator.predict_proba(case.rows[:20]), atol=1e-5)
        assert alone[0].probabilities.keys() == set(CLASSES)


@pytest.mark.parametrize("deploying", [moderated, priced], ids=["classes", "values"])
def test_the_reasons_of_a_decision_are_those_that_moved_its_class_or_its_value(
    deploy: Deploy, deploying: Callable[..., Any]
):
    deployed, served = deploying(deploy)
    (said,) = served.score(*deployed.case.records(1))
    found = reasons(deployed.world.app, record(served, said["decision_id"]))
    assert found
    row = deployed.case.rows[0].copy()
    strongest = found[0]
    row[deployed.case.features.index(strongest.field)] = strongest.typical
    estimator = deployed.case.estimator
    if deploying is moderated:
        told_ = estimator.predict_proba(row[None])[0][CLASSES.index(said["label"])]
    else:
        told_ = estimator.predict(row[None])[0]
    assert strongest.score_with_typical == pytest.approx(told_, rel=1e-4)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def test_a_model_that_answers_in_another_way_than_its_bundle_says_is_refused(deploy: Deploy):
    deployed, served = priced(deploy)
    from seawall.gateway.holder import try_model
    from seawall.serving.output import Output

    model = served.gateway.holder.live["income"].models["champion"]
    signature = deployed.world.bundle().signature
    other = Output(kind="multiclass", classes=("a", "b", "c"))
    with pytest.raises(BadInput, match=r"the model says regression, the bundle multiclass"):
        try_model(model, signature, "income@1", other)  # type: ignore[arg-type]


def test_versions_that_answer_in_other_ways_do_not_share_an_endpoint(deploy: Deploy):
    from sklearn.linear_model import LinearRegression

    deployed, _ = moderated(deploy)
    case = deployed.case
    rows = np.column_stack([case.columns[n] for n in case.features])
    model = LinearRegression().fit(rows, rows[:, 0])
    other = case._replace(estimator=model, columns=case.columns | {"y": rows[:, 0]})
    world, version = deployed.world, deployed.approved(other)
    with pytest.raises(Conflict, match="answers in another way"):
        rollouts.start(world.app, world.otto, "income", version)


def test_values_without_a_tolerance_are_neither_right_nor_wrong(deploy: Deploy):
    spec = {"value": {k: v for k, v in VALUE.items() if k != "tolerance"}}
    deployed, served = priced(deploy, **spec)
    found = served.score(*deployed.case.records(ROWS))
    told(served, found, deployed.case.truth[:ROWS].tolist())
    labels = served_labels(deployed)
    assert (labels.arrived, labels.correct, labels.wrong) == (ROWS, 0, 0)
    assert shown_quality(deployed).keys() == {"mean absolute error"}


odd = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**70), 2**70) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def bodies(case: Case) -> st.SearchStrategy[bytes]:
    """Requests near right ones: fields good, odd or gone; and bytes of any sort."""
    places = st.integers(0, len(case.rows) - 1)
    good = places.map(lambda i: dict(zip(case.features, map(float, case.rows[i]), strict=True)))
    changed = st.dictionaries(st.sampled_from([*case.features, "x"]), odd, max_size=2)
    row = st.builds(lambda r, c: r | c, good, changed) | good
    rows = st.lists(row, min_size=0, max_size=3)
    shapes = st.sampled_from(["dataframe_records", "instances"])
    asked = st.builds(lambda name, r: {name: r}, shapes, rows) | odd
    return asked.map(lambda a: json.dumps(a).encode()) | st.binary(max_size=60)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("deploying", [moderated, priced], ids=["classes", "values"])
def test_no_body_of_ten_thousand_makes_the_gateway_fail(
    deploy: Deploy, deploying: Callable[..., Any]
):
    deployed, served = deploying(deploy)
    answered: Counter[int] = Counter()
    known = set(map(str, CLASSES)) if deploying is moderated else None

    @given(bodies(deployed.case))
    @settings(
        max_examples=10_000,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def ask(body: bytes) -> None:
        headers = {"content-type": "application/json"}
        answer = served.http.post("/invocations", content=body, headers=headers)
        answered[answer.status_code] += 1
        assert answer.status_code in (200, 400)
        for said in answer.json().get("predictions", ()):
            if known is not None:
                assert said["label"] in known
            else:
                assert 0 <= said["label"] <= 400

    ask()
    assert answered[200] > 1_000
    assert sum(answered.values()) >= 10_000
