"""Estimated quality of a table without labels, with no server."""

from __future__ import annotations

from typing import Any

from seawall.adapters.tables import read_columns
from seawall.kernel import BadInput, Digest, Estimate, Rule, Verdict, all_of
from seawall.report.document import Document
from seawall.sdk.report import CONFIDENCE, Report, Table, named
from seawall.sdk.scores import count_scores
from seawall.statistics.column import Column, numbers
from seawall.statistics.drift import judge_in_family
from seawall.statistics.estimation import MEASURES, calibrate, realised
from seawall.statistics.estimation import estimate as expect
from seawall.statistics.grid import heavy, score_grid
from seawall.statistics.intervals import difference

DROP = 0.05
"""How much lower than on the reference an estimated measure may be by default."""


class EstimationReport(Report, frozen=True):
    """What `estimate` found. A pass is provisional: concept drift cannot be seen without labels."""

    subject = "estimated quality"

    def _document(self) -> Document:
        from seawall.report.from_estimation import estimation_document

        return estimation_document(self.to_dict())


def estimate(
    reference: Table,
    current: Table,
    *,
    label: str,
    score: str,
    chunk_size: int | None = None,
    threshold: float = 0.5,
) -> EstimationReport:
    """Expected quality of `current` without its labels, in chunks of rows in order.

    The scores' meaning is learnt from the labelled `reference` (CBPE). `chunk_size` is the whole
    table by default. Where `current` has the label's column and a chunk all its labels, the
    chunk's `realised` measures stand beside. Decides on accuracy and ROC AUC: at most 0.05 below
    the reference's. Raises `BadInput` on unusable data or a chunk size below 1.
    """
    if chunk_size is not None and chunk_size < 1:
        raise BadInput(f"a chunk of {chunk_size} rows is impossible", remedy="give at least 1")
    base = read_columns(reference, [label, score])
    grid = score_grid((*heavy(numbers(base[score])[0]), threshold))
    known = count_scores(base, score, label, (), grid)
    learnt = calibrate(known, threshold)
    was = realised(known, threshold, CONFIDENCE)
    table = read_columns(current)
    if score not in table:
        read_columns(current, [score])
    rows = len(table[score])
    size = chunk_size or max(rows, 1)
    starts = range(0, max(rows, 1), size)
    family = 1 - (1 - CONFIDENCE) / (2 * len(starts))
    strict_was = realised(known, threshold, family)
    chunks: list[dict[str, Any]] = []
    verdicts: list[Verdict] = []
    for start in starts:
        names = [score, label] if label in table else [score]
        part = {name: _slice(table[name], start, start + size) for name in names}
        seen = count_scores(part, score, label if label in table else None, (), grid)
        expected = expect(learnt, seen, CONFIDENCE)
        strict = expect(learnt, seen, family) if len(starts) > 1 else expected
        chunk: dict[str, Any] = {
            "first": start,
            "last": min(start + size, rows) - 1,
            "n": seen.n,
            "measures": {name: expected[name].to_dict() for name in MEASURES},
        }
        if seen.labelled == seen.n > 0:
            real = realised(seen, threshold, CONFIDENCE)
            chunk["realised"] = {name: e.to_dict() for name, e in real.items()}
        chunks.append(chunk)
        for name in ("accuracy", "roc_auc"):
            rule = Rule(f"{name}_drop", at_most=DROP)
            verdicts.append(
                judge_in_family(
                    rule, _drop(was[name], expected[name]), _drop(strict_was[name], strict[name]),
                    f"rows {start}–{chunk['last']}, estimated",
                )
            )  # fmt: skip
    return EstimationReport(
        all_of(verdicts),
        {
            "chunks": chunks,
            "reference": {name: e.to_dict() for name, e in was.items()},
            "calibrated": learnt.isotonic,
            "provisional": True,
            "digests": {"reference": str(Digest.of(known.to_bytes()))},
        },
        named(reference=reference, current=current),
    )


def _drop(was: Estimate, now: Estimate) -> Estimate:
    low, high = difference((was.low, was.high), (now.low, now.high), was.value, now.value)
    return Estimate(was.value - now.value, low, high, now.confidence, now.n, "MOVER with CBPE")


def _slice(values: Column, start: int, stop: int) -> Column:
    if isinstance(values, tuple):
        return values[0][start:stop], values[1]
    return values[start:stop]
