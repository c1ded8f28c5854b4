"""A signature inferred from training data, with what a reviewer should know of every field."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, nearest
from seawall.serving.signature import MANY_CATEGORIES, Field, Signature
from seawall.serving.suspicions import of_label, of_numbers, of_texts, unit_of
from seawall.statistics.column import Column, encode, kind_of, length, numbers

SLACK = 0.05
FEW = 20
"""Whole numbers with no more different values may be codes."""


class Inferred(msgspec.Struct, frozen=True):
    """A signature that its data satisfies, to be reviewed.

    `facts` say by field what was seen; `doubts` what a person should look at; `left_out` why a
    column became no field. `rows` were looked at.
    """

    signature: Signature
    rows: int
    facts: dict[str, str]
    doubts: dict[str, tuple[str, ...]]
    left_out: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return msgspec.to_builtins(self)


class _Found(msgspec.Struct, frozen=True):
    """A field, what was seen of it, and what is doubtful."""

    field: Field | None
    fact: str
    doubts: tuple[str, ...] = ()


def infer(
    columns: Mapping[str, Column],
    *,
    label: str | None = None,
    categories: Collection[str] = (),
    slack: float = SLACK,
) -> Inferred:
    """The signature that these columns satisfy, and what is doubtful about it.

    Numbers get the range seen, widened on each side by `slack` times its width but not beyond
    zero (whole numbers of few values are not: they may be codes); texts, and the columns named in
    `categories`, the values seen; nulls make a field nullable. The `label` becomes no field; of two
    values, whatever they are, a field that tells them apart alone is named.
    Raises `BadInput` without rows, and on a column that is not there.
    """
    named = (*categories, *([label] if label else []))
    for name in named:
        if name not in columns:
            raise BadInput(f"there is no column {name!r}", remedy=nearest(name, columns))
    if not 0 <= slack <= 10:
        raise BadInput(f"a slack of {slack:g}", remedy="give a share of the range, such as 0.05")
    rows = max((length(v) for v in columns.values()), default=0)
    if not rows:
        raise BadInput("there are no rows to learn from")
    found = {
        name: _field(name, values, name in categories, slack)
        for name, values in columns.items()
        if name != label
    }
    doubts = {name: f.doubts for name, f in found.items() if f.field}
    if label:
        for name in doubts:
            told = of_label(columns[name], columns[label])
            doubts[name] += (told,) if told else ()
    fields = tuple(f.field for f in found.values() if f.field)
    left_out = {name: f.fact for name, f in found.items() if not f.field}
    if not fields:
        why = "; ".join(f"{name}: {fact}" for name, fact in left_out.items())
        raise BadInput("no column can be a field", where=why)
    return Inferred(
        Signature(fields),
        rows,
        {name: f.fact for name, f in found.items() if f.field},
        {name: told for name, told in doubts.items() if told},
        left_out | ({label: "the label"} if label else {}),
    )


def _field(name: str, values: Column, category: bool, slack: float) -> _Found:
    kind = kind_of(values)
    if kind == "datetime":
        return _Found(None, "a moment; a model takes numbers, such as days since another moment")
    if kind == "boolean" or kind == "categorical" or category:
        return _named_values(name, values, kind == "boolean", category)
    present, missing = numbers(values)
    present = present.astype(np.float64)
    if not present.size:
        return _Found(None, "no value to learn from")
    if not np.isfinite(present).all():
        return _Found(None, "holds infinite values; a model's input is finite")
    return _number(name, present, missing, slack, whole_type=kind == "integer")


def _number(
    name: str, present: NDArray[np.float64], missing: int, slack: float, *, whole_type: bool
) -> _Found:
    whole = bool((present == np.floor(present)).all())
    integer = whole and (whole_type or missing > 0)
    low, high = float(present.min()), float(present.max())
    different = np.unique(present)
    widen = slack * (high - low) if not integer or different.size > FEW else 0.0
    least, most = low - widen, high + widen
    least = max(least, 0.0) if low >= 0 else least
    most = min(most, 0.0) if high <= 0 else most
    least, most = (math.floor(least), math.ceil(most)) if integer else _rounded(least, most)
    field = Field(
        name=name,
        kind="integer" if integer else "number",
        minimum=float(least),
        maximum=float(most),
        nullable=missing > 0,
        unit=unit_of(name),
    )
    doubts = of_numbers(name, present, different, whole=whole, integer=integer)
    if integer and 1 < different.size <= FEW:
        codes = ", ".join(f"{v:.0f}" for v in different)
        doubts += (f"codes? then kind: category, categories: [{codes}]",)
    size = "constant" if different.size == 1 else f"{different.size:,} different"
    return _Found(
        field, f"{low:g} to {high:g} seen, {size}{_missing(missing, present.size)}", doubts
    )


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Bounds moved outward to three digits of their distance, for people to read."""
    width = high - low
    if width <= 0 or not math.isfinite(width):
        return low, high
    step = 10.0 ** (math.floor(math.log10(width)) - 2)
    digits = max(0, -round(math.log10(step)))
    least = round(math.floor(low / step) * step, digits)
    most = round(math.ceil(high / step) * step, digits)
    return min(low, least), max(high, most)


def _named_values(name: str, values: Column, boolean: bool, category: bool) -> _Found:
    codes, names = encode(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    missing, rows = int((codes < 0).sum()), len(codes)
    if not counts.sum():
        return _Found(None, "no value to learn from")
    if boolean:
        true = int(counts[names.index("true")]) if "true" in names else 0
        fact = f"true in {true / (rows - missing):.1%}{_missing(missing, rows - missing)}"
        return _Found(Field(name=name, kind="boolean", nullable=missing > 0), fact)
    seen = {n: int(c) for n, c in zip(names, counts.tolist(), strict=True) if c}
    if len(seen) > MANY_CATEGORIES:
        return _Found(None, f"{len(seen):,} different texts; an identifier, or free text?")
    whole = not isinstance(values, tuple) and values.dtype.kind in "iuf"
    if whole and not all(n.lstrip("-").isdigit() for n in seen):
        return _Found(None, "asked for as a category, and holds fractions")
    ordered = sorted(int(n) for n in seen) if whole and category else sorted(seen)
    field = Field(name=name, kind="category", categories=tuple(ordered), nullable=missing > 0)
    fact = f"{len(seen)} values seen{_missing(missing, rows - missing)}"
    return _Found(field, fact, of_texts(name, seen))


def _missing(missing: int, present: int) -> str:
    return f", {missing / (missing + present):.1%} missing" if missing else ""


def outside(field: Field, values: Column, confidence: float = 0.95) -> Estimate | None:
    """The share of numbers outside a field's range, None where it has none."""
    from seawall.statistics.intervals import rate

    if field.kind not in ("number", "integer"):
        return None
    present, _ = numbers(values)
    beyond = int(np.count_nonzero((present < field.low) | (present > field.high)))
    return rate(beyond, present.size, confidence)
