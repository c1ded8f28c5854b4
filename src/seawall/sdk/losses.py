"""How wrong each row's answer was."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.statistics.column import (
    BINARY,
    Column,
    encode,
    floats,
    neither,
    placed,
    refuse_unshared,
    take,
)


class Answers(msgspec.Struct, frozen=True):
    """The columns that hold labels and answers: calls or numbers (`prediction`), else scores.

    Scores from `threshold` on are called 1. `regression`: both are numbers, and how wrong is how
    far apart they are; else how wrong is 0 or 1.
    """

    label: str
    score: str | None = None
    prediction: str | None = None
    threshold: float = 0.5
    regression: bool = False

    def __post_init__(self) -> None:
        if self.score is not None and self.prediction is not None:
            raise BadInput(
                "a score and a prediction are two answers, and one is looked at",
                remedy="give either the column of scores or that of predictions",
            )
        if self.score is None and self.prediction is None:
            raise BadInput(
                "labels alone do not say what was wrong",
                remedy="give either the column of scores or that of predictions",
            )
        if self.regression and self.prediction is None:
            raise BadInput("regression needs predictions, not scores", remedy="name their column")

    @property
    def columns(self) -> list[str]:
        """What is read of a table."""
        return [self.label, self.score or self.prediction or ""]


def losses(
    columns: Mapping[str, Column], answers: Answers, where: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The loss of each row and which rows have one; the others lack a label or an answer.

    Raises `BadInput` on labels that are neither 0 nor 1 beside scores, and on scores outside
    [0, 1].
    """
    if answers.regression:
        assert answers.prediction is not None
        label, prediction = (_floats(columns[c], c, where) for c in answers.columns)
        apart = np.abs(label - prediction)
        return np.nan_to_num(apart), ~np.isnan(apart)
    codes, names = encode(columns[answers.label])
    if answers.prediction is not None:
        place = {name: at for at, name in enumerate(names)}
        told = placed(columns[answers.prediction], place, other=-2)
        try:
            refuse_unshared(columns[answers.label], columns[answers.prediction])
        except BadInput as error:
            raise error.at(f"{where}, column {answers.prediction}") from error
        return (told != codes).astype(np.float64), (codes >= 0) & (told != -1)
    assert answers.score is not None
    for name in names:
        if name not in BINARY:
            remedy = "give a 0/1 label, or predictions instead of scores"
            raise neither(name, remedy, "label").at(f"{where}, column {answers.label}")
    label = np.where(codes < 0, np.nan, placed((codes, names), BINARY))
    score = _floats(columns[answers.score], answers.score, where)
    if (score < 0).any() or (score > 1).any():
        raise outside(np.nanmin(score), np.nanmax(score), f"{where}, column {answers.score}")
    there = ~(np.isnan(label) | np.isnan(score))
    return (label != (score >= answers.threshold)).astype(np.float64), there


def _floats(values: Column, name: str, where: str) -> NDArray[np.float64]:
    where = f"{where}, column {name}"
    try:
        found = floats(values)
    except BadInput as error:
        raise error.at(where) from error
    if np.isinf(found).any():
        raise BadInput("some values are infinite", where=where, remedy="leave those rows out")
    return found


def outside(low: float, high: float, where: str) -> BadInput:
    """What is said of scores that are no probabilities."""
    return BadInput(
        f"scores go from {low:g} to {high:g}, outside [0, 1]", where=where,
        remedy="give the probability of label 1",
    )  # fmt: skip


def picked(values: Column, rows: NDArray[np.bool_]) -> Column:
    """The rows of a column where `rows` holds."""
    return values if rows.all() else take(values, rows)
