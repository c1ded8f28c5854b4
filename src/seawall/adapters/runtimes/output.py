"""What a model's numbers mean: a probability of one class among several, or a value."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["binary", "multiclass", "regression"]
Label = str | int
KEY = "seawall.output"
"""Under which an ONNX file's metadata keep it, as JSON."""


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
