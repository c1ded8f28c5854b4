"""Calibration of binary models, and the bands of the reliability diagram."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.coverage.quality import Run
from seawall.kernel import Estimate
from seawall.statistics.calibration import calibration
from seawall.statistics.reliability import reliability
from seawall.statistics.score import ScoreSummary, summarise_scores

RUNS = 400
COLUMNS = {f"n = {n:,}": n for n in (50, 300, 3_000, 30_000)}
MODELS = {"calibrated": (0.0, 1.0), "over-confident": (0.0, 0.6), "shifted": (-0.5, 1.0)}
CENTRES = {"a third positive": (-0.5, 1.5), "2% positive": (-4.5, 1.2)}


def scored(model: str, centre: str, rng: Any, n: int) -> tuple[Any, Any]:
    """Logit-normal scores, and labels whose log odds are those of the scores, moved."""
    shift, slope = MODELS[model]
    x = rng.normal(*CENTRES[centre], n)
    return expit(x), (rng.random(n) < expit(shift + slope * x)).astype(int)


@lru_cache(maxsize=16)
def truth(model: str, centre: str) -> dict[str, float]:
    rng = np.random.default_rng(11)
    found = calibration(summarise_scores(*scored(model, centre, rng, 4_000_000)))
    true = {name: e.value for name, e in found.items()}
    shift, slope = MODELS[model]
    true["calibration_slope"] = slope
    if model != "over-confident":
        true["calibration_intercept"] = shift
    if model == "calibrated":
        true |= dict.fromkeys((n for n in true if n != "calibration_slope"), 0.0)
    return true


def run(model: str, centre: str, n: int, rng: Any) -> Run:
    p, y = scored(model, centre, rng, n)
    counted = summarise_scores(p, y)
    for name, e in calibration(counted).items():
        yield name, e, truth(model, centre)[name]
    yield "bands of the diagram, all at once", _bands(counted, p, model), 0.0


def _bands(counted: ScoreSummary, p: Any, model: str) -> Estimate:
    """How far the true rate of a bin lies outside its band, at most."""
    shift, slope = MODELS[model]
    rate = expit(shift + slope * np.log(p / (1 - p)))
    off = -1.0
    for b in reliability(counted):
        inside = (p >= b.low) & (p <= b.high)
        if inside.any():
            true = float(rate[inside].mean())
            off = max(off, b.positive.low - true, true - b.positive.high)
    return Estimate(off, off, np.inf, 0.95, counted.n, "")


CASES: dict[str, Callable[[int, Any], Run]] = {
    f"{model}, {centre}": partial(run, model, centre) for model in MODELS for centre in CENTRES
}
