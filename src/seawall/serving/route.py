"""Which arm answers a unit: by keyed hash, so that a unit stays where it is while a share grows."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

FIRST, LAST = "canary", "holdout"


def unit_hash(unit: str, salt: bytes) -> bytes:
    """The keyed hash (BLAKE2b, 16 bytes) of a routing key; it stands for the unit everywhere."""
    return hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=16, key=salt).digest()


def position(digest: bytes) -> float:
    """Where in [0, 1) a unit lies: the first 53 bits of its hash."""
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


class Route:
    """Arms as intervals of [0, 1): the canary from the bottom, the hold-out at the top.

    Between them lie the variants of an A/B test, in the order of their names, and above those the
    champion. So a unit in the canary stays in it while the canary's weight grows, and one in the
    hold-out stays there. `weights` are by arm and add up to one; no weights, no arms.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.arms = tuple(sorted((a for a, w in weights.items() if w > 0.0), key=_place))
        self.probability = {a: weights[a] for a in self.arms}
        edges = list(accumulate(self.probability.values()))
        if self.arms[-1:] == (LAST,):  # measured from the top, where it stays whatever lies below
            edges[-2:] = [1.0 - weights[LAST], 1.0]
        self._edges = edges[:-1]

    def __call__(self, position: float) -> int:
        """The index in `arms` of the arm at this position."""
        return bisect_right(self._edges, position)


def within_share(route: Route, arm: str, position: float, share: float) -> bool:
    """Whether an arm that stands in for others may answer a unit, so that all its units stay within
    a share of the traffic.

    They are the first `share` from where its own units begin (round the end), or the champion's for
    an arm that has none: its own among them, the same units while weights stand.
    """
    if share >= 1.0:
        return True
    before = 0.0
    for name in route.arms:
        if name == (arm if arm in route.arms else "champion"):
            break
        before += route.probability[name]
    return (position - before) % 1.0 < share


def _place(arm: str) -> tuple[int, str]:
    return {FIRST: 0, "champion": 2, LAST: 3}.get(arm, 1), arm
