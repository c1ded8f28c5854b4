"""The stages of a version."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Stage(StrEnum):
    """Where a version stands between registration and retirement."""

    REGISTERED = "registered"
    VALIDATED = "validated"
    APPROVED = "approved"
    SHADOW = "shadow"
    CANARY = "canary"
    PRODUCTION = "production"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    RETIRED = "retired"

    @property
    def serves(self) -> bool:
        """Whether a gateway may run the version at this stage."""
        return self in (Stage.SHADOW, Stage.CANARY, Stage.PRODUCTION)


class StageChange(msgspec.Struct, frozen=True):
    """One move of a version: to which stage, when and why."""

    stage: Stage
    at: datetime
    why: str
