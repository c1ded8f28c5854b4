"""How often monitors without end alarm at their tolerance, and how soon beyond it.

400 rows an hour; one stream, and the same beside 19 that hold, all under one budget.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from benchmarks.pool import spread
from seawall.kernel import Window
from seawall.monitoring.monitor import Monitor
from seawall.statistics.counted_bets import BETTORS, Sets, calibration_bet, gap_bet, risk_bet
from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid, score_grid
from seawall.statistics.score import summarise_scores

RUNS = 40
ROWS, BASELINE, OTHERS = 400, 20_000, 19
HOUR, START = timedelta(hours=1), datetime(2026, 1, 1, tzinfo=UTC)
FALSE, ASKED = 500, timedelta(days=2)
"""Hours of a run at the tolerance, and the time between false alarms that it asks for."""
LONGEST = 2_000
Made = Callable[[float, Any, int], Any]


def errors(effect: float, rng: Any, _: int) -> Any:
    return risk_bet(int(rng.binomial(ROWS, 0.1 * effect)), ROWS, 0.1)


def gap(effect: float, rng: Any, seed: int) -> Any:
    half = ROWS // 2
    ones = rng.binomial(half, [0.2 + 0.1 * effect, 0.2])
    return gap_bet((int(ones[0]), half), (int(ones[1]), half), 0.1, seed)


def calibration(effect: float, rng: Any, _: int) -> Any:
    score = rng.uniform(0.2, 1, ROWS)
    label = (rng.random(ROWS) < score - 0.05 * effect).astype(np.int64)
    return calibration_bet(summarise_scores(score, label).counts[:2], score_grid(), 0.05)


@lru_cache(maxsize=1)
def sets() -> tuple[Any, Sets]:
    base = ndtri((np.arange(BASELINE) + 0.5) / BASELINE)
    grid = make_grid(base)
    return grid, Sets(summarise(base, grid), 1 - HOUR / timedelta(days=365))


def distribution(effect: float, rng: Any, _: int) -> Any:
    grid, known = sets()
    moved = 2 * ndtri((1 + 0.1 * effect) / 2)  # of unit normals, at which KS is the effect
    return known.bet(summarise(rng.normal(moved, 1, ROWS), grid), 0.1)


MEASURES: dict[str, Made] = {
    "error rate, at most 0.1": errors, "gap of two groups, 0.1": gap,
    "calibration, 0.05": calibration, "distribution, KS 0.1": distribution,
}  # fmt: skip


class Job(NamedTuple):
    """One run: a measure, its effect in tolerances, how many others there are."""

    measure: str
    effect: float
    others: int
    seed: int


def watched(job: Job) -> int:
    """Alarms of a run at the tolerance; beyond it the hours to the first."""
    made, rng = MEASURES[job.measure], np.random.default_rng([job.seed, int(10 * job.effect)])
    false = job.effect <= 1
    sizes = {"it": len(made(1.0, rng, 0))} | {f"other {k}": BETTORS["error_rate"]
                                              for k in range(job.others)}  # fmt: skip
    monitor = Monitor.without_end(sizes, HOUR, ASKED if false else timedelta(days=365))
    alarms = 0
    for hour in range(FALSE if false else LONGEST):
        bets = {name: errors(0.8, rng, hour) for name in list(sizes)[1:]}
        bets["it"] = made(job.effect, rng, hour)
        window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
        monitor, reading = monitor.observe(window, {n: b[None, :] for n, b in bets.items()})
        alarms += reading.alarm
        if reading.alarm and not false:
            return hour + 1
    return alarms if false else LONGEST


def report(runs: int) -> None:
    kinds = [(m, others) for m in MEASURES for others in (0, OTHERS)]
    effects = (1.0, 1.5, 2.0)
    jobs = [Job(m, e, others, s) for m, others in kinds for e in effects for s in range(runs)]
    found = dict(zip(jobs, spread(watched, jobs, "power, monitors"), strict=True))
    asked = int(ASKED / timedelta(days=1))
    print(f"| measure | streams | at the tolerance: days between false alarms, {asked} asked "
          "| 1.5×: hours to the alarm | 2× |")  # fmt: skip
    print("|---|--:|--:|--:|--:|")
    for m, others in kinds:
        each = [[found[Job(m, e, others, s)] for s in range(runs)] for e in effects]
        days, alarms = runs * FALSE / 24, sum(each[0])
        between = f"{days / alarms:.1f}" if alarms else f"over {days:,.0f}"
        soon = " | ".join(f"{np.median(hours):.0f}" for hours in each[1:])
        print(f"| {m} | {1 + others} | {between} | {soon} |")
