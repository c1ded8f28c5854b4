"""Scores from a model on another server, spoken to in the server's own protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.adapters.upstream.client import Answered, Forwarded, Then, Upstream
from seawall.adapters.upstream.secrets import Headers
from seawall.kernel import Corrupt
from seawall.serving.cross_field import plain_value
from seawall.serving.output import ONE, Kind
from seawall.serving.remote import RemoteServer
from seawall.serving.signature import Signature
from seawall.serving.trace import outgoing_headers

SCORES = ("probabilities", "probability", "score", "scores", "predict_proba")
"""Outputs and columns that are looked for by name; where there is none, the last one is taken."""
_NAMED: dict[Kind, tuple[str, ...]] = {
    "binary": SCORES,
    "multiclass": ("probabilities", "predict_proba", "probability"),
    "regression": ("predict", "prediction", "predictions", "value", "values"),
}
_JSON = {"content-type": "application/json", "accept": "application/json"}
_OCTETS = {"content-type": "application/octet-stream"}
_FLOATS = {"FP64": np.dtype("<f8"), "FP32": np.dtype("<f4"), "FP16": np.dtype("<f2")}
_encode = msgspec.json.Encoder().encode


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: Any = None
    parameters: dict[str, Any] | None = None


class _Infer(msgspec.Struct):
    outputs: list[_Tensor]


class _Predictions(msgspec.Struct):
    predictions: Any


_infer = msgspec.json.Decoder(_Infer)
_predictions = msgspec.json.Decoder(_Predictions)


class RemoteModel:
    """The model that a `RemoteServer` tells of, asked through an upstream.

    A frame for MLflow holds what callers send (texts for categories, whole numbers, booleans), a
    tensor the numbers of the matrix. What comes back is by the server's task: a score a row, or a
    row of class probabilities whose last is the score; a probability of each class; a value.
    Raises `BadInput` for a header whose secret is not there.
    """

    def __init__(self, upstream: Upstream, server: RemoteServer, signature: Signature) -> None:
        self._upstream, self._server = upstream, server
        self._names = signature.names
        self._plain = [None if f.kind == "number" else plain_value(f) for f in signature.fields]
        self._headers = Headers(server.name, server.headers)
        version = f"/versions/{quote(server.version, safe='')}" if server.version else ""
        self._path = (
            f"/v2/models/{quote(server.model, safe='')}{version}/infer"
            if server.protocol == "oip"
            else "/invocations"
        )

    async def scores(
        self, matrix: NDArray[np.float32], timeout: float | None = None
    ) -> NDArray[np.float64]:
        """The score or value of each of n rows (n × fields), of several classes n × classes.

        Raises `Unavailable` when the server does not answer, or not with 200; `Corrupt` when what
        it answers is not so many finite numbers, or of several classes no probabilities.
        """
        return self.said(await self.asked(matrix, timeout), len(matrix))

    async def asked(
        self, matrix: NDArray[np.float32], timeout: float | None = None, spent: float = 0.0
    ) -> Forwarded:
        """What the server replies, for `said`; raises `Unavailable` when it does not.

        `spent` seconds of the time-out have passed already.
        """
        headers, body = self._ask(matrix)
        return await self._upstream.forward(self._path, headers, body, timeout=timeout, spent=spent)

    def begin(self, matrix: NDArray[np.float32], then: Then, timeout: float | None = None) -> bool:
        """The same from a callback, if it can be asked at once; see `Upstream.begin`."""
        headers, body = self._ask(matrix)
        return self._upstream.begin(self._path, headers, body, then, timeout=timeout)

    def said(self, answer: Forwarded, rows: int) -> NDArray[np.float64]:
        """The scores in a reply; raises as `scores` does."""
        if answer.status != 200:
            error = Answered(f"the upstream {self._upstream.name} answered {answer.status}")
            error.code = answer.status
            raise error
        return self.read(answer.body, dict(answer.headers), rows)

    def read(self, body: bytes, headers: dict[bytes, bytes], rows: int) -> NDArray[np.float64]:
        """The scores in a reply of status 200; raises `Corrupt` as `scores` does."""
        try:
            found = self._read(body, headers, rows)
        except (
            msgspec.MsgspecError,
            ValueError,
            TypeError,
            LookupError,
            OverflowError,
            RecursionError,
        ):
            raise self._corrupt("something else than its protocol says") from None
        if why := self._problem(found, rows):
            raise self._corrupt(why)
        return found if self._server.task == "multiclass" else found.reshape(rows)

    def _problem(self, found: NDArray[np.float64], rows: int) -> str:
        """What is wrong with so many rows; nothing where they are as declared."""
        task, wanted = self._server.task, len(self._server.classes)
        word = "value" if task == "regression" else "score"
        if not found.ndim or len(found) != rows:
            return f"{found.size:,} {word}s for {rows:,} rows"
        width = found.size // rows
        if task == "multiclass" and found.shape != (rows, wanted):
            return f"{width:,} numbers a row for {wanted} classes"
        if task != "multiclass" and found.size != rows:
            return f"{width:,} numbers a row for one {word}"
        if not np.isfinite(found).all():
            return f"a {word} that is no finite number"
        if task == "multiclass" and (
            found.min() < 0 or found.max() > 1 or np.abs(found.sum(axis=1) - 1).max() > ONE
        ):
            return "numbers of classes that are no probabilities: they do not add up to 1"
        return ""

    def _ask(self, matrix: NDArray[np.float32]) -> tuple[dict[str, str], bytes]:
        server, own = self._server, self._headers() | outgoing_headers()
        if server.protocol == "mlflow":
            frame = {"columns": self._names, "data": self._rows(matrix)}
            return _JSON | own, _encode({"dataframe_split": frame})
        tensor: dict[str, Any] = {
            "name": server.input,
            "shape": list(matrix.shape),
            "datatype": "FP32",
        }
        asked: dict[str, Any] = {"inputs": [tensor]}
        if server.output:
            wanted = {"binary_data": True} if server.binary else {}
            asked["outputs"] = [{"name": server.output, "parameters": wanted}]
        if not server.binary:
            tensor["data"] = matrix.ravel().tolist()
            return _JSON | own, _encode(asked)
        raw = np.ascontiguousarray(matrix, dtype="<f4").tobytes()
        tensor["parameters"] = {"binary_data_size": len(raw)}
        head = _encode(asked)
        length = {"inference-header-content-length": str(len(head))}
        return _OCTETS | length | own, head + raw

    def _rows(self, matrix: NDArray[np.float32]) -> list[list[Any]]:
        """The rows as a caller would send them; a NaN is written as null."""
        rows = matrix.tolist()
        if any(self._plain):
            for row in rows:
                for place, plain in enumerate(self._plain):
                    if plain is not None and (value := row[place]) == value:
                        row[place] = plain(value)
        return rows

    def _read(self, body: bytes, headers: dict[bytes, bytes], rows: int) -> NDArray[np.float64]:
        server = self._server
        if server.protocol == "mlflow":
            found = _from_predictions(_predictions.decode(body).predictions, server)
            return found if server.task != "binary" else _last(found)
        length = next(
            (v for n, v in headers.items() if n.lower() == b"inference-header-content-length"), None
        )
        size = len(body) if length is None else int(length)
        named = (server.output,) if server.output else _NAMED[server.task]
        outputs = _infer.decode(body[:size]).outputs
        found = _from_outputs(outputs, body[size:], rows, named, alone=not server.output)
        return found if server.task != "binary" else _last(found)

    def _corrupt(self, what: str) -> Corrupt:
        return Corrupt(f"the upstream {self._upstream.name} answered {what}")


def _from_outputs(
    outputs: list[_Tensor], tail: bytes, rows: int, named: Sequence[str], *, alone: bool
) -> NDArray[np.float64]:
    chosen = next((o for o in outputs if o.name in named), None)
    if chosen is None:
        if not alone or not outputs:
            raise ValueError("no such output")
        chosen = outputs[-1]
    at, data = 0, chosen.data
    for output in outputs:
        size = (output.parameters or {}).get("binary_data_size")
        if size is None:
            continue
        if output is chosen:
            data = np.frombuffer(tail[at : at + size], _FLOATS[chosen.datatype])
        at += size
    if not chosen.shape or chosen.shape[0] != rows or min(chosen.shape) < 1:
        raise ValueError("another number of rows")
    return np.asarray(data, dtype=np.float64).reshape(chosen.shape)


def _from_predictions(found: Any, server: RemoteServer) -> NDArray[np.float64]:
    """A list of numbers or rows; a frame by its columns or rows, classes by their names."""
    if found and isinstance(found, list) and isinstance(found[0], dict):
        found = {name: [row[name] for row in found] for name in found[0]}
    if isinstance(found, dict):
        classes = [str(c) for c in server.classes]
        if classes and set(classes) <= set(found):
            return np.asarray([found[c] for c in classes], dtype=np.float64).T
        named = [n for n in found if n in _NAMED[server.task]] or list(found)[-1:]
        found = found[named[0]]
    return np.asarray(found, dtype=np.float64)


def _last(found: NDArray[np.float64]) -> NDArray[np.float64]:
    return found.reshape(len(found), -1)[:, -1] if found.ndim > 1 else found
