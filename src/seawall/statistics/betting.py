"""Bets on bounded outcomes against a tolerance, for `e_detector` to collect.

Each function gives log bets of shape (rows, bettors): no column gains on average, given the past,
while the tolerance holds, whatever the distribution and however it moves below the tolerance. Row
by row in time order, or in whatever order rows come if that does not depend on them. Bettors differ
in how much they stake, so none has to be tuned: a larger stake finds a larger excess sooner.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.kernel import BadInput
from seawall.statistics.e_detector import Vector

STAKES = 0.9 * 2.0 ** -np.arange(10)
"""Each stake's share of the largest that cannot go broke."""


def risk_bets(
    values: ArrayLike, tolerance: float, low: float = 0.0, high: float = 1.0
) -> NDArray[np.float64]:
    """Bets that the mean of values in [low, high] exceeds the tolerance: errors, losses, costs.

    The stakes of Waudby-Smith & Ramdas (2024, section 4). Compare with a baseline's risk by giving
    its upper bound plus what is tolerated. Raises `BadInput` on values or a tolerance out of range.
    """
    x = _within(values, low, high)
    if not low < tolerance < high:
        raise BadInput(f"tolerance {tolerance:g} is not between {low:g} and {high:g}")
    return np.log1p(np.outer(x - tolerance, STAKES / (tolerance - low)))


def gap_bets(
    values: ArrayLike, group: ArrayLike, tolerance: float, low: float = 0.0, high: float = 1.0
) -> NDArray[np.float64]:
    """Bets that the means of two groups differ by more than the tolerance, either way.

    `group` is true for the second group. Each row of the group with fewer in this batch is paired
    with the mean of its share of the other's, so a batch gives as many bets as the smaller group
    has rows, none when one is absent. The groups' own means may move as long as they keep together
    (Chugg et al. 2023, theorem 2, with a tolerance).
    """
    x, second = _within(values, low, high), np.asarray(group, bool)
    if x.shape != second.shape:
        raise BadInput(f"{x.size} values, and the groups of {second.size}")
    a, b = x[second], x[~second]
    few, many, sign = (a, b, 1.0) if a.size <= b.size else (b, a, -1.0)
    if not few.size:
        return np.zeros((0, 2 * STAKES.size))
    starts = np.arange(few.size) * many.size // few.size
    means = np.add.reduceat(many, starts) / np.diff(np.append(starts, many.size))
    off = sign * (few - means)
    return both_sides(off, -off, tolerance, high - low)


def calibration_bets(
    scores: ArrayLike, labels: ArrayLike, tolerance: float, bins: int = 5
) -> NDArray[np.float64]:
    """Bets that labels are off their scores by more than the tolerance, in some band of scores.

    Label less score, in `bins` equal bands of [0, 1], both sides: bettors of one band stand still
    while rows fall into others. Raises `BadInput` on scores outside [0, 1] or labels but 0 and 1.
    """
    s, y = _within(scores, 0.0, 1.0), np.asarray(labels, float)
    if s.shape != y.shape or not np.isin(y, (0.0, 1.0)).all():
        raise BadInput("each score needs one label, 0 or 1")
    band = np.minimum((s * bins).astype(int), bins - 1)
    made = both_sides(y - s, s - y, tolerance, 1.0)
    found = np.zeros((s.size, bins, made.shape[1]))
    found[np.arange(s.size), band] = made
    return found.reshape(s.size, -1)


def both_sides(above: Vector, below: Vector, tolerance: float, reach: float) -> NDArray[np.float64]:
    """Bets that the mean of `above`, in [−reach, reach], exceeds the tolerance, then the same of
    `below`, its negative or less where it is not known exactly."""
    if not 0 <= tolerance < reach:
        raise BadInput(f"tolerance {tolerance:g} is not between 0 and {reach:g}")
    stakes = STAKES / (reach + tolerance)
    return np.concatenate(
        [np.log1p(np.outer(side - tolerance, stakes)) for side in (above, below)], axis=1
    )


def _within(values: ArrayLike, low: float, high: float) -> Vector:
    x = np.asarray(values, float)
    if x.ndim != 1 or not (np.isfinite(x).all() and (x >= low).all() and (x <= high).all()):
        raise BadInput(
            f"values lie outside [{low:g}, {high:g}]",
            remedy="give their true range, leave gaps out",
        )
    if not -math.inf < low < high < math.inf:
        raise BadInput(f"[{low:g}, {high:g}] is no range")
    return x
