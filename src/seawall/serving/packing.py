"""Decisions as MessagePack records, fast: what an arm's records share is packed once.

What `Packer` makes is read back by `decision.from_bytes` as the `DecisionRecord` that its parts
say. The pairs of its map are in no canonical order; a leaf hash is of values, not of bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from seawall.serving.bundle import Arm, Bundle
from seawall.serving.decide import Answer
from seawall.serving.decision import new_salt
from seawall.serving.sampling import Facts

MOST_SHARES = 100
"""Shares of arms change when approvals expire; past so many, what was packed is forgotten."""
_pack = msgspec.msgpack.Encoder().encode


class Said(NamedTuple):
    """What the caller says of a decision."""

    caller: str | None = None
    purpose: str | None = None
    trace_id: str | None = None
    subject: str | None = None
    action: str | None = None


class _Varying(msgspec.Struct, omit_defaults=True, gc=False):
    """What differs from record to record of an arm; the names are those of a `DecisionRecord`."""

    id: str
    time: datetime
    unit: str
    input: Mapping[str, Any]
    latency_ms: float
    salt: bytes
    output: dict[str, Any] | None = None
    score: float | None = None
    caller: str | None = None
    purpose: str | None = None
    trace_id: str | None = None
    subject: str | None = None
    action: str | None = None
    reasons: tuple[str, ...] = ()
    guards: dict[str, str] = {}
    fallback: str | None = None
    probabilities: dict[str, float] = {}
    kept_probability: float | None = None
    minimal: bool | None = None


class _Same(NamedTuple):
    """So many pairs of a MessagePack map, and their bytes."""

    size: int
    pairs: bytes


class Packer:
    """Packs the decisions of one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._same = {
            "endpoint": bundle.endpoint,
            "bundle_digest": str(bundle.digest),
            "policy_digest": None if bundle.policy is None else str(bundle.policy),
        }
        self._sampling, self._groups = bundle.sampling, bundle.protected
        self._binary = bundle.output.kind == "binary"
        self._classes = tuple(map(str, bundle.output.classes))
        self._of_arm: dict[tuple[str, float], _Same] = {}

    def __call__(
        self,
        answer: Answer,
        *,
        decision_id: str,
        at: datetime,
        unit: bytes,
        kept: Mapping[str, Any],
        latency_ms: float,
        said: Said,
    ) -> bytes:
        """One record. `kept` is of the input what the log may keep; `unit` the keyed hash.

        A record that the sampling policy does not keep whole keeps of it the protected fields only:
        counts are by group, and hold for every decision.
        Raises `TypeError` or `OverflowError` for a kept value that has no form in MessagePack.
        """
        output = None
        if answer.label is not None or answer.score is not None:
            output = {"score": _finite(answer.score), "label": answer.label}
        share = minimal = None
        if self._sampling is not None:
            facts = Facts(
                decision_id,
                answer.arm.name,
                _finite(answer.score),
                answer.label,
                bool(answer.guards),
                answer.fallback is not None,
            )
            share = self._sampling.probability(facts)
            if self._sampling.keep(facts) is None:
                minimal = True
                kept = {name: kept[name] for name in self._groups if name in kept}
        packed = _pack(
            _Varying(
                decision_id,
                at,
                unit.hex(),
                kept,
                latency_ms,
                new_salt(),
                output,
                _finite(answer.model_score),
                *said,
                (answer.reason,) if answer.reason else (),
                answer.guards,
                answer.fallback,
                self.by_class(answer) if answer.probabilities else {},
                share,
                minimal,
            )
        )
        # a map's head: 0x80 | pairs for fewer than 16, else 0xde and 16 bits
        many = packed[0] == 0xDE
        size = int.from_bytes(packed[1:3], "big") if many else packed[0] & 0x0F
        same = self._of_arm.get((answer.arm.name, answer.probability)) or self._make(answer)
        head = b"\xde" + (same.size + size).to_bytes(2, "big")
        return head + same.pairs + packed[3 if many else 1 :]

    def by_class(self, answer: Answer) -> dict[str, float]:
        """What the model itself said, by class."""
        return dict(zip(self._classes, answer.probabilities, strict=False))

    def _make(self, answer: Answer) -> _Same:
        arm: Arm = answer.arm
        of_arm = {
            "model": arm.version,
            "version_digest": str(arm.artefact),
            "arm": arm.name,
            "arm_probability": answer.probability,
            "threshold": arm.threshold if self._binary else None,
        }
        same = self._same | of_arm
        made = _Same(len(same), b"".join(_pack(part) for pair in same.items() for part in pair))
        if len(self._of_arm) >= MOST_SHARES:
            self._of_arm.clear()
        self._of_arm[arm.name, answer.probability] = made
        return made


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
