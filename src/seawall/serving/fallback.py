"""What answers when the model may not: simpler models, then rules, then a safe default."""

from __future__ import annotations

import msgspec

from seawall.serving.condition import Condition
from seawall.serving.output import Decision


class FallbackRule(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An answer without a model, for rows of which every condition in `where` holds."""

    where: tuple[Condition, ...]
    label: Decision
    reason: str
    score: float | None = None

    def __post_init__(self) -> None:
        if not self.where:
            raise ValueError("a fallback's rule needs a condition")
        _check(self.score)


class Fallback(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The answer in place of a model that failed, was overruled by a guard, or was switched off.

    The models of the arms that `arms` names are tried in that order; what they cannot answer, the
    first of the `rules` whose conditions hold; and the rest gets the default: a label (0 or 1, a
    class, or for a regression a value) and, where one makes sense, a score. On an invalid input no
    model is tried, nor any when switched off.
    """

    label: Decision
    reason: str
    score: float | None = None
    arms: tuple[str, ...] = ()
    rules: tuple[FallbackRule, ...] = ()

    def __post_init__(self) -> None:
        _check(self.score)


def _check(score: float | None) -> None:
    if score is not None and not 0.0 <= score <= 1.0:
        raise ValueError("a fallback's score lies in [0, 1]")
