"""Answers in the words of each protocol."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from seawall.gateway.live import Live
from seawall.gateway.plain import Plainly
from seawall.gateway.service import Decided
from seawall.serving.decide import VERDICTS
from seawall.serving.signature import Field

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode


class Reply(NamedTuple):
    """What goes back to the caller."""

    status: int
    headers: Headers
    body: bytes


class _Passed(msgspec.Struct, gc=False):
    score: float | None
    label: int | None
    decision_id: str
    arm: str
    version: str
    verdict: str = "pass"


def plain(status: int, content: Any, headers: Headers | None = None) -> Reply:
    """A reply of any JSON-ready content."""
    return Reply(status, [JSON, *(headers or [])], _encode(content))


def decided_headers(decided: Decided) -> Headers:
    """The id of the (first) decision, the versions and arms that answered, the worst verdict."""
    first, *others = decided.answers
    arms = {first.arm.name: first.arm.version}
    verdict = first.verdict
    if others:
        arms |= {a.arm.name: a.arm.version for a in others}
        verdict = max((a.verdict for a in decided.answers), key=VERDICTS.index)
    return _headers(decided.ids[0], ",".join(arms.values()), ",".join(arms), verdict)


def _headers(decision_id: str, versions: str, arms: str, verdict: str) -> Headers:
    return [
        JSON,
        (b"seawall-decision-id", decision_id.encode()),
        (b"seawall-model-version", versions.encode()),
        (b"seawall-arm", arms.encode()),
        (b"seawall-verdict", verdict.encode()),
    ]


def rows(decided: Decided) -> list[dict[str, Any]]:
    """Each row's answer; `reason` is there when the verdict is not `pass`."""
    found: list[dict[str, Any]] = []
    for decision_id, answer in zip(decided.ids, decided.answers, strict=True):
        said = {
            "score": answer.score,
            "label": answer.label,
            "decision_id": decision_id,
            "arm": answer.arm.name,
            "version": answer.arm.version,
            "verdict": answer.verdict,
        }
        if answer.reason:
            said["reason"] = answer.reason
        found.append(said)
    return found


def invocation(decided: Decided) -> Reply:
    """The reply of an MLflow scoring server."""
    return Reply(200, decided_headers(decided), _encode({"predictions": rows(decided)}))


def plain_invocation(plainly: Plainly) -> Reply:
    """The same for one row in which all is well."""
    decision_id, answer = plainly.decision_id, plainly.answer
    arm, version = answer.arm.name, answer.arm.version
    said = _Passed(answer.score, answer.label, decision_id, arm, version)
    headers = _headers(decision_id, version, arm, said.verdict)
    return Reply(200, headers, _encode({"predictions": (said,)}))


def metadata(live: Live) -> dict[str, Any]:
    """An endpoint as a model of the Open Inference Protocol."""
    outputs = {"score": "FP64", "label": "INT64", "decision_id": "BYTES", "arm": "BYTES"}
    outputs |= {"verdict": "BYTES", "reason": "BYTES"}
    return {
        "name": live.bundle.endpoint,
        "versions": sorted({a.version for a in live.bundle.arms}),
        "platform": "seawall",
        "inputs": [
            {"name": f.name, "datatype": _datatype(f), "shape": [-1]}
            for f in live.bundle.signature.fields
        ],
        "outputs": [{"name": n, "datatype": d, "shape": [-1]} for n, d in outputs.items()],
    }


def _datatype(field: Field) -> str:
    if field.kind == "category":
        return "BYTES" if isinstance(field.categories[0], str) else "INT64"
    return {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}[field.kind]
