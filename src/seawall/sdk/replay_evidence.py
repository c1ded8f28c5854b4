"""What a replay's answers say: measures with their intervals, and the verdict on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, Rule, Verdict, all_of, nearest
from seawall.sdk.against import Against, compare_binary
from seawall.sdk.drift import drift
from seawall.sdk.replayed import Replayed
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.rows import Rows
from seawall.sdk.segments import segments
from seawall.serving.signature import Field
from seawall.statistics.column import Column
from seawall.statistics.cost import Cost
from seawall.statistics.drift import judge_in_family
from seawall.statistics.flips import flips, flips_by, rise
from seawall.statistics.intervals import rate
from seawall.statistics.paired import by_loss
from seawall.statistics.score import MOST_GROUPS, group_codes

TOLERANCES = {
    "flips": 0.02,
    "unanswered": 0.005,
    "fallback_rise": 0.01,
    "ks": 0.10,
    "roc_auc_difference": 0.01,
}
"""How much of each is tolerated; the last one is how much worse ROC AUC may be."""
QUANTILES = (0.5, 0.9, 0.99)
LEAST_FLIPS = 20
"""Fewer are not searched for segments."""
ALL = "all rows"


def checked_tolerances(given: Mapping[str, float]) -> dict[str, float]:
    """The defaults with what was given instead; `BadInput` on another name or size."""
    for name, size in given.items():
        if name not in TOLERANCES:
            raise BadInput(f"no tolerance for {name!r}", remedy=nearest(name, tuple(TOLERANCES)))
        if not 0 <= size < float("inf"):
            raise BadInput(f"tolerance {name}={size:g} is not a size", remedy="give 0 or more")
    return TOLERANCES | dict(given)


def decisions(seen: Replayed, tolerances: Mapping[str, float]) -> tuple[dict[str, Any], Verdict]:
    """Flips, rows without an answer of the model's, and those that something else answered."""
    names = ("flips", "unanswered", "fallback_rise")
    family = 1 - (1 - CONFIDENCE) / len(names)
    own, strict = (_measures(seen, c) for c in (CONFIDENCE, family))
    found = [
        judge_in_family(Rule(name, at_most=tolerances[name]), own[name], strict[name], ALL)
        for name in names
    ]
    return {n: e.to_dict() for n, e in own.items()}, all_of(found)


def _measures(seen: Replayed, confidence: float) -> dict[str, Estimate]:
    score, asked = seen.column("candidate_score"), seen.column("asked").astype(bool)
    with np.errstate(invalid="ignore"):
        said = (score >= 0) & (score <= 1)
    silent = int(np.count_nonzero(asked & ~said))
    by_model = [seen.column(f"{who}_itself").astype(bool) for who in ("recorded", "candidate")]
    return {
        **flips(seen.column("recorded_label"), seen.column("candidate_label"), confidence),
        "unanswered": rate(silent, int(asked.sum()), confidence),
        "invalid": rate(int(np.count_nonzero(~asked)), asked.size, confidence),
        "fallback_rise": rise(~by_model[0], ~by_model[1], confidence),
    }


def scores(seen: Replayed, tolerance: float) -> tuple[dict[str, Any] | None, Verdict | None]:
    """How far the distribution of scores moved, and how far each score; None without scores."""
    then, now = _unit(seen.column("recorded_score")), _unit(seen.column("candidate_score"))
    both = ~np.isnan(then) & ~np.isnan(now)
    if not both.any():
        return None, None
    moved = drift(
        {"score": then[~np.isnan(then)]}, {"score": now[~np.isnan(now)]},
        tolerances={"ks": tolerance},
    )  # fmt: skip
    apart = now[both] - then[both]
    largest = int(np.argmax(np.abs(apart)))
    at = int(np.flatnonzero(both)[largest])
    shape = moved.to_dict()["features"]["score"]
    mean = by_loss((now[both], then[both]), CONFIDENCE).difference
    body = {
        "distribution": shape,
        "n": int(both.sum()),
        "equal": int(np.count_nonzero(apart == 0)),
        "mean_difference": mean.to_dict(),
        "quantiles": {f"{q:g}": float(np.quantile(np.abs(apart), q)) for q in QUANTILES},
        "largest": {
            "decision_id": seen.ids[at], "recorded": float(then[at]), "candidate": float(now[at]),
        },
        "histogram": _histogram(apart),
    }  # fmt: skip
    return body, moved.verdict


def _histogram(apart: NDArray[np.float64]) -> dict[str, Any]:
    reach = float(np.quantile(np.abs(apart), 0.995)) or 1e-9
    counts, edges = np.histogram(np.clip(apart, -reach, reach), bins=25, range=(-reach, reach))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def groups(seen: Replayed) -> list[dict[str, Any]]:
    """The flips of each group of the columns that were named, those of a column together.

    Raises `BadInput` for a column with too many values.
    """
    flipped = seen.column("recorded_label") != seen.column("candidate_label")
    coded: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for name, values in seen.groups.items():
        coded[name] = group_codes(np.array(values, dtype=object))
        if len(coded[name][1]) > MOST_GROUPS:
            raise BadInput(
                f"{name} has {len(coded[name][1])} groups, above {MOST_GROUPS}",
                remedy="group by a column with few values; ranges of numbers are searched anyway",
            )
    family = sum(len(names) for _, names in coded.values())
    return [
        {"by": one.by, "n": one.n, "flips": one.flips.to_dict()}
        for name, (codes, names) in coded.items()
        for one in flips_by(name, codes, names, flipped, CONFIDENCE, family)
    ]


def worst_segments(seen: Replayed, fields: tuple[Field, ...]) -> dict[str, Any] | None:
    """Where decisions flip more often than elsewhere, searched in the inputs; None with few."""
    inputs = seen.inputs
    n = len(inputs)
    then = seen.column("recorded_label")[:n]
    now = seen.column("candidate_label")[:n]
    kept = (then >= 0) & (now >= 0)
    if np.count_nonzero(then[kept] != now[kept]) < LEAST_FLIPS:
        return None
    columns = {f.name: _column(f, inputs[kept, at]) for at, f in enumerate(fields)}
    columns = {n: c for n, c in columns.items() if isinstance(c, tuple) or not _empty(c)}
    data = {**columns, "\0then": then[kept], "\0now": now[kept]}
    found = segments(data, label="\0then", prediction="\0now", columns=list(columns))
    body = found.to_dict()
    return {"searched": body["searched"], "rows": int(kept.sum()), "segments": body["segments"]}


def _column(field: Field, values: NDArray[np.float64]) -> Column:
    if field.kind not in ("category", "boolean"):
        return values
    words = (False, True) if field.kind == "boolean" else field.categories
    places = {code: at for at, code in enumerate(field.codes.values())} or {0.0: 0, 1.0: 1}
    codes = np.array([places.get(v, -1) for v in values.tolist()], dtype=np.int64)
    return codes, [str(word).lower() if field.kind == "boolean" else str(word) for word in words]


def _empty(values: Any) -> bool:
    return bool(np.isnan(values).all())


def quality(
    seen: Replayed, labels: Mapping[str, Any], cost: Cost | None, tolerance: float
) -> tuple[dict[str, Any] | None, Verdict | None]:
    """Both models on the rows whose outcome, 0 or 1, is known; None where there are none.

    Rankings and losses count rows that both models scored, rates and value those that both
    answered, by whatever answered in a model's place.
    """
    told = np.array([labels.get(id_, np.nan) for id_ in seen.ids], dtype=np.float64)
    scored = _both(told, {who: _unit(seen.column(f"{who}_score")) for who in _WHO})
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
    body |= {"labelled": int(np.count_nonzero(~np.isnan(told)))}
    return body, judge(CONFIDENCE)


_WHO = ("candidate", "recorded")


def _both(outcome: NDArray[np.float64], answers: Mapping[str, NDArray[np.float64]]) -> Rows | None:
    """The rows with an outcome and an answer of both, if there are any."""
    columns = {"outcome": outcome, **answers}
    there = ~np.isnan(np.stack(list(columns.values()))).any(axis=0)
    kept: dict[str, Column] = {name: values[there] for name, values in columns.items()}
    return Rows("the log", kept, []) if there.any() else None


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores with NaN for what is none."""
    with np.errstate(invalid="ignore"):
        return np.where((values >= 0) & (values <= 1), values, np.nan)


def _calls(labels: NDArray[np.int8]) -> NDArray[np.float64]:
    return np.where(labels >= 0, labels, np.nan).astype(np.float64)
