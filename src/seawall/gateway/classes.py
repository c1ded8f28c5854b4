"""Labels of every kind as one number each, so that they are kept and joined at a fixed width."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from seawall.serving.output import Output

_TEXTS = 2.0**52
"""Texts are the whole numbers from here to 2⁵² + 2⁴⁸, which a float holds exactly."""


def label_number(label: float | str) -> float:
    """A label before it is known which model it is about: a number as it is, a text by its hash."""
    if isinstance(label, str):
        return _TEXTS + int.from_bytes(hashlib.blake2b(label.encode(), digest_size=6).digest())
    return float(label)


def read_labels(output: Output, told: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `label_number` made, as a label of a model's kind; NaN where it is none.

    Of two classes 0 or 1, also by the classes' own names; of several the place of the class, and
    the place after the last for what is no class of the model; of a regression the value.
    """
    if output.kind == "regression":
        return np.where(told < _TEXTS, told, np.nan)
    names = dict(enumerate(output.classes))
    if output.kind == "binary" and output.classes:
        positive = output.classes[output.column]
        names = {int(name == positive): name for name in output.classes}
    places = {label_number(form): at for at, name in names.items() for form in (name, str(name))}
    if output.kind == "binary":
        places |= {0.0: 0, 1.0: 1}
    other = np.nan if output.kind == "binary" else len(output.classes)
    values, which = np.unique(told, return_inverse=True)
    table = np.array([places.get(value, other) for value in values.tolist()], np.float64)
    return table[which.ravel()] if table.size else np.zeros(0)
