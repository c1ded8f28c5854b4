from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import psutil
import pytest
import xgboost
from sklearn.linear_model import LinearRegression, LogisticRegression
from tests.gateway.control import model, training_rows

from seawall.adapters.runtimes import load, native
from seawall.adapters.runtimes.worker import WorkerModel
from seawall.kernel import BadInput, Unavailable

ROWS = training_rows()
LABELS = (ROWS[:, 0] > 50).astype(int)
WILD = '''
import os, socket, sys, time
import numpy as np

class Wild:
    """A model whose first field says what it does."""
    n_features_in_ = 3

    def predict(self, rows):
        what = int(rows[0, 0])
        if what == 1:
            time.sleep(600)
        if what == 2:
            os._exit(3)
        if what == 3:
            raise RuntimeError("the secret row is " + str(rows))
        if what == 4:
            return np.full(len(rows), float(self.reach()))
        if what == 5:
            np.ones(1 << 34, dtype=np.uint8)
        if what == 6:
            print("noise", flush=True); sys.stderr.write("noise")
        if what == 7:
            return np.full(len(rows), float("SECRET_TOKEN" in os.environ))
        if what == 8:
            return np.zeros(1)
        if what == 9:
            time.sleep(0.3)
        return rows[:, 1]

    @staticmethod
    def reach():
        try:
            socket.create_connection(("127.0.0.1", PORT), 1).close()
        except OSError:
            return False
        return True
'''


@pytest.fixture
def wild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WorkerModel]]:
    made: list[WorkerModel] = []

    def start(port: int = 9, **given: Any) -> WorkerModel:
        (tmp_path / "wild_model.py").write_text(WILD.replace("PORT", str(port)))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("SECRET_TOKEN", "x")
        artefact = b"cwild_model\nWild\n)R."  # a call without arguments, in pickle's first protocol
        made.append(WorkerModel(artefact, "pickle", **given))
        return made[-1]

    yield start
    for worker in made:
        worker.close()


def asked(worker: WorkerModel, what: int, rows: int = 1) -> list[float]:
    matrix = np.zeros((rows, 3), np.float32)
    matrix[:, 0], matrix[:, 1] = what, np.arange(rows)
    return worker.scores(matrix).tolist()


def until_it_answers(worker: WorkerModel) -> list[float]:
    back = threading.Event()
    for _ in range(600):
        try:
            return asked(worker, 0, 3)
        except Unavailable:
            back.wait(0.05)
    raise AssertionError("the worker did not come back")


def saved(kind: str) -> tuple[bytes, Any]:
    if kind == "xgboost":
        booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(ROWS, LABELS), 5)
        return bytes(booster.save_raw("ubj")), booster.inplace_predict(ROWS)
    if kind == "lightgbm":
        told = {"objective": "binary", "verbose": -1, "num_threads": 1}
        trees = lightgbm.train(told, lightgbm.Dataset(ROWS, LABELS), 5)
        return trees.model_to_string().encode(), trees.predict(ROWS)
    import skops.io

    return skops.io.dumps(model()), model().predict_proba(ROWS.astype(float))[:, 1]


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm", "skops"])
def test_a_native_format_scores_as_its_library_does_exactly(kind: str) -> None:
    artefact, expected = saved(kind)
    worker = load(artefact, kind)
    assert worker.output.kind == "binary"
    np.testing.assert_array_equal(worker.scores(ROWS), np.asarray(expected, dtype=np.float64))
    np.testing.assert_array_equal(worker.scores(ROWS[:1]), worker.scores(ROWS)[:1])


def test_a_batch_larger_than_a_pipe_goes_through(wild: Callable[..., WorkerModel]) -> None:
    assert asked(wild(timeout=60.0), 0, 100_000) == list(range(100_000))


def test_bytes_of_another_kind_are_refused_and_leave_no_process() -> None:
    before = len(psutil.Process().children())
    with pytest.raises(BadInput, match="cannot be loaded") as error:
        load(b"no model", "lightgbm")
    assert "\n" not in str(error.value)
    assert len(psutil.Process().children()) == before


def test_a_skops_file_with_a_type_of_its_own_is_refused() -> None:
    import skops.io

    class Own(LinearRegression):
        pass

    data = skops.io.dumps(Own().fit(ROWS, LABELS))
    with pytest.raises(BadInput, match="types that are not trusted"):
        native.read(data, "skops")


def test_a_pickle_is_read_only_when_its_code_is_approved_and_never_in_this_process() -> None:
    class Exploit:
        def __reduce__(self) -> Any:
            return (os._exit, (9,))

    for protocol in (0, 5):
        data = pickle.dumps(Exploit(), protocol=protocol)
        with pytest.raises(BadInput, match="pickle"):
            load(data, "pickle")
        with pytest.raises(BadInput, match="cannot be loaded"):
            load(data, "pickle", code_approved=True)


@pytest.mark.parametrize(
    ("what", "told"),
    [(1, "no answer within 0.5 s"), (2, "died"), (5, "raised an error|died")],
    ids=["hangs", "exits", "takes too much memory"],
)
def test_a_worker_that_fails_is_unavailable_in_time_and_comes_back(
    wild: Callable[..., WorkerModel], what: int, told: str
) -> None:
    worker = wild()
    assert asked(worker, 0, 3) == [0, 1, 2]
    with pytest.raises(Unavailable, match=told):
        asked(worker, what)
    assert until_it_answers(worker) == [0, 1, 2]


def test_who_does_not_wait_leaves_the_worker_alive_and_others_their_own_answers(
    wild: Callable[..., WorkerModel],
) -> None:
    worker = wild(timeout=20.0)
    hurried = worker.within(0.05)
    slow = np.array([[9, 7, 0]], np.float32)
    with pytest.raises(Unavailable, match=r"no answer within 0\.05 s"):
        hurried.scores(slow)
    with pytest.raises(Unavailable, match="busy"):
        hurried.scores(slow)
    assert asked(worker, 0, 3) == [0, 1, 2]
    assert worker.within(10.0).scores(slow).tolist() == [7]
    assert worker.restarts == 0


def test_a_worker_that_hangs_on_who_did_not_wait_is_replaced_when_its_time_is_over(
    wild: Callable[..., WorkerModel],
) -> None:
    worker = wild(timeout=0.5)
    with pytest.raises(Unavailable):
        worker.within(0.05).scores(np.array([[1, 0, 0]], np.float32))
    assert until_it_answers(worker) == [0, 1, 2]
    assert worker.restarts == 1


def test_a_worker_that_is_killed_comes_back(wild: Callable[..., WorkerModel]) -> None:
    worker = wild()
    (child,) = (c for c in psutil.Process().children() if "seawall" in " ".join(c.cmdline()))
    child.kill()
    with pytest.raises(Unavailable, match="died"):
        asked(worker, 0)
    assert until_it_answers(worker) == [0, 1, 2]
    assert worker.restarts == 1


def test_what_a_model_raises_prints_or_miscounts_ends_neither_it_nor_its_caller(
    wild: Callable[..., WorkerModel],
) -> None:
    worker = wild(timeout=20.0)
    with pytest.raises(Unavailable, match="raised an error") as error:
        asked(worker, 3)
    assert "secret" not in str(error.value)
    with pytest.raises(Unavailable, match="raised an error"):
        asked(worker, 8, 2)
    assert asked(worker, 6, 2) == [0, 1]
    assert worker.restarts == 0


def test_a_worker_reaches_no_network_and_sees_no_secret(wild: Callable[..., WorkerModel]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        worker = wild(listening.getsockname()[1], timeout=20.0)
        assert asked(worker, 4) == [0.0]
        assert asked(worker, 7) == [0.0]
    assert worker.isolation in ("network namespace", "no new descriptors once loaded")


def test_calls_from_many_threads_get_their_own_answers(wild: Callable[..., WorkerModel]) -> None:
    worker, wrong = wild(timeout=60.0), list[int]()

    def call(seed: int) -> None:
        matrix = np.zeros((50, 3), np.float32)
        matrix[:, 1] = np.random.default_rng(seed).integers(0, 99, 50)
        for _ in range(20):
            if not np.array_equal(worker.scores(matrix), matrix[:, 1]):
                wrong.append(seed)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_model_that_is_closed_or_let_go_takes_its_process_along(
    wild: Callable[..., WorkerModel],
) -> None:
    before = {c.pid for c in psutil.Process().children()}
    worker = wild()
    assert worker.output.kind == "regression"
    assert {c.pid for c in psutil.Process().children()} != before
    worker.close()
    assert {c.pid for c in psutil.Process().children()} == before
    let_go = WorkerModel(b"cwild_model\nWild\n)R.", "pickle")
    del let_go
    assert {c.pid for c in psutil.Process().children()} == before


def test_the_serving_process_imports_no_library_of_the_models() -> None:
    code = (
        "import sys, numpy as np\n"
        "from seawall.adapters.runtimes import load\n"
        "m = load(sys.stdin.buffer.read(), 'xgboost')\n"
        "m.scores(np.zeros((1, 3), np.float32))\n"
        "print([n for n in ('xgboost', 'sklearn', 'scipy') if n in sys.modules])"
    )
    import subprocess

    artefact, _ = saved("xgboost")
    done = subprocess.run([sys.executable, "-c", code], input=artefact, capture_output=True)
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()


def test_several_classes_come_in_the_order_of_their_names() -> None:
    many = LogisticRegression(max_iter=1_000).fit(ROWS[:50], ROWS[:50, 2].astype(int))
    found = native.read(pickle.dumps(many), "pickle")
    assert (found.output.kind, found.output.classes) == ("multiclass", (0, 1, 2))
    np.testing.assert_allclose(found.columns(ROWS[:4]).sum(axis=1), 1.0)
