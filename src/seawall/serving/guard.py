"""Output guards: rules on a score, and on the input behind it, before anyone acts on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from seawall.kernel import BadInput, nearest
from seawall.serving.signature import Category, Signature

GuardAction = Literal["flag", "fallback", "block"]
SEVERITY: dict[GuardAction, int] = {"flag": 1, "fallback": 2, "block": 3}


class Condition(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something that holds of one field: a number in a range, or one of some categories."""

    field: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[Category, ...] = ()

    def __post_init__(self) -> None:
        ranged = self.at_least is not None or self.at_most is not None
        if ranged == bool(self.one_of):
            raise ValueError(f"the condition on {self.field!r} needs a range or `one_of`, not both")


class Guard(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Trips on a row whose score lies in the range and for which every condition in `where` holds.

    `flag` lets the answer stand and marks it for review, `fallback` replaces it, `block` gives
    none. When several trip the strictest decides. A null field satisfies no condition.
    """

    name: str
    action: GuardAction
    score_at_least: float | None = None
    score_at_most: float | None = None
    where: tuple[Condition, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.name == VALID_SCORE:
            raise ValueError(f"a guard needs a name of its own, not {self.name!r}")
        if self.score_at_least is self.score_at_most is None and not self.where:
            raise ValueError(f"guard {self.name!r} would trip always; give it a score or a `where`")


VALID_SCORE = "valid_score"


class Trip(msgspec.Struct, frozen=True):
    """A guard that tripped."""

    name: str
    action: GuardAction
    reason: str


_NO_SCORE = Trip(VALID_SCORE, "fallback", "the model's score is not a number from 0 to 1")


class GuardSet:
    """The guards of an endpoint made ready for a signature.

    One more is always there: `valid_score` replaces by the fallback any score that is not a number
    in [0, 1]. Raises `BadInput` for a guard on a field or category that the signature lacks.
    """

    def __init__(self, guards: Sequence[Guard], signature: Signature) -> None:
        self._guards = [
            (
                Trip(g.name, g.action, g.reason or f"guard {g.name}"),
                -math.inf if g.score_at_least is None else g.score_at_least,
                math.inf if g.score_at_most is None else g.score_at_most,
                tuple(_ready(c, g, signature) for c in g.where),
            )
            for g in guards
        ]

    def trips(self, score: float, row: Sequence[float]) -> list[Trip]:
        """The guards that trip on the score of one input (its fields as the model gets them)."""
        if not 0.0 <= score <= 1.0:
            return [_NO_SCORE]
        return [
            trip
            for trip, low, high, conditions in self._guards
            if low <= score <= high and all(_holds(c, row) for c in conditions)
        ]


class _Ready(NamedTuple):
    """A condition on the field in this column: one of the codes, or from `low` to `high`."""

    column: int
    low: float
    high: float
    codes: frozenset[float]


def _holds(condition: _Ready, row: Sequence[float]) -> bool:
    value = row[condition.column]
    if condition.codes:
        return value in condition.codes
    return condition.low <= value <= condition.high


def _ready(condition: Condition, guard: Guard, signature: Signature) -> _Ready:
    where = f"guard {guard.name}"
    names = signature.names
    if condition.field not in names:
        what = f"no field {condition.field!r}"
        raise BadInput(what, where=where, remedy=nearest(condition.field, names))
    column = names.index(condition.field)
    field = signature.fields[column]
    codes: set[float] = set()
    for category in condition.one_of:
        if field.kind == "category" and category not in field.codes:
            what = f"{condition.field} has no category {category!r}"
            raise BadInput(what, where=where, remedy=nearest(str(category), map(str, field.codes)))
        if isinstance(category, str) and field.kind != "category":
            what = f"{condition.field} is no category but {field.kind}"
            raise BadInput(what, where=where, remedy="name numbers")
        codes.add(field.codes[category] if field.kind == "category" else float(category))
    low = -math.inf if condition.at_least is None else condition.at_least
    high = math.inf if condition.at_most is None else condition.at_most
    return _Ready(column, low, high, frozenset(codes))
