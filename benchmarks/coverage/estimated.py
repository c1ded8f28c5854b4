"""Quality without labels: how often the interval holds the realised measure of the chunk."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.coverage.quality import Run
from seawall.statistics.calls import CalledScores, call_by_threshold
from seawall.statistics.cbpe import expect, realised
from seawall.statistics.grid import score_grid
from seawall.statistics.raking import learn_raking
from seawall.statistics.recalibration import calibrate, make_bins
from seawall.statistics.score import summarise_scores

RUNS = 300
BY_CASE = True
COLUMNS = {
    f"{a:,} and {b:,}": (a, b)
    for a, b in ((1_000, 1_000), (1_000, 10_000), (10_000, 1_000), (10_000, 10_000),
                 (20_000, 2_000))
}  # fmt: skip
"""Rows of the reference, and of the chunk."""
GRID = score_grid((0.5,))
WORTH = {"tp": 5.0, "fp": -1.0, "fn": -3.0, "tn": 0.0}


def scored(rng: Any, n: int, slope: float, base: float = -0.5) -> tuple[Any, Any]:
    """Logit-normal scores, and labels whose log odds are `slope` times the scores'."""
    x = rng.normal(base, 1.5, n)
    return expit(x), (rng.random(n) < expit(slope * x)).astype(int)


def counted(p: Any, y: Any = None) -> CalledScores:
    return call_by_threshold(summarise_scores(p, y, grid=GRID), 0.5)


def plain(slope: float, base: float, sizes: tuple[int, int], rng: Any) -> Run:
    """A fresh reference for every chunk, so that runs do not share its luck."""
    known = counted(*scored(rng, sizes[0], slope, base))
    learnt = calibrate(known, make_bins(known, 0.5), seed=int(rng.integers(1 << 31)))
    p, y = scored(rng, sizes[1], slope, base)
    yield from _held(expect(learnt, counted(p), WORTH, seed=int(rng.integers(1 << 31))), p, y)


def shifted(sizes: tuple[int, int], rng: Any) -> Run:
    """A score that misses half of what a feature says; the feature moves by 0.7 deviations."""

    def rows(n: int, shift: float) -> tuple[Any, Any, Any]:
        x, z = rng.normal(-0.5, 1.2, n), rng.normal(shift, 1, n)
        return expit(x), z, (rng.random(n) < expit(x + 0.5 * z)).astype(int)

    p, z, y = rows(sizes[0], 0.0)
    known = counted(p, y)
    bins = make_bins(known, 0.5)
    raking = learn_raking({"z": z}, p, y.astype(float))
    q, w, t = rows(sizes[1], 0.7)
    weights, _ = raking.weigh({"z": w}, q)
    place = (p >= 0.5) * GRID.cells + GRID.cell_of(p)
    parts = (weights * (y == 0), weights * (y == 1), weights**2)
    counts = [np.bincount(place, v, 2 * GRID.cells).reshape(2, -1) for v in parts]
    yield from _held(expect(calibrate(known, bins, np.stack(counts)), counted(q), WORTH), q, t)


def _held(expected: Any, p: Any, y: Any) -> Run:
    real = realised(counted(p, y), 0.95, WORTH)
    for name, e in expected.at(0.95).items():
        if not math.isnan(real[name].value):
            yield name, e, real[name].value


CASES: dict[str, Callable[[tuple[int, int], Any], Run]] = {
    "calibrated": partial(plain, 1.0, -0.5),
    "miscalibrated (slope 0.4)": partial(plain, 0.4, -0.5),
    "2% positive": partial(plain, 1.0, -5.0),
    "inputs shifted": shifted,
}
