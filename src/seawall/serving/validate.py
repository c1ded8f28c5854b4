"""Checks inputs against a signature, column by column, and says all that is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.serving.signature import Field, Signature

Problem = Literal["missing", "wrong_type", "out_of_range", "new_category", "unknown"]
Column = Sequence[Any] | NDArray[Any]
_Checks = tuple[NDArray[np.float64], NDArray[np.int8]]

PROBLEMS: tuple[Problem, ...] = ("missing", "wrong_type", "out_of_range", "new_category")
_MISSING, _TYPE, _RANGE, _CATEGORY = 1, 2, 3, 4
_REAL = {int, float}
LOOKS_LIKE = 0.4


class _Absent:
    """In a column made of records, the mark of a record without the field."""


ABSENT = _Absent()


class Violation(msgspec.Struct, frozen=True):
    """What is wrong with a field, in how many rows, and what the caller can do."""

    field: str
    problem: Problem
    count: int
    remedy: str


class Checked(msgspec.Struct, frozen=True):
    """The model's input (n × fields, float64, null as NaN), the rows not to be scored, and why."""

    matrix: NDArray[np.float64]
    bad: NDArray[np.bool_]
    violations: tuple[Violation, ...] = ()


class Validator:
    """A signature made ready for checking. `also` names fields that may come and are no inputs."""

    def __init__(self, signature: Signature, also: Collection[str] = ()) -> None:
        self.signature = signature
        self.known = {*signature.names, *also}

    def records(self, records: Sequence[Mapping[str, Any]]) -> Checked:
        """The model's input of many records, with every violation."""
        return self.columns(columns_of(records), len(records))

    def columns(self, columns: Mapping[str, Column], rows: int) -> Checked:
        """The model's input of columns of `rows` values each, with every violation."""
        matrix = np.empty((rows, len(self.signature.fields)))
        bad = np.zeros(rows, dtype=bool)
        unknown = [name for name in columns if name not in self.known]
        violations: list[Violation] = []
        for place, field in enumerate(self.signature.fields):
            column = columns.get(field.name)
            if column is None:
                remedy = f"send {field.name}"
                if like := _looks_like(field, {n: columns[n] for n in unknown}):
                    remedy = f"{like} looks like it; rename {like} to {field.name}"
                violations.append(Violation(field.name, "missing", rows, remedy))
                matrix[:, place], bad[:] = np.nan, True
                continue
            matrix[:, place], problems = check(field, column)
            if problems.any():
                wrong = problems.astype(bool)
                bad |= wrong
                matrix[wrong, place] = np.nan
                counts = np.bincount(problems, minlength=5)
                for code, problem in enumerate(PROBLEMS, start=1):
                    if counts[code]:
                        remedy = _remedy(field, problem)
                        violations.append(Violation(field.name, problem, int(counts[code]), remedy))
        for name in unknown:
            count = sum(v is not ABSENT for v in columns[name])
            violations.append(Violation(name, "unknown", count, "leave it out; it is not used"))
        return Checked(matrix, bad, tuple(violations))


def columns_of(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Records turned into columns; where a record lacks a field, the column holds `ABSENT`."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name, ABSENT) for record in records] for name in names}


def check(field: Field, column: Column) -> _Checks:
    """The values of one column as the model's numbers, and for each 0 or the problem's code."""
    if field.kind == "category" and isinstance(field.categories[0], str):
        return _texts(field, column)
    values, problems = _numbers(column, allow_bool=field.kind == "boolean")
    null = np.isnan(values) & (problems == 0)
    problems[null] = 0 if field.nullable else _MISSING
    fine = ~null & (problems == 0)
    if field.kind == "number" or field.kind == "integer":
        outside = (values < field.low) | (values > field.high)
        problems[fine & outside] = _RANGE
        if field.kind == "integer":
            with np.errstate(invalid="ignore"):
                problems[fine & ~outside & (np.floor(values) != values)] = _TYPE
    elif field.kind == "boolean":
        problems[fine & (values != 0.0) & (values != 1.0)] = _TYPE
    else:
        codes = np.array(list(field.codes.values()))
        problems[fine & ~np.isin(values, codes)] = _CATEGORY
    return values, problems


def _numbers(column: Column, *, allow_bool: bool) -> _Checks:
    """Numbers as float64, nulls as NaN; what is no number is marked so."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        return column.astype(np.float64), np.zeros(len(column), dtype=np.int8)
    items = column.tolist() if isinstance(column, np.ndarray) else column
    if set(map(type, items)) <= _REAL:
        try:
            return np.array(items, dtype=np.float64), np.zeros(len(items), dtype=np.int8)
        except OverflowError:
            pass  # a whole number too large for a float; found one by one
    values = np.full(len(items), np.nan)
    problems = np.zeros(len(items), dtype=np.int8)
    for place, item in enumerate(items):
        value = item.item() if isinstance(item, np.generic) else item
        if isinstance(value, bool) and not allow_bool:
            problems[place] = _TYPE
        elif isinstance(value, int | float):
            try:
                values[place] = value
            except OverflowError:
                values[place] = np.inf if value > 0 else -np.inf
        elif value is ABSENT:
            problems[place] = _MISSING
        elif value is not None:
            problems[place] = _TYPE
    return values, problems


def _texts(field: Field, column: Column) -> _Checks:
    """Texts as the places of their categories."""
    items = column.tolist() if isinstance(column, np.ndarray) else column
    codes: dict[Any, float] = {**field.codes}
    values = np.full(len(items), np.nan)
    problems = np.zeros(len(items), dtype=np.int8)
    for place, item in enumerate(items):
        if isinstance(item, str):
            code = codes.get(item)
            if code is None:
                problems[place] = _CATEGORY
            else:
                values[place] = code
        elif item is None or (isinstance(item, float) and item != item):
            problems[place] = 0 if field.nullable else _MISSING
        else:
            problems[place] = _MISSING if item is ABSENT else _TYPE
    return values, problems


def _looks_like(field: Field, unknown: Mapping[str, Column]) -> str:
    """The unknown column that may be this field by another name: its values fit, its name is near.

    A lone unknown column whose values fit is named whatever it is called.
    """
    fits = [n for n, column in unknown.items() if not check(field, column[:100])[1].any()]
    if not fits:
        return ""
    name = max(fits, key=lambda n: _alike(field.name, n))
    return name if len(unknown) == 1 or _alike(field.name, name) >= LOOKS_LIKE else ""


def _alike(a: str, b: str) -> float:
    plain: Callable[[str], str] = lambda s: "".join(c for c in s.lower() if c.isalnum())  # noqa: E731
    return difflib.SequenceMatcher(None, plain(a), plain(b)).ratio()


def _remedy(field: Field, problem: Problem) -> str:
    if problem == "missing":
        return f"send a value for {field.name} in every row; null is not allowed"
    if problem == "wrong_type":
        wanted = {"number": "a number", "integer": "a whole number", "boolean": "true or false"}
        return f"send {wanted.get(field.kind, _one_of(field))}"
    if problem == "out_of_range":
        return f"send a value from {field.low:g} to {field.high:g}"
    return f"send {_one_of(field)}"


def _one_of(field: Field) -> str:
    shown = ", ".join(map(str, field.categories[:8]))
    return f"one of {shown}" + (", …" if len(field.categories) > 8 else "")
