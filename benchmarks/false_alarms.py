"""False alarms at a nominal 5%, and how late real changes are seen, beside river's ADWIN.

A model of river's Friedman data is trained once; each run is a new stream of its absolute errors,
2,500 rows without and 2,500 with drift (the protocol of arXiv 2603.13156; there, in this order, the
share of false alarms, and the mean delay of an abrupt and of a local drift: PITMonitor 3.8%, 77,
1919; ADWIN 0.9%, 27, 115). Then census rows, shuffled and in the order of their file, and A/A
splits through `seawall.drift`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

from benchmarks.measure import Result, Size

ALPHA, STABLE, DRIFTED, HELD_OUT = 0.05, 2_500, 2_500, 10_000
POSITIONS = {"gra": (STABLE, 10**9), "lea": (STABLE, STABLE + 833, STABLE + 1_666)}
KINDS = {"gra": "abrupt", "lea": "local"}


def run(size: Size) -> Iterator[Result]:
    model, held_out = _model()
    runs = size.rows(200, 10_000)
    alarms = {"no baseline": 0, "10,000 rows held out": 0}
    for i in range(runs):
        errors = _errors(model, "gra", i, STABLE)
        for name, baseline in zip(alarms, (held_out[:0], held_out), strict=True):
            alarms[name] += _first(errors, baseline, held_out) is not None
    for name, count in alarms.items():
        yield miss_rate(f"false alarms, Friedman, {name}", count, runs)
    streams = size.rows(40, 300)
    for kind, word in KINDS.items():
        found: dict[str, list[int | None]] = {"none": [], "held out": [], "ADWIN": []}
        for i in range(streams):
            errors = _errors(model, kind, 10**6 + i, STABLE + DRIFTED)
            found["none"].append(_first(errors, held_out[:0], held_out))
            found["held out"].append(_first(errors, held_out, held_out))
            found["ADWIN"].append(_adwin(errors))
        peer, _ = _delay(found["ADWIN"])
        for name in ("none", "held out"):
            mean, seen = _delay(found[name])
            yield Result(f"delay, {word} drift, baseline {name}, {seen:.0%} seen", mean, "rows",
                         "ADWIN", peer)  # fmt: skip
    yield from _census(size)
    yield from _splits(size)


def miss_rate(name: str, alarms: int, runs: int) -> Result:
    """Holds within what a true 5% shows in so many runs, three standard deviations."""
    allowed = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    share = 100 * alarms / runs
    limit = f"5%, {100 * allowed:.2f}% in {runs:,} runs"
    return Result(name, share, "%", limit=limit, holds=share <= 100 * allowed)


def _model() -> tuple[Any, Any]:
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor

    x, y = _friedman("gra", 10**7, 2 * HELD_OUT, (10**8, 10**9))
    model = HistGradientBoostingRegressor(max_iter=300, max_leaf_nodes=15, random_state=0)
    model.fit(x[:HELD_OUT], y[:HELD_OUT])
    return model, np.abs(y[HELD_OUT:] - model.predict(x[HELD_OUT:]))


def _friedman(kind: str, seed: int, rows: int, positions: tuple[int, ...]) -> tuple[Any, Any]:
    import numpy as np
    from river.datasets.synth import FriedmanDrift

    stream = FriedmanDrift(drift_type=kind, position=positions, transition_window=0, seed=seed)
    x, y = np.empty((rows, 10)), np.empty(rows)
    for i, (features, label) in enumerate(islice(iter(stream), rows)):
        x[i], y[i] = list(features.values()), label
    return x, y


def _errors(model: Any, kind: str, seed: int, rows: int) -> Any:
    import numpy as np

    x, y = _friedman(kind, seed, rows, POSITIONS[kind])
    return np.abs(y - model.predict(x))


def _first(errors: Any, baseline: Any, grid_of: Any) -> int | None:
    """The row of the first alarm; the grid comes from rows that are not in the stream."""
    import numpy as np

    from seawall.statistics.counting import summarise
    from seawall.statistics.exchange import Exchange
    from seawall.statistics.grid import make_grid

    seen = summarise(baseline, make_grid(grid_of))
    _, path = Exchange.against(seen, side="larger").update(errors)
    over = np.flatnonzero(path >= -math.log(ALPHA))
    return int(over[0]) if over.size else None


def _adwin(errors: Any) -> int | None:
    from river.drift import ADWIN

    detector = ADWIN()
    for i, error in enumerate((errors**2).tolist()):
        detector.update(error)
        if detector.drift_detected:
            return i
    return None


def _delay(found: list[int | None]) -> tuple[float, float]:
    """The mean delay of those alarms that came after the drift, and their share of all runs."""
    late = [a - STABLE for a in found if a is not None and a >= STABLE]
    return (sum(late) / len(late) if late else math.nan), len(late) / len(found)


def _census(size: Size) -> Iterator[Result]:
    """Ages of one year: shuffled, the order says nothing and an alarm is false."""
    import numpy as np

    rng, year = np.random.default_rng(5), _year()
    orders = size.rows(100, 1_000)
    ages = year["AGEP"]
    alarms = 0
    for _ in range(orders):
        shuffled = rng.permutation(ages)[:10_000].astype(float)
        alarms += _first(shuffled[5_000:], shuffled[:5_000], shuffled[:5_000]) is not None
    yield miss_rate("false alarms, ages of one year, shuffled", alarms, orders)
    ordered = ages.astype(float)
    at = _first(ordered[5_000:], ordered[:5_000], ordered[:5_000])
    yield Result(
        "first alarm, ages in the file's order (households together: not independent)",
        math.nan if at is None else float(at), "row",
    )  # fmt: skip


def _splits(size: Size) -> Iterator[Result]:
    """Two random halves of one year's rows have nothing to tell them apart."""
    import numpy as np

    import seawall

    rng, year = np.random.default_rng(6), _year()
    total = len(year["AGEP"])
    plan = [(100, size.rows(100, 1_000)), (1_000, size.rows(60, 500)), (10_000, size.rows(20, 200))]
    plan += [(100_000, size.rows(4, 40)), (1_000_000, size.rows(0, 10))]
    for n, times in plan:
        failed = 0
        for _ in range(times):
            drawn = rng.permutation(total) if 2 * n <= total else rng.integers(0, total, 2 * n)
            parts = [{k: v[at] for k, v in year.items()} for at in (drawn[:n], drawn[n : 2 * n])]
            failed += seawall.drift(*parts).verdict.outcome.value == "fail"
        how = "" if 2 * n <= total else ", resampled"
        if times:
            yield miss_rate(f"false alarms, A/A drift of {n:,} rows{how}", failed, times)


def _year() -> dict[str, Any]:
    import numpy as np

    from benchmarks.measure import ROOT
    from seawall.adapters.tables import read_table

    table = read_table(ROOT / "src/seawall/data/acs_employment_ma.parquet")
    chosen = np.asarray(table["year"]) == 2018
    return {k: v[chosen] for k, v in table.items() if k not in ("id", "year")}
