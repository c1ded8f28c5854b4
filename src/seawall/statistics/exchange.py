"""Has the distribution of a stream changed, against its baseline and itself, at an unknown time?

Each value is ranked among all before it, the baseline's included. While nothing has changed the
ranks are independent and uniform whatever the distribution (Vovk, Gammerman, Shafer 2005, theorem
8.2), so the baseline's own uncertainty is inside exactly and costs nothing. Bets are laid on ranks
that crowd at an end, and every start is tried. There is no tolerance: any lasting change alarms.
It is valid given the ranks, not given all values, so it takes no part in `e_bh`.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.statistics.column import Column, numbers
from seawall.statistics.counting import summarise
from seawall.statistics.e_detector import Contract, Detector, Vector
from seawall.statistics.summary import ColumnSummary

Side = Literal["larger", "both"]
BETS = (
    (0.3, 0.1), (0.3, 0.5), (0.1, 0.1), (0.1, 0.5), (0.03, 0.1), (0.03, 0.5), (0.01, 0.1),
    (0.01, 0.5), (0.003, 0.03), (0.001, 0.02), (0.001, 0.3), (0.0003, 0.01), (0.0001, 0.01),
)  # fmt: skip
"""Each stakes the second on the upper ranks' falling into the first more often than chance has it:
large shifts of all values, and rare values far out."""
_CHUNK = 256


class Exchange(msgspec.Struct, frozen=True, eq=False):
    """What a stream's ranks say after all values `seen`, the baseline's among them.

    `side` `larger` looks for larger values alone (errors), `both` for any change. Ties are broken
    by numbers that follow from `seed` and the count of rows, so that a replay gives the same.
    """

    seen: ColumnSummary
    detector: Detector
    side: Side = "both"
    seed: int = 0

    @classmethod
    def against(
        cls, baseline: ColumnSummary, contract: Contract = "ever", side: Side = "both"
    ) -> Exchange:
        """A watch that begins with an ordered baseline; an empty one only fixes the grid."""
        return cls(baseline, Detector.of(contract, len(BETS) * (1 + (side == "both"))), side)

    def update(self, values: Column) -> tuple[Exchange, Vector]:
        """The watch after more values in time order, and the path of the log e-value.

        Missing values are passed over. Raises `BadInput` on text.
        """
        present, _ = numbers(values)
        new = summarise(present, self.seen.grid)
        rank = self.ranks(present)
        bets = rank_bets(rank)
        if self.side == "both":
            bets = np.concatenate([bets, rank_bets(1 - rank)], axis=1)
        detector, path = self.detector.update(bets)
        after = msgspec.structs.replace(self, seen=self.seen.merge(new), detector=detector)
        return after, path

    def ranks(self, values: NDArray[np.float64]) -> Vector:
        """The share of values before each that are larger, ties broken evenly: p-values."""
        grid = self.seen.grid
        if grid.kind not in ("integer", "datetime"):
            values = values.astype(np.float64, copy=False)
        cells = grid.cell_of(values)
        counts = self.seen.counts.copy()
        found = np.empty(cells.size)
        before = self.seen.n
        breaks = even(self.seed, self.detector.steps, cells.size)
        for start in range(0, cells.size, _CHUNK):
            c = cells[start : start + _CHUNK]
            above = np.concatenate([np.cumsum(counts[::-1])[::-1], [0]])
            earlier = np.tri(c.size, k=-1, dtype=bool)
            larger = above[c + 1] + (earlier & (c[None, :] > c[:, None])).sum(1)
            equal = counts[c] + (earlier & (c[None, :] == c[:, None])).sum(1)
            u = breaks[start : start + c.size]
            n = before + start + np.arange(c.size)
            found[start : start + c.size] = (larger + u * (equal + 1)) / (n + 1)
            np.add.at(counts, c, 1)
        return found


def rank_bets(p: Vector) -> Vector:
    """Log bets on small p-values, (rows, bettors): 1 − s + s·1{p ≤ u}/u for each of `BETS`."""
    return np.stack([np.log1p(s * ((p <= u) / u - 1)) for u, s in BETS], axis=1)


def even(seed: int, start: int, size: int) -> Vector:
    """Numbers in (0, 1) for rows `start` on: splitmix64 of the row's place (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = np.arange(start + 1, start + size + 1, dtype=np.uint64) + np.uint64(seed << 32)
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(float) + 0.5) / 2.0**53
