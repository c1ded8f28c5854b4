"""Drift of one table from another, with no server."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from seawall.adapters.spark import is_frame
from seawall.adapters.tables import open_source
from seawall.kernel import BadInput, Digest, all_of
from seawall.report.document import Document
from seawall.report.words import listed
from seawall.sdk.harm import harms
from seawall.sdk.histograms import with_histograms
from seawall.sdk.losses import Answers, outside
from seawall.sdk.report import CONFIDENCE, Progress, Report, Table, named
from seawall.sdk.saved import saved_baseline
from seawall.sdk.summaries import (
    Counted,
    Reference,
    reference_summary,
    refuse_empty,
    summary_on,
)
from seawall.statistics.categories import same_distribution
from seawall.statistics.drift import Drift
from seawall.statistics.drift import drift as compare
from seawall.statistics.grid import Grid
from seawall.statistics.identifiers import identifiers
from seawall.statistics.rescaled import rescaled
from seawall.statistics.summary import TableSummary
from seawall.statistics.text import on_grids, sources


class DriftReport(Report, frozen=True):
    """What `drift` found."""

    subject = "drift"

    def _document(self) -> Document:
        from seawall.report.from_drift import drift_document

        return drift_document(self.to_dict())


def drift(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
    multivariate: bool = False,
    label: str | None = None,
    score: str | None = None,
    prediction: str | None = None,
    threshold: float = 0.5,
    progress: Progress | None = None,
) -> DriftReport:
    """How far each column of `current` has moved from `reference`.

    `columns`: all of the reference by default, without dates and times, which always move, and
    identifiers (`statistics.identifiers`) that have no tolerance; `not_compared` says why.
    `tolerances` by measure (`psi=0.2` makes it decide), by column, or `COLUMN.measure`.
    `multivariate`: whether rows of the two can be told apart, by a model on 20,000 rows of each,
    which finds what no column shows alone; `tolerances["multivariate_auc"]` is its own. With the
    reference's `label` and `score` (or `prediction`) the report says what the drift does to the
    error rate. Each table may be larger than memory; `progress` is told after each piece. Raises
    `BadInput` on unreadable tables and
    unknown columns.
    """
    own = dict(tolerances or {})
    auc = own.pop("multivariate_auc", None)
    if auc is not None and not multivariate:
        raise BadInput(
            "a tolerance for multivariate_auc, and no such check", remedy="ask for multivariate"
        )
    if not label and (score or prediction):
        raise BadInput("answers alone do not say what was wrong", remedy="name the label too")
    answers = Answers(label, score, prediction, threshold) if label else None
    inputs = named(reference=reference, current=current)
    base = reference_summary(reference, columns, progress)
    refuse_empty(base.summary, inputs["reference"])
    if label and columns is None:
        base = _without(base, label)
    try:
        now = summary_on(current, base.grids, every_column=columns is None, progress=progress)
    except BadInput as error:
        raise _renamed(error, base, current) from error
    refuse_empty(now.summary, inputs["current"])
    every = base.summary.columns
    if columns is None:
        asked = {part for name in own for part in (name, name.rpartition(".")[0])}
        base, now = _without_identifiers(base, now, {label, score, prediction, *asked})
    found: Drift = compare(base.summary, now.summary, tolerances=own, confidence=CONFIDENCE)
    body = with_histograms(found.to_dict(), base.summary, now.summary)
    body.pop("verdict")
    left_out = now.extra | base.left_out
    body["not_compared"] = {name: left_out[name] for name in sorted(left_out)}
    if odd := [name for name in every if name in base.left_out]:
        body["notes"] = [
            f"{listed(odd)} {'is' if len(odd) == 1 else 'are'} not compared, as identifiers: "
            "--column NAME compares one alone, --tolerance NAME=0.1 beside all others"
        ]
    body["digests"] = {
        "reference": str(Digest.of(base.summary.to_bytes())),
        "current": str(Digest.of(now.summary.to_bytes())),
    }
    if units := rescaled(base.summary, now.summary, confidence=CONFIDENCE):
        body["rescaled"] = [one.to_dict() for one in units]
    if answers is not None:
        _probabilities(now.summary, answers, inputs["current"])
        body["harm"] = harms(reference, base.summary, now.summary, answers)
    if not multivariate:
        return DriftReport(found.verdict, body, inputs)
    joint = _multivariate(reference, current, base.grids, auc)
    return DriftReport(
        all_of([found.verdict, joint.verdict]), body | {"multivariate": joint.to_dict()}, inputs
    )


def _probabilities(now: TableSummary, answers: Answers, where: str) -> None:
    """That the scores of the current table are such; those of the reference are when it is read."""
    scores = now.columns.get(answers.score or "")
    if scores is not None and scores.n and (scores.low < 0 or scores.high > 1):
        raise outside(scores.low, scores.high, f"{where}, column {answers.score}")


def _without(base: Reference, label: str) -> Reference:
    """The reference without its label, which the current table may not have yet."""
    grids = {name: grid for name, grid in base.grids.items() if name != label}
    columns = {name: base.summary.columns[name] for name in grids}
    return Reference(
        grids,
        TableSummary(base.summary.rows, columns),
        base.left_out | {label: "it is the label, which the current rows may not have yet"},
    )


def _without_identifiers(
    base: Reference, now: Counted, kept: Collection[str | None]
) -> tuple[Reference, Counted]:
    """Both without the columns that are identifiers, unless all are or somebody asks for them."""
    found = identifiers(base.summary, now.summary)
    found = {name: why for name, why in found.items() if name not in kept}
    names = [name for name in base.summary.columns if name not in found]
    if not found or not names:
        return base, now
    old, new = (
        TableSummary(s.rows, {name: s.columns[name] for name in names})
        for s in (base.summary, now.summary)
    )
    grids = {name: base.grids[name] for name in names}
    return Reference(grids, old, base.left_out | found), Counted(new, now.extra)


def _multivariate(
    reference: Table, current: Table, grids: Mapping[str, Grid], tolerance: Any
) -> Any:
    from seawall.sdk.sample import sample
    from seawall.statistics.domain import TOLERANCE, domain

    names = sources(grids)
    return domain(
        on_grids(sample(reference, names), grids),
        on_grids(sample(current, names), grids),
        tolerance=TOLERANCE if tolerance is None else tolerance,
        confidence=CONFIDENCE,
    )


def _renamed(error: BadInput, base: Reference, current: Table) -> BadInput:
    """The error, with the column that seems to be the one that is missing, if there is one."""
    if saved_baseline(current) or is_frame(current):
        return error
    there = open_source(current)
    gone = [n for n in sources(base.grids) if n in base.grids and n not in there.columns]
    others = [n for n in there.columns if n not in base.grids and n not in base.left_out]
    if not gone or not others or not isinstance(there.pieces, Sequence):
        return error
    first = there.pieces[0].read(others)
    suspect = same_distribution(base.summary.columns[gone[0]], first, CONFIDENCE)
    if suspect is None:
        return error
    name, apart = suspect
    return BadInput(
        f"there is no column {gone[0]!r}",
        where=error.where,
        remedy=f"{name!r} may be it under another name: its values are as far from it as "
        f"{apart.method.split(',')[0]} {apart}",
    )
