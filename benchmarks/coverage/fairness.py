"""Groups: gaps, ratios, inequality, and calibration within groups."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from scipy.special import expit, ndtr

from benchmarks.coverage.quality import Run
from seawall.statistics.fairness import CRITERIA, fairness
from seawall.statistics.group_calibration import calibration_within
from seawall.statistics.inequality import inequality
from seawall.statistics.regression import error_grids, largest_gap, regression, summarise_errors
from seawall.statistics.score import summarise_scores

RUNS = 300
COLUMNS = {
    "2 groups, 60 and 20,000": (60, 20_000),
    "5 groups, 50 to 30,000": (50, 120, 800, 4_000, 30_000),
    "9 groups of 1,000": (1_000,) * 9,
    "30 groups of 300": (300,) * 30,
}
MOVED = {"equal": 0.0, "one group off": 0.5, "every other group off": 0.5}
"""By how much some groups' log odds and scores are moved."""
CENTRE, SPREAD = -0.5, 1.5


def moves(pattern: str, groups: int) -> Any:
    """How much each group's scores lie higher; labels follow half of it, so calibration breaks."""
    off = np.arange(groups) == 0 if pattern == "one group off" else np.arange(groups) % 2 == 0
    return MOVED[pattern] * off


@lru_cache(maxsize=64)
def group_truth(move: float) -> dict[str, float]:
    """One group's rates and calibration, by integration over the normal behind its scores."""
    z = np.linspace(-9, 9, 200_001)
    mass = np.exp(-z * z / 2)
    mass /= mass.sum()
    x = CENTRE + move + SPREAD * z
    rate, called = expit(x - move / 2), x >= 0
    p, yes = float(mass @ rate), float(ndtr((CENTRE + move) / SPREAD))
    tp = float(mass @ (rate * called))
    bins = np.minimum((np.cumsum(mass) * 15).astype(int), 14)
    gap = np.bincount(bins, mass * (expit(x) - rate))
    weight = np.bincount(bins, mass)
    return {
        "selection_rate": yes, "recall": tp / p, "false_positive_rate": (yes - tp) / (1 - p),
        "precision": tp / yes, "accuracy": tp + 1 - p - (yes - tp),
        "calibration_bias": float(mass @ (expit(x) - rate)),
        "ece": math.sqrt(float((gap**2 / weight).sum())),
        "missed": p - tp, "given": yes - tp,
    }  # fmt: skip


def truth(pattern: str, sizes: tuple[int, ...]) -> dict[str, float]:
    parts = [group_truth(float(m)) for m in moves(pattern, len(sizes))]
    rates = {k: np.array([part[k] for part in parts]) for k in parts[0]}
    found = {"calibration_within_groups": float(rates["ece"].max()),
             "calibration_bias_difference": float(np.ptp(rates["calibration_bias"]))}  # fmt: skip
    for name, compared in CRITERIA.items():
        found[f"{name}_difference"] = max(float(np.ptp(rates[r])) for r in compared)
        found[f"{name}_ratio"] = min(float(rates[r].min() / rates[r].max()) for r in compared)
    weight = np.array(sizes) / sum(sizes)
    benefit = 1 - rates["missed"] + rates["given"]
    mean = float(weight @ benefit)
    found["between_groups_entropy"] = float(weight @ ((benefit / mean) ** 2 - 1)) / 2
    missed, given = float(weight @ rates["missed"]), float(weight @ rates["given"])
    found["generalized_entropy"] = ((1 - missed + 3 * given) / mean**2 - 1) / 2
    found["theil_index"] = 2 * given * math.log(2) / mean - math.log(mean)
    return found


def binary(pattern: str, sizes: tuple[int, ...], rng: Any) -> Run:
    true = truth(pattern, sizes)
    move = np.repeat(moves(pattern, len(sizes)), sizes)
    names = np.repeat(np.array([f"g{i:02}" for i in range(len(sizes))], object), sizes)
    x = rng.normal(CENTRE, SPREAD, move.size) + move
    y = (rng.random(move.size) < expit(x - move / 2)).astype(int)
    counted = summarise_scores(expit(x), y, {"g": names})
    found = fairness(counted, ("g",)).measures | calibration_within(counted, ("g",)).measures
    for name, e in (found | inequality(counted)).items():
        yield name, e, true[name]


def errors(pattern: str, sizes: tuple[int, ...], rng: Any) -> Run:
    """Normal errors of which some groups' lie higher and are as much larger."""
    move = moves(pattern, len(sizes))
    parts = [m + (1 + m) * rng.normal(size=n) for m, n in zip(move, sizes, strict=True)]
    off = np.concatenate(parts)
    label = rng.normal(50, 4, off.size)
    grids = error_grids(label, label + off)
    at = np.cumsum((0, *sizes))
    counted = [summarise_errors(label[a:b], (label + off)[a:b], grids)
               for a, b in pairwise(at)]  # fmt: skip
    level = 1 - 0.05 / max(1, len(list(combinations(sizes, 2))))
    found = [regression(c, None, level) for c in counted]
    mean = move / (1 + move)
    size = (1 + move) * (
        np.sqrt(2 / np.pi) * np.exp(-mean**2 / 2) + mean * (1 - 2 * ndtr(-mean))
    )  # fmt: skip
    for name, true in (("bias", np.ptp(move)), ("mae", np.ptp(size))):
        yield f"{name}_difference", largest_gap([f[name] for f in found], 0.95, ""), float(true)


CASES: dict[str, Callable[[Any, Any], Run]] = {p: partial(binary, p) for p in MOVED} | {
    f"{p}, regression": partial(errors, p) for p in MOVED
}
