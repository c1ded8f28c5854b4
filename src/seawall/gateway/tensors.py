"""Answers as tensors of the Open Inference Protocol V2, in JSON or in its binary extension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from seawall.gateway.reply import JSON, Reply, decided_headers, rows
from seawall.gateway.request import Ask
from seawall.gateway.service import Decided

OCTETS = (b"content-type", b"application/octet-stream")
_encode = msgspec.json.Encoder().encode
_MISSING: dict[str, Any] = {"FP64": None, "INT64": -1, "BYTES": ""}


def infer(decided: Decided, ask: Ask) -> Reply:
    """The outputs that were asked for, each as it was asked for.

    A number that is not there is null in JSON and NaN in binary, a whole one −1, a text empty.
    """
    answered, live = rows(decided), decided.live
    classes = tuple(map(str, live.bundle.output.classes))
    outputs: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for wanted in ask.wanted:
        kind, shape = live.outputs[wanted.name], [len(answered)]
        missing = _MISSING[kind]
        if wanted.name == "probabilities":
            shape.append(len(classes))
            data = [a.get(wanted.name, {}).get(name) for a in answered for name in classes]
        else:
            data = [missing if (v := a.get(wanted.name)) is None else v for a in answered]
        tensor: dict[str, Any] = {"name": wanted.name, "datatype": kind, "shape": shape}
        if wanted.binary:
            raw.append(_binary(kind, data))
            tensor["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            tensor["data"] = data
        outputs.append(tensor)
    content: dict[str, Any] = {
        "model_name": live.bundle.endpoint,
        "model_version": ",".join(dict.fromkeys(a["version"] for a in answered)),
        "outputs": outputs,
    }
    if ask.id is not None:
        content["id"] = ask.id
    head, headers = _encode(content), decided_headers(decided)
    if raw:
        length = str(len(head)).encode()
        others = [h for h in headers if h != JSON]
        headers = [OCTETS, (b"inference-header-content-length", length), *others]
    return Reply(200, headers, b"".join([head, *raw]))


def _binary(datatype: str, data: Sequence[Any]) -> bytes:
    if datatype == "BYTES":
        texts = [str(v).encode() for v in data]
        return b"".join(part for t in texts for part in (len(t).to_bytes(4, "little"), t))
    if datatype == "FP64":
        return np.array(data, dtype="<f8").tobytes()  # None becomes NaN
    return np.array(data, dtype="<i8").tobytes()
