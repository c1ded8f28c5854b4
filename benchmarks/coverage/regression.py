"""Regression: errors, their bias, and R², by how heavy the tails of errors are."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from benchmarks.coverage.quality import Run
from seawall.statistics.regression import error_grids, regression, summarise_errors

RUNS = 1_000
COLUMNS = {f"n = {n:,}": n for n in (50, 200, 2_000)}
BY_CASE = True
QUANTILE = 0.9
Draw = Callable[[Any, int], Any]
ERRORS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "Laplace": lambda rng, n: rng.laplace(size=n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "t, 5 degrees": lambda rng, n: rng.standard_t(5, n),
    "t, 3 degrees": lambda rng, n: rng.standard_t(3, n),
}


def rows(errors: Draw, near: bool, rng: Any, n: int) -> tuple[Any, Any]:
    """Labels 50 + 4z, or near zero, z, and predictions with twice these errors."""
    label = rng.normal(size=n) if near else rng.normal(50, 4, n)
    return label, label + 2 * errors(rng, n)


@lru_cache(maxsize=16)
def truth(errors: str) -> dict[str, float]:
    """By four million rows; moments, where heavy tails make those too few, by their formulas."""
    rng = np.random.default_rng(9)
    y, p = rows(ERRORS[errors], False, rng, 4_000_000)
    found = {n: e.value for n, e in regression(summarise_errors(y, p, error_grids(y, p)),
                                               QUANTILE).items()}  # fmt: skip
    squares = {"normal": 1.0, "Laplace": 2.0, "lognormal": np.exp(2.0), "t, 5 degrees": 5 / 3,
               "t, 3 degrees": 3.0}  # fmt: skip
    mean = 4 * float(squares[errors])
    return found | {"rmse": mean**0.5, "r2": 1 - mean / 16}


def run(errors: str, n: int, rng: Any) -> Run:
    y, p = rows(ERRORS[errors], False, rng, n)
    found = regression(summarise_errors(y, p, error_grids(y, p)), QUANTILE)
    for name, e in found.items():
        yield name, e, truth(errors)[name]


CASES: dict[str, Callable[[int, Any], Run]] = {name: partial(run, name) for name in ERRORS}
