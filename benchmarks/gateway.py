"""The gateway beside a bare ASGI handler that calls the same ONNX session, both on one worker.

Sixteen connections each send one row of 30 fields as JSON, over and over.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import httpx
import msgspec

from benchmarks.load import Load, put_load
from benchmarks.measure import ENV, ROOT, Result, Size, python

LIMIT, DURABLE_LIMIT, WORKERS_LIMIT = 0.7, 0.4, 0.9
ADDED_P99_MS = 1.0
FIELDS = 30
CONNECTIONS = 16


class Model(NamedTuple):
    """An ONNX artefact, its inputs by name, and one request for it."""

    artefact: bytes
    columns: dict[str, Any]
    body: bytes


def run(size: Size) -> Iterator[Result]:
    model, span = train(), float(size.rows(3, 10))
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name:
        folder = Path(name)
        words = gateway_words(folder, model)
        (folder / "model.onnx").write_bytes(model.artefact)
        bare = ["-m", "benchmarks.bare", str(folder / "model.onnx")]
        with serving(words) as ours, serving(bare) as peer:
            found: list[tuple[Load, Load]] = []
            for port in (ours, peer):
                put_load(port, model.body, CONNECTIONS, 0.5)
            for _ in range(2):
                found.append(each(ours, peer, model, span))
            mine, theirs = (
                max(loads, key=lambda found: found.rate) for loads in zip(*found, strict=True)
            )
            half = mine.rate / 2
            calm = [each(ours, peer, model, span, half) for _ in range(5)]
        with serving(gateway_words(folder / "durable", model, log="durable")) as port:
            put_load(port, model.body, CONNECTIONS, 0.5)
            runs = [put_load(port, model.body, CONNECTIONS, span) for _ in range(2)]
            safe = max(runs, key=lambda found: found.rate)  # as of the others
    yield Result(
        "gateway, one row", mine.rate, "requests/s", "bare ASGI and ONNX", theirs.rate,
        f"{LIMIT:g} x at least", mine.rate >= LIMIT * theirs.rate,
    )  # fmt: skip
    yield Result("gateway, p99", mine.p99_ms, "ms", "bare ASGI and ONNX", theirs.p99_ms)
    ours_ms, bare_ms = (median(load.p99_ms for load in loads) for loads in zip(*calm, strict=True))
    yield Result(
        f"gateway, p99 at {half:,.0f} requests/s", ours_ms, "ms", "bare ASGI and ONNX", bare_ms,
        f"{ADDED_P99_MS:g} ms more at most", ours_ms - bare_ms <= ADDED_P99_MS,
    )  # fmt: skip
    yield Result(
        "gateway, durable", safe.rate, "requests/s", "bare ASGI and ONNX", theirs.rate,
        f"{DURABLE_LIMIT:g} x at least", safe.rate >= DURABLE_LIMIT * theirs.rate,
    )  # fmt: skip
    one, two = (per_cpu_second(model, workers, span) for workers in (1, 2))
    yield Result(
        "gateway, two workers", two, "requests/CPU s", "one worker", one,
        f"{WORKERS_LIMIT:g} x at least", two >= WORKERS_LIMIT * one,
    )  # fmt: skip


def each(
    ours: int, peer: int, model: Model, span: float, rate: float | None = None
) -> tuple[Load, Load]:
    """The same load on both, one after the other."""
    mine, theirs = (
        put_load(port, model.body, CONNECTIONS, span, rate=rate) for port in (ours, peer)
    )
    return mine, theirs


def per_cpu_second(model: Model, workers: int, span: float) -> float:
    """Requests for each second of the workers' processor time, with `CONNECTIONS` for each."""
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name:
        words = [*gateway_words(Path(name), model), "--workers", str(workers)]
        with serving(words) as port, ProcessPoolExecutor(workers) as callers:
            while cpu_of(port)[1] < workers:
                time.sleep(0.5)
            best = 0.0
            for _ in range(3):
                before, _ = cpu_of(port)
                loads = [
                    callers.submit(put_load, port, model.body, CONNECTIONS, span)
                    for _ in range(workers)
                ]
                served = sum(load.result().rate for load in loads) * span
                best = max(best, served / (cpu_of(port)[0] - before))
            return best


def cpu_of(port: int) -> tuple[float, int]:
    """Processor seconds that a gateway's workers say they took, and how many have said so."""
    time.sleep(2.5)  # they say so at each flush
    url = f"http://127.0.0.1:{port}/metrics"
    text = httpx.get(url, trust_env=False).text
    found = [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("seawall_worker_cpu_seconds_total{")
    ]
    return sum(found), len(found)


def train() -> Model:
    """A scaler and a logistic regression on 30 fields, as ONNX."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from seawall.sdk.export import export

    rng = np.random.default_rng(30)
    matrix = rng.normal(size=(2_000, FIELDS)).astype(np.float32)
    labels = matrix[:, 0] + rng.normal(size=2_000) > 0
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(matrix, labels)
    columns = {f"field{i}": matrix[:, i].astype(float) for i in range(FIELDS)}
    row = {name: round(float(values[0]), 6) for name, values in columns.items()}
    body = msgspec.json.encode({"dataframe_records": [row]})
    return Model(export(fitted, matrix[:100]).artefact, columns, body)


def gateway_words(
    folder: Path, model: Model, log: Literal["enqueued", "durable"] = "enqueued"
) -> list[str]:
    """A gateway's state folder with a signed bundle, and the words that start a gateway on it."""
    from seawall.adapters.signing.envelope import seal
    from seawall.adapters.signing.keys import create_key
    from seawall.gateway.state import State
    from seawall.kernel import Digest
    from seawall.serving.bundle import PAYLOAD_TYPE, Arm, Bundle
    from seawall.serving.signature import infer_signature
    from seawall.statistics.grid import make_grid

    artefact = Digest.of(model.artefact)
    bundle = Bundle(
        endpoint="bench",
        number=1,
        issued=datetime.now(UTC),
        salt=bytes(32),
        signature=infer_signature(model.columns, slack=1.0),
        arms=(Arm(name="champion", version="bench@1", artefact=artefact, weight=1.0),),
        grids={name: make_grid(values) for name, values in model.columns.items()},
        safe=True,
        log=log,
    )
    folder.mkdir(exist_ok=True)
    state, key = State(folder / "state"), create_key(folder / "key.pem")
    state.keep_artefact(model.artefact)
    state.keep_envelope("bench", seal(PAYLOAD_TYPE, bundle.to_bytes(), key), safe=True)
    nobody = f"http://127.0.0.1:{free_port()}"  # the control plane is gone: serving goes on
    return [
        *("-m", "seawall", "gateway", "--endpoint", "bench", "--url", nobody, "--token", "none"),
        *("--trust", str(folder / "key.pem.pub"), "--state-dir", str(folder / "state")),
    ]


@contextmanager
def serving(words: list[str]) -> Generator[int]:
    """Start a server on a free port, wait until it answers, and end it afterwards."""
    port = free_port()
    command = python(*words, "--port", str(port))
    process = subprocess.Popen(
        command, env=ENV, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not answers(port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{words[1]} did not start")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(120)  # the keeper joins what was logged


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
