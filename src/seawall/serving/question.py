"""What a decision asks of models: a question, and an answer or why there is none.

A model in this process cannot be left while it computes; others can, see `Interruptible`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

FAILED = "the model failed"
LATE = "it gave no answer in the time that its guards had left"


class Model(Protocol):
    """A loaded artefact."""

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of label 1, or the value, for each of n rows (n × fields)."""
        ...

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of each class for each of n rows: n × classes."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """A model elsewhere, for whose answer one need not wait longer than one likes."""

    def within(self, seconds: float) -> Model:
        """The same, but that raises `Unavailable` when it has not answered by then."""
        ...


Said = Sequence[float] | Sequence[Sequence[float]]
"""What a model says: a number a row, or of several classes a probability of each."""


class Question(NamedTuple):
    """What an arm's model is asked; the answer is what it says, or why it says nothing.

    `classes` is whether every class's probability is asked for, not one number a row. `own` is
    whether the rows are the arm's by the route: a model may be so busy that their caller is turned
    away, while a fallback or a second opinion is then done without. After `seconds`, where given,
    no answer is waited for, if the model can be left.
    """

    arm: str
    matrix: NDArray[np.float32]
    classes: bool = False
    own: bool = False
    seconds: float | None = None


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """A model that gave no scores, why, and whether it was asked at all.

    It is not while its circuit is open, or where it is so busy that it is done without.
    """

    why: str = FAILED
    asked: bool = True


Scores = Said | Unanswered


def ask(model: Model, question: Question) -> Said:
    """What a model in this process says."""
    matrix = question.matrix
    if question.seconds is not None and isinstance(model, Interruptible):
        model = model.within(question.seconds)
    return (model.columns(matrix) if question.classes else model.scores(matrix)).tolist()
