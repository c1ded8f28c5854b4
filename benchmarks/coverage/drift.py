"""How often the intervals of drift miss the true value.

Counts are drawn, not rows, so a million rows cost as much as a hundred. Printed for each measure
and true effect: the share of draws whose interval misses low (the true value lies under it, which
is a false failure where that value is the tolerance) and high, as the mean and the worst over all
distributions and sizes. Nominal is 5% for both together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import special, stats

from benchmarks.pool import spread
from seawall.statistics.deciding import MEASURES, applies
from seawall.statistics.divergence import bin_of_cell
from seawall.statistics.grid import Grid, make_grid
from seawall.statistics.summary import ColumnSummary

Vector = np.ndarray[Any, np.dtype[np.float64]]
RUNS = 500
EFFECTS = (0.0, 0.03, 0.10, 0.20)
"""KS distance of ordered columns, total variation of categories: none, small, tolerance, twice."""
SIZES = (
    (100, 100), (1_000, 1_000), (10_000, 10_000), (100_000, 100_000), (1_000_000, 1_000_000),
    (100_000, 300), (300, 100_000), (1_000_000, 10_000),
)  # fmt: skip
MISSING = (0.0, 0.005, 0.02, 0.04)


class Case(NamedTuple):
    """A column's grid, the probabilities of its cells before and after, and its true distance."""

    grid: Grid
    p: Vector
    q: Vector
    effect: float


def ordered(cdf: Callable[[Vector], Vector], grid: Grid) -> Vector:
    """The probabilities of a grid's cells under a continuous distribution."""
    return np.diff(cdf(grid.edges))


def shifted(draw: Callable[[Vector], Vector], log: bool, effect: float) -> Case:
    """A normal, or its exponential, moved by the shift of that KS distance."""
    rows = np.random.default_rng(1).normal(size=60_000)
    grid = make_grid(draw(rows))
    shift = 2 * float(special.ndtri(0.5 + effect / 2))

    def cdf(x: Vector, by: float) -> Vector:
        with np.errstate(divide="ignore"):
            return special.ndtr((np.log(np.maximum(x, 0.0)) if log else x) - by)

    return Case(grid, ordered(lambda x: cdf(x, 0), grid), ordered(lambda x: cdf(x, shift), grid),
                effect)  # fmt: skip


def tails(effect: float) -> Case:
    """Mass moved from a far left cluster to a far right one: F − G is the effect all between."""
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(-8, 0.1, 20_000), rng.normal(0, 1, 60_000)])
    rows = np.concatenate([rows, rng.normal(8, 0.1, 10_000)])
    grid = make_grid(rows)
    left, middle, right = (
        ordered(lambda x, m=m, s=s: special.ndtr((x - m) / s), grid)
        for m, s in ((-8, 0.1), (0, 1), (8, 0.1))
    )
    p = 0.25 * left + 0.7 * middle + 0.05 * right
    return Case(grid, p, p + effect * (right - left), effect)


def atoms(effect: float) -> Case:
    """Two fifths zeros and an exponential; the zeros become fewer."""
    rng = np.random.default_rng(3)
    grid = make_grid(np.where(rng.random(60_000) < 0.4, 0.0, rng.exponential(size=60_000)))
    rest = ordered(lambda x: -np.expm1(-np.maximum(x, 0.0)), grid)
    zero = np.zeros(grid.cells)
    zero[np.flatnonzero((grid.edges[:-1] == 0) & grid.exact)[0]] = 1.0
    p = 0.4 * zero + 0.6 * rest
    return Case(grid, p, p + effect * (rest - zero), effect)


def integers(effect: float) -> Case:
    """Poisson counts of mean 20, of which a larger mean has that KS distance."""
    grid = make_grid(np.random.default_rng(4).poisson(20, 60_000))
    edges = np.ceil(grid.edges) - 1

    def cells(mean: float) -> Vector:
        return np.diff(stats.poisson.cdf(edges, mean))

    low, high = 20.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        gap = np.abs(np.cumsum(cells(20.0) - cells(middle))).max()
        low, high = (middle, high) if gap < effect else (low, middle)
    return Case(grid, cells(20.0), cells(low), effect)


def categories(p: Vector, effect: float, spread: bool = False) -> Case:
    """From three of the six commonest to the other three, or from every other one to the rest."""
    names = tuple(f"c{i:04}" for i in range(p.size))
    move = np.where(np.arange(p.size) % 2, 1.0, -1.0) * p
    if not spread:
        move = np.where(np.arange(p.size) < 6, move, 0.0)
    move[move > 0] /= move[move > 0].sum()
    move[move < 0] /= -move[move < 0].sum()
    q = np.append(p + effect * move, 0.0)
    return Case(Grid(kind="categorical", categories=names), np.append(p, 0.0), q, effect)


def _zipf(size: int) -> Vector:
    weights = 1 / np.arange(1, size + 1)
    return weights / weights.sum()


CASES: dict[str, Callable[[float], Case]] = {
    "normal": lambda e: shifted(lambda x: x, False, e),
    "lognormal": lambda e: shifted(np.exp, True, e),
    "far tails": tails,
    "atom": atoms,
    "integer": integers,
    "2 categories": lambda e: categories(np.array([0.7, 0.3]), e),
    "20 categories": lambda e: categories(_zipf(20), e),
    "20 spread": lambda e: categories(_zipf(20), e, spread=True),
    "200 categories": lambda e: categories(_zipf(200), e),
    "200 spread": lambda e: categories(_zipf(200), e, spread=True),
}


def summary(case: Case, counts: Vector, missing: int = 0) -> ColumnSummary:
    """Counts as a summary, with extremes at the ends of its filled cells."""
    low, high = math.inf, -math.inf
    if case.grid.ordered:
        filled = np.flatnonzero(counts)
        low, high = float(case.grid.edges[filled[0]]), float(case.grid.edges[filled[-1] + 1])
    return ColumnSummary(
        grid=case.grid, counts=counts.astype(np.int64), missing=missing, low=low, high=high
    )


def truth(measure: str, case: Case, old: ColumnSummary, n: int, m: int) -> float:
    """The true value: for binned measures on the bins that this baseline fixed."""
    at = np.arange(case.p.size) if not case.grid.ordered else bin_of_cell(old)
    if measure not in ("total_variation", "ks", "wasserstein"):
        at = bin_of_cell(old)
    p, q = (np.bincount(at, v) for v in (case.p, case.q))
    with np.errstate(divide="ignore", invalid="ignore"):
        forms: dict[str, Callable[[], float]] = {
            "ks": lambda: case.effect,
            "total_variation": lambda: float(np.abs(p - q).sum() / 2),
            "psi": lambda: float((special.rel_entr(p, q) + special.rel_entr(q, p)).sum()),
            "kl": lambda: float(special.rel_entr(q, p).sum()),
            "js": lambda: float(
                (special.rel_entr(p, (p + q) / 2) + special.rel_entr(q, (p + q) / 2)).sum() / 2
            ),
            "hellinger": lambda: math.sqrt(max(0.0, 1 - float(np.sqrt(p * q).sum()))),
            "chi2": lambda: float(np.nansum((p - q) ** 2 / ((n * p + m * q) / (n + m)))),
            "wasserstein": lambda: _wasserstein(case, old),
        }
        return forms[measure]()


def _wasserstein(case: Case, old: ColumnSummary) -> float:
    left, right = old.quantile(0.001), old.quantile(0.999)
    unit = old.quantile(0.75) - old.quantile(0.25)
    if case.grid.kind == "integer":
        right += 1
    widths = np.diff(np.clip(case.grid.edges, left, right)) / unit
    after = np.abs(np.cumsum(case.p - case.q))
    start = np.concatenate([[0.0], after[:-1]])
    return float((widths * np.where(case.grid.exact, after, (after + start) / 2)).sum())


def misses(job: tuple[str, float, int, int, int]) -> list[dict[str, Any]]:
    """For each measure, how often its interval lies above and below the truth."""
    name, effect, n, m, runs = job
    case = CASES[name](effect)
    rng = np.random.default_rng([11, n, m, int(effect * 1000), len(name)])
    found: dict[str, list[float]] = {}
    names = [k for k in MEASURES if applies(k, case.grid) and k not in _APART]
    for _ in range(runs):
        old, new = (
            summary(case, rng.multinomial(k, v / v.sum())) for k, v in ((n, case.p), (m, case.q))
        )
        for measure in names:
            estimate = MEASURES[measure](old, new, 0.95)
            true = truth(measure, case, old, n, m)
            line = found.setdefault(measure, [0, 0, 0.0])
            line[0] += estimate.low > true + 1e-9
            line[1] += estimate.high < true - 1e-9
            line[2] += (estimate.high - estimate.low) / runs
    return [
        {"measure": k, "case": name, "effect": effect, "n": n, "m": m, "over": v[0] / runs,
         "under": v[1] / runs, "width": v[2]} for k, v in found.items()
    ]  # fmt: skip


_APART = ("missing_difference", "out_of_range")


def missing(runs: int) -> Iterator[dict[str, Any]]:
    """The same of the missing share, from 0, 3 and 30% missing."""
    case = categories(np.array([1.0]), 0.0)
    rng = np.random.default_rng(5)
    for n, m in SIZES:
        for base in (0.0, 0.03, 0.3):
            for effect, change in zip(EFFECTS, MISSING, strict=True):
                over = under = 0
                for _ in range(runs):
                    gone = rng.binomial(n, base), rng.binomial(m, base + change)
                    pair = [
                        summary(case, np.array([k - g, 0]), int(g))
                        for k, g in zip((n, m), gone, strict=True)
                    ]
                    estimate = MEASURES["missing_difference"](pair[0], pair[1], 0.95)
                    over += estimate.low > change + 1e-12
                    under += estimate.high < change - 1e-12
                yield {"measure": "missing_difference", "case": f"{base:g} missing",
                       "effect": effect, "n": n, "m": m, "over": over / runs,
                       "under": under / runs}  # fmt: skip


def report(runs: int, *, lines_only: bool) -> None:
    """Simulate and print: the table, or every case as a JSON line."""
    jobs = [(name, effect, n, m, runs) for name in CASES for effect in EFFECTS for n, m in SIZES]
    lines = [line for part in spread(misses, jobs, "coverage, drift") for line in part]
    lines += missing(runs)
    if lines_only:
        print("\n".join(json.dumps(line) for line in lines))
    else:
        show(lines)


def show(lines: list[dict[str, Any]]) -> None:
    """One row for each measure and effect, in per cent."""
    print("| measure | effect | misses | worst | at | over | worst | at |")
    print("|---|--:|--:|--:|---|--:|--:|---|")
    for measure in MEASURES:
        for effect in EFFECTS:
            own = [x for x in lines if (x["measure"], x["effect"]) == (measure, effect)]
            if not own:
                continue
            both = max(own, key=lambda x: x["over"] + x["under"])
            over = max(own, key=lambda x: x["over"])
            mean = sum(x["over"] + x["under"] for x in own) / len(own)
            print(
                f"| {measure} | {effect:g} | {100 * mean:.1f} "
                f"| {100 * (both['over'] + both['under']):.1f} | {_where(both)} "
                f"| {100 * sum(x['over'] for x in own) / len(own):.1f} "
                f"| {100 * over['over']:.1f} | {_where(over)} |"
            )


def _where(line: dict[str, Any]) -> str:
    return f"{line['case']}, {line['n']:,} and {line['m']:,}"
