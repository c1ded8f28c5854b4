"""How often the debiased calibration error passes and fails its tolerance, by its true size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.pool import spread
from seawall.statistics.calibration import ece_debiased
from seawall.statistics.reliability import BINS, Table
from seawall.statistics.score import summarise_scores

RUNS = 400
SIZES = (100, 300, 1_000, 3_000, 10_000, 100_000)
TOLERANCE = 0.05
TIMES = (0.0, 1.0, 1.5, 2.0)
CENTRE, SPREAD = -0.5, 1.5


def shift_of(error: float) -> float:
    """The shift of log odds at which the error between 15 bins of equal mass is this large."""
    x = np.sort(np.random.default_rng(13).normal(CENTRE, SPREAD, 150_000)).reshape(BINS, -1)
    low, high = 0.0, 2.0
    for _ in range(40):
        shift = (low + high) / 2
        gap = (expit(x) - expit(x - shift)).mean(axis=1)
        low, high = (shift, high) if math.sqrt((gap**2).mean()) < error else (low, shift)
    return high if error else 0.0


def judged(job: tuple[int, float, int]) -> tuple[int, int]:
    """How many of the runs pass, and fail."""
    n, shift, runs = job
    rng = np.random.default_rng([n, int(1000 * shift)])
    passed = failed = 0
    for _ in range(runs):
        x = rng.normal(CENTRE, SPREAD, n)
        y = (rng.random(n) < expit(x - shift)).astype(int)
        (e,) = ece_debiased([Table(summarise_scores(expit(x), y))], 0.95)
        passed += e.high <= TOLERANCE
        failed += e.low > TOLERANCE
    return passed, failed


def report(runs: int) -> None:
    shifts = [shift_of(TOLERANCE * times) for times in TIMES]
    sizes = [(n, runs if n < 100_000 else runs // 5) for n in SIZES]
    jobs = [(n, shift, k) for n, k in sizes for shift in shifts]
    found: dict[Any, tuple[int, int]] = dict(
        zip(jobs, spread(judged, jobs, "power, calibration"), strict=True)
    )
    print("| rows | 0: pass | tolerance: fail · pass | 1.5×: fail | 2×: fail |")
    print("|---|---|---|---|---|")
    for n, k in sizes:
        none, at, more, twice = (found[n, shift, k] for shift in shifts)
        told = (f"{100 * none[0] / k:.0f}%", f"{100 * at[1] / k:.1f}% · {100 * at[0] / k:.1f}%",
                f"{100 * more[1] / k:.0f}%", f"{100 * twice[1] / k:.0f}%")  # fmt: skip
        print(f"| {n:,} | {' | '.join(told)} |")
