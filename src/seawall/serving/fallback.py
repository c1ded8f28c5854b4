"""What answers when the model may not: another arm's model, then a safe default."""

from __future__ import annotations

from typing import Literal

import msgspec


class Fallback(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The answer in place of a model that failed, was overruled by a guard, or was switched off.

    `arm` names the arm whose model is tried first; on an invalid input there is no model to try.
    Then the default is given: a label and, where one makes sense, a score.
    """

    label: Literal[0, 1]
    reason: str
    score: float | None = None
    arm: str | None = None

    def __post_init__(self) -> None:
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError("a fallback's score lies in [0, 1]")
