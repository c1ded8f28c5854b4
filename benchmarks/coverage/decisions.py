"""What decisions are worth: at the threshold in use, at all, and at the best that was found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.coverage.quality import GRID, Run, population, scored
from seawall.kernel import Estimate
from seawall.statistics.cost import Cost, value_of
from seawall.statistics.curves import curves
from seawall.statistics.performance import confusion
from seawall.statistics.score import ScoreSummary, summarise_scores

RUNS = 300
COLUMNS = {f"n = {n:,}": n for n in (100, 1_000, 10_000)}
COSTS = {"dear misses": Cost(tp=0, fp=-5, fn=-50, tn=1), "equal": Cost(tp=1, fp=-1, fn=-1, tn=1)}


def worth(whole: ScoreSummary, cost: Cost, thresholds: Any) -> Any:
    """The true mean value at each threshold."""
    n, p = (part.astype(float) for part in whole.counts[:2])
    from_top = [np.append(part[::-1].cumsum()[::-1], 0.0) for part in (n, p)]
    at = np.searchsorted(whole.grid.edges[:-1], thresholds, "left")
    fp, tp = (part[at] for part in from_top)
    total = n.sum() + p.sum()
    value = cost.tp * tp + cost.fp * fp + cost.fn * (p.sum() - tp) + cost.tn * (n.sum() - fp)
    return value / total


def run(prevalence: float, separation: float, cost: Cost, n: int, rng: Any) -> Run:
    whole = population(prevalence, separation)
    counted = summarise_scores(*scored(rng, n, prevalence, separation), grid=GRID)
    used = float(worth(whole, cost, [0.5])[0])
    yield "value", value_of(confusion(counted, 0.5), cost, 0.95), used
    found = curves(counted, 0.5, cost)
    if found.best is None:
        return
    best = float(worth(whole, cost, [found.best.threshold])[0])
    yield "value at the best threshold", found.best.value, best
    yield "gain over the threshold in use", found.best.gain, best - used
    band, true = found.curves["value"], worth(whole, cost, found.thresholds)
    # the band as one estimate of how far it is from holding everywhere
    off = float(np.maximum(band.low - true, true - band.high).max())
    yield "value at every threshold at once", Estimate(off, off, np.inf, 0.95, n, ""), 0.0


CASES: dict[str, Callable[[int, Any], Run]] = {
    f"{name}, {prevalence:.0%} positive, separation {separation:g}": partial(
        run, prevalence, separation, cost
    )
    for name, cost in COSTS.items()
    for prevalence in (0.02, 0.3)
    for separation in (0.0, 1.5)
}
