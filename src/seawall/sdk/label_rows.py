"""The rows of a table to send for labelling, and what the labels that came back say of all rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seawall.adapters.tables import read_columns, write_table
from seawall.kernel import BadInput
from seawall.sdk.estimated import told
from seawall.sdk.report import CONFIDENCE, Table
from seawall.statistics.column import floats
from seawall.statistics.label_plan import draw_rows, plan_labels, sampled_ratio

if TYPE_CHECKING:
    from seawall.sdk.estimated import Estimated
    from seawall.statistics.column import Column

COLUMNS = ("row", "score", "call", "stratum", "stratum_rows", "probability")


def choose_rows(
    estimated: Estimated, table: dict[str, Column], budget: int, path: str | Path | None
) -> dict[str, Any]:
    """Draw the rows and write them; the strata as JSON.

    The file has, for each row to label: its place in the table from 0, score, call, stratum, the
    stratum's rows, and the probability with which it was drawn.
    """
    from seawall.sdk.estimated_calls import EstimatedCalls

    assert isinstance(estimated, EstimatedCalls)
    plan = plan_labels(estimated.learnt, estimated.count(table), budget)
    scores = floats(table[estimated.score])
    there = np.flatnonzero(~np.isnan(scores))
    calls = estimated.calls_of(table, scores[there], there)
    stratum = np.full(scores.size, -1, np.int64)
    stratum[there] = plan.at[calls, estimated.grid.cell_of(scores[there])]
    call = np.full(scores.size, -1, np.int64)
    call[there] = calls
    rows = draw_rows(plan, stratum)
    if path is not None:
        home = stratum[rows]
        sizes = np.array([s.rows for s in plan.strata])
        labels = np.array([s.labels for s in plan.strata])
        values = (rows, scores[rows], call[rows], home, sizes[home], labels[home] / sizes[home])
        write_table(dict(zip(COLUMNS, values, strict=True)), Path(path))
    return {
        "budget": budget,
        "rows": rows.size,
        "file": None if path is None else str(path),
        "strata": [
            {"call": s.call, "low": s.low, "high": s.high, "rows": s.rows, "labels": s.labels}
            for s in plan.strata
        ],
    }


def estimate_from_labels(
    sample: Table, *, label: str, confidence: float = CONFIDENCE
) -> dict[str, Any]:
    """Accuracy, precision and recall of all rows from the labelled ones that `estimate` chose.

    `sample` is the file of rows to label with the column `label` (0/1, missing where none came)
    added. Unbiased up to the ratio; rows whose label never comes are taken to be like the rest of
    their stratum. Raises `BadInput` on a stratum without any label, or other columns.
    """
    from seawall.sdk.estimated_calls import binary

    table = read_columns(sample, [*COLUMNS, label])
    call, stratum, rows = (
        floats(table[name]).astype(np.int64) for name in ("call", "stratum", "stratum_rows")
    )
    truth = binary(table[label])
    kept = truth >= 0
    sizes = np.zeros(int(stratum.max()) + 1 if stratum.size else 0, np.int64)
    sizes[stratum] = rows
    if not kept.any():
        raise BadInput(f"label {label} is missing in every row", remedy="add the labels that came")
    call, truth, stratum = call[kept], truth[kept], stratum[kept]
    right, hit = (call == truth).astype(float), ((call == 1) & (truth == 1)).astype(float)
    parts = {
        "accuracy": (right, np.ones(right.size)),
        "precision": (hit, (call == 1).astype(float)),
        "recall": (hit, (truth == 1).astype(float)),
    }
    return {
        "measures": told(
            {n: sampled_ratio(*p, stratum, sizes, confidence) for n, p in parts.items()}
        ),
        "labelled": int(kept.sum()),
        "rows": int(sizes.sum()),
    }
