"""Values that say a valid one in another way, read as that: "12.5" as 12.5, " HIGH" as high.

Only forms with one reading are read. A decimal comma, a thousands separator, true for 1 in a
field of numbers, and a number beyond the range have none: what is guessed there would be scored
as if it had been sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from seawall.serving.signature import Category, Field

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})
LONGEST = 400
"""Characters of a text beyond which it is no number and no category."""


def coerced(field: Field, value: Any) -> Any:
    """The value as one of the field's own kind, or as it is where it has no single reading.

    An empty text is null. Idempotent: what comes out comes out again.
    """
    if isinstance(value, str):
        text = value.strip() if len(value) <= LONGEST else value
        return None if not text else _of_text(field, text, value)
    if field.kind == "category" and isinstance(field.categories[0], str):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        named = str(value)
        if isinstance(value, int) and not isinstance(value, bool) and named in field.categories:
            return named
    return value


def _of_text(field: Field, text: str, value: str) -> Any:
    if field.kind == "boolean":
        word = text.casefold()
        return True if word in _TRUE else False if word in _FALSE else value
    if field.kind == "category" and isinstance(field.categories[0], str):
        if text in field.categories:
            return text
        found = [c for c in field.categories if isinstance(c, str) and _same(c, text)]
        return found[0] if len(found) == 1 else value
    number = number_of(text)
    if number is None or (field.kind != "number" and not number.is_integer()):
        return value
    return number if field.kind == "number" else int(number)


def _same(category: str, text: str) -> bool:
    return category.strip().casefold() == text.casefold()


def number_of(text: str) -> float | None:
    """The number that a text says with a decimal point, or None."""
    return float(text) if len(text) <= LONGEST and _NUMBER.fullmatch(text) else None


def number_texts(values: Sequence[Any]) -> bool:
    """Whether these are all texts that say numbers."""
    return bool(values) and all(
        isinstance(v, str) and number_of(v.strip()) is not None for v in values
    )


def code_of(field: Field, value: Category | float | bool) -> float:
    """The number by which a valid value enters the model."""
    if field.kind == "category":
        assert isinstance(value, str | int)
        return field.codes[value]
    return float(value)
