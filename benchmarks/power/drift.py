"""How often drift fails at, and beyond, its tolerance.

First each deciding measure alone, with the rows that each sample needs to fail nine times in ten;
then false discoveries over twenty correlated columns, half of them exactly at the tolerance and
half at twice it, beside what Bonferroni finds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import special

from benchmarks.coverage.drift import CASES, Case, categories, summary
from seawall.kernel import Outcome, Rule
from seawall.statistics.counting import summarise
from seawall.statistics.deciding import MEASURES, TOLERANCES
from seawall.statistics.drift import drift
from seawall.statistics.family import discovery_confidence
from seawall.statistics.grid import make_grid
from seawall.statistics.summary import ColumnSummary, TableSummary

RUNS = 400
TIMES = (1.0, 1.5, 2.0)
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
Draw = Callable[[np.random.Generator, int, int], tuple[ColumnSummary, ColumnSummary]]


def counted(name: str, effect: float) -> Draw:
    """Both samples of a case of `benchmarks.coverage.drift`."""
    case = CASES[name](effect)

    def draw(rng: np.random.Generator, n: int, m: int) -> tuple[ColumnSummary, ColumnSummary]:
        old, new = (rng.multinomial(k, v / v.sum()) for k, v in ((n, case.p), (m, case.q)))
        return summary(case, old), summary(case, new)

    return draw


def missing(base: float, change: float) -> Draw:
    """A column of which a share is missing."""
    case: Case = categories(np.array([1.0]), 0.0)

    def draw(rng: np.random.Generator, n: int, m: int) -> tuple[ColumnSummary, ColumnSummary]:
        gone = int(rng.binomial(n, base)), int(rng.binomial(m, base + change))
        old, new = (
            summary(case, np.array([k - g, 0]), g) for k, g in zip((n, m), gone, strict=True)
        )
        return old, new

    return draw


DECIDING: dict[tuple[str, str], Callable[[float], Draw]] = {
    ("ks", "normal, shifted"): lambda e: counted("normal", e),
    ("ks", "tail to tail"): lambda e: counted("far tails", e),
    ("total_variation", "2 categories"): lambda e: counted("2 categories", e),
    ("total_variation", "20 categories"): lambda e: counted("20 categories", e),
    ("total_variation", "200 categories"): lambda e: counted("200 categories", e),
    ("missing_difference", "none missing"): lambda e: missing(0.0, e),
    ("missing_difference", "3% missing"): lambda e: missing(0.03, e),
}


def failing(measure: str, draw: Draw, n: int, m: int, runs: int) -> float:
    """The share of draws that fail at the default tolerance."""
    rng = np.random.default_rng([n, m, runs])
    rule = Rule(measure, within=TOLERANCES[measure])
    failed = 0
    for _ in range(runs):
        estimate = MEASURES[measure](*draw(rng, n, m), 0.95)
        failed += rule.judge(estimate).outcome is Outcome.FAIL
    return failed / runs


def needed(measure: str, draw: Draw, runs: int) -> int:
    """Rows of each sample at which nine draws in ten fail, to about 5%."""
    low, high = 100.0, 1e6
    while high / low > 1.05:
        middle = (low * high) ** 0.5
        enough = failing(measure, draw, int(middle), int(middle), runs) >= 0.9
        low, high = (low, middle) if enough else (middle, high)
    return round(high, -1 if high < 1_000 else -2)  # type: ignore[arg-type]


def alone(runs: int) -> None:
    print("| measure | columns | P(fail) at the tolerance: " + " | ".join(f"{n:,}" for n in SIZES)
          + " | 100,000 and 1,000 | rows for 1.5 × | for 2 × |")  # fmt: skip
    print("|---|---|" + "--:|" * (len(SIZES) + 3))
    for (measure, name), at in DECIDING.items():
        tolerance = TOLERANCES[measure]
        draws = [at(times * tolerance) for times in TIMES]
        pairs = [*((n, n) for n in SIZES), (100_000, 1_000)]
        shares = [failing(measure, draws[0], n, m, runs) for n, m in pairs]
        rows = [needed(measure, draw, max(200, runs // 4)) for draw in draws[1:]]
        told = " | ".join(f"{100 * s:.1f}%" for s in shares)
        print(f"| {measure} | {name} | {told} | {rows[0]:,.0f} | {rows[1]:,.0f} |", flush=True)


def together(runs: int, size: int = 20, rows: int = 600) -> None:
    """Twenty normal columns under several dependences."""
    shifts = 2 * special.ndtri(0.5 + np.where(np.arange(size) % 2, 0.1, 0.2) / 2)
    rng = np.random.default_rng(7)
    names = [f"x{i}" for i in range(size)]
    grid = make_grid(rng.normal(size=60_000))

    def table(rho: float, shift: np.ndarray[tuple[int], np.dtype[np.float64]]) -> TableSummary:
        common, own = rng.normal(size=(rows, 1)), rng.normal(size=(rows, size))
        sign = np.where(np.arange(size) % 4 < 2, 1.0, -1.0 if rho < 0 else 1.0)
        x = np.sqrt(abs(rho)) * common * sign + np.sqrt(1 - abs(rho)) * own + shift
        return TableSummary(rows, {n: summarise(x[:, i], grid) for i, n in enumerate(names)})

    print("\n| correlation | any failure, all at the tolerance | false among failures | found "
          "| found by Bonferroni |\n|---|--:|--:|--:|--:|")  # fmt: skip
    for rho in (0.0, 0.5, 0.9, -0.5):
        any_failed = false = found = plain = 0.0
        for _ in range(runs):
            old = table(rho, np.zeros(size))
            at = table(rho, np.full(size, 2 * float(special.ndtri(0.55))))
            any_failed += drift(old, at).verdict.outcome is Outcome.FAIL
            new = table(rho, shifts)
            ks = [partial(MEASURES["ks"], old.columns[n], new.columns[n]) for n in names]
            members = [(Rule("ks", within=0.1), measure) for measure in ks]
            level = discovery_confidence(members, 0.95)
            broken = [r.judge(f(level)).outcome is Outcome.FAIL for r, f in members]
            strict = [r.judge(f(1 - 0.05 / size)).outcome is Outcome.FAIL for r, f in members]
            false += sum(broken[1::2]) / max(1, sum(broken))
            found += sum(broken[::2]) / (size / 2)
            plain += sum(strict[::2]) / (size / 2)
        told = " | ".join(f"{100 * v / runs:.1f}%" for v in (any_failed, false, found, plain))
        print(f"| {rho:g} | {told} |", flush=True)


def report(runs: int) -> None:
    alone(runs)
    together(runs // 2)
