"""The gateway beside other servers of models: same model, same client, one worker, in turn.

Sixteen connections each send one row of 30 fields as JSON, over and over; one server is alive at a
time. All but the last rows are scikit-learn models, as these servers' users serve them, beside the
gateway's ONNX session; the last are the same ONNX session in theirs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.environment import OTHERS, environment, pinned
from benchmarks.gateway import CONNECTIONS, Model, free_port, gateway_words
from benchmarks.load import Load, put_load
from benchmarks.measure import ENV, ROOT, Result, Size, python

PATHS = {
    "litserve": "/predict",
    "mlserver": "/v2/models/bench/infer",
    "bentoml": "/predict",
    "mlflow": "/invocations",
    "ray": "/",
}
CASES = {
    "logistic regression": ("linear", "joblib", 8.0, tuple(PATHS)),
    "100-tree forest": ("forest", "joblib", 50.0, ("litserve", "mlserver")),
    "same ONNX session": ("linear", "onnx", 2.0, ("litserve", "mlserver")),
}
"""Of each: the model's file, the least ratio of requests a second wanted, and whom beside."""
START_SECONDS = 90.0


class Server(NamedTuple):
    """What starts a server (the port follows), in which environment, and how it is asked."""

    words: Sequence[str]
    variables: Mapping[str, str]
    path: str
    body: bytes


def run(size: Size) -> Iterator[Result]:
    span = float(size.rows(3, 10))
    there = {name: found for name in PATHS if (found := environment(name))}
    for told, (model, kind, limit, names) in CASES.items():
        for name in names:
            if name in there:
                with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
                    yield from _beside(
                        name, there[name], Path(folder), f"{model}.{kind}", (told, limit, span)
                    )


def _beside(
    name: str, interpreter: Path, folder: Path, file: str, case: tuple[str, float, float]
) -> Iterator[Result]:
    told, limit, span = case
    mine = _ours(folder, file)
    theirs = _theirs(name, interpreter, folder, file, mine.body)
    found: list[tuple[Load, Load]] = []
    try:
        for _ in range(2):
            loads: list[Load] = []
            for server in (mine, theirs):
                with _serving(server) as port:
                    put_load(port, server.body, CONNECTIONS, 1.0, server.path)
                    loads.append(put_load(port, server.body, CONNECTIONS, span, server.path))
            found.append((loads[0], loads[1]))
    except (RuntimeError, OSError, TimeoutError) as error:
        print(f"{name} is left out with {file}: {error}", file=sys.stderr)
        return
    ours, peer = (max(loads, key=lambda load: load.rate) for loads in zip(*found, strict=True))
    beside = pinned(name)
    yield Result(
        f"gateway, {told}", ours.rate, "requests/s", beside, peer.rate,
        f"{limit:g} x at least", ours.rate >= limit * peer.rate,
    )  # fmt: skip
    yield Result(
        f"gateway, {told}, p99", ours.p99_ms, "ms", beside, peer.p99_ms, "1 x",
        ours.p99_ms <= peer.p99_ms,
    )  # fmt: skip


def _ours(folder: Path, file: str) -> Server:
    """The gateway with every guard on, its decision log in the folder."""
    import joblib
    import numpy as np

    from seawall.sdk.export import export

    subprocess.run(python(str(OTHERS / "fit.py"), str(folder)), env=ENV, cwd=ROOT, check=True)
    matrix = np.load(folder / "matrix.npy")
    fitted: Any = joblib.load((folder / file).with_suffix(".joblib"))
    columns = {f"field{i}": v.astype(float) for i, v in enumerate(matrix.T)}
    row = {name: round(float(values[0]), 6) for name, values in columns.items()}
    body = msgspec.json.encode({"dataframe_records": [row]})
    artefact = export(fitted, matrix[:100]).artefact
    (folder / file).with_suffix(".onnx").write_bytes(artefact)
    words = gateway_words(folder, Model(artefact, columns, body))
    return Server(python(*words, "--port"), {}, "/invocations", body)


def _theirs(name: str, interpreter: Path, folder: Path, file: str, body: bytes) -> Server:
    """Fitted by its own scikit-learn, which need not be ours, unless it is ONNX."""
    if file.endswith(".joblib"):
        words = [str(interpreter), str(OTHERS / "fit.py"), str(folder)]
        subprocess.run(words, env=ENV, cwd=ROOT, check=True)
    if name == "mlserver":
        (row,) = msgspec.json.decode(body)["dataframe_records"]
        data = list(row.values())
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, len(data)], "data": data}
        outputs = [{"name": "predict_proba"}]
        body = msgspec.json.encode({"inputs": [tensor], "outputs": outputs})
    variables = {"BENCH_MODEL": str(folder / file), "PYTHONPATH": str(OTHERS)}
    words = [str(interpreter), str(OTHERS / f"serve_{name}.py")]
    return Server(words, variables, PATHS[name], body)


@contextmanager
def _serving(server: Server) -> Generator[int]:
    """Start a server on a free port, wait until it answers with 200, end it and all it started."""
    port = free_port()
    process = subprocess.Popen(
        [*server.words, str(port)], env={**ENV, **server.variables}, cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _await(process, port, server)
        yield port
    finally:
        _end(process)


def _await(process: subprocess.Popen[bytes], port: int, server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            put_load(port, server.body, 1, 0.0, server.path)
            return
        except (RuntimeError, OSError, TimeoutError) as error:
            if process.poll() is not None:
                raise RuntimeError(f"it ended with status {process.returncode}") from error
            if time.monotonic() > deadline:
                raise RuntimeError(f"it did not answer, at last: {error}") from error
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, in whichever session."""
    import psutil

    try:
        rest = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        rest = []
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    process.kill()
    for one in rest:
        with suppress(psutil.NoSuchProcess):
            one.kill()
