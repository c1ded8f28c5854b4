"""A change of a known size, made in a summary: what would have been seen, had it come?"""

from __future__ import annotations

import msgspec
import numpy as np

from seawall.statistics.summary import ColumnSummary


def planted(summary: ColumnSummary, share: float) -> ColumnSummary:
    """The column with this share of its rows moved: the lowest to where the highest are, or those
    of the heaviest category to the lightest.

    KS and total variation to what it was are then `share`, to within one row, as far as there is
    room: a column with nearly all rows in one place keeps them there.
    """
    counts = summary.counts.copy()
    move = min(int(np.rint(share * summary.n)), summary.n)
    if not move:
        return summary
    if summary.grid.ordered:
        upto = np.minimum(np.cumsum(counts), move)
        target = int(np.flatnonzero(counts)[-1])
        counts -= np.diff(upto, prepend=0)
        counts[target] += move
    else:
        source, target = int(np.argmax(counts)), int(np.argmin(counts))
        move = min(move, int(counts[source]))
        counts[source] -= move
        counts[target] += move
    return msgspec.structs.replace(summary, counts=counts)
