"""The least that answers `POST /invocations` with an ONNX model: parse, score, reply."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import uvicorn

from seawall.adapters.runtimes import load


def application(artefact: bytes) -> Any:
    model = load(artefact, "onnx")

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        rows = msgspec.json.decode(body)["dataframe_records"]
        matrix = np.array([list(row.values()) for row in rows], dtype=np.float32)
        scores = model.scores(matrix).tolist()
        answer = msgspec.json.encode({"predictions": scores})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def serve(artefact: bytes, port: int) -> None:
    uvicorn.run(
        application(artefact),
        port=port,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    serve(Path(sys.argv[1]).read_bytes(), int(sys.argv[3]))
