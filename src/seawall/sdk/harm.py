"""Whether what drifted matters: the error rate that each column's new distribution would bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from seawall.adapters.tables import open_source
from seawall.kernel import BadInput, Rule, all_of
from seawall.sdk.losses import Answers, losses, picked
from seawall.sdk.report import CONFIDENCE, Table
from seawall.statistics.drift import judge_in_family
from seawall.statistics.harm import BINS, LEAST, harm
from seawall.statistics.named_bins import named_bins
from seawall.statistics.summary import TableSummary
from seawall.statistics.text import on_grids, sources

TOLERANCE = 0.02
"""How much the error rate may rise by one column's drift before it is called harmful."""
_PARTS = 5


def harms(
    reference: Table, base: TableSummary, now: TableSummary, answers: Answers
) -> dict[str, Any]:
    """The JSON shape of what the drift from `base` to `now` does to the error rate.

    Reads the labelled rows of `reference` once more, the table that `base` was counted from. By
    column: `change` of the error rate, its `outcome` against the tolerance, and the bins behind
    it; that of the score says it of all columns together, and is `overall`. Raises `BadInput` on
    a reference that is gone once read, and on unusable labels.
    """
    there = open_source(reference)
    if not isinstance(there.pieces, Sequence):
        raise BadInput(
            "the labelled rows are read after the columns, and a stream is gone once read",
            where=there.name,
            remedy="give the reference as a file or a table",
        )
    chosen = there.chosen(answers.columns)
    names = [n for n in base.columns if n not in (answers.label, answers.prediction)]
    grids = {n: base.columns[n].grid for n in names}
    codings = {n: named_bins(base.columns[n], BINS, LEAST) for n in names}
    rows = {n: np.zeros(len(codings[n].labels), np.int64) for n in names}
    wrong = {n: counts.copy() for n, counts in rows.items()}
    for piece in there.pieces:
        read = piece.read(list(dict.fromkeys([*chosen, *sources(grids)])))
        loss, labelled = losses(read, answers, piece.where)
        columns = on_grids(read, grids)
        for name, code in codings.items():
            codes, size = code.codes(picked(columns[name], labelled)), len(code.labels)
            rows[name] += np.bincount(codes, minlength=size)
            wrong[name] += np.bincount(codes[loss[labelled] > 0], minlength=size)
    if not any(counts.any() for counts in rows.values()):
        raise BadInput(
            "no row has both a label and an answer",
            where=f"{there.name}, columns {' and '.join(answers.columns)}",
            remedy="give a labelled reference",
        )  # fmt: skip
    rule = Rule("error_rate_change", at_most=TOLERANCE)
    family = 1 - (1 - CONFIDENCE) / max(1, len(names))
    told: dict[str, Any] = {}
    verdicts = {}
    for name, code in codings.items():
        counts = code.counts(now.columns[name])
        own = harm(rows[name], wrong[name], counts, code, CONFIDENCE)
        strict = harm(rows[name], wrong[name], counts, code, family)
        verdicts[name] = judge_in_family(rule, own.change, strict.change, name)
        told[name] = {
            "change": own.change.to_dict(),
            "outcome": verdicts[name].outcome.value,
            "unseen": own.unseen,
            "parts": [msgspec.structs.asdict(p) for p in own.parts[:_PARTS] if p.contribution > 0],
        }
    overall = told.pop(answers.score, None) if answers.score else None
    return {
        "measure": "error_rate",
        "tolerance": TOLERANCE,
        "verdict": all_of(verdicts.values()).to_dict(),
        "features": dict(sorted(told.items(), key=lambda one: -(one[1]["change"]["value"] or 0.0))),
    } | ({"overall": overall} if overall else {})
