"""Estimated quality of a table without labels, with no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seawall.adapters.tables import read_columns
from seawall.kernel import BadInput, all_of
from seawall.report.document import Document
from seawall.sdk.estimated import Estimated
from seawall.sdk.report import Report, Table, named
from seawall.sdk.saved import saved_baseline, saved_scores
from seawall.statistics.column import Column, any_value, encode, length, take
from seawall.statistics.score import ScoreSummary
from seawall.statistics.text import may_be_text


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
    score: str | None = None,
    prediction: str | None = None,
    features: Sequence[str] = (),
    chunk_size: int | None = None,
    threshold: float = 0.5,
    cost: Mapping[str, float] | None = None,
    label_budget: int | None = None,
    label_rows: str | Path | None = None,
) -> EstimationReport:
    """Expected quality of `current` without its labels, in chunks of rows in order.

    With `score` the model is binary: `label` holds 0/1, what scores mean is learnt from the
    labelled `reference` (CBPE), calls are `prediction` (0/1) or scores ≥ `threshold`, and `cost`
    ({"tp", "fp", "fn", "tn"}: the value of one such row) adds the business value. Without it the
    model is a regression of `label` by `prediction`, whose loss is learnt (DLE). `features` are
    inputs of the model: scores are then learnt from a reference weighted to look like each chunk,
    and a loss from the features too. `chunk_size` is the whole table by default.

    Where `current` has the label's column and a chunk all its labels, the chunk's `realised`
    measures stand beside, and `verified` says how the estimates did. `label_budget` chooses that
    many rows of `current` to label and writes them to `label_rows` (.csv or .parquet).

    Decides on accuracy and ROC AUC, at most 0.05 below the reference's; for a regression on MAE, at
    most a tenth above. Raises `BadInput` on unusable data or options.
    """
    if chunk_size is not None and chunk_size < 1:
        raise BadInput(f"a chunk of {chunk_size} rows is impossible", remedy="give at least 1")
    if label_rows is not None and label_budget is None:
        raise BadInput("how many rows to label is not said", remedy="give a label budget too")
    wanted = _wanted(label, score, prediction, features)
    base = read_columns(reference, wanted) if saved_baseline(reference) is None else _saved(
        reference, label, score, features, threshold
    )  # fmt: skip
    table = _without_label(current, wanted, label)
    inputs = named(reference=reference, current=current)
    here, answer = inputs["current"], wanted[1]
    rows = length(table[answer])
    _answered(table[answer], rows, answer, here)
    if isinstance(base, dict):
        _labelled(base, label, answer, inputs["reference"])
        _same_kinds(base, table, features, here)
    size = chunk_size or rows
    starts = range(0, rows, size)
    try:
        estimated = _estimator(
            base, label, score, prediction, features, threshold, cost, label_budget, len(starts)
        )
    except BadInput as error:
        there = inputs["reference"]
        raise error.at(f"{there}, {error.where}" if error.where else there) from error
    for start in starts:
        part = {name: take(values, slice(start, start + size)) for name, values in table.items()}
        try:
            estimated.add(part, start, min(start + size, rows) - 1)
        except BadInput as error:
            raise error.at(f"{here}, {error.where}" if error.where else here) from error
    found = estimated.body()
    if label_budget is not None:
        from seawall.sdk.label_rows import choose_rows

        found["labelling"] = choose_rows(estimated, table, label_budget, label_rows)
    return EstimationReport(all_of(estimated.verdicts), found, inputs)


def _wanted(
    label: str, score: str | None, prediction: str | None, features: Sequence[str]
) -> list[str]:
    """The columns by name: the label, the model's answers, its inputs; `BadInput` on one twice."""
    if score is None and prediction is None:
        raise BadInput("neither a score nor a prediction is named", remedy="give one of them")
    wanted = [c for c in (label, score, prediction, *features) if c is not None]
    twice = sorted({c for c in wanted if wanted.count(c) > 1})
    if twice:
        raise BadInput(f"column {twice[0]!r} is named twice", remedy="give each one part only")
    return wanted


def _answered(answers: Column, rows: int, name: str, where: str) -> None:
    if not rows:
        raise BadInput("there are no rows", where=where, remedy="give rows to estimate")
    if not any_value(answers):
        raise BadInput("no row has a value", where=f"{where}, column {name}",
                       remedy="name the column of the model's answers")  # fmt: skip


def _without_label(source: Table, wanted: Sequence[str], label: str) -> dict[str, Column]:
    """The columns of the current rows; the label's only where there is one."""
    table = read_columns(source)
    needed = [name for name in wanted if name != label]
    if any(name not in table for name in needed):
        read_columns(source, needed)  # says which one, and where
    return {name: table[name] for name in wanted if name in table}


def _same_kinds(
    base: Mapping[str, Column], table: Mapping[str, Column], features: Sequence[str], where: str
) -> None:
    for name in features:
        told, known = may_be_text(table[name]), may_be_text(base[name])
        if told == known or not any_value(table[name]) or not any_value(base[name]):
            continue
        if told or not set(encode(table[name])[1]) & set(encode(base[name])[1]):
            held, wanted = ("text", "numbers") if told else ("numbers", "text")
            raise BadInput(
                f"column {name} holds {held} where the reference holds {wanted}", where=where,
                remedy="give it the reference's type, or leave the feature out",
            )  # fmt: skip


def _labelled(base: Mapping[str, Column], label: str, answer: str, where: str) -> None:
    if not length(base[label]):
        raise BadInput("there are no rows", where=where, remedy="give labelled rows")
    for name, what in ((label, "label"), (answer, "value")):
        if not any_value(base[name]):
            raise BadInput(f"no row has a {what}", where=f"{where}, column {name}",
                           remedy="give a labelled reference")  # fmt: skip


def _saved(
    reference: Table, label: str, score: str | None, features: Sequence[str], threshold: float
) -> ScoreSummary:
    """The labelled scores that a baseline holds; `BadInput` where rows are needed."""
    if score is None or features:
        what = "features to correct by" if features else "losses of a regression"
        raise BadInput(
            f"a saved baseline has no {what}", where=str(reference),
            remedy="give the reference as a table of rows",
        )  # fmt: skip
    held = saved_scores(reference, score=score, label=label, threshold=threshold)
    assert held is not None
    return held.summary


def _estimator(
    base: dict[str, Column] | ScoreSummary, label: str, score: str | None, prediction: str | None,
    features: Sequence[str], threshold: float, cost: Mapping[str, float] | None,
    label_budget: int | None, chunks: int,
) -> Estimated:  # fmt: skip
    if score is not None:
        from seawall.sdk.estimated_calls import EstimatedCalls

        return EstimatedCalls(base, label, score, prediction, features, threshold, cost, chunks)
    assert prediction is not None
    if cost is not None or label_budget is not None:
        what = "a cost matrix" if cost is not None else "a choice of rows to label"
        raise BadInput(f"{what} is for binary models", remedy="name the score's column")
    from seawall.sdk.estimated_losses import EstimatedLosses

    assert not isinstance(base, ScoreSummary)
    return EstimatedLosses(base, label, prediction, features, chunks)
