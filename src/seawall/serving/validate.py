"""Checks inputs against a signature, column by column, and says all that is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.serving import remedy
from seawall.serving.coerce import code_of, coerced
from seawall.serving.cross_field import CrossFields
from seawall.serving.signature import FLOAT32_MAX, Field, Signature
from seawall.statistics.categories import same_distribution
from seawall.statistics.summary import ColumnSummary

Problem = Literal[
    "missing",
    "wrong_type",
    "out_of_range",
    "new_category",
    "rule",
    "unknown",
    "coerced",
    "defaulted",
    "reported_missing",
    "reported_wrong_type",
    "reported_out_of_range",
    "reported_new_category",
    "reported_rule",
]
Column = Sequence[Any] | NDArray[Any]
_Checks = tuple[NDArray[np.float64], NDArray[np.int8]]

PROBLEMS: tuple[Problem, ...] = ("missing", "wrong_type", "out_of_range", "new_category")
REPORTED: tuple[Problem, ...] = (
    "reported_missing",
    "reported_wrong_type",
    "reported_out_of_range",
    "reported_new_category",
)
REFUSING: frozenset[str] = frozenset((*PROBLEMS, "rule"))
"""The problems that make a row invalid; all others are counted only."""
_MISSING, _TYPE, _RANGE, _CATEGORY = 1, 2, 3, 4
_REAL = {int, float}
LEAST_ROWS = 50
"""Rows from which a distribution tells one column from another."""
_LOOKED_AT = 100
"""Values of a column that are looked at to say what came instead."""


class _Absent:
    """In a column made of records, the mark of a record without the field."""


ABSENT = _Absent()


class Violation(msgspec.Struct, frozen=True):
    """What is wrong with a field, in how many rows, and what the caller can do.

    Of a rule that is broken, `field` is the rule's name.
    """

    field: str
    problem: Problem
    count: int
    remedy: str


class Checked(msgspec.Struct, frozen=True):
    """The model's input (n × fields, float64, null as NaN), the rows not to be scored, and why.

    `accepted` is what was not as declared and refuses no row: read in another way, filled in, or
    reported only.
    """

    matrix: NDArray[np.float64]
    bad: NDArray[np.bool_]
    violations: tuple[Violation, ...] = ()
    accepted: tuple[Violation, ...] = ()

    @property
    def counted(self) -> tuple[Violation, ...]:
        """All that is counted by field and problem."""
        return self.violations + self.accepted


class _Said(msgspec.Struct):
    """What was found so far."""

    violations: list[Violation] = []
    accepted: list[Violation] = []


class _Suspects(msgspec.Struct, frozen=True):
    """The unknown columns, any of which may be a field by another name."""

    unknown: Mapping[str, Column]
    baseline: Mapping[str, ColumnSummary]

    def like(self, field: Field) -> str:
        """The column that a field seems to be called now; empty when none does."""
        fits = [n for n, c in self.unknown.items() if not check(field, c[:_LOOKED_AT])[1].any()]
        summary = self.baseline.get(field.name)
        if summary and fits and len(self.unknown[fits[0]]) >= LEAST_ROWS:
            columns = {n: as_column(field, self.unknown[n]) for n in fits}
            found = same_distribution(summary, columns, 0.95)
            return found[0] if found else ""
        return remedy.looks_like(field, fits, len(self.unknown))


class Validator:
    """A signature made ready for checking. `also` names fields that may come and are no inputs.

    With the summaries of a `baseline` a renamed field is told by its distribution too.
    """

    def __init__(
        self,
        signature: Signature,
        also: Collection[str] = (),
        baseline: Mapping[str, ColumnSummary] = {},
    ) -> None:
        self.signature = signature
        self._baseline = baseline
        self.known = {*signature.names, *also}
        self.cross_fields = CrossFields(signature.rules, signature.fields)

    def records(self, records: Sequence[Mapping[str, Any]]) -> Checked:
        """The model's input of many records, with every violation."""
        return self.columns(columns_of(records), len(records))

    def columns(self, columns: Mapping[str, Column], rows: int) -> Checked:
        """The model's input of columns of `rows` values each, with every violation."""
        matrix = np.empty((rows, len(self.signature.fields)))
        wrong = np.zeros(matrix.shape, dtype=bool)
        said = _Said()
        unknown = {name: columns[name] for name in columns if name not in self.known}
        suspects = _Suspects(unknown, self._baseline)
        for place, field in enumerate(self.signature.fields):
            column = columns.get(field.name)
            if column is None:
                values, problems = np.full(rows, np.nan), np.full(rows, _MISSING, dtype=np.int8)
            else:
                values, problems = check(field, column)
            if problems.any():
                values, problems = _settle(field, column, values, problems, suspects, said)
                wrong[:, place] = problems != 0
                values = np.where(wrong[:, place], np.nan, values)
            matrix[:, place] = values
        bad = wrong.any(axis=1) | self._breaking(matrix, wrong, said)
        for name, column in unknown.items():
            count = sum(v is not ABSENT for v in column)
            said.violations.append(
                Violation(name, "unknown", count, "leave it out; it is not used")
            )
        return Checked(matrix, bad, tuple(said.violations), tuple(said.accepted))

    def _breaking(
        self, matrix: NDArray[np.float64], wrong: NDArray[np.bool_], said: _Said
    ) -> NDArray[np.bool_]:
        """The rows that break a strict rule over fields of which each is well."""
        bad = np.zeros(len(matrix), dtype=bool)
        for at, rule in enumerate(self.cross_fields.rules):
            asked = ~wrong[:, self.cross_fields.places(at)].any(axis=1)
            broken = np.zeros(len(matrix), dtype=bool)
            broken[asked] = [self.cross_fields.broken(at, row) for row in matrix[asked].tolist()]
            count = int(broken.sum())
            if not count:
                continue
            told = rule.message or f"send values for which {rule.rule}"
            if rule.mode == "report":
                said.accepted.append(Violation(rule.name, "reported_rule", count, told))
            else:
                said.violations.append(Violation(rule.name, "rule", count, told))
                bad |= broken
        return bad


def columns_of(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Records turned into columns; where a record lacks a field, the column holds `ABSENT`."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name, ABSENT) for record in records] for name in names}


def as_column(field: Field, column: Column) -> NDArray[Any]:
    """The values as the field's summary counts them; whole numbers stay whole."""
    if field.kind == "number":
        return _numbers(column, allow_bool=False)[0]
    found = np.asarray(column)
    return found.astype(object) if found.dtype.kind in "US" else found


def check(field: Field, column: Column) -> _Checks:
    """The values of one column as the model's numbers, and for each 0 or the problem's code.

    As declared alone: neither the field's mode nor its default is applied.
    """
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


def _settle(
    field: Field,
    column: Column | None,
    values: NDArray[np.float64],
    problems: NDArray[np.int8],
    suspects: _Suspects,
    said: _Said,
) -> _Checks:
    """Apply the field's mode and default to what does not fit, and say what is left."""
    if field.mode == "coerce" and column is not None:
        values, problems = _coerce(field, column, values, problems, said)
    gone = problems == _MISSING
    if field.default is not None and gone.any():
        values, problems = values.copy(), np.where(gone, 0, problems).astype(np.int8)
        values[gone] = code_of(field, field.default)
        told = f"send a value; {field.default} stands for none"
        said.accepted.append(Violation(field.name, "defaulted", int(gone.sum()), told))
    counts = np.bincount(problems, minlength=len(PROBLEMS) + 1)
    reports = field.mode == "report"
    for code, (problem, reported) in enumerate(zip(PROBLEMS, REPORTED, strict=True), start=1):
        if not counts[code]:
            continue
        told = _remedy(field, code, column, problems == code, suspects)
        found = Violation(field.name, reported if reports else problem, int(counts[code]), told)
        (said.accepted if reports else said.violations).append(found)
    if not reports:
        return values, problems
    as_numbers = field.kind != "boolean"
    kept = np.where(as_numbers & (np.abs(values) <= FLOAT32_MAX), values, np.nan)
    return np.where(problems == 0, values, kept), np.zeros_like(problems)


def _coerce(
    field: Field,
    column: Column,
    values: NDArray[np.float64],
    problems: NDArray[np.int8],
    said: _Said,
) -> _Checks:
    """Read what is of another type, or a new category, in another way, and check it again."""
    values, problems = values.copy(), problems.copy()
    read = 0
    for row in np.flatnonzero((problems == _TYPE) | (problems == _CATEGORY)).tolist():
        value = _item(column[row])
        other = coerced(field, value)
        if other is value:
            continue
        (number,), (problem,) = check(field, [other])
        values[row], problems[row] = number, problem
        read += problem == 0
    if read:
        told = f"send {remedy.wanted(field)} as such"
        said.accepted.append(Violation(field.name, "coerced", int(read), told))
    return values, problems


def _remedy(
    field: Field,
    code: int,
    column: Column | None,
    rows: NDArray[np.bool_],
    suspects: _Suspects,
) -> str:
    if code == _MISSING:
        absent = column is None or all(v is ABSENT for v in column)
        like = suspects.like(field) if absent else ""
        return remedy.missing_remedy(field, absent=absent, like=like)
    assert column is not None
    came = [_item(column[row]) for row in np.flatnonzero(rows)[:_LOOKED_AT].tolist()]
    if code == _TYPE:
        return remedy.type_remedy(field, came)
    if code == _CATEGORY:
        return remedy.category_remedy(field, came)
    return remedy.range_remedy(field, [v for v in came if isinstance(v, int | float)])


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


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
        value = _item(item)
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
