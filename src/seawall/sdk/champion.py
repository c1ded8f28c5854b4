"""A version beside the champion on the same labelled rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate
from seawall.sdk.stability import in_units
from seawall.sdk.subject import Subject
from seawall.statistics.grid import heavy, score_grid
from seawall.statistics.paired import Comparison, by_call, by_loss, by_score
from seawall.validation.plan import CHAMPION, ValidationPlan

Vector = NDArray[np.float64]


def beside(
    subject: Subject, label: Vector, own: Vector, other: Vector, plan: ValidationPlan
) -> dict[str, Estimate]:
    """Paired differences, this version's less the champion's: `accuracy_difference[champion]`.

    Of two classes also of `roc_auc`, `average_precision`, `log_loss`, `brier`; of values of `mae`
    and `relative_mae`, as a share of the champion's MAE. Only rows count that both answer.
    """
    calls = [subject.calls(said, plan.threshold) for said in (own, other)]
    kept = ~np.isnan(np.stack([label, *calls])).any(axis=0)
    truth = label[kept]
    ours, theirs = (c[kept] for c in calls)
    level = plan.confidence
    if subject.output.kind == "regression":
        errors = by_loss((np.abs(ours - truth), np.abs(theirs - truth)), level)
        found = {"mae": errors.difference}
        found["relative_mae"] = in_units(errors.difference, errors.other)
    else:
        compared: dict[str, Comparison] = by_call((ours == truth, theirs == truth), level)
        if subject.output.kind == "binary":
            scores = own[kept], other[kept]
            grid = score_grid({*heavy(scores[0]), *heavy(scores[1]), plan.threshold})
            cells = grid.cell_of(scores[0]), grid.cell_of(scores[1])
            compared |= by_score(grid, truth.astype(np.int64), cells, level)
        found = {name: c.difference for name, c in compared.items()}
    return {
        f"{name}_difference[{CHAMPION}]": e
        for name, e in found.items()
        if not np.isnan(e.value)
    }  # fmt: skip
