"""Decisions that another model would have made otherwise, from both answers of the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.discrete_mean import discrete_mean
from seawall.statistics.intervals import clopper_pearson, rate

Labels = NDArray[np.signedinteger[Any]]
NONE = -1
"""The label of a decision without an answer."""
DIRECTIONS: Mapping[str, tuple[int, int]] = {
    "0_to_1": (0, 1),
    "1_to_0": (1, 0),
    "answer_to_none": (2, NONE),
    "none_to_answer": (NONE, 2),
}
"""From which label to which; 2 stands for either."""


class GroupFlips(msgspec.Struct, frozen=True):
    """The share of a group's decisions that flip; its interval holds for all groups at once."""

    by: dict[str, str]
    n: int
    flips: Estimate


def flips(recorded: Labels, candidate: Labels, confidence: float) -> dict[str, Estimate]:
    """The share of decisions that flip, in all and by direction; labels are 0, 1 and `NONE`."""
    n = recorded.size
    found = {"flips": rate(int(np.count_nonzero(recorded != candidate)), n, confidence)}
    for name, (before, after) in DIRECTIONS.items():
        was = recorded >= 0 if before == 2 else recorded == before
        now = candidate >= 0 if after == 2 else candidate == after
        found[name] = rate(int(np.count_nonzero(was & now)), n, confidence)
    return found


def rise(before: NDArray[np.bool_], after: NDArray[np.bool_], confidence: float) -> Estimate:
    """By how much the share of rows grew, of which something holds, on the same rows."""
    n = before.size
    more, fewer = int((after & ~before).sum()), int((before & ~after).sum())
    value, (low, high) = discrete_mean((-1, 0, 1), (fewer, n - more - fewer, more), confidence)
    return Estimate(value, low, high, confidence, n, "paired rates, MOVER of Clopper-Pearson")


def flips_by(
    column: str, codes: NDArray[np.int64], names: Sequence[str], flipped: NDArray[np.bool_],
    confidence: float, family: int,
) -> list[GroupFlips]:  # fmt: skip
    """The flips of each group, the largest share first; simultaneous over `family` groups."""
    each = 1 - (1 - confidence) / max(1, family)
    rows = np.bincount(codes, minlength=len(names))
    turned = np.bincount(codes[flipped], minlength=len(names))
    method = f"Clopper-Pearson, Bonferroni over {family} groups"
    found: list[GroupFlips] = []
    for name, n, k in zip(names, rows.tolist(), turned.tolist(), strict=True):
        if n:
            low, high = clopper_pearson(k, n, each)
            told = Estimate(k / n, low, high, confidence, n, method, "simultaneous")
            found.append(GroupFlips({column: name}, n, told))
    return sorted(found, key=lambda one: (-one.flips.value, -one.n))
