"""What shadows said of decisions, kept beside them: a shadow is scored after the reply."""

from __future__ import annotations

import msgspec

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
    """Of several classes the place of the one it called, from 0."""
