"""Binary models: what a threshold makes of scores, rankings, and losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from seawall.kernel import Estimate
from seawall.statistics.grid import score_grid
from seawall.statistics.performance import performance
from seawall.statistics.score import ScoreSummary, summarise_scores

RUNS = 1_000
COLUMNS = {f"n = {n:,}": n for n in (20, 100, 1_000, 10_000)}
GRID = score_grid((0.5,))
POPULATION = 2_000_000
"""Rows that stand for the truth."""
Run = Iterator[tuple[str, Estimate, float]]
"""Of one simulated sample: each measure, its estimate, and what it should hold."""


def scored(rng: Any, n: int, prevalence: float, separation: float) -> tuple[Any, Any]:
    """Scores that are logistic in a normal, whose mean differs between labels."""
    y = (rng.random(n) < prevalence).astype(int)
    x = rng.normal(0, 1, n) + separation * (y - 0.5) + math.log(prevalence / (1 - prevalence)) / 2
    return 1 / (1 + np.exp(-x)), y


@lru_cache(maxsize=16)
def population(prevalence: float, separation: float) -> ScoreSummary:
    """Counts large enough to stand for the distribution."""
    rng = np.random.default_rng(1)
    whole = [scored(rng, POPULATION // 8, prevalence, separation) for _ in range(8)]
    parts = [summarise_scores(p, y, grid=GRID) for p, y in whole]
    for part in parts[1:]:
        parts[0] = parts[0].merge(part)
    return parts[0]


@lru_cache(maxsize=16)
def truth(prevalence: float, separation: float) -> dict[str, float]:
    found = performance(population(prevalence, separation))
    return {name: e.value for name, e in found.items()}


def run(prevalence: float, separation: float, n: int, rng: Any) -> Run:
    true = truth(prevalence, separation)
    counted = summarise_scores(*scored(rng, n, prevalence, separation), grid=GRID)
    for name, e in performance(counted).items():
        if not math.isnan(true[name]):
            yield name, e, true[name]


AREAS = {0.0: "0.5", 1.2: "0.80", 3.0: "0.98", 9.0: "1"}
"""The ROC AUC of a separation."""
CASES: dict[str, Callable[[int, Any], Run]] = {
    f"{prevalence:.0%} positive, ROC AUC {area}": partial(run, prevalence, separation)
    for prevalence in (0.01, 0.1, 0.5)
    for separation, area in AREAS.items()
}
