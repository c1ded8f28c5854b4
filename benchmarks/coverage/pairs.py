"""Two models on the same rows: differences of their measures."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from benchmarks.coverage.quality import GRID, Run
from seawall.statistics.cost import Cost
from seawall.statistics.paired import Comparison, by_call, by_loss, by_score, by_value

RUNS = 500
COLUMNS = {f"n = {n:,}": n for n in (60, 300, 3_000)}
COST = Cost(tp=0, fp=-5, fn=-50, tn=1)


def scored(correlation: float, prevalence: float, rng: Any, n: int) -> tuple[Any, Any]:
    """Labels, and two models' scores, which share that part of their noise."""
    y = (rng.random(n) < prevalence).astype(int)
    noise = math.sqrt(correlation) * rng.standard_normal(n)
    own = math.sqrt(1 - correlation) * rng.standard_normal((2, n))
    return y, 1 / (1 + np.exp(-(np.stack([1.5 * y - 1.5, 1.2 * y - 1.4]) + noise + own)))


def compare(y: Any, scores: Any) -> dict[str, Comparison]:
    calls = scores[0] >= 0.5, scores[1] >= 0.5
    found = by_score(GRID, y, (GRID.cell_of(scores[0]), GRID.cell_of(scores[1])), 0.95)
    found |= by_call((calls[0] == (y == 1), calls[1] == (y == 1)), 0.95)
    return found | {"value": by_value(y, calls, COST, 0.95)}


@lru_cache(maxsize=16)
def truth(correlation: float, prevalence: float) -> dict[str, float]:
    drawn = scored(correlation, prevalence, np.random.default_rng(5), 2_000_000)
    return {name: c.difference.value for name, c in compare(*drawn).items()}


def binary(correlation: float, prevalence: float, n: int, rng: Any) -> Run:
    found = compare(*scored(correlation, prevalence, rng, n))
    for name, c in found.items():
        yield name, c.difference, truth(correlation, prevalence)[name]


def errors(correlation: float, n: int, rng: Any) -> Run:
    """Absolute errors of two regressions, one with a fifth larger errors."""
    shared, own = rng.standard_normal(n), rng.standard_normal((2, n))
    off = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
    found = by_loss((np.abs(off[0]), 1.2 * np.abs(off[1])), 0.95)
    yield "mae", found.difference, -0.2 * math.sqrt(2 / math.pi)


CASES: dict[str, Callable[[int, Any], Run]] = {
    f"{prevalence:.0%} positive, correlation {r:g}": partial(binary, r, prevalence)
    for prevalence in (0.05, 0.3)
    for r in (0.0, 0.6, 0.95)
} | {f"regression, correlation {r:g}": partial(errors, r) for r in (0.0, 0.6, 0.95)}
