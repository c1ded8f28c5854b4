"""Columns as the core takes them: numpy arrays, masked arrays, or (codes, dictionary)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput

Kind = Literal["numeric", "integer", "categorical", "boolean", "datetime", "score"]
Column = NDArray[Any] | tuple[NDArray[np.integer[Any]], Sequence[Any]]
"""One column: a numpy array (a masked array where integers have nulls), NaN, NaT and None being
missing; or (codes, dictionary) with code -1 for missing."""

BINARY = {"0": 0, "1": 1, "false": 0, "true": 1}
"""What the texts of a column of 0 and 1 stand for."""


def kind_of(values: Column) -> Kind:
    """The kind that a column's type suggests."""
    if isinstance(values, tuple):
        return "categorical"
    letter = values.dtype.kind
    if letter in "iu":
        return "integer"
    if letter == "f":
        return "numeric"
    if letter == "b":
        return "boolean"
    return "datetime" if letter == "M" else "categorical"


def length(values: Column) -> int:
    """The number of rows."""
    return len(values[0]) if isinstance(values, tuple) else len(values)


def take(values: Column, rows: slice | NDArray[Any]) -> Column:
    """Some rows, by a slice, by their places or by which they are."""
    return (values[0][rows], values[1]) if isinstance(values, tuple) else values[rows]


def has_value(values: Column) -> NDArray[np.bool_]:
    """Which rows have a value, of a column that is not of Python objects."""
    if isinstance(values, tuple):
        return np.asarray(values[0]) >= 0
    there = ~np.ma.getmaskarray(values)
    data = np.asarray(values)
    if data.dtype.kind == "f":
        there &= ~np.isnan(data)
    elif data.dtype.kind == "M":
        there &= ~np.isnat(data)
    return there


def tally(values: Column) -> tuple[list[str], list[int], int]:
    """The distinct values as texts, how often each occurs, and how many rows lack one."""
    if isinstance(values, tuple):
        codes, words = values
        shift = 1 if codes.size and int(codes.min()) < 0 else 0
        shifted = codes.astype(np.int64, copy=False) + 1 if shift else codes
        per = np.bincount(shifted, minlength=len(words) + shift)
        missing, per = (int(per[0]), per[1:]) if shift else (0, per)
    elif values.dtype.kind == "b":
        words = (False, True)
        present = values.compressed() if isinstance(values, np.ma.MaskedArray) else values
        true = int(np.count_nonzero(present))
        missing, per = values.size - present.size, np.array([present.size - true, true])
    else:
        codes, words = encode(values)
        return tally((codes, words))
    found: dict[str, int] = {}
    for at in np.flatnonzero(per).tolist():
        name, count = _text(words[at]), int(per[at])
        if name is None:
            missing += count
        else:
            found[name] = found.get(name, 0) + count
    return list(found), list(found.values()), missing


def joined(parts: Sequence[Column]) -> Column:
    """Rows of several pieces of one column in order; text where any piece is text."""
    if len(parts) == 1:
        return parts[0]
    if any(isinstance(p, tuple) or p.dtype.kind in "OUS" for p in parts):
        table: dict[str, int] = {}
        rows: list[NDArray[np.int64]] = []
        for codes, names in map(encode, parts):
            place = [table.setdefault(name, len(table)) for name in names]
            rows.append(np.array([*place, -1], np.int64)[codes])
        return np.concatenate(rows), list(table)
    arrays = [p for p in parts if not isinstance(p, tuple)]
    if any(isinstance(p, np.ma.MaskedArray) for p in arrays):
        return np.ma.concatenate(arrays)
    return np.concatenate(arrays)


def any_value(values: Column) -> bool:
    """Whether at least one row has a value."""
    if isinstance(values, tuple):
        return bool(np.any(np.asarray(values[0]) >= 0))
    letter = values.dtype.kind
    if isinstance(values, np.ma.MaskedArray):
        return bool(values.count())
    if letter == "O":
        return any(value is not None and value == value for value in values.tolist())
    if letter in "fM":
        return not bool(np.isnan(values).all() if letter == "f" else np.isnat(values).all())
    return values.size > 0


def numbers(values: Column) -> tuple[NDArray[Any], int]:
    """The present values as float64, int64 (datetimes: microseconds, UTC), and how many lack.

    Raises `BadInput` when the column holds text.
    """
    if isinstance(values, tuple) or values.dtype.kind not in "iufbM":
        raise _text_not_numbers()
    lacking = 0
    if isinstance(values, np.ma.MaskedArray):
        lacking = int(np.ma.count_masked(values))
        values = values.compressed() if lacking else np.asarray(values.data)
    letter = values.dtype.kind
    if letter == "f":
        gaps = np.isnan(values)
        count = int(np.count_nonzero(gaps))
        return (values[~gaps] if count else values).astype(np.float64, copy=False), lacking + count
    if letter == "M":
        gaps = np.isnat(values)
        values = values[~gaps].astype("datetime64[us]").astype(np.int64)
        return values, lacking + int(np.count_nonzero(gaps))
    if values.dtype == np.uint64:
        values = np.minimum(values, np.uint64(2**63 - 1))
    return values.astype(np.int64, copy=False), lacking


def floats(values: Column) -> NDArray[np.float64]:
    """Every row as float64 (datetimes: microseconds, UTC), NaN where missing.

    Raises `BadInput` when the column holds text.
    """
    if isinstance(values, tuple) or values.dtype.kind not in "iufbM":
        raise _text_not_numbers()
    data = np.asarray(values)
    if data.dtype.kind == "M":
        data = data.astype("datetime64[us]").astype(np.int64)
    found = data.astype(np.float64, copy=False)
    there = has_value(values)
    return found if there.all() else np.where(there, found, np.nan)


def _text_not_numbers() -> BadInput:
    return BadInput(
        "the column holds text where numbers are expected", remedy="convert it, or leave it out"
    )


def encode(values: Column) -> tuple[NDArray[np.int64], list[str]]:
    """Any column as codes into a list of texts, -1 for missing.

    Booleans read `false` and `true`; whole floats read as integers.
    """
    if isinstance(values, tuple):
        codes, names = np.asarray(values[0], np.int64), [_text(v) for v in values[1]]
    elif values.dtype.kind in "OUST":
        seen: dict[Any, int] = {}
        rows: list[Any] = (
            np.ma.filled(values, None).tolist() if _masked(values) else values.tolist()
        )
        codes = np.fromiter((seen.setdefault(v, len(seen)) for v in rows), np.int64, len(rows))
        names = [_text(v) for v in seen]
    elif (narrow := _narrow(values)) is not None:
        return narrow
    else:
        data = np.asarray(values)
        found, inverse = np.unique(data, return_inverse=True)
        codes, names = inverse.astype(np.int64).ravel(), [_text(v) for v in found.tolist()]
        if _masked(values):
            codes[np.ma.getmaskarray(values)] = -1
    table: dict[str, int] = {}
    lookup = np.full(len(names) + 1, -1, np.int64)
    for at, name in enumerate(names):
        if name is not None:
            lookup[at] = table.setdefault(name, len(table))
    return lookup[codes], list(table)


def placed(values: Column, places: Mapping[str, int], other: int = -1) -> NDArray[np.int64]:
    """The place of each row's text, -1 where it is missing, `other` where it has no place."""
    codes, names = encode(values)
    return np.array([places.get(name, other) for name in names] + [-1], np.int64)[codes]


def refuse_unshared(labels: Column, predictions: Column) -> None:
    """Raise `BadInput` where no prediction is a value that any label has: they are coded apart.

    One value each may be right: every one of a few rows was called wrong.
    """
    told, called = tally(labels)[0], tally(predictions)[0]
    if min(len(told), len(called)) and max(len(told), len(called)) > 1 and not {*told} & {*called}:
        raise BadInput(
            f"labels and predictions share no value: labels have {_some(told)}, "
            f"predictions {_some(called)}",
            remedy="write both in the same way",
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:3])) + ", …" * (len(names) > 3)


def neither(value: str, remedy: str, what: str = "") -> BadInput:
    """What is told of a value in a column of 0 and 1 that is neither."""
    return BadInput(f"{what}{' ' * bool(what)}{value!r} is neither 0 nor 1", remedy=remedy)


def _narrow(values: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]] | None:
    """Whole numbers of a small range as codes, without sorting; None for other columns."""
    if values.dtype.kind not in "iu" or not values.size or _masked(values):
        return None
    low, high = int(values.min()), int(values.max())
    if high - low >= 1 << 16:
        return None
    codes = values.astype(np.int64, copy=False) - low
    present = np.bincount(codes, minlength=high - low + 1) > 0
    names = [str(low + v) for v in np.flatnonzero(present).tolist()]
    return codes if present.all() else (np.cumsum(present) - 1)[codes], names


def _masked(values: NDArray[Any]) -> bool:
    return isinstance(values, np.ma.MaskedArray)


def _text(value: Any) -> Any:
    if value is None or value != value:
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
