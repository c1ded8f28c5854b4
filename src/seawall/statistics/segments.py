"""The slices of a table that do worst, or whose share of rows moved most, honestly searched.

Slices are all bins of each column and all crossings of two columns' bins. Which slices are large
enough is known before any outcome is looked at, so their number is the size of the family, and
every interval holds for all of them at once (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.intervals import clopper_pearson, difference, mean_of
from seawall.statistics.named_bins import NamedBins

Table = NDArray[np.float64]
SMALLEST = 50
"""Rows that a slice has at least."""
MOST = 10
_LOOKED_AT = 400


class Segment(msgspec.Struct, frozen=True):
    """A slice, by its bins' names, with what was measured in it and elsewhere.

    `excess` is the slice's own mean less that of all other rows; simultaneous over the search.
    """

    by: dict[str, str]
    n: int
    share: float
    own: float
    elsewhere: float
    excess: Estimate


class Searched(msgspec.Struct, frozen=True):
    """The worst slices, how many were searched, and in which columns."""

    segments: tuple[Segment, ...]
    slices: int
    columns: tuple[str, ...]


class Tally(NamedTuple):
    """Rows, sum and sum of squares of the losses, float64[3, bins…] by each column and pair."""

    by: dict[tuple[str, ...], Table]

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return int(next(iter(self.by.values()))[0].sum())

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally({key: table + other.by[key] for key, table in self.by.items()})


def tally(
    codes: Mapping[str, NDArray[np.int64]], codings: Mapping[str, NamedBins],
    losses: NDArray[np.float64] | None = None, *, pairs: bool = True,
) -> Tally:  # fmt: skip
    """Count rows, and add up their losses, by every bin of each column and of each pair."""
    found: dict[tuple[str, ...], Table] = {}
    size = {name: len(codings[name].labels) for name in codes}
    for names in (*((n,) for n in codes), *(combinations(codes, 2) if pairs else ())):
        joint, cells = codes[names[0]], size[names[0]]
        for name in names[1:]:
            joint, cells = joint * size[name] + codes[name], cells * size[name]
        rows = np.bincount(joint, minlength=cells)
        sums = [rows] if losses is None else [
            rows, np.bincount(joint, losses, cells), np.bincount(joint, losses**2, cells)
        ]  # fmt: skip
        shape = [len(sums), *(size[n] for n in names)]
        found[names] = np.stack(sums).astype(np.float64).reshape(shape)
    return Tally(found)


def worst(
    counted: Tally, codings: Mapping[str, NamedBins], *, rates: bool, confidence: float = 0.95,
    smallest: int = SMALLEST, most: int = MOST,
) -> Searched:  # fmt: skip
    """The slices whose mean loss exceeds that of all other rows by most, shown at least.

    `rates`: the losses are 0 or 1, and intervals are Clopper–Pearson's; else Student's. A crossing
    is told only where it is shown to be worse than either of its columns' slices alone.
    """
    candidates = list(_slices(counted, smallest))
    level = 1 - (1 - confidence) / max(1, len(candidates))
    ranked = sorted(candidates, key=_surprise, reverse=True)[:_LOOKED_AT]
    judged = {(one.names, one.at): (one, _excess(one, rates, level)) for one in ranked}
    alone = {key: float(e.value) for key, (_, e) in judged.items() if len(key[0]) == 1}
    kept: list[Segment] = []
    for (names, at), (one, excess) in judged.items():
        parents = [alone.get(((n,), (i,)), 0.0) for n, i in zip(names, at, strict=True)]
        if excess.low <= (max(parents) if len(names) > 1 else 0.0):
            continue
        by = {n: codings[n].labels[i] for n, i in zip(names, at, strict=True)}
        kept.append(Segment(by, int(one.inside[0]), float(one.inside[0] / one.all_rows),
                            _mean(one.inside), _mean(one.outside), excess))  # fmt: skip
    kept.sort(key=lambda s: -s.excess.low)
    return Searched(tuple(kept[:most]), len(candidates), tuple(codings))


def moved(
    reference: Tally, current: Tally, codings: Mapping[str, NamedBins], *, confidence: float = 0.95,
    smallest: int = SMALLEST, most: int = MOST,
) -> Searched:  # fmt: skip
    """The slices whose share of rows changed most, shown at least.

    `own` is the share now, `elsewhere` the share in the reference. A crossing is told only where
    it is shown to have moved by more than either of its columns' slices alone.
    """
    both = [
        _Change(names, at, float(a), float(b), n, m)
        for names, table in reference.by.items()
        for n, m in [(float(table[0].sum()), float(current.by[names][0].sum()))]
        if min(n, m) >= smallest
        for at, (a, b) in _cells(table[0], current.by[names][0])
        if a + b >= smallest
    ]
    level = 1 - (1 - confidence) / max(1, len(both))
    ranked = sorted(both, key=lambda one: -one.surprise)[:_LOOKED_AT]
    judged = {(one.names, one.at): (one, one.estimate(level)) for one in ranked}
    kept: list[Segment] = []
    for (names, at), (one, change) in judged.items():
        parents = [
            abs(judged[key][1].value) if (key := ((n,), (i,))) in judged else 0.0
            for n, i in zip(names, at, strict=True)
        ]
        if _least(change) <= (max(parents) if len(names) > 1 else 0.0):
            continue
        by = {n: codings[n].labels[i] for n, i in zip(names, at, strict=True)}
        kept.append(Segment(by, int(one.now), one.now / one.m, one.now / one.m, one.then / one.n,
                            change))  # fmt: skip
    kept.sort(key=lambda s: -_least(s.excess))
    return Searched(tuple(kept[:most]), len(both), tuple(codings))


class _Slice(NamedTuple):
    names: tuple[str, ...]
    at: tuple[int, ...]
    inside: Table
    outside: Table
    all_rows: float


class _Change(NamedTuple):
    names: tuple[str, ...]
    at: tuple[int, ...]
    then: float
    now: float
    n: float
    m: float

    @property
    def surprise(self) -> float:
        pooled = (self.then + self.now) / (self.n + self.m)
        noise = np.sqrt(pooled * (1 - pooled) * (1 / self.n + 1 / self.m))
        return float(abs(self.now / self.m - self.then / self.n) / max(noise, 1e-12))

    def estimate(self, level: float) -> Estimate:
        at = self.now / self.m, self.then / self.n
        ends = [clopper_pearson(*c, level) for c in ((self.now, self.m), (self.then, self.n))]
        low, high = difference(ends[0], ends[1], *at)
        return Estimate(at[0] - at[1], low, high, level, int(self.n + self.m),
                        "difference of shares, MOVER", "simultaneous")  # fmt: skip


def _least(e: Estimate) -> float:
    """The least magnitude that the interval allows."""
    return max(0.0, e.low, -e.high)


def _cells(a: Table, b: Table) -> Iterable[tuple[tuple[int, ...], tuple[float, float]]]:
    for at in np.ndindex(a.shape):
        yield at, (float(a[at]), float(b[at]))


def _slices(counted: Tally, smallest: int) -> Iterable[_Slice]:
    for names, table in counted.by.items():
        whole = table.reshape(table.shape[0], -1).sum(axis=1)
        rows = table[0]
        for at in zip(*np.nonzero((rows >= smallest) & (whole[0] - rows >= smallest)), strict=True):
            inside = table[(slice(None), *at)]
            place = tuple(int(i) for i in at)
            yield _Slice(names, place, inside, whole - inside, float(whole[0]))


def _mean(sums: Sequence[float] | Table) -> float:
    return float(sums[1] / sums[0])


def _variance(sums: Table) -> float:
    n, total, squares = (float(v) for v in sums)
    return max(squares - total / n * total, 0.0) / max(n - 1, 1)


def _surprise(one: _Slice) -> float:
    noise = _variance(one.inside + one.outside) * (1 / one.inside[0] + 1 / one.outside[0])
    return float((_mean(one.inside) - _mean(one.outside)) / max(np.sqrt(noise), 1e-12))


def _excess(one: _Slice, rates: bool, level: float) -> Estimate:
    at = _mean(one.inside), _mean(one.outside)
    if rates:
        method = "difference of error rates, MOVER"
        ends = [clopper_pearson(float(s[1]), float(s[0]), level) for s in one[2:4]]
    else:
        method = "difference of means, MOVER"
        ends = [mean_of(_mean(s), _variance(s), int(s[0]), level) for s in one[2:4]]
    low, high = difference(ends[0], ends[1], *at)
    return Estimate(at[0] - at[1], low, high, level, int(one.all_rows), method, "simultaneous")
