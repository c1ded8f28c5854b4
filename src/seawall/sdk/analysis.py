"""Drift, quality and estimated quality of tables, with no server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np

from seawall.adapters.tables import batches, read_columns
from seawall.kernel import BadInput, Estimate, Outcome, Reason, Rule, Verdict, all_of
from seawall.statistics.calibration import calibration
from seawall.statistics.column import Column, numbers
from seawall.statistics.drift import Drift, judge_in_family
from seawall.statistics.drift import drift as compare
from seawall.statistics.estimation import MEASURES, calibrate, realised
from seawall.statistics.estimation import estimate as expect
from seawall.statistics.fairness import TOLERANCES, Fairness, Group, fairness
from seawall.statistics.grid import Grid, heavy, make_grid, score_grid
from seawall.statistics.intervals import difference
from seawall.statistics.performance import performance
from seawall.statistics.score import ScoreSummary, summarise_scores
from seawall.statistics.summary import TableSummary, summarise_table

CONFIDENCE = 0.95
CALIBRATION = Rule("ece_debiased", at_most=0.05)
"""Default tolerance of calibration."""
DROP = 0.05
"""How much lower than on the reference an estimated measure may be by default."""
Table = Any
"""A path (.parquet, .csv, .arrow), a mapping of arrays, or a pyarrow, pandas or polars table."""
By = str | tuple[str, ...]


class Report(msgspec.Struct, frozen=True):
    """A result with a verdict that can be shown as a dict and saved as JSON."""

    subject: ClassVar[str] = "report"
    verdict: Verdict
    body: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape; numbers that JSON cannot say are null."""
        return {"verdict": self.verdict.to_dict(), **self.body}

    def save(self, path: str | Path) -> Path:
        """Write the report; the ending says the format, `.json`. `BadInput` on another."""
        target = Path(path)
        if target.suffix.lower() != ".json":
            raise BadInput(f"cannot save a report as {target.name}", remedy="end it in .json")
        encoded = msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2)
        try:
            target.write_bytes(encoded + b"\n")
        except OSError as error:
            raise BadInput(f"cannot write {target}: {error.strerror}") from error
        return target


class DriftReport(Report, frozen=True):
    """What `drift` found."""

    subject = "drift"


class EvaluationReport(Report, frozen=True):
    """What `evaluate` found."""

    subject = "evaluation"


class EstimationReport(Report, frozen=True):
    """What `estimate` found. A pass is provisional: concept drift cannot be seen without labels."""

    subject = "estimated quality"


def drift(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> DriftReport:
    """How far each column of `current` has moved from `reference`.

    `columns`: all that both tables have by default, without dates and times, which always move.
    `tolerances` by deciding measure (ks, total_variation, missing_difference) or column. Parquet
    is read a million rows at a time. Raises `BadInput` on unreadable tables and unknown columns.
    """
    pieces, grids, left_out = _baseline(reference, columns)
    old = reduce(TableSummary.merge, (summarise_table(b, grids) for b in pieces))
    new: TableSummary | None = None
    extra: list[str] = []
    for batch in batches(current, None if columns is None else list(grids)):
        extra = [name for name in batch if name not in grids and name not in left_out]
        part = summarise_table(batch, grids)
        new = part if new is None else new.merge(part)
    assert new is not None
    found: Drift = compare(old, new, tolerances=tolerances or {}, confidence=CONFIDENCE)
    body = found.to_dict()
    body.pop("verdict")
    return DriftReport(found.verdict, body | {"not_compared": sorted({*left_out, *extra})})


def _baseline(
    reference: Table, columns: Sequence[str] | None
) -> tuple[Iterable[dict[str, Column]], dict[str, Grid], list[str]]:
    """The reference in pieces, a grid for each compared column, and what is not compared.

    A reference of several pieces is read twice: every 16th row for the grids, then all.
    """
    stream = batches(reference, columns)
    whole, more = next(stream), next(stream, None)
    pieces: Iterable[dict[str, Column]] = [whole]
    if more is not None:
        whole = _joined([_sixteenth(b) for b in chain([whole, more], stream)])
        pieces = batches(reference, columns)
    grids: dict[str, Grid] = {}
    left_out: list[str] = []
    for name, values in whole.items():
        grid = make_grid(values)
        if grid.kind == "datetime" and columns is None:
            left_out.append(name)
        else:
            grids[name] = grid
    if not grids:
        raise BadInput("the reference has no column to compare")
    return pieces, grids, left_out


def _sixteenth(batch: dict[str, Column]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in batch.items():
        if isinstance(values, tuple):
            words = np.array([*values[1], None], object)
            found[name] = words[values[0][::16]]
        else:
            found[name] = values[::16]
    return found


def _joined(parts: list[dict[str, Any]]) -> dict[str, Column]:
    whole: dict[str, Column] = {}
    for name in parts[0]:
        columns = [p[name] for p in parts]
        masked = any(isinstance(c, np.ma.MaskedArray) for c in columns)
        whole[name] = np.ma.concatenate(columns) if masked else np.concatenate(columns)
    return whole


def evaluate(
    data: Table,
    *,
    label: str,
    score: str,
    prediction: str | None = None,
    groups: Sequence[By] = (),
    threshold: float = 0.5,
) -> EvaluationReport:
    """Quality, calibration and fairness of a binary model on labelled rows.

    `label` holds 0/1 (or missing), `score` the probability of 1. With `prediction` (0/1) the
    measures of calls and the groups' gaps are of those calls, else of scores ≥ `threshold`.
    `groups` are columns; a tuple of columns is their intersection. Decides on debiased ECE ≤
    0.05 and gaps ≤ 0.10 in selection and error rates. Raises `BadInput` on unusable data.
    """
    chosen = [(by,) if isinstance(by, str) else tuple(by) for by in groups]
    columns: list[str] = list(dict.fromkeys([label, score, *([prediction] if prediction else []),
                                  *(c for by in chosen for c in by)]))  # fmt: skip
    table = read_columns(data, columns)
    grid = score_grid((*heavy(numbers(table[score])[0]), threshold))
    scored = _scores(table, score, label, chosen, grid)
    calls, cut = scored, threshold
    if prediction:
        calls, cut = _scores(table, prediction, label, chosen, score_grid((0.0, 1.0))), 0.5
        _only_calls(calls, prediction)
    measures = performance(scored, threshold, CONFIDENCE)
    if prediction:
        by_call = performance(calls, cut, CONFIDENCE)
        ranked = ("roc_auc", "average_precision", "log_loss", "brier")
        measures = by_call | {name: measures[name] for name in ranked}
    measures |= calibration(scored, CONFIDENCE)
    family = 1 - (1 - CONFIDENCE) / (1 + len(chosen) * len(TOLERANCES))
    strict = calibration(scored, family)["ece_debiased"]
    verdicts = [judge_in_family(CALIBRATION, measures["ece_debiased"], strict, "all rows")]
    told: dict[str, Any] = {}
    members: list[Group] = []
    for by in chosen:
        name = "×".join(by)
        gaps = fairness(calls, by, cut, confidence=CONFIDENCE)
        verdict = _judge_gaps(name, gaps, fairness(calls, by, cut, confidence=family))
        verdicts.append(verdict)
        members += [*gaps.groups, *gaps.small]
        told[name] = {
            "verdict": verdict.to_dict(),
            "measures": {key: e.to_dict() for key, e in gaps.measures.items()},
            "small": [g.by for g in gaps.small],
        }
    body = {
        "measures": {name: e.to_dict() for name, e in measures.items()},
        "groups": [g.to_dict() for g in members],
        "fairness": told,
        "rows": {
            "scored": scored.n, "labelled": scored.labelled, "without_score": scored.missing,
        },
    }  # fmt: skip
    return EvaluationReport(all_of(verdicts), body)


def _scores(
    table: Mapping[str, Column], score: str, label: str | None,
    groups: Sequence[tuple[str, ...]], grid: Grid,
) -> ScoreSummary:  # fmt: skip
    single = dict.fromkeys(c for by in groups for c in by)
    try:
        return summarise_scores(
            table[score],
            table[label] if label else None,
            {name: table[name] for name in single},
            intersections=[by for by in groups if len(by) > 1],
            grid=grid,
        )
    except BadInput as error:
        where = f"score {score}" + (f", label {label}" if label else "")
        raise BadInput(error.what, where=where, remedy=error.remedy) from error


def _only_calls(calls: ScoreSummary, prediction: str) -> None:
    if int(calls.counts[:, ~calls.grid.exact].sum()):
        raise BadInput(
            f"prediction {prediction} has values other than 0 and 1",
            remedy="give scores as --score and calls as --prediction",
        )


def _judge_gaps(name: str, own: Fairness, corrected: Fairness) -> Verdict:
    parts = [
        judge_in_family(
            Rule(measure, at_most=tolerance, by=(name,)),
            own.measures[measure], corrected.measures[measure], name,
        )
        for measure, tolerance in TOLERANCES.items()
    ]  # fmt: skip
    if own.small:
        who = ", ".join(f"{' '.join(g.by.values())} ({g.n})" for g in own.small)
        reason = Reason(f"{name}: every group large enough", f"too few rows to judge: {who}",
                        Outcome.UNDECIDED)  # fmt: skip
        parts.append(Verdict(Outcome.UNDECIDED, (reason,)))
    return all_of(parts)


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
    known = _scores(base, score, label, (), grid)
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
        seen = _scores(part, score, label if label in table else None, (), grid)
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
        },
    )


def _drop(was: Estimate, now: Estimate) -> Estimate:
    low, high = difference((was.low, was.high), (now.low, now.high), was.value, now.value)
    return Estimate(was.value - now.value, low, high, now.confidence, now.n, "MOVER with CBPE")


def _slice(values: Column, start: int, stop: int) -> Column:
    if isinstance(values, tuple):
        return values[0][start:stop], values[1]
    return values[start:stop]
