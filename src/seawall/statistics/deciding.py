"""Which measures of drift decide on a column, and what each may be at most."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from seawall.kernel import BadInput, Estimate, nearest
from seawall.statistics import distance
from seawall.statistics.divergence import NAMES, divergence
from seawall.statistics.grid import Grid
from seawall.statistics.summary import ColumnSummary
from seawall.statistics.variation import total_variation

Measure = Callable[[ColumnSummary, ColumnSummary, float], Estimate]

TOLERANCES: dict[str, float] = {"ks": 0.10, "total_variation": 0.10, "missing_difference": 0.02}
"""The measures that decide by default: KS of ordered columns, total variation of categories, both
the share of probability that moved, and the change of the missing share of either."""

MEASURES: dict[str, Measure] = {
    "ks": distance.ks,
    "total_variation": total_variation,
    "missing_difference": distance.missing_difference,
    "out_of_range": distance.out_of_range,
    "wasserstein": distance.wasserstein,
    **{name: partial(divergence, name) for name in NAMES},
}
"""Every measure by name; `ks` and `wasserstein` need an order."""
_ORDERED = frozenset({"ks", "wasserstein"})
_SHARES = ("missing_difference", "out_of_range")


def applies(measure: str, grid: Grid) -> bool:
    """Whether a column on this grid has the measure."""
    return grid.ordered or measure not in _ORDERED


def deciding(name: str, grid: Grid, tolerances: Mapping[str, float]) -> dict[str, float]:
    """The measures that decide on a column, with their tolerances; `missing_difference` last.

    `tolerances`: `ks`, `total_variation` and `missing_difference` set the default of that measure;
    another measure decides instead, on every column that has it; `COLUMN.measure` on that column
    alone; `COLUMN` sets what decides on that column's distribution. A tolerance for `out_of_range`
    is judged besides.
    """
    main = "ks" if grid.ordered else "total_variation"
    named = {m: tolerances[m] for m in MEASURES if m in tolerances and m not in TOLERANCES}
    own = {m: tolerances[f"{name}.{m}"] for m in MEASURES if f"{name}.{m}" in tolerances}
    shares = {"missing_difference": TOLERANCES["missing_difference"]} | {
        m: where[m] for where in (tolerances, own) for m in _SHARES if m in where
    }
    for choice in (own, named):
        found = {m: t for m, t in choice.items() if m not in _SHARES and applies(m, grid)}
        if found:
            break
    else:
        found = {main: tolerances.get(main, TOLERANCES[main])}
    if name in tolerances and name not in MEASURES:
        found = dict.fromkeys(found, tolerances[name]) | {
            m: t for m, t in own.items() if m in found
        }
    return found | dict(reversed(shares.items()))


def check_tolerances(tolerances: Mapping[str, float], grids: Mapping[str, Grid]) -> None:
    """Raise `BadInput` on a tolerance for what is not there, or that nothing could exceed."""
    for name, tolerance in tolerances.items():
        if not (math.isfinite(tolerance) and tolerance >= 0):
            raise BadInput(f"tolerance {name}={tolerance:g} is not a number from 0 up")
        column, _, measure = name.rpartition(".")
        if name in MEASURES:
            _refuse_unordered(name, grids.values(), "no column")
        elif name in grids:
            continue
        elif column not in grids:
            raise BadInput(
                f"no measure or column {name!r}", remedy=nearest(name, [*MEASURES, *grids])
            )
        elif measure not in MEASURES:
            raise BadInput(
                f"no measure {measure!r} for column {column}", remedy=nearest(measure, MEASURES)
            )
        else:
            _refuse_unordered(measure, [grids[column]], f"{column} is not a column that")


def _refuse_unordered(measure: str, grids: Iterable[Grid], who: str) -> None:
    if not any(applies(measure, grid) for grid in grids):
        raise BadInput(
            f"{who} has an order, which {measure} needs",
            remedy="give a tolerance for total_variation or psi",
        )
