"""Labelled rows to evaluate: where they come from, what kind of task they are, what they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.adapters.tables import read_columns
from seawall.kernel import BadInput, nearest
from seawall.sdk.report import Table
from seawall.statistics.column import BINARY, Column, any_value, encode, length

Task = Literal["binary", "multiclass", "regression"]
By = str | tuple[str, ...]
MOST_CLASSES = 20
"""Whole numbers with more different values are taken as a quantity, not as classes."""


class Rows(msgspec.Struct, frozen=True, eq=False):
    """The columns that were asked for, and the name of where they were read."""

    source: str
    columns: dict[str, Column]
    groups: list[tuple[str, ...]]

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __len__(self) -> int:
        return length(next(iter(self.columns.values())))

    def wrong(self, column: str, what: str, remedy: str = "") -> BadInput:
        """An error that names the file and the column."""
        return BadInput(what, where=f"{self.source}, column {column}", remedy=remedy)

    def floats(self, column: str) -> NDArray[np.float64]:
        """A column as float64 with NaN for missing; `BadInput` on text and infinities."""
        values = self.columns[column]
        if isinstance(values, tuple) or values.dtype.kind not in "iufb":
            raise self.wrong(column, "numbers are expected, not text", "convert the column")
        found = np.ma.filled(values.astype(np.float64, copy=False), np.nan)
        if np.isinf(found).any():
            raise self.wrong(column, "some values are infinite", "leave those rows out")
        return found


def read_rows(data: Table, columns: Sequence[str | None], groups: Sequence[By], label: str) -> Rows:
    """Read what is needed and no more; `BadInput` without rows or without any label."""
    chosen = [(by,) if isinstance(by, str) else tuple(by) for by in groups]
    wanted = dict.fromkeys([*filter(None, columns), *(c for by in chosen for c in by)])
    source = Path(data).name if isinstance(data, (str, Path)) else "the table"
    rows = Rows(source, read_columns(data, list(wanted)), chosen)
    if not len(rows):
        raise BadInput("there are no rows", where=source, remedy="give labelled rows")
    if not any_value(rows[label]):
        raise rows.wrong(label, "no row has a label", "give rows whose outcome is known")
    return rows


def task_of(
    rows: Rows, label: str, score: str | None, prediction: str | None,
    class_scores: Mapping[str, str], asked: str | None,
) -> Task:  # fmt: skip
    """What is asked for, or what the columns show; `BadInput` when they lack what it needs."""
    if asked is not None and asked not in get_args(Task):
        raise BadInput(f"there is no task {asked!r}", remedy=nearest(asked, get_args(Task)))
    found: Any = asked or _found(rows, label, score, prediction, class_scores)
    if found == "binary" and not score and not prediction:
        raise BadInput(
            "there is nothing to compare the labels with",
            remedy="name the column of scores by --score or of calls by --prediction",
        )
    if found == "regression" and (not prediction or score or class_scores):
        raise BadInput("regression needs predictions, not scores", remedy="give --prediction alone")
    if found == "multiclass" and (score or not (prediction or class_scores)):
        raise BadInput(
            "several classes need a score each or a prediction",
            remedy="give --class-score NAME=COLUMN for each class, or --prediction",
        )
    if found == "binary" and class_scores:
        raise BadInput("a binary model has one score", remedy="give --score, the probability of 1")
    return found


def _found(
    rows: Rows, label: str, score: str | None, prediction: str | None,
    class_scores: Mapping[str, str],
) -> Task:  # fmt: skip
    if class_scores:
        return "multiclass"
    if score or not prediction:
        return "binary"
    names: set[str] = set()
    for name in (label, prediction):
        values = rows[name]
        if not isinstance(values, tuple) and values.dtype.kind == "f":
            present = values[~np.isnan(values)]
            if (present != np.rint(present)).any():
                return "regression"
        names |= set(encode(values)[1])
    if names <= BINARY.keys():
        return "binary"
    numeric = all(_numeric(rows[name]) for name in (label, prediction))
    return "regression" if numeric and len(names) > MOST_CLASSES else "multiclass"


def _numeric(values: Column) -> bool:
    return not isinstance(values, tuple) and values.dtype.kind in "iuf"


def lacking(count: int, what: str) -> list[str]:
    """A sentence for rows that were left out, none when there are none."""
    if not count:
        return []
    told = "1 row has" if count == 1 else f"{count:,} rows have"
    return [f"{told} no {what} and {'is' if count == 1 else 'are'} not counted."]
