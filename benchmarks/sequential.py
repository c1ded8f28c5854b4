"""How often each interval that holds under any looking misses at some look, at a nominal 5%."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.false_alarms import miss_rate
from benchmarks.measure import Result, Size
from benchmarks.pool import spread

LOOKS = (10, 30, 100, 200, 400, 700, 1_000)
Draw = Callable[[Any], tuple[float, Callable[[int], Any]]]
"""From a random generator: the truth, and the estimate after so many rows."""


def run(size: Size) -> Iterator[Result]:
    runs = size.rows(100, 2_000)
    for name in CASES:
        missed = sum(spread(_missed, [(name, i) for i in range(runs)], name))
        yield miss_rate(f"missed at some of {len(LOOKS)} looks: {name}", missed, runs)


def _missed(job: tuple[str, int]) -> bool:
    """Whether the interval of one stream lay beside the truth at some look."""
    import numpy as np

    name, seed = job
    true, at = CASES[name](np.random.default_rng([7, seed]))
    return any(not e.low <= true <= e.high for e in map(at, LOOKS))


def _rate(p: float) -> Draw:
    def draw(rng: Any) -> tuple[float, Callable[[int], Any]]:
        from seawall.statistics.sequential import proportion

        s = (rng.random(LOOKS[-1]) < p).cumsum()
        return p, lambda n: proportion(int(s[n - 1]), n)

    return draw


def _difference(p1: float, p0: float) -> Draw:
    def draw(rng: Any) -> tuple[float, Callable[[int], Any]]:
        from seawall.statistics.sequential import proportion_difference

        a = (rng.random(LOOKS[-1]) < p1).cumsum()
        b = (rng.random(9 * LOOKS[-1]) < p0).cumsum()
        return p1 - p0, lambda n: proportion_difference(int(a[n - 1]), n, int(b[9 * n - 1]), 9 * n)

    return draw


def _share(rng: Any) -> tuple[float, Callable[[int], Any]]:
    from seawall.statistics.sequential import share

    s = (rng.random(LOOKS[-1]) < 0.2).cumsum()
    return 0.2, lambda n: share((n - int(s[n - 1]), int(s[n - 1])), (0.9, 0.1))


def _mean(kind: str, a: float, b: float) -> Draw:
    def draw(rng: Any) -> tuple[float, Callable[[int], Any]]:
        from seawall.statistics import running_mean

        x = rng.beta(a, b, LOOKS[-1])
        return a / (a + b), lambda n: getattr(running_mean, kind)().update(x[:n]).estimate()

    return draw


def _quantile(rng: Any) -> tuple[float, Callable[[int], Any]]:
    from seawall.statistics.quantile import quantile_interval

    x = rng.exponential(size=LOOKS[-1])
    return 2.302585, lambda n: quantile_interval(x[:n], 0.9)


def _shift(against: str) -> Draw:
    def draw(rng: Any) -> tuple[float, Callable[[int], Any]]:
        import numpy as np

        from seawall.statistics import shift

        p, q = np.full(20, 0.05), np.linspace(0.7, 1.3, 20) / 20
        true = float(np.abs(np.cumsum(p - q)).max())
        new = rng.choice(20, LOOKS[-1], p=q)
        old = rng.choice(20, LOOKS[-1], p=p)

        def at(n: int) -> Any:
            base = old[:300] if against == "shift_from_baseline" else old[:n]
            counted = (np.bincount(rows, minlength=20) for rows in (base, new[:n]))
            return getattr(shift, against)(*counted)

        return true, at

    return draw


def _paired(rng: Any) -> tuple[float, Callable[[int], Any]]:
    import numpy as np

    from seawall.statistics.shift import paired_shift

    cells = (np.diag(np.full(6, 0.8)) + np.diag(np.full(5, 0.24), 1)).ravel()
    cells /= cells.sum()
    square = cells.reshape(6, 6)
    true = float(np.abs(np.cumsum(square.sum(1) - square.sum(0))).max())
    drawn = rng.choice(36, LOOKS[-1], p=cells)
    return true, lambda n: paired_shift(np.bincount(drawn[:n], minlength=36).reshape(6, 6))


CASES: dict[str, Draw] = {
    "rate 0.01": _rate(0.01),
    "rate 0.2": _rate(0.2),
    "difference 0.02 − 0.01, 1 : 9": _difference(0.02, 0.01),
    "difference 0.2 − 0.17, 1 : 9": _difference(0.2, 0.17),
    "share of events, planned 0.1, true 0.2": _share,
    "mean by betting, Beta(1, 30)": _mean("RunningMean", 1, 30),
    "mean by betting, Beta(2, 6)": _mean("RunningMean", 2, 6),
    "mean by empirical Bernstein, Beta(2, 6)": _mean("BernsteinMean", 2, 6),
    "0.9 quantile, exponential": _quantile,
    "KS of two growing samples": _shift("distribution_shift"),
    "KS from 300 baseline rows": _shift("shift_from_baseline"),
    "KS of two scorers on the same rows": _paired,
}
