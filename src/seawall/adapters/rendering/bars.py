"""Intervals and shares drawn with characters, for a terminal and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seawall.kernel import Outcome
from seawall.report.document import Interval
from seawall.report.words import number

MARKS = {Outcome.PASS: "●", Outcome.FAIL: "✗", Outcome.UNDECIDED: "○"}
SHADE, REALISED = "░", "◆"
LEVELS = "▁▂▃▄▅▆▇█"


class Axis:
    """Values laid out over a number of characters, with room at both ends."""

    def __init__(self, rows: Sequence[Interval], width: int) -> None:
        ends = [v for r in rows for v in (r.estimate.low, r.estimate.high, r.estimate.value)]
        ends += [v for r in rows for v in r.tolerated or ()]
        ends += [r.beside.value for r in rows if r.beside]
        finite = [v for v in ends if math.isfinite(v)]
        least, most = min(finite, default=0.0), max(finite, default=1.0)
        self.low = 0.0 if 0 <= least < 0.3 * most else least  # what is near zero is drawn from it
        self.high = most if most > self.low else self.low + 1.0
        self.width = width

    def at(self, value: float) -> int:
        """The character that a value falls on; what is beyond an end falls on the end."""
        if math.isnan(value):
            return 0
        share = (value - self.low) / (self.high - self.low) if math.isfinite(value) else 0.0
        if math.isinf(value):
            share = 1.0 if value > 0 else 0.0
        return round(min(1.0, max(0.0, share)) * (self.width - 1))

    def cells(self, row: Interval) -> list[tuple[str, bool]]:
        """One interval by character: its line and mark over the shade of what is tolerated.

        The second of each says whether the character belongs to the interval.
        """
        found = [(" ", False)] * self.width
        if row.tolerated:
            low, high = (self.at(v) for v in row.tolerated)
            found[low : high + 1] = [(SHADE, False)] * (high + 1 - low)
        low, high = self.at(row.estimate.low), self.at(row.estimate.high)
        found[low : high + 1] = [("─", True)] * (high + 1 - low)
        if not math.isnan(row.estimate.value):
            found[self.at(row.estimate.value)] = (
                MARKS[row.outcome] if row.outcome else "○" if row.beside else "●", True
            )  # fmt: skip
        if row.beside and not math.isnan(row.beside.value):
            found[self.at(row.beside.value)] = (REALISED, True)
        return found

    def bar(self, row: Interval) -> str:
        """One interval as a line of text."""
        return "".join(character for character, _ in self.cells(row))

    @property
    def scale(self) -> str:
        """The ends of the axis, under it."""
        low, high = number(self.low), number(self.high)
        return low + " " * max(1, self.width - len(low) - len(high)) + high


def sparkline(shares: Sequence[float], most: float) -> str:
    """Shares as columns of different heights, `most` the highest there is room for."""
    if most <= 0:
        return LEVELS[0] * len(shares)
    top = len(LEVELS) - 1
    return "".join(
        " " if share <= 0 else LEVELS[min(top, round(share / most * top))] for share in shares
    )
