"""A model on another server, registered and asked by code that waits."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.sdk.recorder import Recorder
from tests.sdk.test_training import FEATURES, fitted, people

from seawall.kernel import BadInput, Digest, Unavailable
from seawall.sdk.register import register_file
from seawall.sdk.remote import BlockingModel, load_model, read_remote
from seawall.serving.breaker import Breaking
from seawall.serving.remote import FORMAT, RemoteServer
from seawall.serving.signature import Field, Signature
from seawall.statistics.score import ScoreSummary

SIGNATURE = Signature(tuple(Field(name=name, kind="number") for name in FEATURES))
DOCUMENT = """
apiVersion: seawall/v1
kind: RemoteModel
metadata: {name: elsewhere}
spec: {url: URL, protocol: mlflow}
"""


class Scoring:
    """An MLflow server of a fitted model; `broken` makes it answer 500."""

    def __init__(self) -> None:
        self.model, self.broken, self.asked = fitted(people()), False, 0
        scoring = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                scoring.asked += 1
                sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
                rows = np.array(sent["dataframe_split"]["data"], np.float32)
                found = scoring.model.predict_proba(rows).tolist()
                body = json.dumps({"predictions": found}).encode()
                self.send_response(500 if scoring.broken else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def scoring() -> Iterator[Scoring]:
    made = Scoring()
    yield made
    made.close()


def write(folder: Path, url: str, document: str = DOCUMENT) -> Path:
    path = folder / "model.yaml"
    path.write_text(document.replace("URL", url))
    return path


def test_a_remote_model_is_registered_with_the_scores_that_its_server_gives(
    tmp_path: Path, scoring: Scoring
) -> None:
    table = people()
    data = tmp_path / "train.parquet"
    pq.write_table(table, data)
    client, path = Recorder(), write(tmp_path, scoring.url)
    answer = register_file(client, "income", path, data=data, label="label", features=FEATURES)
    assert answer == {"version": "income@1"}
    artefact = client.registration["artefact"]
    assert artefact["format"] == FORMAT
    kept = client.objects[artefact["digest"]]
    assert RemoteServer.from_bytes(kept) == read_remote(path)
    assert artefact["digest"] == Digest.of(read_remote(path).to_bytes())
    stored = client.objects[client.registration["objects"]["baseline_scores"]]
    assert ScoreSummary.from_bytes(stored).n == len(table)


def test_a_server_that_does_not_answer_is_named_and_nothing_is_registered(tmp_path: Path) -> None:
    data = tmp_path / "train.parquet"
    pq.write_table(people(), data)
    client, path = Recorder(), write(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="the upstream elsewhere cannot be reached"):
        register_file(client, "income", path, data=data, label="label", features=FEATURES)
    assert not client.posted


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("URL", "somewhere"), "'somewhere' is no address; write http://HOST:PORT"),
        (("URL", "http://me:word@there"), "holds a secret; write it as a header"),
        (("protocol: mlflow", "protocl: oip"), "did you mean 'protocol'"),
        (("protocol: mlflow", "protocol: oip"), "asks for a model by name; add model: NAME"),
        (("mlflow}", "mlflow, timeout_ms: 0}"), "timeout_ms lies in"),
        (("mlflow}", "mlflow, headers: {authorization: Bearer x}}"), "is a secret; write"),
        (("RemoteModel", "Remote"), "did you mean 'RemoteModel'"),
    ],
)
def test_a_declaration_that_is_wrong_is_refused_with_its_line(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    path = write(tmp_path, "http://there", DOCUMENT.replace(*change))
    with pytest.raises(BadInput, match=r"model\.yaml:\d+") as refused:
        read_remote(path)
    assert told in str(refused.value)
    assert "word" not in str(refused.value)


def test_it_scores_as_the_model_itself_also_where_a_loop_runs(scoring: Scoring) -> None:
    server = RemoteServer(name="elsewhere", url=scoring.url, protocol="mlflow")
    model = load_model(server.to_bytes(), FORMAT, SIGNATURE)
    table = people()
    rows = np.column_stack([table[name].to_numpy() for name in FEATURES]).astype(np.float32)
    rows = np.vstack([rows] * 5)
    expected = scoring.model.predict_proba(rows)[:, 1]

    async def inside() -> Any:
        return model.scores(rows)

    np.testing.assert_allclose(model.scores(rows), expected)
    np.testing.assert_allclose(asyncio.run(inside()), expected)
    np.testing.assert_allclose(model.columns(rows)[:, -1], expected)
    model.close()  # type: ignore[attr-defined]


def test_a_server_that_keeps_failing_is_not_asked_again_at_once(scoring: Scoring) -> None:
    rule = Breaking(calls=2, open_seconds=60.0)
    server = RemoteServer(name="elsewhere", url=scoring.url, protocol="mlflow", breaker=rule)
    model = BlockingModel(server, SIGNATURE)
    scoring.broken, row = True, np.zeros((1, len(FEATURES)), np.float32)
    for _ in range(2):
        with pytest.raises(Unavailable, match="answered 500"):
            model.scores(row)
    with pytest.raises(Unavailable, match="left alone"):
        model.scores(row)
    assert scoring.asked == 2
    model.close()
