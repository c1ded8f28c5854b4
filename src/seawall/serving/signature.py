"""What a model expects of its input: fields in order, each with its type and range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from seawall.kernel import BadInput
from seawall.serving.cross_field import CrossField, problem_of

FieldKind = Literal["number", "integer", "category", "boolean"]
Mode = Literal["strict", "coerce", "report"]
Category = str | int

MANY_CATEGORIES = 1_000
FLOAT32_MAX = float(np.finfo(np.float32).max)


class Field(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One input of the model.

    `minimum` and `maximum` bound a number or an integer, both inclusive. A category has its known
    `categories`: whole numbers enter the model as themselves, texts as their place in this list.
    A boolean enters as 0 or 1. `unit` is free text that is compared, never converted by.

    What is missing: where `nullable`, null is allowed and enters as NaN, but the field must be
    there; a `default` stands for null and for a field that was left out, and is counted. What does
    not fit: `strict` makes the row invalid; `coerce` reads a value that says a valid one in
    another way, and counts it; `report` lets the number through, or null where there is none,
    and counts it, so that the field never makes a row invalid.
    """

    name: str
    kind: FieldKind
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[Category, ...] = ()
    nullable: bool = False
    unit: str = ""
    mode: Mode = "strict"
    default: bool | int | float | str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a field needs a name")
        if (self.kind == "category") != bool(self.categories):
            raise ValueError(f"field {self.name!r}: categories go with the kind category, only")
        if len({type(c) for c in self.categories}) > 1:
            raise ValueError(f"field {self.name!r}: categories are all texts or all whole numbers")
        if self.kind not in ("number", "integer") and not (self.minimum is self.maximum is None):
            raise ValueError(f"field {self.name!r}: only numbers have a minimum or a maximum")
        if self.low > self.high:
            raise ValueError(f"field {self.name!r}: the minimum is above the maximum")
        if self.default is not None and (problem := self._default_problem()):
            raise ValueError(f"field {self.name!r}: {problem}")

    def _default_problem(self) -> str:
        if self.nullable:
            return "null is a value or stands for the default, not both"
        value = self.default
        if self.kind == "category":
            fits = type(value) in (str, int) and value in self.categories
        elif self.kind == "boolean" or isinstance(value, bool):
            fits = self.kind == "boolean" and value in (0, 1)
        else:
            fits = not isinstance(value, str) and self.low <= float(value or 0) <= self.high
            fits &= self.kind == "number" or float(value or 0).is_integer()
        return "" if fits else f"the default {self.default!r} is no valid value"

    @property
    def low(self) -> float:
        """The least number allowed; what a model's 32-bit input cannot hold never is."""
        return -FLOAT32_MAX if self.minimum is None else float(self.minimum)

    @property
    def high(self) -> float:
        """The greatest number allowed."""
        return FLOAT32_MAX if self.maximum is None else float(self.maximum)

    @property
    def codes(self) -> dict[Category, float]:
        """The number by which each known category enters the model."""
        return {
            c: float(c) if isinstance(c, int) else float(place)
            for place, c in enumerate(self.categories)
        }


class Signature(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The fields of a model's input, in the order in which its matrix has them, and rules."""

    fields: tuple[Field, ...]
    rules: tuple[CrossField, ...] = ()

    def __post_init__(self) -> None:
        if not self.fields:
            raise ValueError("a signature needs a field")
        if len(set(self.names)) < len(self.fields):
            raise ValueError("a signature's fields need names that differ")
        named = [*self.names, *(rule.name for rule in self.rules)]
        if len(set(named)) < len(named) or not all(named):
            raise ValueError("a signature's rules need names of their own")
        for rule in self.rules:
            if problem := problem_of(rule, self.fields):
                raise ValueError(problem)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(f.name for f in self.fields)


def infer_signature(
    columns: Mapping[str, Any], *, categories: Sequence[str] = (), slack: float = 0.0
) -> Signature:
    """The signature that these columns (arrays or lists of equal length) satisfy.

    Texts, and the columns named in `categories`, become categories of the values seen; other
    numbers get the range seen, widened on each side by `slack` times its width. None and NaN make
    a field nullable. Raises `BadInput` for a column of other things or without any value.
    """
    return Signature(tuple(_infer_field(n, v, n in categories, slack) for n, v in columns.items()))


def _infer_field(name: str, values: Any, category: bool, slack: float) -> Field:
    items = values.tolist() if isinstance(values, np.ndarray) else list(values)
    present = [v for v in items if not (v is None or (isinstance(v, float) and math.isnan(v)))]
    nullable, kinds = len(present) < len(items), {type(v) for v in present}
    if not present:
        raise BadInput("no value to learn from", where=f"column {name}")
    if kinds == {bool}:
        return Field(name=name, kind="boolean", nullable=nullable)
    if kinds == {str} or (category and kinds <= {int, float}):
        seen: list[Any] = sorted(set(present) if kinds == {str} else {int(v) for v in present})
        if len(seen) > MANY_CATEGORIES:
            raise BadInput(
                f"{len(seen):,} categories",
                where=f"column {name}",
                remedy="leave it out if it is an identifier",
            )
        return Field(name=name, kind="category", categories=tuple(seen), nullable=nullable)
    if not kinds <= {int, float}:
        mixed = ", ".join(sorted(k.__name__ for k in kinds))
        raise BadInput(
            f"values of type {mixed}", where=f"column {name}", remedy="give numbers or texts"
        )
    whole = all(float(v).is_integer() for v in present)
    low, high = float(min(present)), float(max(present))
    widen = slack * (high - low)
    return Field(
        name=name,
        kind="integer" if whole and (kinds == {int} or nullable) else "number",
        minimum=low - widen,
        maximum=high + widen,
        nullable=nullable,
    )
