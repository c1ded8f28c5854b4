"""`python -m benchmarks.rescaled`: how many requests show a change of unit, and how often one is
seen that is none.

Tables of ten columns against a baseline of 20,000 rows, one of them converted; then populations
that moved and kept their units; then real data, year against year and part against part.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seawall.adapters.tables import read_columns
from seawall.statistics.counting import summarise_table
from seawall.statistics.grid import make_grid
from seawall.statistics.rescaled import Rescaled, rescaled
from seawall.statistics.summary import TableSummary

Rng = np.random.Generator
Draw = Callable[[Rng, int], np.ndarray]
SIZES = (100, 200, 300, 400, 500, 600, 800, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000)
BASELINE, COLUMNS = 20_000, 10


def money(rng: Rng, n: int) -> np.ndarray:
    return np.round(rng.lognormal(8, 1, n), 2)


def whole_money(rng: Rng, n: int) -> np.ndarray:
    return np.round(rng.lognormal(8, 1, n), -1).astype(np.int64)


def prices(rng: Rng, n: int) -> np.ndarray:
    return np.round(rng.lognormal(3, 0.6, n), 2)


def weight(rng: Rng, n: int) -> np.ndarray:
    return np.round(rng.normal(75, 14, n))


def share(rng: Rng, n: int) -> np.ndarray:
    return rng.beta(2, 5, n)


def distance(rng: Rng, n: int) -> np.ndarray:
    return rng.gamma(3, 10, n)


def warmth(rng: Rng, n: int) -> np.ndarray:
    return rng.normal(15, 8, n)


def age(rng: Rng, n: int) -> np.ndarray:
    return rng.integers(18, 90, n)


def seldom(rng: Rng, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.6, 0.0, np.round(rng.lognormal(6, 1, n), 2))


CHANGES: dict[str, tuple[Draw, Callable[[Rng, np.ndarray], np.ndarray], float]] = {
    "income per month → per year": (money, lambda _, x: 12 * x, 12),
    "the same in whole tens": (whole_money, lambda _, x: 12 * x, 12),
    "income per year → per month": (money, lambda _, x: np.round(x / 12, 2), 1 / 12),
    "prices in EUR → cents": (prices, lambda _, x: 100 * x, 100),
    "cents → EUR": (lambda r, n: 100 * prices(r, n), lambda _, x: x / 100, 1 / 100),
    "fractions → per cent": (share, lambda _, x: 100 * x, 100),
    "per cent → fractions": (lambda r, n: 100 * share(r, n), lambda _, x: x / 100, 1 / 100),
    "60% zeros, EUR → cents": (seldom, lambda _, x: 100 * x, 100),
    "seconds → milliseconds": (distance, lambda _, x: 1000 * x, 1000),
    "minutes → seconds": (distance, lambda _, x: 60 * x, 60),
    "hours → seconds": (distance, lambda _, x: 3600 * x, 3600),
    "kilograms → pounds": (weight, lambda _, x: np.round(2.204623 * x, 1), 2.204623),
    "pounds → kilograms": (
        lambda r, n: np.round(2.204623 * weight(r, n)), lambda _, x: np.round(x / 2.204623),
        1 / 2.204623,
    ),
    "metres → feet": (distance, lambda _, x: 3.28084 * x, 3.28084),
    "miles → kilometres": (distance, lambda _, x: 1.609344 * x, 1.609344),
    "Celsius → Fahrenheit": (warmth, lambda _, x: 1.8 * x + 32, 1.8),
    "age in years → months": (age, lambda r, x: 12 * x + r.integers(0, 12, x.size), 12),
    "half of callers send cents": (
        prices, lambda r, x: np.where(r.random(x.size) < 0.5, 100, 1) * x, 100
    ),
    "a fifth of callers send cents": (
        prices, lambda r, x: np.where(r.random(x.size) < 0.2, 100, 1) * x, 100
    ),
}  # fmt: skip

DRIFTS: dict[str, tuple[Draw, Draw]] = {
    "incomes 10% up": (money, lambda r, n: 1.1 * money(r, n)),
    "incomes 50% up": (money, lambda r, n: 1.5 * money(r, n)),
    "incomes doubled": (money, lambda r, n: 2.0 * money(r, n)),
    "incomes wider": (money, lambda r, n: r.lognormal(8.3, 1.4, n)),
    "incomes of the rich": (money, lambda r, n: 20_000 + money(r, n)),
    "a normal shifted by 1 sd": (weight, lambda r, n: weight(r, n) + 14),
    "by 3 sd": (weight, lambda r, n: weight(r, n) + 42),
    "by 3 sd and wider": (weight, lambda r, n: r.normal(117, 20, n)),
    "by 6 sd and wider by half": (weight, lambda r, n: r.normal(160, 21, n)),
    "weights of children": (weight, lambda r, n: r.normal(30, 9, n)),
    "ages of pupils": (age, lambda r, n: r.integers(6, 19, n)),
    "ages of pensioners": (age, lambda r, n: r.integers(65, 100, n)),
    "a second population": (
        distance, lambda r, n: np.where(r.random(n) < 0.4, 200 + 20 * r.normal(size=n),
                                        distance(r, n)),
    ),
    "long journeys": (distance, lambda r, n: r.gamma(6, 10, n)),
    "short journeys": (distance, lambda r, n: r.gamma(1.5, 6, n)),
    "shares near one": (share, lambda r, n: r.beta(5, 2, n)),
    "a summer": (warmth, lambda r, n: warmth(r, n) + 14),
    "nothing": (money, money),
}  # fmt: skip


def seen(base: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Rescaled, ...]:
    grids = {name: make_grid(values) for name, values in base.items()}
    return rescaled(summarise_table(base, grids), summarise_table(now, grids))


def drawn(rng: Rng, old: Draw, new: Draw, n: int) -> tuple[Rescaled, ...]:
    """The first of ten columns changes, the others are as they were."""
    grids = {"x": make_grid(base := old(rng, BASELINE))}
    summaries = [summarise_table({"x": v}, grids).columns["x"] for v in (base, new(rng, n))]
    calm = [summarise_table({"x": v}, grids).columns["x"] for v in (base, old(rng, n))]
    before, after = (
        TableSummary(size, {"x": one, **{f"calm {i}": other for i in range(COLUMNS - 1)}})
        for size, one, other in zip((BASELINE, n), summaries, calm, strict=True)
    )
    return rescaled(before, after)


def found(name: str, n: int, runs: int) -> tuple[int, int, int]:
    """How many runs name the change, how many named anything else, and in how many of the first
    the interval of the factor holds it."""
    old, change, factor = CHANGES[name]
    right = wrong = held = 0
    for seed in range(runs):
        rng = np.random.default_rng((seed, n))
        named = drawn(rng, old, lambda r, k: change(r, old(r, k)), n)
        hits = [r for r in named if r.name == "x" and np.isclose(r.known, factor)]
        right += bool(hits)
        wrong += len(named) - len(hits)
        held += sum(r.factor.low <= factor <= r.factor.high for r in hits)
    return right, wrong, held


def real() -> dict[str, tuple[int, int]]:
    """By data set: columns of numbers compared, and how many were taken for rescaled."""
    counted: dict[str, tuple[int, int]] = {}
    acs = read_columns("src/seawall/data/acs_employment_ma.parquet")
    numbers = {n: np.asarray(v) for n, v in acs.items() if n not in ("id", "year")}
    year = np.asarray(acs["year"])
    groups = {"ACS, year against year": year, "ACS, by sex": numbers["SEX"],
              "ACS, by race": numbers["RAC1P"], "ACS, by marital status": numbers["MAR"],
              "ACS, by relationship": numbers["RELP"]}  # fmt: skip
    for title, by in groups.items():
        parts = [{n: v[by == g] for n, v in numbers.items() if v is not by} for g in np.unique(by)]
        counted[title] = against_each(parts)
    counted |= sklearn_parts()
    return counted


def sklearn_parts() -> dict[str, tuple[int, int]]:
    from sklearn import datasets

    counted: dict[str, tuple[int, int]] = {}
    for title, made in (("breast cancer, by diagnosis", datasets.load_breast_cancer()),
                        ("wine, by cultivar", datasets.load_wine()),
                        ("iris, by species", datasets.load_iris())):  # fmt: skip
        table = {str(n): made.data[:, i] for i, n in enumerate(made.feature_names)}
        parts = [{n: v[made.target == g] for n, v in table.items()} for g in np.unique(made.target)]
        counted[title] = against_each(parts)
    return counted


def against_each(parts: list[dict[str, np.ndarray]]) -> tuple[int, int]:
    compared = named = 0
    for i, base in enumerate(parts):
        for j, now in enumerate(parts):
            if i == j or min(len(next(iter(p.values()))) for p in (base, now)) < 50:
                continue
            compared += len(base)
            for one in seen(base, now):
                named += 1
                print(f"      named: {one.sentence}", flush=True)
    return compared, named


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--runs", type=int, default=40)
    told.add_argument("--json", type=Path)
    runs = told.parse_args()
    table: dict[str, Any] = {}
    print("least requests for nine in ten; named otherwise, of all runs; intervals that hold")
    for name in CHANGES:
        wrong = tried = hits = held = least = 0
        for n in SIZES:
            right, other, inside = found(name, n, runs.runs)
            wrong, tried = wrong + other, tried + runs.runs
            hits, held = hits + right, held + inside
            if right >= 0.9 * runs.runs:
                least = n
                break
        table[name] = {"least": least, "wrong": wrong, "runs": tried, "named": hits, "held": held}
        size = f"{least:,}" if least else "more than 10,000"
        print(f"  {name:32} {size:>8}  {wrong} of {tried}  {held} of {hits}", flush=True)
    print("taken for a change of unit, of all runs at 500, 3,000 and 20,000 requests")
    for name, (old, new) in DRIFTS.items():
        wrong = {}
        for n in (500, 3_000, 20_000):
            rngs = (np.random.default_rng((7, seed, n)) for seed in range(runs.runs))
            told_ = [r for rng in rngs for r in drawn(rng, old, new, n)]
            wrong[n] = len(told_)
            for sentence in sorted({r.sentence for r in told_})[:1]:
                print(f"      named: {sentence}", flush=True)
        table[name] = wrong
        print(f"  {name:32} {wrong}", flush=True)
    print("taken for a change of unit in real data, of columns compared")
    for name, (compared, named) in real().items():
        table[name] = {"compared": compared, "named": named}
        print(f"  {name:36} {named} of {compared}", flush=True)
    if runs.json:
        runs.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
