"""How often a gap between groups passes and fails its tolerance, one group being off."""

from __future__ import annotations

import numpy as np

from benchmarks.pool import spread
from seawall.statistics.gaps import Compared, difference
from seawall.statistics.groups import Rates

RUNS = 1_000
GROUPS, SIZES = (2, 9, 30), (300, 1_000, 3_000)
TOLERANCE, BASE = 0.10, 0.3
GAPS = (0.05, 0.10, 0.15, 0.20)


def judged(job: tuple[int, int, float, int]) -> tuple[int, int]:
    """How many of the runs pass, and fail."""
    groups, size, gap, runs = job
    rng = np.random.default_rng([groups, size, int(1000 * gap)])
    rate = BASE + gap * (np.arange(groups) == 0)
    n, none = np.full(groups, float(size)), np.zeros(groups)
    passed = failed = 0
    for _ in range(runs):
        counted = Rates(rng.binomial(size, rate).astype(float), n, none, none)
        part = Compared("selection_rate", counted.values, counted.ends)
        e, _ = difference([part], groups, 0.95, groups * size)
        passed += e.high <= TOLERANCE
        failed += e.low > TOLERANCE
    return passed, failed


def report(runs: int) -> None:
    kinds = [(groups, size) for groups in GROUPS for size in SIZES]
    jobs = [(*kind, gap, runs) for kind in kinds for gap in GAPS]
    found = dict(zip(jobs, spread(judged, jobs, "power, fairness"), strict=True))
    print("| groups | rows each | 0.05: pass | 0.10: fail · pass | 0.15: fail | 0.20: fail |")
    print("|---|---|---|---|---|---|")
    for kind in kinds:
        half, at, more, twice = (found[(*kind, gap, runs)] for gap in GAPS)
        told = (f"{100 * half[0] / runs:.0f}%",
                f"{100 * at[1] / runs:.1f}% · {100 * at[0] / runs:.1f}%",
                f"{100 * more[1] / runs:.0f}%", f"{100 * twice[1] / runs:.0f}%")  # fmt: skip
        print(f"| {kind[0]} | {kind[1]:,} | {' | '.join(told)} |")
