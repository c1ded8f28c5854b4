"""A control plane in a thread, as small as a gateway's tests need, and models to serve."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seawall.adapters.signing.envelope import seal
from seawall.adapters.signing.keys import public_pem
from seawall.kernel import Digest
from seawall.serving.bundle import PAYLOAD_TYPE, Arm, Bundle
from seawall.serving.gateways import GatewayStatus
from seawall.serving.signature import Field, Signature
from seawall.serving.telemetry import Report, decode, merge
from seawall.statistics.grid import make_grid

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FIELDS = ("age", "hours", "grade")
SIGNATURE = Signature(
    (
        Field(name="age", kind="integer", minimum=0, maximum=120),
        Field(name="hours", kind="number", minimum=0, maximum=100, nullable=False),
        Field(name="grade", kind="category", categories=("low", "mid", "high")),
    )
)
GOOD = {"age": 40, "hours": 38.5, "grade": "mid"}
TOKEN, ADMIN = "gateway-token", "admin-token"


def training_rows(n: int = 600, seed: int = 3) -> np.ndarray:
    """Inputs as the model takes them: age, hours, code of grade."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(18, 90, n), rng.uniform(0, 80, n), rng.integers(0, 3, n)]
    return np.column_stack(columns).astype(np.float32)


@cache
def model(seed: int = 3) -> Any:
    """A fitted scikit-learn classifier; other seeds give other models."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = training_rows(seed=seed)
    rng = np.random.default_rng(seed)
    signal = (rows[:, 0] - 50) / 20 + (rows[:, 1] - 40) / 25 + rows[:, 2] - 1
    truth = signal + rng.normal(size=len(rows)) > 0
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, truth)


@cache
def onnx_bytes(seed: int = 3) -> bytes:
    """The same model as ONNX."""
    from skl2onnx import to_onnx

    found: Any = to_onnx(model(seed), training_rows()[:1], options={"zipmap": False})
    return found.SerializeToString()


def arm(name: str = "champion", version: str = "m@1", seed: int = 3, **given: Any) -> Arm:
    weight = given.pop("weight", 1.0 if name == "champion" else 0.0)
    artefact = Digest.of(onnx_bytes(seed))
    return Arm(name=name, version=version, artefact=artefact, weight=weight, **given)  # type: ignore[arg-type]


def bundle(number: int = 1, **given: Any) -> Bundle:
    rows = training_rows()
    grids = {
        "age": make_grid(rows[:, 0].astype(np.int64)),
        "hours": make_grid(rows[:, 1].astype(np.float64)),
        "grade": make_grid((rows[:, 2].astype(np.int64), ["low", "mid", "high"])),
    }
    defaults: dict[str, Any] = {
        "endpoint": "m",
        "issued": START,
        "salt": b"0123456789abcdef",
        "signature": SIGNATURE,
        "arms": (arm(),),
        "grids": grids,
        "unit": "person",
        "protected": ("sex",),
        "latency_objective_ms": 60_000.0,
    }
    return Bundle(number=number, **(defaults | given))


class Control:
    """`bundles` maps an endpoint to the envelope it is given; what gateways send is kept."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.public_key = public_pem(self.key.public_key())
        self.bundles: dict[str, bytes] = {}
        self.objects: dict[str, bytes] = {}
        self.seen: set[tuple[str, int]] = set()
        self.bodies: dict[tuple[str, str, str, int], bytes] = {}
        self.segments: list[dict[str, Any]] = []
        self.statuses: list[GatewayStatus] = []
        self.deaf = False
        """Absorb reports but answer 500, as if the reply was lost."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        for seed in (3, 4):
            self.objects[Digest.of(onnx_bytes(seed))] = onnx_bytes(seed)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def issue(self, given: Bundle, key: Ed25519PrivateKey | None = None) -> None:
        self.bundles[given.endpoint] = seal(PAYLOAD_TYPE, given.to_bytes(), key or self.key)

    def body(self, stream: Any, arm_: str = "champion", version: str = "m@1") -> Any:
        """All windows of a stream added up; None if nothing came."""
        total: bytes | None = None
        for (v, a, s, _), data in list(self.bodies.items()):
            if (v, a, s) == (version, arm_, stream):
                total = data if total is None else merge(total, data)
        return None if total is None else decode(stream, total)

    def _absorb(self, report: Report) -> None:
        if (report.gateway, report.sequence) in self.seen:
            return
        self.seen.add((report.gateway, report.sequence))
        for _, version, arm_, stream, start, data in report.rows:
            key = (version, arm_, stream, start)
            self.bodies[key] = merge(self.bodies[key], data) if key in self.bodies else data

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        control = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                assert self.headers["authorization"] == f"Bearer {TOKEN}"
                kind, name = unquote(self.path.removeprefix("/api/v1/")).split("/")
                held = (control.bundles if kind == "bundles" else control.objects).get(name)
                if held is None:
                    return self.reply(404)
                etag = f'"{Digest.of(held).short}"'
                if self.headers.get("if-none-match") == etag:
                    return self.reply(304, etag=etag)
                return self.reply(200, held, etag=etag)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path.endswith("/telemetry"):
                    control._absorb(msgspec.msgpack.decode(body, type=Report))
                    return self.reply(500 if control.deaf else 200)
                if self.path.endswith("/gateways"):
                    control.statuses.append(msgspec.json.decode(body, type=GatewayStatus))
                    return self.reply(500 if control.deaf else 200)
                control.segments.append(msgspec.json.decode(body))
                return self.reply(200)

        return Handler
