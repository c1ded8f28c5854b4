"""What a caller does about a field that does not fit: which value to send, and what came instead.

A field under another name, numbers as texts, codes for names, per cent for fractions and
milliseconds for seconds are recognised from the values themselves. A unit that changes inside the
allowed range shows in no single value: see `seawall.statistics.rescaled`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from seawall.serving.coerce import coerced, number_texts
from seawall.serving.signature import Field

LOOKS_LIKE = 0.4
_SHOWN = 8


def wanted(field: Field) -> str:
    """The values that a field takes, in words."""
    if field.kind == "category":
        shown = ", ".join(map(str, field.categories[:_SHOWN]))
        return f"one of {shown}" + (", …" if len(field.categories) > _SHOWN else "")
    if field.kind == "boolean":
        return "true or false"
    return "a whole number" if field.kind == "integer" else "a number"


def within(field: Field) -> str:
    """The range of a number, in words: bounds in full, so that what is within them is valid."""
    low, high = _in_full(field.low), _in_full(field.high)
    unit = f" {field.unit}" if field.unit else ""
    if field.minimum is None:
        return f"at most {high}{unit}"
    if field.maximum is None:
        return f"at least {low}{unit}"
    return f"from {low} to {high}{unit}"


def missing_remedy(field: Field, *, absent: bool, like: str = "") -> str:
    """What to do about a field that is null, or absent from every row."""
    if like:
        return f"{like} looks like it; rename {like} to {field.name}"
    if absent:
        return f"send {field.name}"
    return f"send a value for {field.name} in every row; null is not allowed"


def type_remedy(field: Field, values: Sequence[Any]) -> str:
    """What to do about values of another type, of which these are some."""
    came = _came(field, values)
    return f"{came}; send {wanted(field)}" if came else f"send {wanted(field)}"


def range_remedy(field: Field, values: Sequence[float]) -> str:
    """What to do about numbers beyond the range, of which these are some."""
    came = _other_unit(field, values)
    return f"{came}; send a value {within(field)}" if came else f"send a value {within(field)}"


def category_remedy(field: Field, values: Sequence[Any]) -> str:
    """What to do about new categories, of which these are some."""
    if values and all(isinstance(v, str) and coerced(field, v) in field.codes for v in values):
        return f"spaces or capitals differ; send {wanted(field)}"
    return f"send {wanted(field)}"


def looks_like(field: Field, fits: Sequence[str], unknown: int) -> str:
    """The unknown column, among those whose values fit, that may be this field by another name.

    A lone unknown column whose values fit is named whatever it is called.
    """
    if not fits:
        return ""
    name = max(fits, key=lambda n: alike(field.name, n))
    return name if unknown == 1 or alike(field.name, name) >= LOOKS_LIKE else ""


def alike(a: str, b: str) -> float:
    """How much two names resemble each other, 0 to 1, letters and digits alone."""
    one, other = ("".join(c for c in s.lower() if c.isalnum()) for s in (a, b))
    return difflib.SequenceMatcher(None, one, other).ratio()


def _in_full(bound: float) -> str:
    return f"{bound:.0f}" if bound.is_integer() and abs(bound) < 1e15 else repr(bound)


def _came(field: Field, values: Sequence[Any]) -> str:
    """What the values are instead, where they are all of one recognised form."""
    if not values:
        return ""
    texts = all(isinstance(v, str) for v in values)
    if field.kind == "category" and isinstance(field.categories[0], str):
        whole = all(type(v) is int and 0 <= v < len(field.categories) for v in values)
        return "these may be codes of the names" if whole else ""
    if number_texts(values):
        return "numbers came as texts" if field.kind != "boolean" else "0 and 1 came as texts"
    if field.kind == "boolean":
        read = texts and all(isinstance(coerced(field, v), bool) for v in values)
        return "true and false came as texts" if read else ""
    if field.kind == "category":
        return "names came where codes were" if texts else ""
    if all(isinstance(v, bool) for v in values):
        return "true and false came where numbers were"
    fractions = field.kind == "integer" and all(isinstance(v, float) for v in values)
    return "fractions came where whole numbers were" if fractions else ""


def _other_unit(field: Field, values: Sequence[float]) -> str:
    """The unit that numbers beyond the range seem to be in, where the range leaves one reading."""
    if not values or field.minimum is None or field.maximum is None:
        return ""
    low, high = field.minimum, field.maximum
    if low >= 0 and high <= 1 < max(values) <= 100 and min(values) > 1:
        return "per cent seem to have come where fractions were"
    if low > 0 and high < 1000 * low and all(1000 * low <= v <= 1000 * high for v in values):
        return "these are 1000 times the range: milliseconds for seconds, or grams for kilograms?"
    return ""
