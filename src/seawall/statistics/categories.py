"""Categories that vanished, and those that new ones seem to have been renamed to."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np

from seawall.kernel import Estimate
from seawall.statistics.column import Column, kind_of
from seawall.statistics.counting import summarise
from seawall.statistics.distance import ks
from seawall.statistics.intervals import rate
from seawall.statistics.summary import ColumnSummary
from seawall.statistics.variation import total_variation


class Renaming(msgspec.Struct, frozen=True):
    """A suspicion: a new category took the share of a vanished one.

    `probability` weighs equal shares against any other share of the new category (Beta-binomial
    against uniform), one half being the chance beforehand that some new category is the old one.
    """

    old: str
    new: str
    probability: float


def vanished(
    reference: ColumnSummary, current: ColumnSummary, confidence: float
) -> dict[str, Estimate]:
    """Baseline categories without a single row now, with their baseline share, largest first.

    Only where that is no chance: a split of both samples' rows at random leaves all of the
    category in the baseline with probability below α over the baseline's categories.
    """
    from scipy.special import gammaln

    n, m = reference.n, current.n
    if reference.grid.ordered or not n or not m:
        return {}
    old = reference.counts[:-1].astype(float)
    gone = (old > 0) & (current.counts[:-1] == 0)
    chance = gammaln(n + m - old + 1) - gammaln(n - old + 1) - gammaln(n + m + 1) + gammaln(n + 1)
    allowed = math.log((1 - confidence) / max(1, np.count_nonzero(old)))
    kept = np.flatnonzero(gone & (chance <= allowed))
    names = reference.grid.categories
    order = sorted(kept.tolist(), key=lambda i: (-old[i], names[i]))
    return {names[i]: rate(int(old[i]), n, confidence) for i in order}


def renamed(
    reference: ColumnSummary, current: ColumnSummary, gone: Mapping[str, Estimate]
) -> tuple[Renaming, ...]:
    """Pairs of vanished and new categories of equal share, likelier than not, surest first.

    Each category is in one pair at most.
    """
    from scipy.special import betaln, gammaln

    n, m = reference.n, current.n
    new = [(name, count) for name, count in current.others if count]
    if not gone or not new:
        return ()
    place = {name: at for at, name in enumerate(reference.grid.categories)}
    c = np.array([count for _, count in new], float)
    ways = gammaln(m + 1) - gammaln(c + 1) - gammaln(m - c + 1)
    pairs: list[Renaming] = []
    for old in gone:
        a = float(reference.counts[place[old]])
        same = ways + betaln(c + a + 1, m - c + n - a + 1) - betaln(a + 1, n - a + 1)
        weight = np.exp(same + math.log(m + 1)) / len(new)
        likely = weight / (1 + weight.sum())
        pairs += [Renaming(old, name, float(p)) for (name, _), p in zip(new, likely, strict=True)]
    pairs.sort(key=lambda pair: (-pair.probability, pair.old, pair.new))
    taken: set[tuple[str, str]] = set()
    found: list[Renaming] = []
    for pair in pairs:
        ends = {("old", pair.old), ("new", pair.new)}
        if pair.probability > 0.5 and not ends & taken:
            taken |= ends
            found.append(pair)
    return tuple(found)


def same_distribution(
    reference: ColumnSummary, columns: Mapping[str, Column], confidence: float
) -> tuple[str, Estimate] | None:
    """The column of the same kind that is nearest to a vanished one, if nothing tells them apart.

    With its KS distance, or total variation, whose lower bound is 0.
    """
    found: list[tuple[str, Estimate]] = []
    for name, values in columns.items():
        if kind_of(values) != reference.grid.kind:
            continue
        measure = ks if reference.grid.ordered else total_variation
        estimate = measure(reference, summarise(values, reference.grid), confidence)
        if estimate.low == 0 and not math.isnan(estimate.value):
            found.append((name, estimate))
    return min(found, key=lambda pair: pair[1].value, default=None)
