"""The gateway before MLServer and `mlflow models serve` as their users start them."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from benchmarks.environment import OTHERS, environment
from tests.gateway.conftest import Serve
from tests.gateway.control import START, Control, bundle
from tests.gateway.elsewhere import remote

from seawall.serving.breaker import Breaking
from seawall.serving.bundle import Bundle
from seawall.serving.fallback import Fallback
from seawall.serving.signature import Field, Signature

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
NAMES = tuple(f"field{i}" for i in range(30))
SIGNATURE = Signature(tuple(Field(name=name, kind="number") for name in NAMES))
ROWS = np.random.default_rng(1).normal(size=(5, 30)).astype(np.float32)
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS.astype(float).round(4).tolist()]
MATRIX = np.array([list(r.values()) for r in RECORDS], np.float32)
KINDS = {
    "mlserver": {"model": "bench", "output": "predict_proba"},
    "mlflow": {"protocol": "mlflow", "model": ""},
}


@contextmanager
def started(name: str, folder: Path, port: int) -> Iterator[str]:
    interpreter = environment(name)
    if interpreter is None:
        pytest.fail(f"{name} does not install here")
    subprocess.run([interpreter, OTHERS / "fit.py", folder], check=True)
    variables = {"BENCH_MODEL": str(folder / "linear.joblib"), "PYTHONPATH": str(OTHERS)}
    process = subprocess.Popen(
        [interpreter, OTHERS / f"serve_{name}.py", str(port)], env=os.environ | variables,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while not listens(port):
            assert process.poll() is None
            assert time.monotonic() < until
            threading.Event().wait(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        kill(process.pid)
        process.wait()


def kill(pid: int) -> None:
    """It and all it started, as a lost machine would."""
    for one in (*psutil.Process(pid).children(recursive=True), psutil.Process(pid)):
        one.kill()


def listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def directly(name: str, url: str) -> tuple[str, dict[str, Any], list[float]]:
    """A request as the server's own users send it, and the scores that it answers."""
    if name == "mlserver":
        tensor = {"name": "x", "datatype": "FP32", "shape": [5, 30],
                  "data": MATRIX.ravel().tolist()}  # fmt: skip
        path, body = "/v2/models/bench/infer", {"inputs": [tensor]}
        body |= {"outputs": [{"name": "predict_proba"}]}
    else:
        path, body = "/invocations", {"dataframe_records": RECORDS}
    answer = httpx.post(url + path, json=body, trust_env=False, timeout=30).json()
    if name == "mlserver":
        return path, body, answer["outputs"][0]["data"][1::2]
    return path, body, [row[1] for row in answer["predictions"]]


def of(control: Control, url: str, name: str, number: int = 1, **given: Any) -> Bundle:
    rule = Breaking(calls=3, open_seconds=0.5, trials=1)
    champion = remote(control, url, timeout_ms=5_000.0, breaker=rule, **KINDS[name])
    defaults: dict[str, Any] = {"arms": (champion,), "signature": SIGNATURE, "grids": {},
                                "unit": None, "protected": ()}  # fmt: skip
    return bundle(number, **(defaults | given))


@pytest.mark.parametrize("name", KINDS)
def test_a_real_server_is_served_observed_lost_and_found_again(
    control: Control, serve: Serve, tmp_path: Path, name: str
):
    port = free_port()
    fallback = Fallback(label=0, reason="a person decides")
    with started(name, tmp_path, port) as url:
        path, body, expected = directly(name, url)
        control.issue(of(control, url, name, fallback=fallback))
        served = serve()
        scores = [a["score"] for a in served.score(*RECORDS)]
        np.testing.assert_allclose(scores, expected, atol=1e-6)
        control.issue(of(control, url, name, 2, mode="observe"))
        served.worker.poll()
        line = httpx.Client(trust_env=False, timeout=30)
        bases = (url, f"http://127.0.0.1:{served.port}")
        without, through = (line.post(f"{base}{path}", json=body) for base in bases)
        assert constant(through) == constant(without)
        lost = [line.get(f"{base}/no/such/path") for base in bases]
        assert [answer.status_code for answer in lost] == [404, 404]
        assert lost[0].content == lost[1].content
        line.close()
        for _ in range(500):
            if len(list(served.gateway.log.pending(START))) == 10:
                break
            threading.Event().wait(0.02)
        *_, record = served.gateway.log.pending(START)
        assert record.action == "observed"
        assert record.score == pytest.approx(expected[-1], abs=1e-6)
        control.issue(of(control, url, name, 3, fallback=fallback))
        served.worker.poll()
        assert served.score(RECORDS[0])[0]["verdict"] == "pass"
    for _ in range(5):
        assert served.score(RECORDS[0])[0]["verdict"] == "fallback"
    assert "left alone" in served.score(RECORDS[0])[0]["reason"]
    with started(name, tmp_path, port):
        for _ in range(200):
            if served.score(RECORDS[0])[0]["verdict"] == "pass":
                break
            threading.Event().wait(0.1)
        assert served.score(RECORDS[0])[0]["verdict"] == "pass"


def constant(answer: httpx.Response) -> tuple[int, dict[str, str], dict[str, Any]]:
    """What a reply says but for an id and a date that each has of its own."""
    varying = ("date", "connection", "x-request-id", "ce-id", "ce-requestid")
    headers = {k: v for k, v in answer.headers.items() if k not in varying}
    return answer.status_code, headers, {k: v for k, v in answer.json().items() if k != "id"}
