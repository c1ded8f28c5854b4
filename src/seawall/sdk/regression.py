"""Evaluation of a regression model: errors, their bias, and how groups differ in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from seawall.kernel import BadInput, Estimate, Rule, Verdict, all_of
from seawall.sdk.against import Against, told
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.rows import Rows, lacking
from seawall.sdk.verdicts import SMALLEST_GROUP, too_small
from seawall.statistics.drift import judge_in_family
from seawall.statistics.paired import Comparison, by_loss
from seawall.statistics.regression import (
    ErrorGrids,
    RegressionSummary,
    error_grids,
    heavy_tails,
    largest_gap,
    regression,
    summarise_errors,
)
from seawall.statistics.score import MOST_GROUPS, cross, group_codes

LARGEST = 1e150
"""Larger labels and predictions have no squared error that a float holds."""
BIAS = Rule("standardised_bias", within=0.05)
"""Default tolerance of the mean error, in standard deviations of the label."""
GAP = Rule("standardised_bias_difference", at_most=0.10)
"""Default tolerance of groups' difference in it."""


def evaluate_regression(
    rows: Rows, label: str, prediction: str, quantile: float | None, other: Against
) -> tuple[Verdict, dict[str, Any]]:
    """The verdict and the JSON shape."""
    if other.score and other.prediction:
        raise BadInput("--against and --against-prediction name the same thing here")
    wanted, given = rows.floats(label), rows.floats(prediction)
    kept = ~(np.isnan(wanted) | np.isnan(given))
    if not kept.any():
        raise rows.wrong(prediction, f"no row has both a prediction and {label}")
    y, p = wanted[kept], given[kept]
    for name, values in ((label, y), (prediction, p)):
        if np.abs(values).max() > LARGEST:
            raise rows.wrong(name, f"a number is beyond ±{LARGEST:g}, too large to be squared")
    grids = error_grids(y, p)
    whole = summarise_errors(y, p, grids, missing=int(kept.size - y.size))
    family = 1 - (1 - CONFIDENCE) / (1 + len(rows.groups) + bool(other.columns))
    measures = regression(whole, quantile, CONFIDENCE)
    strict = regression(whole, quantile, family)["standardised_bias"]
    verdicts = [judge_in_family(BIAS, measures["standardised_bias"], strict, "all rows")]
    body: dict[str, Any] = {"task": "regression"}
    members: list[dict[str, Any]] = []
    fair: dict[str, Any] = {}
    scale = whole.label.sd or float("nan")  # of labels that are all the same nothing is a share
    for by in rows.groups:
        parts = _split(rows, by, kept, y, p, grids)
        verdict, shape = _gaps("×".join(by), parts, scale, family)
        verdicts.append(verdict)
        fair["×".join(by)] = shape
        for values, part in parts.items():
            found = {k: e.to_dict() for k, e in regression(part, quantile, CONFIDENCE).items()}
            members.append({"by": dict(zip(by, values, strict=True)), "n": part.n,
                            "measures": found})  # fmt: skip
    if other.columns:
        body["against"], judge = _compare(rows, other, wanted, given)
        verdicts.append(judge(family))
    without = int(np.isnan(wanted).sum())
    count = {
        "scored": whole.n, "labelled": int(wanted.size - without), "without_label": without,
        "without_prediction": int(np.isnan(given).sum()), "zero_labels": whole.zero_labels,
    }  # fmt: skip
    notes = lacking(without, "label") + lacking(count["without_prediction"], "prediction")
    body |= {
        "measures": {name: e.to_dict() for name, e in measures.items()},
        "groups": members, "fairness": fair, "rows": count, "notes": notes + _notes(whole),
    }  # fmt: skip
    return all_of(verdicts), body


def _notes(whole: RegressionSummary) -> list[str]:
    notes: list[str] = []
    if whole.zero_labels:
        told_ = "1 label is" if whole.zero_labels == 1 else f"{whole.zero_labels:,} labels are"
        notes.append(f"{told_} zero: mape is of the other {whole.relative.n:,} rows.")
    squares = whole.magnitude.squares * whole.magnitude.grid.scale**2
    largest = whole.magnitude.high**2 / squares if squares else 0.0
    heavy = heavy_tails(whole)
    if whole.n >= 100 and largest > 0.1:
        notes.append(
            f"One row carries {largest:.0%} of the squared error: the intervals of rmse and r2 "
            "are too narrow for such errors; judge by mae or the median."
        )
    elif "rmse" in heavy:
        notes.append(
            "A few errors are so much larger than the rest that no sample of this size shows all "
            "of rmse and r2: their bounds assume how such errors fall off; judge by mae or the "
            "median."
        )
    if "mape" in heavy:
        notes.append(
            "Some labels are so near to zero that mape hangs on a few rows, and may have no mean: "
            "judge by mae."
        )
    return notes


def _split(
    rows: Rows, by: tuple[str, ...], kept: Any, y: Any, p: Any, grids: ErrorGrids
) -> dict[tuple[str, ...], RegressionSummary]:
    codes, names = cross([group_codes(rows[name], kept) for name in by])
    if len(names) > MOST_GROUPS:
        raise rows.wrong(
            "×".join(by), f"there are {len(names)} groups, above {MOST_GROUPS}",
            "group by a column with few values",
        )  # fmt: skip
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    parts = np.split(order, ends[:-1])
    return {
        name: summarise_errors(y[at], p[at], grids) for name, at in zip(names, parts, strict=True)
    }


def _gaps(
    name: str, parts: dict[tuple[str, ...], RegressionSummary], scale: float, family: float
) -> tuple[Verdict, dict[str, Any]]:
    """Groups' gaps in mae and bias; bias in standard deviations of all labels decides."""
    large = [s for s in parts.values() if s.n >= SMALLEST_GROUP]
    small = {key: s for key, s in parts.items() if s.n < SMALLEST_GROUP}

    def gap(measure: str, confidence: float) -> Estimate:
        pairs = max(1, len(large) * (len(large) - 1) // 2)
        level = 1 - (1 - confidence) / pairs
        found = [regression(s, None, level)[measure] for s in large]
        method = "largest pairwise difference, simultaneous MOVER"
        return largest_gap(found, confidence, method)

    def standardised(e: Estimate) -> Estimate:
        return Estimate(
            e.value / scale, e.low / scale, e.high / scale, e.confidence, e.n, e.method, e.validity
        )

    bias, strict = gap("bias", CONFIDENCE), gap("bias", family)
    measures = {
        "mae_difference": gap("mae", CONFIDENCE), "bias_difference": bias,
        "standardised_bias_difference": standardised(bias),
    }  # fmt: skip
    verdicts = [judge_in_family(GAP, standardised(bias), standardised(strict), name)]
    if small:
        verdicts.append(too_small(name, [(key, s.n) for key, s in small.items()]))
    verdict = all_of(verdicts)
    return verdict, {
        "verdict": verdict.to_dict(),
        "measures": {key: e.to_dict() for key, e in measures.items()},
        "small": [dict(zip(name.split("×"), key, strict=True)) for key in small],
    }


def _compare(rows: Rows, other: Against, wanted: Any, given: Any) -> Any:
    """mae and rmse beside the other's; decides on the difference in mae as a share of its mae."""
    theirs = rows.floats(other.columns[0])
    kept = ~(np.isnan(wanted) | np.isnan(given) | np.isnan(theirs))
    if not kept.any():
        raise BadInput("no labelled row is answered by both models", where=rows.source)
    errors = np.abs(given[kept] - wanted[kept]), np.abs(theirs[kept] - wanted[kept])

    def compare(confidence: float) -> dict[str, Comparison]:
        squares = by_loss((errors[0] ** 2, errors[1] ** 2), confidence)
        return {"mae": by_loss(errors, confidence), "rmse": _rooted(squares)}

    answered = int(np.count_nonzero(~np.isnan(wanted) & ~np.isnan(given)))
    notes = lacking(answered - int(kept.sum()), "answer of both models")
    return told(compare, "mae", other, int(kept.sum()), notes, lambda c: c.other)


def _rooted(squares: Comparison) -> Comparison:
    """The difference of roots: that of squares over the sum of the roots (first order)."""
    a, b = np.sqrt(squares.model), np.sqrt(squares.other)
    e, both = squares.difference, float(a + b)
    if not both:
        return squares
    told_ = Estimate(e.value / both, e.low / both, e.high / both, e.confidence, e.n,
                     "paired mean square, Hall")  # fmt: skip
    return Comparison(float(a), float(b), told_, larger_is_better=False)
