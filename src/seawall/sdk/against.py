"""Another model on the same rows: by how much the evaluated one is better or worse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, Rule, Verdict
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.rows import Rows, lacking
from seawall.statistics.cost import Cost
from seawall.statistics.drift import judge_in_family
from seawall.statistics.grid import Grid, heavy, score_grid
from seawall.statistics.paired import Comparison, by_call, by_score, by_value
from seawall.statistics.score import UNLABELLED, label_codes

Vector = NDArray[np.float64]
Compare = Callable[[float], dict[str, Comparison]]
Judge = Callable[[float], Verdict]


class Against(msgspec.Struct, frozen=True):
    """The other model's columns, and how much worse than it the evaluated one may be."""

    score: str | None = None
    prediction: str | None = None
    tolerance: float = 0.01

    @property
    def columns(self) -> list[str]:
        """Those that were named."""
        return [name for name in (self.score, self.prediction) if name]


def compare_binary(
    rows: Rows, label: str, score: str | None, prediction: str | None, threshold: float,
    cost: Cost | None, other: Against,
) -> tuple[dict[str, Any] | None, Judge | None]:  # fmt: skip
    """The comparison's JSON shape and its judgement at a confidence; None without another model.

    Only rows count that both models answer. Decides on ROC AUC, or on accuracy without scores.
    """
    if not other.columns:
        return None, None
    if other.score and not score:
        raise BadInput("--against is another model's score", remedy="give --score too")
    pairs = [(score, other.score)] if other.score else []
    if prediction or other.prediction:
        pairs += [(prediction or score, other.prediction or other.score)]
    names = list(dict.fromkeys(name for pair in pairs for name in pair if name))
    codes = label_codes(rows[label])
    labelled = codes != UNLABELLED
    values = {name: _unit(rows, name) for name in names}
    if other.prediction and not np.isin(_present(values[other.prediction]), (0, 1)).all():
        raise rows.wrong(
            other.prediction, "some predictions are neither 0 nor 1", "give scores as --against"
        )
    kept = labelled.copy()
    for column in values.values():
        kept &= ~np.isnan(column)
    codes = codes[kept]
    values = {name: column[kept] for name, column in values.items()}
    if not codes.size:
        raise BadInput("no labelled row is answered by both models", where=rows.source)

    def called(own: str | None, scored: str | None) -> NDArray[np.bool_]:
        return values[own] >= 0.5 if own else values[str(scored)] >= threshold

    calls = called(prediction, score), called(other.prediction, other.score)
    grid = _grid(values, score, other.score, threshold)
    cells = (
        (grid.cell_of(values[str(score)]), grid.cell_of(values[other.score]))
        if other.score else None
    )  # fmt: skip

    def compare(confidence: float) -> dict[str, Comparison]:
        right = calls[0] == (codes == 1), calls[1] == (codes == 1)
        found = by_call(right, confidence)
        if cells:
            found |= by_score(grid, codes, cells, confidence)
        if cost is not None:
            found["value"] = by_value(codes, calls, cost, confidence)
        return found

    deciding = "roc_auc" if cells else "accuracy"
    notes = lacking(int(np.count_nonzero(labelled) - codes.size), "answer of both models")
    return told(compare, deciding, other, codes.size, notes)


def told(
    compare: Compare, deciding: str, other: Against, n: int, notes: list[str],
    unit: Callable[[Comparison], float] = lambda _: 1.0,
) -> tuple[dict[str, Any], Judge]:  # fmt: skip
    """The JSON shape and the judgement of one measure's difference, in its unit."""
    found = compare(CONFIDENCE)
    larger = found[deciding].larger_is_better
    measure = f"{deciding}_difference"
    if larger:
        rule = Rule(measure, at_least=-other.tolerance)
    else:
        rule = Rule(measure, at_most=other.tolerance)

    def judge(family: float) -> Verdict:
        strict = compare(family)[deciding]
        return judge_in_family(
            rule, _in_units(found[deciding], unit), _in_units(strict, unit),
            f"against {other.columns[0]}",
        )  # fmt: skip

    body = {
        "columns": other.columns, "n": n, "verdict": judge(CONFIDENCE).to_dict(),
        "measures": {name: c.to_dict() for name, c in found.items()}, "notes": notes,
    }  # fmt: skip
    return body, judge


def _in_units(comparison: Comparison, unit: Callable[[Comparison], float]) -> Estimate:
    e, size = comparison.difference, unit(comparison)
    if size == 1 or not size > 0:
        return e
    return Estimate(e.value / size, e.low / size, e.high / size, e.confidence, e.n, e.method)


def _present(values: Vector) -> Vector:
    return values[~np.isnan(values)]


def _unit(rows: Rows, name: str) -> Vector:
    values = rows.floats(name)
    if ((values < 0) | (values > 1)).any():
        raise rows.wrong(name, "some values lie outside [0, 1]", "give probabilities or 0/1 calls")
    return values


def _grid(
    values: dict[str, Vector], score: str | None, other: str | None, threshold: float
) -> Grid:
    if not other:
        return score_grid((threshold,))
    atoms = {*heavy(values[str(score)]), *heavy(values[other]), threshold}
    return score_grid(atoms)
