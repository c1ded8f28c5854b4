"""What tracing costs a request: processor time of the application alone, one row, no sockets.

The collector is away, so that spans are made, wait and are dropped.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.gateway import Model, gateway_words, train
from benchmarks.measure import Result, Size

LIMIT = 1.05
PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Headers = list[tuple[bytes, bytes]]


def run(size: Size) -> Iterator[Result]:
    requests, rounds = size.rows(2_000, 10_000), 7
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as name:
        model = train()
        off, on = (
            gateway(Path(name) / word, model, url)
            for word, url in (("off", ""), ("on", "http://127.0.0.1:9/v1/traces"))
        )
        asked = {
            "off": (off, []),
            "off, a caller's trace passed through": (off, [(b"traceparent", PARENT)]),
            "on, not sampled": (on, []),
            "on, sampled": (on, [(b"traceparent", PARENT)]),
        }
        best = dict.fromkeys(asked, float("inf"))
        for _ in range(rounds):  # in turn, so that what the machine does meets all alike
            for what, (made, headers) in asked.items():
                spent = asyncio.run(per_request(made, model.body, headers, requests))
                best[what] = min(best[what], spent)
        for made in (off, on):
            made.close()
    base = best.pop("off")
    for what, spent in best.items():
        bound = what == "on, not sampled"
        yield Result(
            f"tracing {what}", spent, "µs/request", "off", base,
            f"{LIMIT:g} x at most" if bound else "", spent <= LIMIT * base if bound else None,
        )  # fmt: skip


def gateway(folder: Path, model: Model, url: str) -> Any:
    from seawall.gateway.main import Gateway
    from seawall.gateway.settings import GatewaySettings

    folder.mkdir()
    gateway_words(folder, model)
    return Gateway(
        GatewaySettings(
            control_url="http://127.0.0.1:9",
            token="none",
            endpoints=("bench",),
            state_dir=folder / "state",
            public_keys=((folder / "key.pem.pub").read_bytes(),),
            trace_endpoint=url,
        )
    )


async def per_request(made: Any, body: bytes, headers: Headers, requests: int) -> float:
    """Microseconds of processor time for each request."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/invocations",
        "headers": [(b"content-type", b"application/json"), *headers],
    }
    status: list[int] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        if "status" in message:
            status.append(message["status"])

    began = time.process_time()
    for _ in range(requests):
        await made.app(scope, receive, send)
    spent = time.process_time() - began
    assert set(status) == {200}, msgspec.json.encode(status[:3])
    made.service._recorder.flush()
    return spent / requests * 1e6
