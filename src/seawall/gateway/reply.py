"""Answers in the words of each protocol."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from seawall.gateway.live import Live
from seawall.gateway.plain import Plainly
from seawall.gateway.service import Decided
from seawall.serving.decide import VERDICTS
from seawall.serving.output import Decision
from seawall.serving.signature import Field

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
_UNLOGGED = (b"seawall-logged", b"no")
_encode = msgspec.json.Encoder().encode


class Reply(NamedTuple):
    """What goes back to the caller."""

    status: int
    headers: Headers
    body: bytes


class _Passed(msgspec.Struct, gc=False):
    score: float | None
    label: Decision | None
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
    headers = _headers(decided.ids[0], ",".join(arms.values()), ",".join(arms), verdict)
    return headers if decided.logged else [*headers, _UNLOGGED]


def _headers(decision_id: str, versions: str, arms: str, verdict: str) -> Headers:
    return [
        JSON,
        (b"seawall-decision-id", decision_id.encode()),
        (b"seawall-model-version", versions.encode()),
        (b"seawall-arm", arms.encode()),
        (b"seawall-verdict", verdict.encode()),
    ]


def rows(decided: Decided) -> list[dict[str, Any]]:
    """Each row's answer; `reason` is there when the verdict is not `pass`.

    `probabilities` are what a model of several classes itself said, whatever answered.
    """
    found: list[dict[str, Any]] = []
    for decision_id, answer in zip(decided.ids, decided.answers, strict=True):
        said: dict[str, Any] = {
            "score": answer.score,
            "label": answer.label,
            "decision_id": decision_id,
            "arm": answer.arm.name,
            "version": answer.arm.version,
            "verdict": answer.verdict,
        }
        if answer.reason:
            said["reason"] = answer.reason
        if answer.probabilities:
            said["probabilities"] = decided.live.packer.by_class(answer)
        found.append(said)
    return found


def invocation(decided: Decided) -> Reply:
    """The reply of an MLflow scoring server."""
    return Reply(200, decided_headers(decided), _encode({"predictions": rows(decided)}))


def plain_invocation(plainly: Plainly, *, logged: bool) -> Reply:
    """The same for one row in which all is well."""
    decision_id, answer = plainly.decision_id, plainly.answer
    arm, version = answer.arm.name, answer.arm.version
    said = _Passed(answer.score, answer.label, decision_id, arm, version)
    headers = _headers(decision_id, version, arm, said.verdict)
    if not logged:
        headers.append(_UNLOGGED)
    return Reply(200, headers, _encode({"predictions": (said,)}))


def metadata(live: Live) -> dict[str, Any]:
    """An endpoint as a model of the Open Inference Protocol."""
    return {
        "name": live.bundle.endpoint,
        "versions": sorted({a.version for a in live.bundle.arms}),
        "platform": "seawall",
        "inputs": [
            {"name": f.name, "datatype": _datatype(f), "shape": [-1]}
            for f in live.bundle.signature.fields
        ],
        "outputs": [_tensor(live, name, datatype) for name, datatype in live.outputs.items()],
    }


def _tensor(live: Live, name: str, datatype: str) -> dict[str, Any]:
    """An output as metadata tells it: the classes in the order of their probabilities."""
    told: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [-1]}
    if name == "probabilities":
        classes = live.bundle.output.classes
        told |= {"shape": [-1, len(classes)], "parameters": {"classes": list(classes)}}
    if name == "label" and (unit := live.bundle.value.unit):
        told["parameters"] = {"unit": unit}
    return told


def _datatype(field: Field) -> str:
    if field.kind == "category":
        return "BYTES" if isinstance(field.categories[0], str) else "INT64"
    return {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}[field.kind]
