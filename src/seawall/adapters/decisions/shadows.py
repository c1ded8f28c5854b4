"""What shadows said of decisions, kept beside them: a shadow is scored after the reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from seawall.adapters.decisions.read import Rows, rows_in

SHADOWS = "shadows"


class ShadowScore(msgspec.Struct, frozen=True, array_like=True):
    """The score that a version in the shadow (`arm`) gave on the input of one decision."""

    decision_id: str
    endpoint: str
    version: str
    arm: str
    threshold: float
    """From which score on its label would have been 1."""
    score: float


_decode: Callable[[bytes | memoryview], Any] = msgspec.msgpack.Decoder(ShadowScore).decode


def shadows_in(data: bytes) -> Rows[ShadowScore]:
    """The shadows' scores in the bytes of a file."""
    return rows_in(data, _decode)
