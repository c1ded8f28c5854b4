"""Which rows to send for labelling, with known chances, and what the labels that return say.

Stratified sampling without replacement; rows per stratum by Neyman's allocation, Nₕ·√(qₕ(1−qₕ))
with qₕ the expected share of right calls. Source: Cochran, "Sampling Techniques", 3rd edition,
sections 5.5 (allocation) and 6.11 (ratios).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate
from seawall.statistics.calls import CalledScores
from seawall.statistics.intervals import clip, clopper_pearson
from seawall.statistics.recalibration import Calibrated
from seawall.statistics.reliability import by_mass

Vector = NDArray[np.float64]
BANDS = 5
"""Strata of each call, by score."""
SURE = 0.15
"""The least standard deviation that a row's rightness is taken to have: what looks certain may
have drifted, and is looked at too."""


class Stratum(msgspec.Struct, frozen=True):
    """Rows of one call with scores from `low` to `high`: how many there are, and how many of them
    to label, each with the chance labels/rows."""

    call: int
    low: float
    high: float
    rows: int
    labels: int


class LabelPlan(msgspec.Struct, frozen=True, eq=False):
    """The strata, and `at` int64[call, cell], which of them a row belongs to."""

    strata: tuple[Stratum, ...]
    at: NDArray[np.int64]


def plan_labels(learnt: Calibrated, rows: CalledScores, budget: int) -> LabelPlan:
    """Divide a budget of labels over these scored rows so that accuracy is best estimated.

    Every stratum gets at least two labels, or all its rows. Raises `BadInput` on a budget below
    two for each stratum or above the rows.
    """
    counts = rows.counts.sum(axis=1)
    if budget > counts.sum():
        raise BadInput(
            f"a budget of {budget:,} labels is above the {int(counts.sum()):,} rows",
            remedy="label them all",
        )
    right = np.stack([1 - learnt.rates[0], learnt.rates[1]])[:, learnt.bins.at]
    spread = np.maximum(np.sqrt(right * (1 - right)), SURE)
    at = np.zeros(counts.shape, np.int64)
    strata: list[tuple[int, float, float, int]] = []
    weight: list[float] = []
    edges = np.clip(rows.grid.edges, 0.0, 1.0)
    for call in (0, 1):
        home = by_mass(counts[call] * spread[call], BANDS)
        for band in np.unique(home[counts[call] > 0]):
            inside = (home == band) & (counts[call] > 0)
            at[call, home == band] = len(strata)
            first, last = np.flatnonzero(inside)[[0, -1]]
            held = counts[call][inside]
            strata.append((call, float(edges[first]), float(edges[last + 1]), int(held.sum())))
            weight.append(float((held * spread[call][inside]).sum()))
    sizes = np.array([s[3] for s in strata])
    if budget < np.minimum(sizes, 2).sum():
        raise BadInput(
            f"a budget of {budget} labels is below two for each of {len(strata)} strata",
            remedy=f"give at least {int(np.minimum(sizes, 2).sum())}",
        )
    labels = _allocate(np.array(weight), sizes, budget)
    chosen = (Stratum(*s, int(k)) for s, k in zip(strata, labels, strict=True))
    return LabelPlan(tuple(chosen), at)


def _allocate(weight: Vector, sizes: NDArray[np.int64], budget: int) -> NDArray[np.int64]:
    """Shares of the budget by weight, between two and all rows of each stratum, whole."""
    least = np.minimum(sizes, 2)
    share = least.astype(float)
    open_ = np.ones(sizes.size, np.bool_)
    while open_.any():
        left = budget - share[~open_].sum()
        share[open_] = left * weight[open_] / weight[open_].sum()
        held = np.clip(share, least, sizes)
        broken = open_ & (held != share)
        if not broken.any():
            break
        # settle the kind of bound that is broken by more first, as in water filling
        over = (share - held)[broken].sum()
        settle = broken & ((share > held) if over > 0 else (share < held))
        settle = settle if settle.any() else broken
        share[settle] = held[settle]
        open_ &= ~settle
    labels = np.floor(share + 1e-9).astype(np.int64)
    room = np.argsort(-(share - labels), kind="stable")
    for k in room[: budget - int(labels.sum())]:
        labels[k] += 1
    return np.minimum(labels, sizes)


def draw_rows(plan: LabelPlan, stratum: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """The rows to label, rising, given each row's stratum (−1 for none)."""
    rng = np.random.default_rng(seed)
    picked = [
        rng.choice(np.flatnonzero(stratum == k), s.labels, replace=False)
        for k, s in enumerate(plan.strata)
    ]
    return np.sort(np.concatenate(picked)).astype(np.int64)


def sampled_ratio(
    top: Vector, bottom: Vector, stratum: NDArray[np.int64], sizes: NDArray[np.int64],
    confidence: float = 0.95,
) -> Estimate:  # fmt: skip
    """The ratio of two totals (a share where `bottom` is 1) of all rows, from labelled ones.

    `top` and `bottom` are 0 or 1, top ≤ bottom; `stratum` of each labelled row, `sizes` the rows of
    each stratum. Horvitz–Thompson totals; the variance is that of the linearised ratio within
    strata, each joined by one row of the pooled variance; the interval is Clopper–Pearson's at the
    effective number of rows (Korn & Graubard 1998). Raises `BadInput` where a stratum has no label.
    """
    k = sizes.size
    n = np.bincount(stratum, minlength=k).astype(float)
    if (n == 0).any():
        raise BadInput(
            f"stratum {int(np.argmin(n))} has no label yet", remedy="label rows of every stratum"
        )
    expand = sizes / n
    above = float((np.bincount(stratum, top, k) * expand).sum())
    below = float((np.bincount(stratum, bottom, k) * expand).sum())
    method = "stratified, Korn-Graubard"
    if not below:
        return Estimate(math.nan, 0.0, 1.0, confidence, int(n.sum()), method)
    value = above / below
    off = top - value * bottom
    mean = np.bincount(stratum, off, k) / n
    squares = np.bincount(stratum, (off - mean[stratum]) ** 2, k)
    pooled = float(squares.sum() / max(n.sum() - k, 1))
    variance = (squares + pooled) / n
    total = float((sizes**2 * np.maximum(1 - n / sizes, 0.0) * variance / n).sum()) / below**2
    if n.sum() == sizes.sum():
        return Estimate(value, value, value, confidence, int(n.sum()), method)
    spread = value * (1 - value)
    effective = spread / total if spread and total else n.sum()
    low, high = clopper_pearson(value * effective, effective, confidence)
    low, high = clip((low, high), 0.0, 1.0)
    return Estimate(value, min(low, value), max(high, value), confidence, int(n.sum()), method)
