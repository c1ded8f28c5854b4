"""Scores from a model on another server, spoken to in the server's own protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.adapters.upstream.client import Upstream
from seawall.kernel import Corrupt, Unavailable

Protocol = Literal["oip", "mlflow"]
PROTOCOLS: tuple[Protocol, ...] = ("oip", "mlflow")
SCORES = ("probabilities", "probability", "score", "scores", "predict_proba")
"""Outputs and columns that are looked for by name; where there is none, the last one is taken."""
_JSON = {"content-type": "application/json", "accept": "application/json"}
_FLOATS = {"FP64": np.dtype("<f8"), "FP32": np.dtype("<f4"), "FP16": np.dtype("<f2")}
_encode = msgspec.json.Encoder().encode


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: Any = None
    parameters: dict[str, Any] = {}


class _Infer(msgspec.Struct):
    outputs: list[_Tensor]


class _Predictions(msgspec.Struct):
    predictions: Any


_infer = msgspec.json.Decoder(_Infer)
_predictions = msgspec.json.Decoder(_Predictions)


class RemoteModel:
    """A model of this name on an upstream.

    Over `oip` it is sent one FP32 tensor `input` (rows × fields) in binary; over `mlflow` a
    `dataframe_split` of the fields by name. What comes back is a score a row, or a row of class
    probabilities whose last is the score.
    """

    def __init__(self, upstream: Upstream, protocol: Protocol, model: str = "") -> None:
        self._upstream, self._protocol = upstream, protocol
        self._path = (
            f"/v2/models/{quote(model, safe='')}/infer" if protocol == "oip" else "/invocations"
        )

    async def scores(
        self, matrix: NDArray[np.float32], names: Sequence[str], timeout: float | None = None
    ) -> NDArray[np.float64]:
        """The score of each of n rows (n × fields), all finite.

        Raises `Unavailable` when the server does not answer, or not with 200; `Corrupt` when what
        it answers is not n finite numbers.
        """
        headers, body = self._ask(matrix, names)
        answer = await self._upstream.forward(self._path, headers, body, timeout=timeout)
        if answer.status != 200:
            raise Unavailable(f"the upstream {self._upstream.name} answered {answer.status}")
        try:
            found = self._read(answer.body, dict(answer.headers), len(matrix))
        except (
            msgspec.MsgspecError,
            ValueError,
            TypeError,
            LookupError,
            OverflowError,
            RecursionError,
        ):
            raise self._corrupt("something else than its protocol says") from None
        if found.shape != (len(matrix),):
            raise self._corrupt(f"{found.size:,} scores for {len(matrix):,} rows")
        if not np.isfinite(found).all():
            raise self._corrupt("a score that is no finite number")
        return found

    def _ask(
        self, matrix: NDArray[np.float32], names: Sequence[str]
    ) -> tuple[dict[str, str], bytes]:
        if self._protocol == "mlflow":
            data = [[None if math.isnan(v) else v for v in row] for row in matrix.tolist()]
            return _JSON, _encode({"dataframe_split": {"columns": list(names), "data": data}})
        raw = np.ascontiguousarray(matrix, dtype="<f4").tobytes()
        tensor = {
            "name": "input",
            "shape": list(matrix.shape),
            "datatype": "FP32",
            "parameters": {"binary_data_size": len(raw)},
        }
        head = _encode({"inputs": [tensor]})
        headers = {
            "content-type": "application/octet-stream",
            "inference-header-content-length": str(len(head)),
        }
        return headers, head + raw

    def _read(self, body: bytes, headers: dict[bytes, bytes], rows: int) -> NDArray[np.float64]:
        if self._protocol == "mlflow":
            return _from_predictions(_predictions.decode(body).predictions)
        length = next(
            (v for n, v in headers.items() if n.lower() == b"inference-header-content-length"), None
        )
        size = len(body) if length is None else int(length)
        return _from_outputs(_infer.decode(body[:size]).outputs, body[size:], rows)

    def _corrupt(self, what: str) -> Corrupt:
        return Corrupt(f"the upstream {self._upstream.name} answered {what}")


def _from_outputs(outputs: list[_Tensor], tail: bytes, rows: int) -> NDArray[np.float64]:
    chosen = next((o for o in outputs if o.name in SCORES), outputs[-1] if outputs else None)
    if chosen is None:
        raise ValueError("no output")
    at, data = 0, chosen.data
    for output in outputs:
        size = output.parameters.get("binary_data_size")
        if size is None:
            continue
        if output is chosen:
            data = np.frombuffer(tail[at : at + size], _FLOATS[chosen.datatype])
        at += size
    if not chosen.shape or chosen.shape[0] != rows or min(chosen.shape) < 1:
        raise ValueError("another number of rows")
    return _last(np.asarray(data, dtype=np.float64).reshape(chosen.shape))


def _from_predictions(found: Any) -> NDArray[np.float64]:
    if isinstance(found, dict):  # columns, of a server that returns a frame
        named = [n for n in found if n in SCORES] or list(found)[-1:]
        found = found[named[0]]
    if found and isinstance(found[0], dict):
        named = [n for n in found[0] if n in SCORES] or list(found[0])[-1:]
        found = [row[named[0]] for row in found]
    return _last(np.asarray(found, dtype=np.float64))


def _last(found: NDArray[np.float64]) -> NDArray[np.float64]:
    return found.reshape(len(found), -1)[:, -1] if found.ndim > 1 else found
