"""Conditions on a row's fields: a number in a range, or one of some categories."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from seawall.kernel import BadInput, nearest
from seawall.serving.signature import Category, Signature


class Condition(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something that holds of one field. A null field satisfies no condition."""

    field: str
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[Category, ...] | None = None

    def __post_init__(self) -> None:
        ranged = self.at_least is not None or self.at_most is not None
        if ranged == (self.one_of is not None):
            raise ValueError(f"the condition on {self.field!r} needs a range or `one_of`, not both")


class _Ready(NamedTuple):
    """The field in this column is one of the codes, or lies from `low` to `high`."""

    column: int
    low: float
    high: float
    codes: frozenset[float] | None


class Where:
    """Conditions that must all hold, made ready for a signature.

    Raises `BadInput` for a field or category that the signature lacks; `where` says whose they are.
    """

    def __init__(self, conditions: Sequence[Condition], signature: Signature, where: str) -> None:
        self._ready = [_make_ready(c, signature, where) for c in conditions]

    def __call__(self, row: Sequence[float]) -> bool:
        """Whether they hold of a row, as the model gets it."""
        for column, low, high, codes in self._ready:
            value = row[column]
            if not (low <= value <= high if codes is None else value in codes):
                return False
        return True


def _make_ready(condition: Condition, signature: Signature, where: str) -> _Ready:
    names = signature.names
    if condition.field not in names:
        what = f"no field {condition.field!r}"
        raise BadInput(what, where=where, remedy=nearest(condition.field, names))
    column = names.index(condition.field)
    field = signature.fields[column]
    codes: set[float] = set()
    for category in condition.one_of or ():
        if field.kind == "category" and category not in field.codes:
            what = f"{condition.field} has no category {category!r}"
            raise BadInput(what, where=where, remedy=nearest(str(category), map(str, field.codes)))
        if isinstance(category, str) and field.kind != "category":
            what = f"{condition.field} is no category but {field.kind}"
            raise BadInput(what, where=where, remedy="name numbers")
        codes.add(field.codes[category] if field.kind == "category" else float(category))
    low = -math.inf if condition.at_least is None else condition.at_least
    high = math.inf if condition.at_most is None else condition.at_most
    return _Ready(column, low, high, None if condition.one_of is None else frozenset(codes))
