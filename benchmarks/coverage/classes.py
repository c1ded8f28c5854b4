"""Models of several classes: averages over classes, rankings and losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from benchmarks.coverage.quality import Run
from seawall.statistics.multiclass import MulticlassSummary, multiclass, summarise_classes

RUNS = 500
COLUMNS = {f"n = {n:,}": n for n in (60, 300, 2_000)}
SHARES = {
    "3 classes, the rarest 10%": (0.6, 0.3, 0.1),
    "5 classes, the rarest 3%": (0.4, 0.3, 0.17, 0.1, 0.03),
}


def counted(shares: tuple[float, ...], rng: Any, n: int) -> MulticlassSummary:
    """Softmax scores of normals whose own class lies 1.5 higher."""
    k = len(shares)
    y = rng.choice(k, n, p=shares)
    x = rng.normal(0, 1, (n, k)) + np.log(shares)
    x[np.arange(n), y] += 1.5
    s = np.exp(x)
    s /= s.sum(axis=1, keepdims=True)
    return summarise_classes([str(i) for i in range(k)], y, s.argmax(axis=1), s)


@lru_cache(maxsize=8)
def truth(name: str) -> dict[str, float]:
    rng = np.random.default_rng(8)
    parts = [counted(SHARES[name], rng, 500_000) for _ in range(6)]
    for part in parts[1:]:
        parts[0] = parts[0].merge(part)
    return {measure: e.value for measure, e in multiclass(parts[0]).items()}


def run(name: str, n: int, rng: Any) -> Run:
    for measure, e in multiclass(counted(SHARES[name], rng, n)).items():
        yield measure, e, truth(name)[measure]


CASES: dict[str, Callable[[int, Any], Run]] = {name: partial(run, name) for name in SHARES}
