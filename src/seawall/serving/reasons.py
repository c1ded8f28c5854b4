"""Principal reasons of one decision, from the deployed scorer itself.

Each field in turn is given its typical value in the baseline, and the model is asked again: the
fields whose own values moved the score furthest in the direction of the decision are its reasons.
This is the second method that 12 CFR 1002.9 accepts (below the average of all), at most four
(official interpretation, 9(b)(2)-1). A reason is about the model's answer, not about its causes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

METHOD = "one field at a time at its baseline median, the deployed model asked again"
MOST = 4

Scorer = Callable[[NDArray[np.float32]], NDArray[np.float64]]


class PrincipalReason(msgspec.Struct, frozen=True):
    """A field, its value, its typical value, and the score that the typical value would have got.

    `effect` is the score minus that: positive when the own value raised the score.
    """

    field: str
    value: float
    typical: float
    score_with_typical: float
    effect: float


def principal_reasons(
    names: Sequence[str],
    row: Sequence[float],
    typical: Mapping[str, float],
    scorer: Scorer,
    threshold: float,
    most: int = MOST,
) -> tuple[PrincipalReason, ...]:
    """The strongest reasons for the side of the threshold that the row fell on, strongest first.

    `row` is the model's input in the order of `names`. Fields at their typical value, and those
    that spoke for the other side, are no reasons.
    """
    own = np.asarray(row, dtype=np.float32)
    asked = np.repeat(own[None, :], len(names) + 1, axis=0)
    for place, name in enumerate(names):
        asked[place + 1, place] = typical[name]
    scores = scorer(asked)
    side = 1.0 if scores[0] >= threshold else -1.0
    found = [
        PrincipalReason(
            field=name,
            value=float(own[place]),
            typical=float(typical[name]),
            score_with_typical=float(scores[place + 1]),
            effect=float(scores[0] - scores[place + 1]),
        )
        for place, name in enumerate(names)
    ]
    for_it = [reason for reason in found if reason.effect * side > 0]
    return tuple(sorted(for_it, key=lambda r: (-abs(r.effect), r.field))[:most])
