"""What a model's numbers mean, and what they say of one row: a class, its probability, a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

Kind = Literal["binary", "multiclass", "regression"]
Label = str | int
Decision = Label | float
"""What is decided, in the words of outcomes: 0 or 1, a class, or a number."""
KEY = "seawall.output"
"""Under which an ONNX file's metadata keep it, as JSON."""
ONE = 1e-3
"""How far the probabilities of a row may add up from 1: a model answers in 32 bits."""


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The kind of an artefact's answer.

    `classes` are the labels in the order of the model's columns, empty when the artefact does not
    name them; `positive` is the one whose probability is the score, None for the last.
    """

    kind: Kind = "binary"
    classes: tuple[Label, ...] = ()
    positive: Label | None = None

    def __post_init__(self) -> None:
        if self.positive is not None and self.positive not in self.classes:
            raise ValueError(f"{self.positive!r} is no class of the model")

    @property
    def column(self) -> int:
        """Which of the model's columns is the score."""
        return -1 if self.positive is None else self.classes.index(self.positive)

    def problem(self) -> str:
        """Why nothing of this kind can be served; empty where it can."""
        if self.kind == "multiclass" and len(self.classes) < 2:
            return "a model of several classes needs their names"
        if len(set(map(str, self.classes))) < len(self.classes):
            return "two classes have one name"
        if len({type(c) for c in self.classes}) > 1:
            return "the classes are all texts or all whole numbers"
        return ""

    def agrees(self, said: Output) -> bool:
        """Whether an artefact that says this of itself can be served as `self`.

        One that says nothing of itself goes by what was registered with it.
        """
        if said == Output():
            return True
        classes = self.kind == said.kind and said.classes in ((), self.classes)
        return classes or (self == Output() and said.kind == "binary")


class Value(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What is declared of a regression's value: its unit, its range, and when it is right.

    A value outside `minimum` to `maximum` never leaves. It counts as right when it is at most
    `tolerance` from the outcome; without one it is neither right nor wrong.
    """

    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError("a value's minimum is above its maximum")
        if self.tolerance is not None and not self.tolerance >= 0.0:
            raise ValueError("a value's tolerance is not below 0")

    @property
    def low(self) -> float:
        """The least value that may leave."""
        return -1.7976931348623157e308 if self.minimum is None else float(self.minimum)

    @property
    def high(self) -> float:
        """The greatest value that may leave."""
        return 1.7976931348623157e308 if self.maximum is None else float(self.maximum)

    def __str__(self) -> str:
        """The range in words: `a number from 0 to 100 EUR`."""
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is None and self.maximum is None:
            return "a finite number" + (f" of{unit}" if unit else "")
        if self.minimum is None:
            return f"a number of at most {self.high:g}{unit}"
        if self.maximum is None:
            return f"a number of at least {self.low:g}{unit}"
        return f"a number from {self.low:g} to {self.high:g}{unit}"


class Call(NamedTuple):
    """What a model of several classes says of one row.

    `place` is that of the class it calls, the first of the most probable; `margin` is how far its
    probability lies above the next. Probabilities that are none have the score NaN.
    """

    score: float
    place: int
    margin: float
    probabilities: tuple[float, ...]


NO_CALL = Call(math.nan, -1, math.nan, ())


def call_of(said: Sequence[float], classes: int) -> Call:
    """The class that a row of probabilities calls; `NO_CALL` where they are no probabilities."""
    given = tuple(said)
    if len(given) != classes or not all(0.0 <= p <= 1.0 for p in given):
        return NO_CALL
    if abs(math.fsum(given) - 1.0) > ONE:
        return NO_CALL
    score = max(given)
    place = given.index(score)
    second = max((p for i, p in enumerate(given) if i != place), default=0.0)
    return Call(score, place, score - second, given)


def problem_of(label: Decision, score: float | None, output: Output, value: Value) -> str:
    """Why a rule cannot answer so for a model of this kind; empty where it can."""
    if output.kind == "regression":
        if isinstance(label, str) or not value.low <= label <= value.high:
            return f"{label!r} is not {value}"
        return "" if score is None else "a value has no score beside it"
    known = output.classes if output.kind == "multiclass" else (0, 1)
    if isinstance(label, float) or label not in known:
        shown = ", ".join(map(str, known[:8]))
        return f"{label!r} is no class of the model ({shown})"
    return ""
