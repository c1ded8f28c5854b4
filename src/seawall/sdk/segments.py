"""The slices of a table that do worst, or that moved most against a reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from seawall.adapters.tables import Source, open_source
from seawall.kernel import BadInput, Outcome, Reason, Rule, Verdict
from seawall.report.document import Document
from seawall.sdk.losses import Answers, losses, picked
from seawall.sdk.report import CONFIDENCE, Report, Table, named
from seawall.sdk.summaries import SameTypes, reference_summary, refuse_empty
from seawall.statistics import segments as search
from seawall.statistics.named_bins import NamedBins, named_bins
from seawall.statistics.segments import Searched, Tally, tally
from seawall.statistics.text import on_grids, sources

TOLERANCE = 0.05
"""How much more often than elsewhere a slice may be wrong, or how much of all rows may move."""
BINS = 10
MOST_COLUMNS = 40
"""Columns whose crossings are searched; of more, each column is searched alone."""


class SegmentsReport(Report, frozen=True):
    """What `segments` found."""

    subject = "worst segments"

    def _document(self) -> Document:
        from seawall.report.from_segments import segments_document

        return segments_document(self.to_dict())


def segments(
    data: Table,
    *,
    label: str | None = None,
    score: str | None = None,
    prediction: str | None = None,
    reference: Table | None = None,
    columns: Sequence[str] | None = None,
    threshold: float = 0.5,
    regression: bool = False,
    tolerance: float = TOLERANCE,
) -> SegmentsReport:
    """The slices of `data` that are wrong most often, or moved most from a `reference`.

    With `label` and `score` (or `prediction`): bins of columns, and crossings of two, whose error
    rate (with `regression` mean absolute error) exceeds that of all other rows; with `reference`
    those whose share of rows changed. Intervals hold for all slices that were searched at once.
    `columns`: all others by default. Fails when a slice is shown to exceed `tolerance`, of the
    error rate or of the share; a mean absolute error is described and not judged. Raises
    `BadInput` on unusable data.
    """
    if (label is None) == (reference is None):
        raise BadInput(
            "segments are searched for errors or for drift",
            remedy="give either a label, with scores or predictions, or a reference",
        )
    if not label and (score or prediction or regression):
        raise BadInput("a change of shares looks at no answers", remedy="leave them out")
    answers = Answers(label, score, prediction, threshold, regression) if label else None
    apart = set(answers.columns) if answers else set[str]()
    inputs = named(data=data) | ({} if reference is None else named(reference=reference))
    base = reference_summary(data if reference is None else reference, columns)
    refuse_empty(base.summary, inputs["data" if reference is None else "reference"])
    names = [n for n in base.grids if n not in apart]
    if not names:
        raise BadInput(
            "there is no column to search beside labels and answers", where=inputs["data"],
            remedy="name features as columns",
        )  # fmt: skip
    codings = {n: named_bins(base.summary.columns[n], BINS) for n in names}
    if answers is None:
        assert reference is not None
        then = _counted(_twice(reference), codings)
        now = _counted(open_source(data), codings)
        refuse_empty(now, inputs["data"])
        found = search.moved(then, now, codings, confidence=CONFIDENCE)
        measure = "share_change"
    else:
        counted = _counted(_twice(data), codings, answers)
        if not counted.rows:
            raise BadInput(
                "no row has both a label and an answer",
                where=f"{inputs['data']}, columns {' and '.join(answers.columns)}",
                remedy="give labelled rows",
            )  # fmt: skip
        found = search.worst(counted, codings, rates=not regression, confidence=CONFIDENCE)
        measure = "absolute_error_excess" if regression else "error_rate_excess"
    rule = None if regression else Rule(measure, within=tolerance)
    return SegmentsReport(_judge(found, rule, measure), _body(found, measure, tolerance), inputs)


def _counted(
    there: Source, codings: Mapping[str, NamedBins], answers: Answers | None = None
) -> Tally:
    grids = {name: coding.grid for name, coding in codings.items()}
    names = there.chosen([*sources(grids), *(answers.columns if answers else ())])
    return reduce(Tally.plus, _tallies(there, names, codings, answers))


def _tallies(
    there: Source, names: list[str], codings: Mapping[str, NamedBins], answers: Answers | None
) -> Iterable[Tally]:
    pairs = len(codings) <= MOST_COLUMNS
    grids = {name: coding.grid for name, coding in codings.items()}
    types = SameTypes(there, grids)
    for piece in there.pieces:
        read = piece.read(names)
        columns = on_grids(read, grids)
        if answers is None:
            columns = types.checked(columns, piece.where)
            codes = {n: c.codes(columns[n]) for n, c in codings.items()}
            yield tally(codes, codings, pairs=pairs)
        else:
            loss, labelled = losses(read, answers, piece.where)
            codes = {n: c.codes(picked(columns[n], labelled)) for n, c in codings.items()}
            yield tally(codes, codings, loss[labelled], pairs=pairs)
    if answers is None:
        types.close()


def _twice(source: Table) -> Source:
    there = open_source(source)
    if not isinstance(there.pieces, Sequence):
        raise BadInput(
            "rows are read twice, and a stream is gone once read",
            where=there.name,
            remedy="give a file or a table",
        )
    return there


def _judge(found: Searched, rule: Rule | None, measure: str) -> Verdict:
    """The worst slice against the tolerance; the search itself is in its interval."""
    among = f"among {found.slices:,} slices of {len(found.columns)} columns"
    if not found.segments:
        outcome = Outcome.PASS if found.slices else Outcome.UNDECIDED
        said = f"no slice stands out {among}" if found.slices else "no slice has enough rows"
        return Verdict(outcome, (Reason(rule.text if rule else measure, said, outcome),))
    worst = found.segments[0]
    name = " and ".join(f"{k} {v}" for k, v in worst.by.items())
    if rule is None:
        said = f"{name} stands out most {among}: {worst.excess}"
        reason = Reason(measure, said, Outcome.UNDECIDED, worst.excess)
        return Verdict(Outcome.UNDECIDED, (reason,))
    reason = rule.judge(worst.excess).reasons[0]
    said = f"{reason.message}, worst {among}: {name}"
    return Verdict(reason.outcome, (Reason(rule.text, said, reason.outcome, worst.excess),))


def _body(found: Searched, measure: str, tolerance: float) -> dict[str, Any]:
    return {
        "measure": measure,
        "tolerance": tolerance,
        "searched": {"slices": found.slices, "columns": list(found.columns)},
        "segments": [
            {
                "by": one.by, "n": one.n, "share": one.share, "own": one.own,
                "elsewhere": one.elsewhere, "excess": one.excess.to_dict(),
            }
            for one in found.segments
        ],
    }  # fmt: skip
