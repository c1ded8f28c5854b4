"""Errors of a regression without labels: how often the interval holds the realised measure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.coverage.quality import Run
from seawall.statistics.loss_estimation import expect_losses, learn_losses, realised_losses

RUNS = 60
BY_CASE = True
COLUMNS = {f"{a:,} and {b:,}": (a, b) for a, b in
           ((1_000, 1_000), (10_000, 1_000), (10_000, 10_000))}  # fmt: skip
"""Rows of the reference, and of each of five chunks."""
CHUNKS = 5


def rows(rng: Any, n: int, shift: float, near: bool) -> tuple[dict[str, Any], Any, Any]:
    """Errors that grow tenfold over the inputs, of labels around 30, or around 0."""
    x, z = rng.normal(shift, 1, n), rng.integers(0, 3, n)
    p = (0 if near else 30) + 2 * x
    return {"x": x, "z": z}, p, p + np.exp(0.4 * x) * (1 + z) * rng.normal(size=n)


def run(shift: float, near: bool, sizes: tuple[int, int], rng: Any) -> Run:
    learnt = learn_losses(*rows(rng, sizes[0], 0.0, near))
    for _ in range(CHUNKS):
        columns, p, y = rows(rng, sizes[1], shift, near)
        (found,), _ = expect_losses(learnt, columns, p, (0.95,))
        real = realised_losses(p, y, 0.95)
        for name, e in found.items():
            yield name, e, real[name].value


CASES: dict[str, Callable[[tuple[int, int], Any], Run]] = {
    "same inputs": partial(run, 0.0, False),
    "inputs moved by 0.7 deviations": partial(run, 0.7, False),
    "labels near zero": partial(run, 0.0, True),
}
