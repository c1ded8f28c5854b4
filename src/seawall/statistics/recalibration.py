"""What a score means: the rate of positives at each score, learnt from labelled counts."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput
from seawall.statistics.calls import CalledScores
from seawall.statistics.grid import Grid
from seawall.statistics.isotonic import isotonic
from seawall.statistics.performance import called
from seawall.statistics.reliability import middles
from seawall.statistics.score import NEGATIVE, POSITIVE

Vector = NDArray[np.float64]
Choice = Literal["as given", "isotonic", "binned", "isotonic by call", "binned by call"]
BINS = 200
"""Score bins, each of about equal mass of both classes."""
MAPS = 200
"""Draws of what the rates might have been, from as many draws of the reference's labels."""
_WINDOWS = 50
_ECE_BINS = 15


class Bins(msgspec.Struct, frozen=True, eq=False):
    """How the cells of a score grid are put together, by the reference.

    `at` int64[cells], the rising bin of each cell; `score` float64[bins], the mean score. Where the
    reference has no row within a fiftieth of the range of scores, a bin of its own is `unseen`.
    """

    grid: Grid
    at: NDArray[np.int64]
    score: Vector
    unseen: NDArray[np.bool_]

    def count(self, counts: NDArray[Any]) -> Vector:
        """Counts by call and cell as float64[call, bin]."""
        starts = np.searchsorted(self.at, np.arange(self.score.size))
        return np.add.reduceat(counts, starts, axis=1).astype(np.float64)


class Calibrated(msgspec.Struct, frozen=True, eq=False):
    """What the reference taught.

    `rates` float64[call, bin], the rate of positives taken; `maps` float64[draws, call, bin], what
    it might have been; `choice`, how the rates were found; `error`, the debiased calibration error
    of the scores as given and of the rates taken, both on rows that those were not learnt from;
    `positives` the reference's share; `effective`, how many rows its weights are worth.
    """

    bins: Bins
    choice: Choice
    rates: Vector
    maps: Vector
    error: tuple[float, float]
    positives: float
    effective: float


def make_bins(reference: CalledScores, threshold: float | None = None) -> Bins:
    """Bins for this labelled reference; none has scores on both sides of the threshold.

    Raises `BadInput` without labels of both kinds.
    """
    grid = reference.grid
    negative, positive = (reference.counts[:, k].sum(axis=0).astype(float)
                          for k in (NEGATIVE, POSITIVE))  # fmt: skip
    if not negative.sum() or not positive.sum():
        raise BadInput(
            "the reference needs labels of both kinds", remedy="give a labelled reference"
        )
    # half of the mass is each class's, so that the few of a rare class are told apart too
    mass = negative / negative.sum() / 2 + positive / positive.sum() / 2
    middle = middles(grid)
    window = np.minimum((middle * _WINDOWS).astype(np.int64), _WINDOWS - 1)
    empty = np.bincount(window, mass, _WINDOWS)[window] == 0
    at = np.minimum(((np.cumsum(mass) - mass / 2) * BINS).astype(np.int64), BINS - 1)
    if threshold is not None:
        at = at * 2 + called(grid, threshold)[0]
    # an empty window lies between two bins, and may lie inside one
    changes = np.flatnonzero((np.diff(at) != 0) | (np.diff(empty) != 0)) + 1
    at = np.searchsorted(changes, np.arange(at.size), "right")
    size = int(at[-1]) + 1
    both = negative + positive
    n = np.bincount(at, both, size)
    plain = np.bincount(at, middle, size) / np.bincount(at, minlength=size)
    weighted = np.bincount(at, both * middle, size) / np.maximum(n, 1)
    return Bins(grid, at, np.where(n > 0, weighted, plain), np.bincount(at, empty, size) > 0)


def calibrate(
    reference: CalledScores, bins: Bins, weights: NDArray[Any] | None = None, seed: int = 0
) -> Calibrated:
    """Learn the rate of positives in each bin from a labelled reference.

    The choice among the scores as given, an isotonic map, each bin's own rate (for scores whose
    meaning does not rise with them), and the last two for each call (where a column decides the
    call) is cross-fitted: the reference is split in two at random, each half's map is tried on the
    other, and the least squared error on both together wins. How sure that choice is sets how many
    of the `maps` are drawn around the runner-up.

    `weights` float64[3, call, cell]: Σw of negatives and of positives, and Σw² of both, where rows
    of the reference count unequally; a bin then has the (Σw)²/Σw² rows that it is worth.
    """
    counts = reference.counts[:, : POSITIVE + 1]
    negative, positive = bins.count(counts[:, NEGATIVE]), bins.count(counts[:, POSITIVE])
    mass = n = negative + positive
    if weights is not None:
        negative, positive, squares = (bins.count(part) for part in weights)
        mass = negative + positive
        n = np.round(mass**2 / np.maximum(squares, 1e-300))
    n = np.where(mass > 0, np.maximum(n, 1), 0)
    p = np.minimum(np.round(positive / np.where(mass > 0, mass, 1) * n), n)
    rng = np.random.default_rng(seed)
    choice, other, doubt, error = _choose(p, n, bins.score, not reference.by_score, rng)
    less = round(doubt * MAPS)
    rates, maps = _draw(choice, positive, mass, n, bins, MAPS - less, rng)
    if less:
        maps = np.concatenate([maps, _draw(other, positive, mass, n, bins, less, rng)[1]])
    total = float(mass.sum())
    effective = total if weights is None else total**2 / float(weights[2].sum())
    return Calibrated(bins, choice, rates, maps, error, float(positive.sum() / total), effective)


def _draw(
    choice: Choice, positive: Vector, mass: Vector, n: Vector, bins: Bins, size: int,
    rng: np.random.Generator,
) -> tuple[Vector, Vector]:  # fmt: skip
    """The rates of one choice, and draws of what they might have been.

    The errors of scores as given are taken to be those that an isotonic map would have.
    """
    given = np.broadcast_to(np.clip(bins.score, 0.0, 1.0), n.shape)
    fit: Choice = "isotonic" if choice == "as given" else choice
    likely = _likely(fit, positive, mass, n)
    drawn = rng.binomial(n.astype(np.int64), likely, (size, *n.shape)) / np.maximum(n, 1)
    errors = np.stack([_fit(fit, draw * mass, mass) for draw in drawn]) - likely
    bias = errors.mean(axis=0)
    rates = given if choice == "as given" else np.clip(_fit(fit, positive, mass) - bias, 0.0, 1.0)
    maps = np.clip(rates - (errors - bias), 0.0, 1.0)
    if bins.unseen.any():
        seen = np.broadcast_to(n > 0 if fit.endswith("call") else n.sum(axis=0) > 0, n.shape)
        low, high = _between(maps, seen)
        maps = np.where(bins.unseen, low + (high - low) * rng.random((size, 1, 1)), maps)
        low, high = _between(rates, seen)
        rates = np.where(bins.unseen, np.clip(given, low, high), rates)
    return rates, maps


def _fit(choice: Choice, positives: Vector, n: Vector) -> Vector:
    """Rates [call, bin]; those of a call without rows are the other's, of a bin the isotonic."""
    p, m = positives.sum(axis=0), n.sum(axis=0)
    if choice in ("binned", "binned by call"):
        if choice == "binned" and m.all():
            return np.stack([p / m] * 2)
        rising = _fit("isotonic" if choice == "binned" else "isotonic by call", positives, n)
        if choice == "binned":
            positives, n = np.stack([p, p]), np.stack([m, m])
        return np.where(n > 0, positives / np.where(n > 0, n, 1), rising)
    pooled = isotonic(p, m)
    if choice == "isotonic":
        return np.stack([pooled, pooled])
    parts = zip(positives, n, strict=True)
    return np.stack([isotonic(*part) if part[1].any() else pooled for part in parts])


def _likely(choice: Choice, positives: Vector, mass: Vector, n: Vector) -> Vector:
    """Rates to draw labels from: the fitted, half a row drawn towards both labels.

    Levels of an isotonic map become a line through their middles: labels drawn from steps would
    vary too little, and a level that saw a single kind of label is not certain.
    """
    found = _fit(choice, positives, mass)
    rows = n if choice.endswith("call") else np.broadcast_to(n.sum(axis=0), n.shape)
    if choice.startswith("binned"):
        return (found * rows + 0.5) / (rows + 1)
    lines: list[Vector] = []
    for rates, behind in zip(found, rows, strict=True):
        level = np.cumsum(np.diff(rates, prepend=rates[0]) != 0)
        held = np.bincount(level, behind)
        height = (np.bincount(level, rates) / np.bincount(level) * held + 0.5) / (held + 1)
        middle = np.cumsum(held) - held / 2
        lines.append(np.interp(np.cumsum(behind) - behind / 2, middle, height))
    return np.stack(lines)


def _between(rates: Vector, seen: NDArray[np.bool_]) -> tuple[Vector, Vector]:
    """Bounds of each bin's rate by those of the bins with rows below and above it."""
    low = np.maximum.accumulate(np.where(seen, rates, 0.0), axis=-1)
    above = np.where(seen, rates, 1.0)[..., ::-1]
    return low, np.maximum(np.minimum.accumulate(above, axis=-1)[..., ::-1], low)


def _choose(
    p: Vector, n: Vector, score: Vector, by_call: bool, rng: np.random.Generator
) -> tuple[Choice, Choice, float, tuple[float, float]]:
    """The map with the least squared error out of sample, the runner-up, the chance that it is
    the better, and the calibration errors out of sample of the scores and of the choice."""
    half_p = rng.binomial(p.astype(np.int64), 0.5).astype(float)
    half_n = half_p + rng.binomial((n - p).astype(np.int64), 0.5).astype(float)
    halves = ((half_p, half_n), (p - half_p, n - half_n))
    given = np.broadcast_to(np.clip(score, 0.0, 1.0), p.shape)
    fits: tuple[Choice, ...] = ("isotonic", "binned")
    if by_call:
        fits += ("isotonic by call", "binned by call")
    forecasts: dict[Choice, list[Vector]] = {"as given": [given, given]}
    forecasts |= {fit: [_fit(fit, *half) for half in halves] for fit in fits}
    tests = halves[::-1]
    losses: dict[Choice, float] = {
        name: sum(
            float((tp * (1 - f) ** 2 + (tn - tp) * f**2).sum())
            for f, (tp, tn) in zip(maps, tests, strict=True)
        )
        for name, maps in forecasts.items()
    }
    choice, other = sorted(losses, key=losses.__getitem__)[:2]
    doubt = _chance(forecasts[choice], forecasts[other], tests)
    errors = [
        math.sqrt(max(sum(_squared_error(f, *t) for f, t in zip(m, tests, strict=True)) / 2, 0.0))
        for m in (forecasts["as given"], forecasts[choice])
    ]
    return choice, other, doubt, (errors[0], errors[1])


def _chance(
    best: list[Vector], other: list[Vector], tests: tuple[tuple[Vector, Vector], ...]
) -> float:
    """The chance that the other map is the better, the difference of squared errors being normal;
    below one in two hundred, none."""
    from scipy.special import ndtr

    mean = square = 0.0
    for a, b, (p, n) in zip(best, other, tests, strict=True):
        for rows, label in ((p, 1.0), (n - p, 0.0)):
            gain = (label - a) ** 2 - (label - b) ** 2
            mean += float((rows * gain).sum())
            square += float((rows * gain**2).sum())
    chance = float(ndtr(mean / math.sqrt(square))) if square else 0.0
    return chance if chance >= 0.005 else 0.0


def _squared_error(forecast: Vector, p: Vector, n: Vector) -> float:
    """The debiased squared calibration error on bins of equal mass (Kumar, Liang, Ma 2019)."""
    order = np.argsort(forecast, axis=None, kind="stable")
    f, p, n = (part.ravel()[order] for part in (forecast, p, n))
    total = n.sum()
    at = np.minimum(((np.cumsum(n) - n / 2) / total * _ECE_BINS).astype(np.int64), _ECE_BINS - 1)
    rows = np.bincount(at, n, _ECE_BINS)
    kept = rows > 1
    rows, rate, mean = (
        np.bincount(at, part, _ECE_BINS)[kept] / d
        for part, d in ((n, 1), (p, rows[kept]), (f * n, rows[kept]))
    )
    return float((rows / total * ((mean - rate) ** 2 - rate * (1 - rate) / (rows - 1))).sum())
