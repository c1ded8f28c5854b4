"""Evaluation of a model of several classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, Rule, Verdict, all_of, nearest
from seawall.sdk.against import Against, told
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.rows import Rows, lacking
from seawall.sdk.verdicts import CALIBRATION, SMALLEST_GROUP, conclude, too_small
from seawall.statistics.calibration import calibration, measure
from seawall.statistics.column import encode, placed, refuse_unshared
from seawall.statistics.drift import judge_in_family
from seawall.statistics.intervals import rate
from seawall.statistics.multiclass import by_class, multiclass, summarise_classes
from seawall.statistics.paired import Comparison, by_call
from seawall.statistics.regression import largest_gap
from seawall.statistics.score import MOST_GROUPS, cross, group_codes

Codes = NDArray[np.int64]
MOST_CLASSES = 256
GAP = Rule("accuracy_difference", at_most=0.10)
"""Default tolerance of groups' difference in accuracy."""


def evaluate_multiclass(
    rows: Rows, label: str, prediction: str | None, columns: Mapping[str, str], other: Against
) -> tuple[Verdict, dict[str, Any]]:
    """The verdict and the JSON shape; with scores and no prediction the largest score is called."""
    for name in filter(None, (prediction, other.prediction)):
        try:
            refuse_unshared(rows[label], rows[name])
        except BadInput as error:
            raise rows.wrong(name, error.what, error.remedy) from error
    classes = _classes(rows, label, [prediction, other.prediction], columns)
    truth = _coded(rows, label, classes)
    scores = np.column_stack([_score(rows, columns[c]) for c in classes]) if columns else None
    call = _coded(rows, prediction, classes) if prediction else _largest(scores)
    summary = summarise_classes(classes, truth, call, scores)
    if not summary.n:
        raise rows.wrong(prediction or label, "no row has both a label and a call")
    deciding = (len(classes) if columns else 0) + len(rows.groups) + bool(other.columns)
    family = 1 - (1 - CONFIDENCE) / max(1, deciding)
    measures = multiclass(summary, CONFIDENCE)
    verdicts: list[Verdict] = []
    each = [c.to_dict() for c in by_class(summary, CONFIDENCE)]
    for at, name in enumerate(classes if columns else ()):
        one = summary.one_against_rest(at)
        own, strict = calibration(one, CONFIDENCE), measure("ece_debiased", one, family)
        each[at]["measures"] |= {k: e.to_dict() for k, e in own.items()}
        verdicts.append(judge_in_family(CALIBRATION, own["ece_debiased"], strict, f"class {name}"))
    body: dict[str, Any] = {
        "task": "multiclass", "classes": each,
        "confusion": {"labels": list(classes), "counts": summary.confusion.tolist()},
        "measures": {name: e.to_dict() for name, e in measures.items()},
        "groups": [], "fairness": {},
    }  # fmt: skip
    kept = (truth >= 0) & (call >= 0)
    if scores is not None:
        kept &= ~np.isnan(scores).any(axis=1)
    for by in rows.groups:
        verdict, shape, members = _group(rows, by, kept, classes, truth, call, scores, family)
        verdicts.append(verdict)
        body["fairness"]["×".join(by)] = shape
        body["groups"] += members
    if other.prediction:
        body["against"], judge = _compare(rows, truth, call, classes, other)
        verdicts.append(judge(family))
    notes = lacking(summary.unlabelled, "label") + lacking(summary.uncalled, "call or score")
    absent = [n for n, c in zip(classes, summary.confusion.sum(axis=1), strict=True) if not c]
    if absent:
        notes.append(f"No label is {', '.join(absent)}: averages that need every class are "
                     "undefined.")  # fmt: skip
    body["rows"] = {
        "scored": summary.n + summary.unlabelled, "labelled": summary.n + summary.uncalled,
        "without_label": summary.unlabelled, "without_prediction": summary.uncalled,
    }  # fmt: skip
    return conclude(verdicts), body | {"notes": notes}


def _classes(
    rows: Rows, label: str, calls: list[str | None], columns: Mapping[str, str]
) -> tuple[str, ...]:
    """Those with a score, or all that occur as label or call; `BadInput` on one too many."""
    seen = {name: set(encode(rows[name])[1]) for name in (label, *filter(None, calls))}
    if not columns:
        classes = tuple(sorted(set().union(*seen.values()), key=_natural))
        if len(classes) > MOST_CLASSES:
            raise rows.wrong(
                label, f"there are {len(classes)} classes, above {MOST_CLASSES}",
                "say --task regression if it is a quantity",
            )  # fmt: skip
        return classes
    if len(columns) < 2:
        raise BadInput("one class is no choice", remedy="give --class-score for each class")
    for name, values in seen.items():
        strange = sorted(values - set(columns))
        if strange:
            raise rows.wrong(
                name, f"{strange[0]!r} is none of the classes that have a score",
                nearest(strange[0], columns),
            )  # fmt: skip
    return tuple(columns)


def _natural(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _coded(rows: Rows, name: str, classes: tuple[str, ...]) -> Codes:
    return placed(rows[name], {c: at for at, c in enumerate(classes)})


def _score(rows: Rows, name: str) -> NDArray[np.float64]:
    values = rows.floats(name)
    if values.size and (np.nanmin(values) < 0 or np.nanmax(values) > 1):
        raise rows.wrong(name, "some scores lie outside [0, 1]", "give class probabilities")
    return values


def _largest(scores: NDArray[np.float64] | None) -> Codes:
    assert scores is not None
    lacking_ = np.isnan(scores).any(axis=1)
    return np.where(lacking_, -1, np.argmax(np.nan_to_num(scores, nan=-1.0), axis=1))


def _group(
    rows: Rows, by: tuple[str, ...], kept: Any, classes: tuple[str, ...], truth: Codes,
    call: Codes, scores: Any, family: float,
) -> tuple[Verdict, dict[str, Any], list[dict[str, Any]]]:  # fmt: skip
    """Each group's measures, and the gap in accuracy, which decides."""
    name = "×".join(by)
    codes, names = cross([group_codes(rows[c], kept) for c in by])
    if len(names) > MOST_GROUPS:
        raise rows.wrong(name, f"there are {len(names)} groups, above {MOST_GROUPS}",
                         "group by a column with few values")  # fmt: skip
    index = np.flatnonzero(kept)
    members: list[dict[str, Any]] = []
    large: list[tuple[int, int]] = []
    small: list[tuple[tuple[str, ...], int]] = []
    for at, values in enumerate(names):
        mine = index[codes == at]
        part = summarise_classes(
            classes, truth[mine], call[mine], None if scores is None else scores[mine]
        )
        found = {k: e.to_dict() for k, e in multiclass(part, CONFIDENCE).items()}
        members.append({"by": dict(zip(by, values, strict=True)), "n": part.n, "measures": found})
        if part.n < SMALLEST_GROUP:
            small.append((values, part.n))
        else:
            large.append((int(np.trace(part.confusion)), part.n))

    def gap(confidence: float) -> Estimate:
        level = 1 - (1 - confidence) / max(1, len(large) * (len(large) - 1) // 2)
        found = largest_gap([rate(*pair, level) for pair in large], confidence,
                            "largest pairwise difference, simultaneous MOVER")  # fmt: skip
        return Estimate(found.value, found.low, min(found.high, 1.0), confidence, found.n,
                        found.method, found.validity)  # fmt: skip

    own = gap(CONFIDENCE)
    verdicts = [judge_in_family(GAP, own, gap(family), name)]
    if small:
        verdicts.append(too_small(name, small))
    verdict = all_of(verdicts)
    shape = {
        "verdict": verdict.to_dict(), "measures": {"accuracy_difference": own.to_dict()},
        "small": [dict(zip(by, v, strict=True)) for v, _ in small],
    }  # fmt: skip
    return verdict, shape, members


def _compare(
    rows: Rows, truth: Codes, call: Codes, classes: tuple[str, ...], other: Against
) -> Any:
    assert other.prediction is not None
    theirs = _coded(rows, other.prediction, classes)
    kept = (truth >= 0) & (call >= 0) & (theirs >= 0)
    if not kept.any():
        raise BadInput("no labelled row is answered by both models", where=rows.source)
    right = (call == truth)[kept], (theirs == truth)[kept]

    def compare(confidence: float) -> dict[str, Comparison]:
        return by_call(right, confidence)

    answered = int(np.count_nonzero((truth >= 0) & (call >= 0)))
    notes = lacking(answered - int(kept.sum()), "answer of both models")
    return told(compare, "accuracy", other, int(kept.sum()), notes)
