"""Several classes and values from real servers elsewhere: a gateway's own, and MLflow's."""

from __future__ import annotations

import socket
import threading
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from tests.adapters.misbehaving import Misbehaving, binary, mlflow, oip
from tests.gateway.conftest import Serve
from tests.gateway.control import START, Control, bundle
from tests.gateway.elsewhere import elsewhere
from tests.gateway.registered import MARITAL, Case, Deployed, diabetes, marital_status

from seawall.kernel import Digest
from seawall.sdk.remote import BlockingModel
from seawall.serving.bundle import Arm
from seawall.serving.fallback import Fallback
from seawall.serving.output import Output
from seawall.serving.remote import FORMAT, RemoteServer
from seawall.serving.signature import Field, Signature

CLASSES = tuple(sorted(MARITAL))
ROWS = 40


SAFE = {"multiclass": "widowed", "regression": 150.5}


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with elsewhere() as made:
        yield made


def case_of(kind: str) -> Case:
    return marital_status() if kind == "multiclass" else diabetes()


def signature(case: Case) -> Signature:
    return Signature(tuple(Field(name=n, kind="number") for n in case.features))


def asked(kind: str, url: str, **given: Any) -> RemoteServer:
    told: dict[str, Any] = {"task": kind, "classes": CLASSES if kind == "multiclass" else ()}
    return RemoteServer(name="risk", url=url, timeout_ms=5_000.0, **(told | given))


def expected(case: Case, kind: str) -> np.ndarray:
    rows = case.rows[:ROWS]
    chances = kind == "multiclass"
    return case.estimator.predict_proba(rows) if chances else case.estimator.predict(rows)


def in_front(control: Control, server: RemoteServer, case: Case, kind: Any, **given: Any) -> None:
    """Issue a bundle whose champion is that server."""
    artefact = server.to_bytes()
    digest = Digest.of(artefact)
    control.objects[digest] = artefact
    arm = Arm(name="champion", version="m@1", artefact=digest, format=FORMAT, weight=1.0)
    said = Output(kind=kind, classes=CLASSES if kind == "multiclass" else ())
    fallback = Fallback(label=SAFE[kind], reason="the safe answer")
    plain: dict[str, Any] = {"grids": {}, "unit": None, "protected": ()}
    control.issue(
        bundle(arms=(arm,), output=said, signature=signature(case), fallback=fallback,
               **(plain | given))
    )  # fmt: skip


@contextmanager
def mlflow_server(case: Case, kind: str, folder: Path) -> Generator[str]:
    """MLflow's own scoring server of a saved scikit-learn model, on a free port."""
    import uvicorn

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what mlflow says of itself while it is imported
        import mlflow.pyfunc
        import pandas as pd
        from mlflow import sklearn as flavour  # pyright: ignore[reportPrivateImportUsage]
        from mlflow.pyfunc.scoring_server import init

        answer = "predict_proba" if kind == "multiclass" else "predict"
        named = pd.DataFrame({n: case.columns[n] for n in case.features})
        fitted = clone(case.estimator).fit(named, case.columns["y"])
        flavour.save_model(
            fitted, folder, pyfunc_predict_fn=answer, pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )  # fmt: skip
        app = init(mlflow.pyfunc.load_model(str(folder)))
    line = socket.create_server(("127.0.0.1", 0))
    engine = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=engine.run, args=([line],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{line.getsockname()[1]}"
    finally:
        engine.should_exit = True
        thread.join(20)
        line.close()


@pytest.mark.parametrize("kind", SAFE)
def test_a_gateway_before_mlflows_server_answers_what_scikit_learn_does(
    control: Control, serve: Serve, tmp_path: Path, kind: str
) -> None:
    case = case_of(kind)
    with mlflow_server(case, kind, tmp_path / "model") as url:
        in_front(control, asked(kind, url, protocol="mlflow"), case, kind)
        found = serve().score(*case.records(ROWS))
    truth = expected(case, kind)
    assert {p["verdict"] for p in found} == {"pass"}
    if kind == "multiclass":
        shown = [[p["probabilities"][c] for c in CLASSES] for p in found]
        np.testing.assert_allclose(shown, truth, atol=1e-5)
        assert [p["label"] for p in found] == [CLASSES[i] for i in truth.argmax(axis=1)]
    else:
        np.testing.assert_allclose([p["label"] for p in found], truth, rtol=1e-5)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("kind", SAFE)
def test_a_server_of_the_open_inference_protocol_is_asked_in_both_of_its_forms(
    control: Control, serve: Serve, tmp_path: Path, kind: str, raw: bool
) -> None:
    case = case_of(kind)
    (tmp_path / "plane").mkdir()
    deployed = Deployed(tmp_path, control, case, fallback={"label": SAFE[kind], "reason": "safe"})
    port = serve(**deployed.settings).port
    output = "probabilities" if kind == "multiclass" else "label"
    server = asked(
        kind, f"http://127.0.0.1:{port}", model="income", input="rows", output=output,
        binary=raw,
    )  # fmt: skip
    model = BlockingModel(server, signature(case))
    found = model.columns(case.rows[:ROWS].astype(np.float32))
    truth = expected(case, kind)
    np.testing.assert_allclose(found, truth.reshape(ROWS, -1), rtol=1e-4, atol=1e-5)
    model.close()
    deployed.close()


FIFTHS: list[Any] = [0.2] * 5


@pytest.mark.parametrize(
    ("kind", "answer", "why"),
    [
        ("multiclass", oip(FIFTHS[:3], [1, 3]), "answered 3 numbers a row for 5 classes"),
        ("multiclass", oip([0.5]), "answered 1 numbers a row for 5 classes"),
        ("multiclass", oip([0.9] * 5, [1, 5]), "no probabilities: they do not add up to 1"),
        ("multiclass", oip([2.0, -1.0, 0, 0, 0], [1, 5]), "no probabilities"),
        ("multiclass", oip([None] * 5, [1, 5]), "a score that is no finite number"),
        ("multiclass", oip(FIFTHS * 2, [2, 5]), "something else than its protocol says"),
        ("multiclass", oip(["a"] * 5, [1, 5]), "something else than its protocol says"),
        ("regression", oip([1.0, 2.0], [1, 2]), "answered 2 numbers a row for one value"),
        ("regression", oip([None]), "a value that is no finite number"),
        ("regression", binary([float("inf")]), "a value that is no finite number"),
        ("regression", oip(["high"]), "something else than its protocol says"),
    ],
)
def test_what_is_no_answer_of_the_kind_falls_back_and_the_record_says_why(
    control: Control, serve: Serve, server: Misbehaving, kind: str, answer: bytes, why: str
) -> None:
    case, server.answer = case_of(kind), answer
    in_front(control, asked(kind, server.url, model="m"), case, kind)
    served = serve()
    (given,) = served.score(*case.records(1))
    assert (given["verdict"], given["label"]) == ("fallback", SAFE[kind])
    (record,) = served.gateway.log.pending(START)
    assert why in record.reasons[0]


@pytest.mark.parametrize(
    "answer", [[dict(zip(CLASSES, FIFTHS, strict=True))], {c: [0.2] for c in CLASSES[::-1]}]
)
def test_a_frame_of_mlflows_is_read_by_the_names_of_the_classes(
    control: Control, serve: Serve, server: Misbehaving, answer: Any
) -> None:
    case, server.answer = marital_status(), mlflow(answer)
    in_front(control, asked("multiclass", server.url, protocol="mlflow"), case, "multiclass")
    (given,) = serve().score(*case.records(1))
    assert given["probabilities"] == dict(zip(CLASSES, FIFTHS, strict=True))


def test_a_server_of_another_kind_than_the_bundle_says_is_not_adopted(
    control: Control, serve: Serve, server: Misbehaving
) -> None:
    case = marital_status()
    in_front(control, asked("regression", server.url, model="m"), case, "multiclass")
    assert serve(endpoints=("m",)).gateway.holder.live == {}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"task": "multiclass"}, "a model of several classes needs their names"),
        ({"task": "multiclass", "classes": ("a", "a")}, "two classes have one name"),
        ({"classes": ("a", "b")}, "classes go with task: multiclass"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(given: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RemoteServer(name="risk", url="http://there", model="m", **given)
