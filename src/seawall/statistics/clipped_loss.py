"""Rows whose log loss is cut, because their score all but rules out the label that they have."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.statistics.losses import LEAST

EPSILON = float(np.finfo(np.float64).eps)
"""Where scikit-learn clips scores of float64 (`sklearn.metrics.log_loss`)."""


class ClippedLoss(msgspec.Struct, frozen=True):
    """`rows` whose label has a probability below 2⁻²⁴; of `infinite` ones it is 0 exactly.

    `log_loss` is the mean over all rows with scores clipped at 2⁻⁵² instead.
    """

    rows: int
    infinite: int
    log_loss: float

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return msgspec.structs.asdict(self)


def clipped_loss(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> ClippedLoss | None:
    """What the clip of `losses.log_loss` cuts off these scores in [0, 1] of labels 0 and 1; None
    where it cuts nothing.
    """
    given = np.where(labels == 1, scores, 1.0 - scores)  # exact near 0, where it matters
    rows = int(np.count_nonzero(given < LEAST))
    if not rows:
        return None
    loss = -np.log(np.clip(given, EPSILON, 1 - EPSILON))
    return ClippedLoss(rows, int(np.count_nonzero(given == 0)), float(loss.mean()))
