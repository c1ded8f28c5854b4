"""The factor between two columns that means or extremes imply, where bins are too coarse for it.

A grid has its fine bins where the baseline's values are: a window a hundred times as large lies in
its last cell, one of a hundredth in a few around the centre. Sums are exact there, up to a thousand
spreads from the centre, and the least and greatest value are exact anywhere.
"""

from __future__ import annotations

import math

from seawall.kernel import Estimate
from seawall.statistics.grid import Q_LIMIT
from seawall.statistics.intervals import normal_quantile
from seawall.statistics.summary import ColumnSummary

LEAST = 5.0
"""Smaller factors show in the bins."""
MEAN_WITHIN, SPREAD_WITHIN = 1.15, 1.5
EXTREMES_WITHIN = 2.5
SQUARED = 1e100
"""Magnitude below which squares, and their sums, are floats."""
CLIPPED = 0.05
"""Share of values, a thousand spreads from the centre, whose sums may be clipped."""


def implied_factor(
    old: ColumnSummary, new: ColumnSummary, rows: tuple[int, int], share: float,
    factor: float, confidence: float,
) -> Estimate | None:  # fmt: skip
    """The factor that the sums imply or, of all rows alike, the extremes, if it is this one.

    `rows` of both that count, zeros perhaps left out, which changes no sum. None where neither
    narrows it down to this factor; factors below 5 show in the bins.
    """
    if max(factor, 1 / factor) < LEAST:
        return None
    implied = by_means(old, new, *rows, share, confidence)
    if implied is not None:
        near = implied.low * MEAN_WITHIN >= factor >= implied.high / MEAN_WITHIN
        return implied if near else None
    implied = by_extremes(old, new, rows[1], confidence) if share == 1 else None
    return implied if implied and implied.low <= factor <= implied.high else None


def by_extremes(
    old: ColumnSummary, new: ColumnSummary, m: int, confidence: float
) -> Estimate | None:
    """How many times larger all m values of the window are, by its least and greatest.

    Among m rows some lie below the p-quantile, and some above the (1 − p)-quantile, unless by a
    chance of α/2 each, with p = ln(2/α)/m; widened by what the baseline's own quantiles stray.
    None for few rows, for values that are not all positive, and when too wide to tell one unit
    from another.
    """
    p = math.log(2 / (1 - confidence)) / m
    p += 2.5 * math.sqrt(p / old.n) + 3 / old.n
    if p >= 0.5 or new.low <= 0 or old.low <= 0:
        return None
    low, high = new.low / old.quantile(p), new.high / old.quantile(1 - p)
    if not low <= high <= low * EXTREMES_WITHIN:
        return None
    return Estimate(
        math.sqrt(low * high), low, high, confidence, old.n + m, "ratio of extremes",
        "simultaneous",
    )  # fmt: skip


def by_means(
    old: ColumnSummary, new: ColumnSummary, n: int, m: int, share: float, confidence: float
) -> Estimate | None:
    """How many times larger than the baseline's a share of the window's values is, by the means.

    The other values are taken for unchanged. The interval is the delta method's on the logarithm,
    its upper end raised by the most that clipped values may lack. None where more was clipped,
    where values are finer than their rounding, and where the second moment implies another factor
    (beyond a half more or less): a mean that moved is no unit.
    """
    if not n or not m or old.clipped > CLIPPED * n or new.clipped > CLIPPED * m:
        return None
    if not 1 / SQUARED < new.grid.scale < SQUARED or abs(new.grid.centre) > SQUARED:
        return None
    first, second = _moments(old, n)
    now, square = _moments(new, m)
    spread, width = square - now * now, second - first * first
    if first <= 0 or spread <= new.grid.scale**2 or width <= 0:
        return None
    factor = (now / first - (1 - share)) / share
    power = (square / second - (1 - share)) / share
    if factor <= 0 or power <= 0:
        return None
    noise = spread / (m * (share * factor * first) ** 2) + width / (n * first * first)
    half = normal_quantile(confidence) * math.sqrt(noise)
    if not _near(math.sqrt(power), factor, SPREAD_WITHIN):
        return None
    lacking = max(new.high - new.grid.centre - new.grid.scale * Q_LIMIT, 0.0) * new.clipped / m
    high = (factor + lacking / first / share) * math.exp(half)
    return Estimate(
        factor, factor * math.exp(-half), high, confidence, n + m, "ratio of means", "simultaneous",
    )  # fmt: skip


def _near(a: float, b: float, within: float) -> bool:
    return b / within <= a <= b * within


def _moments(summary: ColumnSummary, rows: int) -> tuple[float, float]:
    """The means of x and x², of these rows, from the sums of whole multiples of the scale."""
    grid = summary.grid
    q1, q2 = summary.total / rows, summary.squares / rows
    kept = summary.n / rows
    first = grid.centre * kept + grid.scale * q1
    square = grid.centre**2 * kept + 2 * grid.centre * grid.scale * q1 + grid.scale**2 * q2
    rounding = grid.scale**2 / 12 if grid.scale > 1 or grid.kind == "numeric" else 0.0
    return first, square - rounding * kept
