"""Which arm answers a unit: by keyed hash, so that a unit stays where it is while a share grows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

ROUTED = ("canary", "champion", "holdout")


def unit_hash(unit: str, salt: bytes) -> bytes:
    """The keyed hash (BLAKE2b, 16 bytes) of a routing key; it stands for the unit everywhere."""
    return hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=16, key=salt).digest()


def position(digest: bytes) -> float:
    """Where in [0, 1) a unit lies: the first 53 bits of its hash."""
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


class Route:
    """Arms as intervals of [0, 1): the canary from the bottom, the hold-out from the top.

    The champion has what is between them. So a unit in the canary stays in it while the canary's
    weight grows, and one in the hold-out stays there. `weights` are by arm and add up to one.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.arms = tuple(a for a in ROUTED if weights.get(a, 0.0) > 0.0)
        shares = [weights[a] for a in self.arms]
        self.probability = dict(zip(self.arms, shares, strict=True))
        top = 1.0 - weights.get("holdout", 0.0)
        edges = {"canary": weights.get("canary", 0.0), "champion": top, "holdout": 1.0}
        self._edges = np.array([edges[a] for a in self.arms][:-1])

    def __call__(self, positions: Sequence[float]) -> NDArray[np.intp]:
        """The index in `arms` of the arm of each position."""
        return np.searchsorted(self._edges, positions, side="right")
