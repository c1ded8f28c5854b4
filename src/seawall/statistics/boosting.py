"""Boosted trees of depth two on coded features, for a mean that depends on them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.statistics.coding import Codes

Vector = NDArray[np.float64]
ROUNDS, RATE, _LEAST = 60, 0.15, 20.0


class Split(msgspec.Struct, frozen=True):
    """Rows whose code of a feature is above `at` go right."""

    feature: int
    at: int


class Boosted(msgspec.Struct, frozen=True, eq=False):
    """A start, and trees of two splits with the values of their four leaves."""

    start: float
    trees: tuple[tuple[Split, Split, Vector], ...]

    def predict(self, codes: Sequence[Codes]) -> Vector:
        """The mean expected for each row."""
        found = np.full(codes[0].size, self.start)
        for first, second, values in self.trees:
            found += values[_leaf(codes, first, second)]
        return found


def boost(codes: Sequence[Codes], sizes: Sequence[int], target: Vector) -> Boosted:
    """Fit squared error by gradient boosting, each tree splitting both halves alike.

    A split needs twenty rows on either side. Source: Friedman, "Greedy Function Approximation",
    Annals of Statistics 29(5), 2001; symmetric trees as in Prokhorenkova et al., NeurIPS 2018.
    """
    start = float(target.mean())
    left = target - start
    trees: list[tuple[Split, Split, Vector]] = []
    nowhere = np.zeros(target.size, np.int64)
    for _ in range(ROUNDS):
        first = _best(codes, sizes, left, nowhere, 1)
        if first is None:
            break
        half = (codes[first.feature] > first.at).astype(np.int64)
        second = _best(codes, sizes, left, half, 2) or first
        leaf = _leaf(codes, first, second)
        rows = np.bincount(leaf, minlength=4)
        values = RATE * np.bincount(leaf, left, 4) / (rows + _LEAST / 4)
        left = left - values[leaf]
        trees.append((first, second, values))
    return Boosted(start, tuple(trees))


def _leaf(codes: Sequence[Codes], first: Split, second: Split) -> Codes:
    return 2 * (codes[first.feature] > first.at) + (codes[second.feature] > second.at)


def _best(
    codes: Sequence[Codes], sizes: Sequence[int], left: Vector, node: Codes, nodes: int
) -> Split | None:
    """The one split of every node by the same feature and code that explains most."""
    best, found = 0.0, None
    for feature, (code, size) in enumerate(zip(codes, sizes, strict=True)):
        at = node * size + code
        sums = np.bincount(at, left, nodes * size).reshape(nodes, size).cumsum(axis=1)
        rows = np.bincount(at, minlength=nodes * size).reshape(nodes, size).cumsum(axis=1)
        total, all_rows = sums[:, -1:], rows[:, -1:]
        gain = (
            sums**2 / (rows + 1.0)
            + (total - sums) ** 2 / (all_rows - rows + 1.0)
            - total**2 / (all_rows + 1.0)
        )
        allowed = (rows >= _LEAST) & (all_rows - rows >= _LEAST)
        gains = np.where(allowed, gain, 0.0).sum(axis=0)
        place = int(np.argmax(gains))
        if gains[place] > best:
            best, found = float(gains[place]), Split(feature, place)
    return found
