"""From the answers of a model of several classes to the estimates that a plan is judged on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Estimate, nearest
from seawall.statistics.calibration import calibration
from seawall.statistics.column import Column
from seawall.statistics.multiclass import (
    MulticlassSummary,
    by_class,
    multiclass,
    summarise_classes,
)
from seawall.statistics.score import ScoreSummary, summarise_scores
from seawall.validation.evidence import Confusion
from seawall.validation.measure import Measured, between_groups, defined
from seawall.validation.plan import ValidationPlan

Codes = NDArray[np.int64]
CALIBRATION = ("ece", "ece_debiased", "calibration_bias")
"""Of each class against the rest; without a class's name they are those of the worst."""


def measure_classes(
    classes: Sequence[str],
    label: Codes,
    scores: NDArray[np.float64],
    groups: Mapping[str, Column],
    plan: ValidationPlan,
) -> Measured:
    """Quality, calibration and fairness of probabilities float64[rows, classes].

    `label` are places among the classes, -1 for none. Each class's measures are named after it,
    `recall[widowed]`. Gaps are of calls of the favourable class (`favourable` of the plan), or the
    largest of all classes' gaps, at the level that holds for all of them; `accuracy_difference` is
    of right answers. Raises `BadInput` when the favourable class is none of the classes.
    """
    silent = np.isnan(scores).any(axis=1)
    call = np.where(silent, -1, np.argmax(np.nan_to_num(scores, nan=-1.0), axis=1))
    summary, level = summarise_classes(classes, label, call, scores), plan.confidence
    strict = 1 - (1 - level) / len(classes)
    own, family = _by_class(summary, level), _by_class(summary, strict)
    estimates = multiclass(summary, level) | own
    for name in CALIBRATION:
        estimates[name] = worst(name, [family[f"{name}[{c}]"] for c in classes], level)
    between = _between(classes, label, call, groups, plan)
    counts = tuple(tuple(int(n) for n in row) for row in summary.confusion)
    return Measured(
        estimates=defined(estimates | between.estimates),
        corrected=defined(family | between.corrected),
        small=between.small,
        groups=between.groups,
        confusion=Confusion(tuple(classes), counts),
    )


def _by_class(summary: MulticlassSummary, confidence: float) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for at, one in enumerate(by_class(summary, confidence)):
        measures = one.measures | calibration(summary.one_against_rest(at), confidence)
        found |= {f"{name}[{one.name}]": e for name, e in measures.items()}
    return found


def worst(name: str, parts: Sequence[Estimate], confidence: float) -> Estimate:
    """The largest of several estimates (of ratios the least), whose intervals hold together."""
    least = name.endswith("_ratio")
    pick = min if least else max
    signed = any(e.low < 0 for e in parts)
    if signed:  # of a bias, the one that is furthest from none
        parts = [_magnitude(e) for e in parts]
    values = [e.value for e in parts if not math.isnan(e.value)]
    return Estimate(
        pick(values, default=math.nan),
        pick(e.low for e in parts),
        pick(e.high for e in parts),
        confidence,
        max(e.n for e in parts),
        f"{'least' if least else 'largest'} of {len(parts)} classes, Bonferroni",
        "simultaneous",
    )


def _magnitude(e: Estimate) -> Estimate:
    low = 0.0 if e.low <= 0 <= e.high else min(abs(e.low), abs(e.high))
    return Estimate(abs(e.value), low, max(abs(e.low), abs(e.high)), e.confidence, e.n, e.method)


def _between(
    classes: Sequence[str],
    label: Codes,
    call: Codes,
    groups: Mapping[str, Column],
    plan: ValidationPlan,
) -> Measured:
    if not plan.groups:
        return Measured(estimates={}, corrected={}, small=(), groups=())
    right = between_groups(_counted(label >= 0, label == call, label, call, groups, plan), plan)
    accuracy = {
        level: {n: e for n, e in found.items() if n.startswith("accuracy_difference[")}
        for level, found in (("own", right.estimates), ("family", right.corrected))
    }
    chosen = _chosen(classes, plan)
    each = [
        between_groups(
            _counted(label == k, call == k, label, call, groups, plan), plan, len(chosen)
        )
        for k in chosen
    ]
    own = _worst_of([one.estimates for one in each], plan.confidence)
    strict = _worst_of([one.corrected for one in each], plan.confidence)
    if len(chosen) == 1:
        shown = each[0].groups
    else:  # selection of any class says nothing; how often it is right does
        shown = tuple(
            msgspec.structs.replace(g, measures={"accuracy": g.measures["accuracy"]})
            for g in right.groups
        )
    return Measured(
        estimates=own | accuracy["own"],
        corrected=strict | accuracy["family"],
        small=right.small,
        groups=shown,
    )


def _chosen(classes: Sequence[str], plan: ValidationPlan) -> list[int]:
    if plan.favourable is None:
        return list(range(len(classes)))
    favourable = str(plan.favourable)
    if favourable not in classes:
        raise BadInput(
            f"the favourable class {favourable!r} is none of the model's",
            where=f"plan {plan.name}",
            remedy=nearest(favourable, tuple(classes)),
        )
    return [classes.index(favourable)]


def _counted(
    true: NDArray[np.bool_],
    called: NDArray[np.bool_],
    label: Codes,
    call: Codes,
    groups: Mapping[str, Column],
    plan: ValidationPlan,
) -> ScoreSummary:
    """One class against the rest as calls of a binary model; rows without a call have no score."""
    return summarise_scores(
        np.where(call >= 0, called.astype(np.float64), np.nan),
        np.where(label >= 0, true.astype(np.float64), np.nan),
        groups,
        intersections=[g.columns for g in plan.groups if len(g.columns) > 1],
    )


def _worst_of(each: Iterable[Mapping[str, Estimate]], confidence: float) -> dict[str, Estimate]:
    parts = list(each)
    if len(parts) == 1:
        return dict(parts[0])
    names = [n for n in parts[0] if not n.startswith(("accuracy_", "between_groups_"))]
    return {n: worst(n.partition("[")[0], [p[n] for p in parts], confidence) for n in names}
