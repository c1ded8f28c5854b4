"""Both models of a replay on the decisions whose outcome is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Verdict
from seawall.report.from_verdict import verdict_of
from seawall.sdk.against import Against, compare_binary
from seawall.sdk.evaluate import evaluate
from seawall.sdk.replay_evidence import sayable
from seawall.sdk.replayed import Replayed, classes_of
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.rows import Rows
from seawall.statistics.column import Column
from seawall.statistics.cost import Cost

Judged = tuple[dict[str, Any] | None, Verdict | None]


def quality(
    seen: Replayed, labels: Mapping[str, Any], cost: Cost | None, tolerances: Mapping[str, float]
) -> Judged:
    """Both models on the rows whose outcome is known; None where there are none.

    `labels` are outcomes by decision, in the words that people told them; what is no label of the
    model's kind is left out and counted as `unfit`.
    """
    told = np.array([_number(labels[i], seen) if i in labels else np.nan for i in seen.ids])
    unfit = sum(1 for i in seen.ids if i in labels) - int(np.count_nonzero(~np.isnan(told)))
    if seen.output.kind == "binary":
        body, verdict = _binary(seen, told, cost, tolerances["roc_auc_difference"])
    else:
        name = "accuracy" if seen.output.kind == "multiclass" else "mae"
        body, verdict = _evaluated(seen, told, tolerances[f"{name}_difference"])
    if body is not None:
        body |= {"labelled": int(np.count_nonzero(~np.isnan(told))), "unfit": unfit}
    return body, verdict


def _number(label: Any, seen: Replayed) -> float:
    """An outcome as the code of its label, or the value; NaN where it is none of the kind."""
    output = seen.output
    if output.kind == "regression":
        fits = isinstance(label, int | float) and np.isfinite(label)
        return float(label) if fits else np.nan
    if output.kind == "binary" and label in (0, 1):
        return float(label)
    if output.kind == "binary" and label in output.classes:
        return float(label == output.classes[output.column])
    if output.kind == "multiclass" and label in output.classes:
        return float(output.classes.index(label))
    return np.nan


def _evaluated(seen: Replayed, told: NDArray[np.float64], tolerance: float) -> Judged:
    """Classes or values by `evaluate`: each model's measures, and how they differ."""
    values = seen.output.kind == "regression"
    answers = {
        who: seen.column(f"{who}_value") if values else _calls(seen.column(f"{who}_label"))
        for who in _WHO
    }
    rows = _both(told, answers)
    if rows is None:
        return None, None
    columns = rows.columns
    if not values:
        words = list(map(str, classes_of(seen.output)))
        columns = {n: (np.asarray(v).astype(np.int64), words) for n, v in rows.columns.items()}
    shapes = {
        who: evaluate(
            columns, label="outcome", prediction=who, against_prediction=other,
            against_tolerance=tolerance, task=seen.output.kind,
        ).to_dict()
        for who, other in (_WHO, _WHO[::-1])
    }  # fmt: skip
    compared = shapes["candidate"]["against"]
    body = {
        "n": compared["n"], "measures": compared["measures"], "verdict": compared["verdict"],
        "each": {
            who: {k: shape[k] for k in ("measures", "confusion") if k in shape}
            for who, shape in shapes.items()
        },
    }  # fmt: skip
    return body, verdict_of(compared["verdict"])


def _binary(
    seen: Replayed, told: NDArray[np.float64], cost: Cost | None, tolerance: float
) -> Judged:
    """Rankings and losses count rows that both models scored, rates and value those that both
    answered, by whatever answered in a model's place.
    """
    scored = _both(told, {who: sayable(seen.column(f"{who}_score"), seen) for who in _WHO})
    called = _both(told, {who: _calls(seen.column(f"{who}_label")) for who in _WHO})
    if called is None:
        return None, None
    by_call = Against(prediction="recorded", tolerance=tolerance)
    body, judge = compare_binary(called, "outcome", None, "candidate", 0.5, cost, by_call)
    assert body is not None
    if scored is not None:
        by_score = Against(score="recorded", tolerance=tolerance)
        found, judge = compare_binary(scored, "outcome", "candidate", None, 0.5, None, by_score)
        assert found is not None
        body["scored"] = found["n"]
        body["measures"] = found["measures"] | body["measures"]
        body["verdict"] = found["verdict"]
    assert judge is not None
    del body["columns"], body["notes"]
    return body, judge(CONFIDENCE)


_WHO = ("candidate", "recorded")


def _both(outcome: NDArray[np.float64], answers: Mapping[str, NDArray[np.float64]]) -> Rows | None:
    """The rows with an outcome and an answer of both, if there are any."""
    columns = {"outcome": outcome, **answers}
    there = ~np.isnan(np.stack(list(columns.values()))).any(axis=0)
    kept: dict[str, Column] = {name: values[there] for name, values in columns.items()}
    return Rows("the log", kept, []) if there.any() else None


def _calls(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(labels >= 0, labels, np.nan).astype(np.float64)
