"""Which stage may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from seawall.kernel import BadInput, Conflict
from seawall.registry.stage import Stage, StageChange
from seawall.registry.version import Version

_S = Stage

# A version that served goes back to approved when it steps aside without fault (a fallback kept
# ready), and to rolled_back when it was at fault; from there it must be validated again.
MOVES: Mapping[Stage, tuple[Stage, ...]] = MappingProxyType(
    {
        _S.REGISTERED: (_S.VALIDATED, _S.REJECTED, _S.RETIRED),
        _S.VALIDATED: (_S.APPROVED, _S.REJECTED, _S.RETIRED),
        _S.APPROVED: (_S.SHADOW, _S.CANARY, _S.PRODUCTION, _S.REJECTED, _S.RETIRED),
        _S.SHADOW: (_S.CANARY, _S.PRODUCTION, _S.APPROVED, _S.ROLLED_BACK, _S.RETIRED),
        _S.CANARY: (_S.SHADOW, _S.PRODUCTION, _S.APPROVED, _S.ROLLED_BACK, _S.RETIRED),
        _S.PRODUCTION: (_S.APPROVED, _S.ROLLED_BACK, _S.RETIRED),
        _S.ROLLED_BACK: (_S.VALIDATED, _S.REJECTED, _S.RETIRED),
        _S.REJECTED: (),
        _S.RETIRED: (),
    }
)


def move(version: Version, to: Stage, at: datetime, why: str) -> Version:
    """The version at its new stage, with the move in its history.

    Raises `Conflict`, saying what is allowed, for a move that is not in `MOVES` or that lies
    before the last one, and `BadInput` without a reason.
    """
    allowed = MOVES[version.stage]
    if to not in allowed:
        what = " or ".join(allowed) if allowed else "nothing: register a new version"
        raise Conflict(
            f"{version.key} is {version.stage} and cannot become {to}",
            remedy=f"allowed is {what}",
        )
    if not why.strip():
        raise BadInput(f"moving {version.key} to {to} needs a reason", remedy="say why")
    if version.history and at < version.history[-1].at:
        raise Conflict(
            f"{version.key} cannot become {to} before it became {version.stage}",
            where=at.isoformat(),
            remedy="check the clock",
        )
    history = (*version.history, StageChange(to, at, why))
    return msgspec.structs.replace(version, stage=to, history=history)
