"""A column whose unit has changed: the window is the baseline times a known factor.

For a factor f the window's F(f·x) is held against the baseline's F(x): their KS distance is small
at the true factor and nowhere else, however wide the column's range is. A drift of the population
moves the distribution to no multiple of itself, or to one that is no unit. Both are told apart
from the counts alone, so rows need not be kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.distance import band, dkw, ks
from seawall.statistics.grid import refuse_unequal
from seawall.statistics.implied_factor import LEAST, implied_factor
from seawall.statistics.summary import ColumnSummary, TableSummary
from seawall.statistics.units import KNOWN, Conversion, readings

Vector = NDArray[np.float64]
TOLERANCE = 0.10
"""The KS distance that the raw columns must exceed and the converted ones keep below."""
ALLOWED = 0.05
"""How far the population itself may have moved meanwhile, a KS distance."""
SLACK = 0.005
"""Relative size of a rounding, before or after the conversion, that is no difference."""
PINNED, NEAR = 1.35, 0.04
"""Of factors below 5 that no declared unit suggests: the ratio of the interval's ends, and how far
the estimate may be from the known factor."""
LEAST_ROWS, LEAST_SHARE = 50, 0.05
LEAST_VALUES = 10
_STEPS = 400
_REACH = 2.4
_GRID = 481


class Rescaled(msgspec.Struct, frozen=True):
    """A suspicion, shown: the column comes in another unit.

    `factor`: by how much the window's values are larger, estimated without knowledge of units;
    its interval allows the population itself a drift of 0.05. `known` and `offset`: the known
    conversion that fits best, with its `readings`; `others`: known factors that fit as well.
    `share`: of the rows that are converted. `raw` and `matched`: KS distance of the window from
    the baseline as it came, and after conversion. Intervals hold for all columns at once.
    """

    name: str
    factor: Estimate
    known: float
    offset: float
    readings: tuple[str, ...]
    others: tuple[float, ...]
    share: Estimate
    raw: Estimate
    matched: Estimate

    @property
    def sentence(self) -> str:
        """What it looks like, for people."""
        whole = "" if self.share.value == 1 else f"in {self.share.value:.0%} of rows "
        plus = f" and {self.offset:+.3g}" if self.offset else ""
        more = f"; {_listed(self.others)} fits too" if self.others else ""
        told = " or ".join(self.readings[:3])
        return f"{self.name} looks {whole}{times(self.known)}{plus} the reference's: {told}?{more}"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        who = "the sender" if self.share.value == 1 else "which callers send it so"
        back = f"subtract {self.offset:.3g} and " if self.offset > 0 else ""
        undo = f"divide by {self.known:.6g}" if self.known >= 1 else f"times {1 / self.known:.6g}"
        return f"ask {who}; to undo it, {back}{undo}, or train anew on the new unit"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        estimates = {"factor", "share", "raw", "matched"}
        return {
            k: v.to_dict() if k in estimates else v for k, v in msgspec.structs.asdict(self).items()
        } | {"sentence": self.sentence, "remedy": self.remedy}


def rescaled(
    baseline: TableSummary,
    window: TableSummary,
    *,
    units: Mapping[str, str] = {},
    confidence: float = 0.95,
) -> tuple[Rescaled, ...]:
    """The columns of numbers that come in another unit, by what both summaries show.

    A column is named when its raw distance is shown to exceed the tolerance, the distance after a
    known conversion is shown to keep below it, and no mere shift explains it. With k columns each
    bound holds at 1 − α/k, bands being uniform over all factors: the chance of naming any column
    whose raw distance does not exceed the tolerance, or by a conversion that does not match, is
    at most α. `units` in free text, by column, narrow the conversions. Columns with fewer than ten
    different values, or windows of fewer than 50, are not looked at. Raises `BadInput` on unequal
    grids.
    """
    pairs = [
        (name, old, window.columns[name])
        for name, old in baseline.columns.items()
        if name in window.columns and old.grid.kind in ("numeric", "integer")
    ]
    level = 1 - (1 - confidence) / max(1, len(pairs))
    found: list[Rescaled] = []
    for name, old, new in pairs:
        refuse_unequal(old.grid, new.grid)
        if new.n < LEAST_ROWS or np.count_nonzero(old.counts) < LEAST_VALUES:
            continue
        raw = ks(old, new, level)
        if raw.low > TOLERANCE:
            conversions = readings(units.get(name, ""))
            one = _named(name, old, new, raw, conversions, sure=conversions is KNOWN)
            found += [one] if one else []
    return tuple(found)


def times(factor: float) -> str:
    """A factor in words: 12 times, a 12th of."""
    return f"{factor:.4g} times" if factor >= 1 else f"1/{1 / factor:.4g} of"


def _listed(factors: Sequence[float]) -> str:
    return " or ".join(times(f) for f in factors[:3])


class _Fit(NamedTuple):
    """A conversion that fits, the better the lower its rank: the distance that is left or, where
    rows are too few or cells too `coarse` to bound that, how far the implied factor is off."""

    coarse: bool
    rank: float
    conversion: tuple[float, float]
    share: float
    distance: float
    hidden: float
    implied: Estimate | None = None


def _named(
    name: str, old: ColumnSummary, new: ColumnSummary, raw: Estimate,
    conversions: Sequence[Conversion], *, sure: bool,
) -> Rescaled | None:  # fmt: skip
    """The conversion that explains a column that moved; `sure` asks more of small factors."""
    level = raw.confidence
    pair, bare = _Pair.of(old, new, zeros=True), _Pair.of(old, new, zeros=False)
    if bare.n < LEAST_ROWS or bare.m < LEAST_ROWS:
        return None
    forms = dict.fromkeys((c.factor, c.offset) for c in conversions)
    fits = [fit for form in forms for fit in _fits(pair, bare, new, form, level)]
    if fits and _shifted(pair, level):
        fits = [fit for fit in fits if fit.coarse]
    if sure:
        fits = [fit for fit in fits if _plain(pair, bare, fit, level)]
    whole = [fit for fit in fits if fit.share == 1]
    if not fits:
        return None
    best = min(whole or fits)
    factor, offset = best.conversion
    used = pair if offset or best.share < 1 else bare
    others = {f.conversion[0] for f in fits if (f.share, f.coarse) == (best.share, best.coarse)}
    most = best.distance + best.hidden + dkw(used.n, used.m, level)
    matched = Estimate(
        best.distance, max(0.0, best.distance - band(used.n, used.m, level)), min(1.0, most),
        level, used.n + used.m, "KS after conversion, two-sample DKW", "simultaneous",
    )  # fmt: skip
    return Rescaled(
        name,
        best.implied or _factor(used, factor, offset, best.share, level),
        factor,
        offset,
        tuple(c.text for c in conversions if (c.factor, c.offset) == best.conversion),
        tuple(sorted(others - {factor})),
        _share(used, factor, offset, best.share, level),
        msgspec.structs.replace(raw, validity="simultaneous"),
        matched,
    )


def _fits(
    pair: _Pair, bare: _Pair, new: ColumnSummary, form: tuple[float, float], level: float
) -> list[_Fit]:
    """In which shares, if any, a conversion explains the window."""
    factor, offset = form
    found: list[_Fit] = []
    for share in _shares(bare, factor, offset):
        used = pair if offset or share < 1 else bare
        if used.few.distance(factor, offset, share)[0] - band(used.n, used.m, level) > ALLOWED:
            continue
        distance, hidden = used.distance(factor, offset, share)
        unconverted, _ = used.distance(1.0)
        if distance - band(used.n, used.m, level) > ALLOWED or 2 * distance > unconverted:
            continue
        if distance + hidden + dkw(used.n, used.m, level) <= TOLERANCE:
            found.append(_Fit(False, distance, form, share, distance, hidden))
        elif not offset:
            rows = used.n, used.m
            implied = implied_factor(used.base, new, rows, share, factor, level)
            if implied:
                rank = abs(math.log(implied.value / factor))
                found.append(_Fit(True, rank, form, share, distance, hidden, implied))
    return found


def _plain(pair: _Pair, bare: _Pair, fit: _Fit, level: float) -> bool:
    """Whether a small factor is pinned down; incomes may truly rise by half.

    The estimate must lie within 4% of the known factor and its interval be narrow; an offset must
    be no trifle beside the values.
    """
    factor, offset = fit.conversion
    if offset:
        spread = pair.base.quantile(0.75) - pair.base.quantile(0.25)
        return abs(offset) >= spread / 2
    if fit.coarse or max(factor, 1 / factor) >= LEAST:
        return True
    e = _factor(pair if fit.share < 1 else bare, factor, offset, fit.share, level)
    return e.high <= PINNED * e.low and abs(math.log(e.value / factor)) <= NEAR


class _Pair(NamedTuple):
    """Both columns as cumulative shares: the window's at its own edges, the baseline's anywhere."""

    n: int
    m: int
    edges: Vector
    reached: Vector
    wide: NDArray[np.bool_]
    base: ColumnSummary
    upto: Vector
    roundings: tuple[float, ...]

    @classmethod
    def of(cls, old: ColumnSummary, new: ColumnSummary, *, zeros: bool) -> _Pair:
        """Ready to be compared; without `zeros` those that are counted apart are left out."""
        a, b = old.counts, new.counts
        if not zeros:
            own = old.grid.exact & (old.grid.edges[:-1] == 0)
            a, b = np.where(own, 0, a), np.where(own, 0, b)
        n, m = int(a.sum()), int(b.sum())
        reached = np.concatenate([[0], np.cumsum(b)]) / max(m, 1)
        kept = _kept(reached)
        edges = old.grid.edges[kept]
        with np.errstate(invalid="ignore"):
            narrow = np.diff(edges) <= 2 * SLACK * np.maximum(abs(edges[1:]), abs(edges[:-1]))
        narrow &= np.isfinite(np.diff(edges))
        exact = np.isin(kept[:-1], np.flatnonzero(old.grid.exact)) & (np.diff(kept) == 1)
        wide = ~narrow & ~exact & (np.diff(reached[kept]) > 1 / _STEPS)
        upto = np.concatenate([[0], np.cumsum(a)]) / max(n, 1)
        roundings = (0.0, 0.5) if old.grid.kind == "integer" else (0.0,)
        return cls(n, m, edges, reached[kept], wide, old, upto, roundings)

    @property
    def few(self) -> _Pair:
        """The same at every 16th edge, where no distance is larger: most factors end there."""
        return self._replace(
            edges=self.edges[::16], reached=self.reached[::16], wide=np.zeros(0, np.bool_)
        )

    def below(self, at: Vector) -> Vector:
        """The baseline's share below each number; even within a cell that holds several."""
        edges = self.base.grid.edges
        cell = np.clip(np.searchsorted(edges, at, "left") - 1, 0, len(edges) - 2)
        low = np.maximum(edges[cell], self.base.low)
        high = np.minimum(edges[cell + 1], self.base.high)
        with np.errstate(invalid="ignore", divide="ignore"):
            inside = np.clip((at - low) / (high - low), 0.0, 1.0)
        inside = np.where(self.base.grid.exact[cell] | ~(high > low), at > edges[cell], inside)
        return self.upto[cell] + inside * (self.upto[cell + 1] - self.upto[cell])

    def around(self, factor: float, offset: float, rounding: float) -> tuple[Vector, Vector]:
        """The baseline's shares below the window's edges converted back, at both ends of slack."""
        with np.errstate(over="ignore"):
            back = (self.edges - rounding - offset) / factor
        spare = np.where(np.isfinite(back), SLACK * np.abs(back), 0.0)
        return self.below(back - spare), self.below(back + spare)

    def distance(
        self, factor: float, offset: float = 0.0, share: float = 1.0
    ) -> tuple[float, float]:
        """KS of the window from the baseline of which a share is converted, up to slack; and
        what the cells that are wider than slack may hide (where no row is, nothing is hidden)."""
        best = math.inf, 0.0
        for rounding in self.roundings:
            low, high = self.around(factor, offset, rounding)
            if share < 1:
                own = self.around(1.0, 0.0, 0.0)
                low = share * low + (1 - share) * own[0]
                high = share * high + (1 - share) * own[1]
            apart = np.maximum(np.maximum(low - self.reached, self.reached - high), 0.0)
            value = float(apart.max())
            inside = np.maximum(high[1:] - self.reached[:-1], self.reached[1:] - low[:-1])
            hidden = inside[self.wide] if self.wide.any() else inside[:0]
            most = max(value, float(hidden.max(initial=0.0)))
            best = min(best, (value, most - value + 1 / _STEPS))
        return best


def _kept(reached: Vector) -> NDArray[np.intp]:
    """Edges at which the cumulative share has grown by a step since the last one kept, and the
    edge before any cell that alone holds a step."""
    step = np.floor(reached * _STEPS)
    grown = np.flatnonzero(np.diff(step) > 0)
    ends = np.array([0, len(reached) - 1])
    return np.unique(np.concatenate([grown, grown + 1, ends]))


def _shares(pair: _Pair, factor: float, offset: float) -> tuple[float, ...]:
    """The shares of converted rows to try: all, and the best one where both kinds stay apart; a
    heavier tail would else be taken for a few converted rows."""
    low, high = pair.base.quantile(0.01), pair.base.quantile(0.99)
    reach = max(factor, 1 / factor)
    if offset or low <= 0 or reach < high / low:
        return (1.0,)
    own = np.mean(pair.around(1.0, 0.0, 0.0), axis=0)
    other = np.mean(pair.around(factor, 0.0, 0.0), axis=0)
    change = other - own
    best = float(change @ (pair.reached - own)) / max(float(change @ change), 1e-12)
    return (1.0, best) if LEAST_SHARE <= best < 1 else (1.0,)


def _shifted(pair: _Pair, level: float) -> bool:
    """Whether the window may be the baseline moved by a constant."""
    levels = np.linspace(0.05, 0.95, 19)
    at = np.clip(np.searchsorted(pair.reached, levels), 0, len(pair.edges) - 1)
    moves = [float(pair.edges[i]) - pair.base.quantile(q) for i, q in zip(at, levels, strict=True)]
    least = min((pair.distance(1.0, c)[0] for c in moves if math.isfinite(c)), default=1.0)
    return least - band(pair.n, pair.m, level) <= ALLOWED


def _factor(pair: _Pair, known: float, offset: float, share: float, level: float) -> Estimate:
    """The factor at which the distance is least, and those at which it may be within what is
    allowed: a test inverted, each at its own level."""
    grid = known * np.exp(np.linspace(-_REACH, _REACH, _GRID))
    apart = np.array([pair.distance(float(f), offset, share)[0] for f in grid])
    inside = np.flatnonzero(apart - band(pair.n, pair.m, level) <= ALLOWED)
    best = float(np.median(grid[apart <= apart.min() + 1e-9]))
    low = float(grid[max(inside[0] - 1, 0)]) if inside.size else best
    high = float(grid[min(inside[-1] + 1, _GRID - 1)]) if inside.size else best
    return Estimate(
        best, min(low, best), max(high, best), level, pair.n + pair.m,
        "least KS distance, test inverted", "simultaneous",
    )  # fmt: skip


def _share(pair: _Pair, factor: float, offset: float, share: float, level: float) -> Estimate:
    """The shares at which the distance may be within what is allowed."""
    grid = np.linspace(0, 1, 101)
    apart = np.array([pair.distance(factor, offset, float(s))[0] for s in grid])
    inside = grid[apart - band(pair.n, pair.m, level) <= ALLOWED]
    low = float(inside.min(initial=share)) - 0.01
    high = float(inside.max(initial=share)) + 0.01
    return Estimate(
        share, max(low, 0.0), min(high, 1.0), level, pair.m, "KS distance, test inverted",
        "simultaneous",
    )  # fmt: skip
