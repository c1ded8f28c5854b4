"""What a replay's answers say: measures with their intervals, and the verdict on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, Rule, Verdict, all_of, nearest
from seawall.sdk.drift import drift
from seawall.sdk.replayed import Replayed, classes_of
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.segments import segments
from seawall.serving.output import Kind
from seawall.serving.signature import Field
from seawall.statistics.column import Column
from seawall.statistics.drift import judge_in_family
from seawall.statistics.flips import flips, flips_by, rise
from seawall.statistics.intervals import rate
from seawall.statistics.paired import by_loss
from seawall.statistics.score import MOST_GROUPS, group_codes

_ANSWERS = {"flips": 0.02, "unanswered": 0.005, "fallback_rise": 0.01}
TOLERANCES: Mapping[str, Mapping[str, float]] = {
    "binary": _ANSWERS | {"ks": 0.10, "roc_auc_difference": 0.01},
    "multiclass": _ANSWERS | {"total_variation": 0.10, "accuracy_difference": 0.01},
    "regression": _ANSWERS | {"ks": 0.10, "mae_difference": 0.01},
}
"""How much of each is tolerated: of answers, of the shift of their distribution, and last by how
much quality may be worse (the MAE by this share of the recorded answers')."""
QUANTILES = (0.5, 0.9, 0.99)
LEAST_FLIPS = 20
"""Fewer are not searched for segments."""
ALL = "all rows"


def checked_tolerances(given: Mapping[str, float], kind: Kind = "binary") -> dict[str, float]:
    """The defaults of a kind with what was given instead; `BadInput` on another name or size."""
    defaults = TOLERANCES[kind]
    for name, size in given.items():
        if name not in defaults:
            raise BadInput(f"no tolerance for {name!r}", remedy=nearest(name, tuple(defaults)))
        if not 0 <= size < float("inf"):
            raise BadInput(f"tolerance {name}={size:g} is not a size", remedy="give 0 or more")
    return {**defaults, **given}


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
    silent = int(np.count_nonzero(asked & np.isnan(sayable(score, seen))))
    by_model = [seen.column(f"{who}_itself").astype(bool) for who in ("recorded", "candidate")]
    otherwise = flips(seen.column("recorded_label"), seen.column("candidate_label"), confidence)
    if seen.output.kind != "binary":
        flipped = int(np.count_nonzero(seen.flipped))
        kept = ("answer_to_none", "none_to_answer")
        otherwise = {"flips": rate(flipped, len(seen), confidence)} | {
            name: otherwise[name] for name in kept
        }
    return otherwise | {
        "unanswered": rate(silent, int(asked.sum()), confidence),
        "invalid": rate(int(np.count_nonzero(~asked)), asked.size, confidence),
        "fallback_rise": rise(~by_model[0], ~by_model[1], confidence),
    }


def sayable(values: NDArray[np.float64], seen: Replayed) -> NDArray[np.float64]:
    """The scores, or values, with NaN for what is none of the kind."""
    if seen.output.kind == "regression":
        return np.where(np.isfinite(values), values, np.nan)
    with np.errstate(invalid="ignore"):
        return np.where((values >= 0) & (values <= 1), values, np.nan)


def changes(seen: Replayed) -> dict[str, Any] | None:
    """Decisions by recorded class (down) and new class (across), the last for none; of classes."""
    if seen.output.kind != "multiclass":
        return None
    classes = [*map(str, classes_of(seen.output)), None]
    size = len(classes)
    then, now = (seen.column(f"{who}_label") % size for who in ("recorded", "candidate"))
    counts = np.bincount(then * size + now, minlength=size * size).reshape(size, size)
    return {"classes": classes, "counts": counts.tolist()}


def scores(
    seen: Replayed, tolerances: Mapping[str, float]
) -> tuple[dict[str, Any] | None, Verdict | None]:
    """How far the distribution of scores, values or called classes moved, and how far each score
    or value; None without them.
    """
    then, now = (sayable(seen.column(f"{who}_score"), seen) for who in ("recorded", "candidate"))
    both = ~np.isnan(then) & ~np.isnan(now)
    if not both.any():
        return None, None
    name, shapes = (
        "value" if seen.output.kind == "regression" else "score",
        (then[~np.isnan(then)], now[~np.isnan(now)]),
    )
    deciding = "ks"
    if seen.output.kind == "multiclass":
        name, deciding, shapes = "class", "total_variation", _called(seen)
    moved = drift({name: shapes[0]}, {name: shapes[1]}, tolerances={deciding: tolerances[deciding]})
    apart = now[both] - then[both]
    largest = int(np.argmax(np.abs(apart)))
    at = int(np.flatnonzero(both)[largest])
    shape = moved.to_dict()["features"][name]
    mean = by_loss((now[both], then[both]), CONFIDENCE).difference
    size = by_loss((np.abs(apart), np.zeros(apart.size)), CONFIDENCE).difference
    body = {
        "distribution": shape,
        "n": int(both.sum()),
        "equal": int(np.count_nonzero(apart == 0)),
        "mean_difference": mean.to_dict(),
        "mean_absolute_difference": size.to_dict(),
        "quantiles": {f"{q:g}": float(np.quantile(np.abs(apart), q)) for q in QUANTILES},
        "largest": {
            "decision_id": seen.ids[at], "recorded": float(then[at]), "candidate": float(now[at]),
        },
        "histogram": _histogram(apart),
    }  # fmt: skip
    return body, moved.verdict


def _called(seen: Replayed) -> tuple[Column, Column]:
    words = list(map(str, classes_of(seen.output)))
    codes = (seen.column(f"{who}_label") for who in ("recorded", "candidate"))
    then, now = ((c[c >= 0], words) for c in codes)
    return then, now


def _histogram(apart: NDArray[np.float64]) -> dict[str, Any]:
    reach = float(np.quantile(np.abs(apart), 0.995)) or 1e-9
    counts, edges = np.histogram(np.clip(apart, -reach, reach), bins=25, range=(-reach, reach))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def groups(seen: Replayed) -> list[dict[str, Any]]:
    """The flips of each group of the columns that were named, those of a column together.

    Raises `BadInput` for a column with too many values.
    """
    flipped = seen.flipped
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
    if seen.output.kind != "binary":  # whether it flips, not into which class
        then, now = np.zeros(n, np.int64), seen.flipped[:n].astype(np.int64)
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
