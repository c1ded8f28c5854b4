"""The largest difference and the smallest ratio between groups, with bounds that hold.

The lower bound of a gap has to hold for all pairs at once, since the pair that it stands on was
picked. The upper bound has not: a gap is below a number when every pair is, so each pair has its
own level and the largest upper bound counts (an intersection-union test, Berger 1982).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.statistics.groups import Ends

Vector = NDArray[np.float64]


class Compared(NamedTuple):
    """What is compared: the name of a measure, each group's value, and its bounds at a level."""

    name: str
    values: Vector
    ends: Callable[[float], Ends]


class Pair(NamedTuple):
    """The groups (by index) that differ most, and in what."""

    name: str
    low: int
    high: int


def pairwise(groups: int, confidence: float) -> float:
    """The level of each pair at which all pairs of independent normal estimates hold together.

    The studentised range's, which also holds for unequal variances (Tukey–Kramer; Hayter 1984).
    """
    return _pairwise(groups, round(confidence, 12)) if groups > 1 else confidence


@lru_cache(maxsize=1024)
def _pairwise(groups: int, confidence: float) -> float:
    from scipy.special import ndtr

    at = np.linspace(-9.0, 9.0, 2001)
    density = groups * np.exp(-at * at / 2) * (at[1] - at[0]) / math.sqrt(2 * math.pi)
    low, high = 0.0, 12.0
    for _ in range(44):
        z = (low + high) / 2
        # the smallest lies at t and all others within √2·z above it
        inside = float((density * (ndtr(at + math.sqrt(2) * z) - ndtr(at)) ** (groups - 1)).sum())
        low, high = (z, high) if inside < confidence else (low, z)
    return float(2 * ndtr(high) - 1)


def difference(
    parts: Sequence[Compared], groups: int, confidence: float, n: int, top: float = 1.0
) -> tuple[Estimate, Pair | None]:
    """The largest difference over pairs and `parts`, in [0, top]; and the pair that shows most.

    Pairs have MOVER intervals (Newcombe 1998, method 10, with exact ends). The value, max − min, is
    biased upwards; the bounds are not. A group without rows behind it leaves the gap unbounded.
    """
    method = "largest pairwise difference, MOVER, Tukey-Kramer"
    if groups < 2:
        return Estimate(math.nan, 0.0, top, confidence, n, method, "simultaneous"), None
    strict = 1 - (1 - pairwise(groups, confidence)) / len(parts)
    value, low, high = 0.0, 0.0, 0.0
    pair, most = None, (-math.inf, -math.inf)
    for part in parts:
        p = part.values
        known = np.isfinite(p)
        apart = p[:, None] - p[None, :]
        below, above = part.ends(strict), part.ends(confidence)
        least = apart - np.hypot((p - below[0])[:, None], (below[1] - p)[None, :])
        largest = apart + np.hypot((above[1] - p)[:, None], (p - above[0])[None, :])
        np.fill_diagonal(least, -math.inf)
        if known.sum() > 1:
            at = np.unravel_index(int(np.nanargmax(least)), least.shape)
            shown = max(float(least[at]), 0.0)
            if shown <= 0:
                at = int(np.nanargmax(p)), int(np.nanargmin(p))
            if (shown, float(apart[at])) > most:
                most, pair = (shown, float(apart[at])), Pair(part.name, int(at[1]), int(at[0]))
            low = max(low, shown)
        value = max(value, float(np.ptp(p))) if known.all() else math.nan
        high = max(high, float(np.nanmax(largest))) if known.all() else top
    return Estimate(value, low, min(high, top), confidence, n, method, "simultaneous"), pair


def ratio(
    parts: Sequence[Compared], groups: int, confidence: float, n: int
) -> tuple[Estimate, Pair | None]:
    """The smallest ratio of two groups over pairs and `parts`, in [0, 1]; and the pair behind it.

    Pairs have MOVER-R intervals (Donner & Zou 2012) from exact ends.
    """
    method = "smallest pairwise ratio, MOVER-R, Tukey-Kramer"
    if groups < 2:
        return Estimate(math.nan, 0.0, 1.0, confidence, n, method, "simultaneous"), None
    strict = 1 - (1 - pairwise(groups, confidence)) / len(parts)
    value, low, high = 1.0, 1.0, 1.0
    pair, least = None, (math.inf, math.inf)
    for part in parts:
        p = part.values
        lower = _ratios(p, part.ends(confidence))[0]
        upper = _ratios(p, part.ends(strict))[1]
        if not np.isfinite(p).all() or p.max() <= 0:
            value, low = math.nan, 0.0
        else:
            value, low = min(value, float(p.min() / p.max())), min(low, float(lower.min()))
        at = np.unravel_index(int(np.argmin(upper)), upper.shape)
        shown = min(float(upper[at]), 1.0)
        if shown >= 1 and np.isfinite(p).any():
            at = int(np.nanargmin(p)), int(np.nanargmax(p))
        seen = float(p[at[0]] / p[at[1]]) if p[at[1]] > 0 else math.inf
        if (shown, seen) < least:
            least, pair = (shown, seen), Pair(part.name, int(at[0]), int(at[1]))
        high = min(high, shown)
    return Estimate(value, low, high, confidence, n, method, "simultaneous"), pair


def _ratios(p: Vector, ends: Ends) -> Ends:
    """Bounds on p[i]/p[j] for every ordered pair; ∞ where the second may be 0."""
    low, high = ends
    a, b = np.nan_to_num(p)[:, None], np.nan_to_num(p)[None, :]
    la, ua, lb, ub = low[:, None], high[:, None], low[None, :], high[None, :]
    square = (a * b) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        under = np.maximum(square - la * ub * (2 * a - la) * (2 * b - ub), 0.0)
        over = np.maximum(square - ua * lb * (2 * a - ua) * (2 * b - lb), 0.0)
        lower = (a * b - np.sqrt(under)) / (ub * (2 * b - ub))
        upper = (a * b + np.sqrt(over)) / (lb * (2 * b - lb))
    # where 2b ≤ u the formula breaks; the bounds of both groups at once are wider and do not
    plain = la / np.maximum(ub, 1e-300)
    lower = np.where(2 * b > ub * (1 + 1e-9), lower, plain)
    upper = np.where(lb > 0, upper, math.inf)
    unknown = ~np.isfinite(p)
    lower[unknown, :] = lower[:, unknown] = 0.0
    upper[unknown, :] = upper[:, unknown] = math.inf
    np.fill_diagonal(lower, 1.0)
    np.fill_diagonal(upper, math.inf)
    return np.maximum(lower, 0.0), upper
