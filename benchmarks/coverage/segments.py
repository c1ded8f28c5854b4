"""Slices that were searched for, and what a drift does to errors.

A slice is told only where it is shown to be worse; of all that a search tells, none may be told to
differ by more, or less, than it does. That is counted once a search.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.coverage.quality import Run
from seawall.kernel import Estimate
from seawall.statistics.counting import summarise
from seawall.statistics.grid import make_grid
from seawall.statistics.harm import BINS, LEAST, harm
from seawall.statistics.named_bins import NamedBins, named_bins
from seawall.statistics.segments import moved, tally, worst

RUNS = 100
COLUMNS = {f"n = {n:,}": n for n in (1_000, 10_000, 50_000)}
LETTERS = 5


def columns(rng: Any, n: int, shift: float = 0.0) -> dict[str, Any]:
    """Two columns of numbers and one of letters."""
    letters = rng.integers(0, LETTERS, n)
    return {"x": rng.normal(shift, 1, n), "z": rng.exponential(size=n),
            "c": (letters, tuple("abcde"))}  # fmt: skip


def codings(given: dict[str, Any]) -> dict[str, NamedBins]:
    return {k: named_bins(summarise(v, make_grid(v)), 5) for k, v in given.items()}


def expected(given: dict[str, Any], strength: float) -> Any:
    """The chance of an error in each row: higher where x is large, and for the letter a."""
    return expit(-2 + strength * (given["x"] + (given["c"][0] == 0)))


def errors(strength: float, rates: bool, n: int, rng: Any) -> Run:
    """The excess of the worst slices, against that of ten times as many other rows."""
    given = columns(rng, n)
    bins = codings(given)
    chance = expected(given, strength)
    loss = (rng.random(n) < chance).astype(float) if rates else chance * rng.exponential(size=n)
    counted = tally({k: b.codes(given[k]) for k, b in bins.items()}, bins, loss)
    found = worst(counted, bins, rates=rates, most=1_000)
    fresh = columns(rng, 400_000)
    truth = tally({k: b.codes(fresh[k]) for k, b in bins.items()}, bins, expected(fresh, strength))
    off = -1.0
    for s in found.segments:
        place = tuple(bins[k].labels.index(v) for k, v in s.by.items())
        table = truth.by[tuple(s.by)]
        rows, total = (float(table[i][place]) for i in (0, 1))
        true = total / rows - (table[1].sum() - total) / (table[0].sum() - rows)
        off = max(off, s.excess.low - true, true - s.excess.high)
    yield f"worst slices, {'error rate' if rates else 'loss'}", _once(off, n), 0.0


def shares(shift: float, n: int, rng: Any) -> Run:
    """The change of the shares of slices."""
    old, new = columns(rng, n), columns(rng, n, shift)
    bins = codings(old)
    a, b = (tally({k: c.codes(v[k]) for k, c in bins.items()}, bins) for v in (old, new))
    found = moved(a, b, bins, most=1_000)
    wide = [columns(rng, 400_000, s) for s in (0.0, shift)]
    p, q = (tally({k: c.codes(v[k]) for k, c in bins.items()}, bins) for v in wide)
    off = -1.0
    for s in found.segments:
        place = tuple(bins[k].labels.index(v) for k, v in s.by.items())
        was, now = (t.by[tuple(s.by)][0] for t in (p, q))
        true = float(now[place] / now.sum() - was[place] / was.sum())
        off = max(off, s.excess.low - true, true - s.excess.high)
    yield "moved slices", _once(off, n), 0.0


def harmed(shift: float, n: int, rng: Any) -> Run:
    """The change of the error rate by one column's drift."""
    old, new = columns(rng, n), columns(rng, n, shift)
    wrong = rng.random(n) < expected(old, 0.7)
    coding = named_bins(summarise(old["x"], make_grid(old["x"])), BINS, LEAST)
    at, to = coding.codes(old["x"]), coding.codes(new["x"])
    size = len(coding.labels)
    rows, bad, now = (np.bincount(v, minlength=size) for v in (at, at[wrong], to))
    found = harm(rows, bad, now, coding, 0.95)
    means = [mean_error(0.0), mean_error(shift)]
    yield "change of the error rate by a drift", found.change, means[1] - means[0]


def mean_error(shift: float, strength: float = 0.7) -> float:
    """The chance of an error of all rows, by Gauss and Hermite's rule."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    shares = {0.0: 1 - 1 / LETTERS, 1.0: 1 / LETTERS}
    at = {a: expit(-2 + strength * (nodes + shift + a)) for a in shares}
    return float(sum(s * (weights @ at[a]) for a, s in shares.items()) / weights.sum())


def _once(off: float, n: int) -> Estimate:
    return Estimate(off, off, np.inf, 0.95, n, "")


CASES: dict[str, Callable[[int, Any], Run]] = {
    f"{what}, strength {s:g}": partial(errors, s, rates)
    for what, rates in (("error rate", True), ("loss", False))
    for s in (0.0, 0.7)
} | {
    f"{what} by {s:g}": partial(of, s)
    for what, of in (("moved", shares), ("harm", harmed))
    for s in (0.0, 0.3)
}
