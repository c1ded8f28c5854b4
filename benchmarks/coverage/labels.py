"""Labels that come late, and rows that were chosen for labelling."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from benchmarks.coverage.estimated import GRID, counted, scored
from benchmarks.coverage.quality import Run
from seawall.monitoring.label_cohorts import at_age, gap
from seawall.monitoring.maturity import Cohort, maturity_curve
from seawall.statistics.label_plan import draw_rows, plan_labels, sampled_ratio
from seawall.statistics.recalibration import calibrate, make_bins

RUNS = 400
COLUMNS = {f"n = {n:,}": n for n in (100, 1_000, 10_000)}
"""Decisions; of chosen rows the labels, drawn from ten times as many rows."""


def arriving(arrives: float, wrong: float, n: int, rng: Any) -> Run:
    """Shares at one age of two groups, the second with half as many errors."""
    limit, share = 7, {"arrived": arrives, "not_arrived": 1 - arrives,
                       "wrong": arrives * wrong, "right": arrives * (1 - wrong)}  # fmt: skip
    ages = np.where(rng.random((2, n)) < arrives, 3, 9)
    bad = rng.random((2, n)) < np.array([[wrong], [wrong / 2]])
    found, other = (at_age(a, b, limit) for a, b in zip(ages, bad, strict=True))
    for name, true in share.items():
        yield f"share {name}", getattr(found, name), true
    assert found.wrong is not None
    assert other.wrong is not None
    yield "difference of two groups", gap(found.wrong, other.wrong), arrives * wrong / 2
    now = datetime(2026, 1, 1, tzinfo=UTC)
    came = int((ages[0] < limit).sum())
    curve = maturity_curve([Cohort(now - timedelta(8), n, (came,))], [timedelta(7)], now)
    yield "maturity curve (at any time)", curve[0].share, arrives


def chosen(slope: float, n: int, rng: Any) -> Run:
    """Realised accuracy, precision and recall of all rows from a sample drawn by the scores."""
    known = counted(*scored(rng, 4_000, slope))
    learnt = calibrate(known, make_bins(known, 0.5))
    p, y = scored(rng, 10 * n, slope)
    plan = plan_labels(learnt, counted(p, y), n)
    call = (p >= 0.5).astype(np.int64)
    stratum = plan.at[call, GRID.cell_of(p)]
    at = draw_rows(plan, stratum, int(rng.integers(1 << 31)))
    sizes = np.array([s.rows for s in plan.strata])
    parts = {
        "accuracy": (call == y, np.ones(y.size)), "precision": ((call == 1) & (y == 1), call == 1),
        "recall": ((call == 1) & (y == 1), y == 1),
    }  # fmt: skip
    for name, (top, bottom) in parts.items():
        a, b = np.asarray(top, float), np.asarray(bottom, float)
        found = sampled_ratio(a[at], b[at], stratum[at], sizes)
        yield f"{name}, from chosen rows", found, float(a.sum() / b.sum())


CASES: dict[str, Callable[[int, Any], Run]] = {
    f"{a:.0%} arrive, {w:.0%} wrong": partial(arriving, a, w)
    for a in (0.5, 0.95)
    for w in (0.02, 0.2)
} | {f"chosen, slope {s:g}": partial(chosen, s) for s in (1.0, 0.4)}
