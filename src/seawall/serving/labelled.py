"""Labelled answers of every kind as counts that merge, with corrections counted out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.statistics.regression import ErrorGrids, RegressionSummary, summarise_errors
from seawall.statistics.score import Family, ScoreSummary
from seawall.statistics.summary import ColumnSummary

Confusion = dict[str, dict[str, int]]
"""Rows by label, then by the class called."""
OTHER = "(other)"
"""Labels that are no class of the model."""
_PARTS = ("error", "magnitude", "label", "relative")


def confusion_of(
    classes: Sequence[str],
    label: NDArray[np.float64],
    call: NDArray[np.float64],
    sign: NDArray[np.int64],
) -> Confusion:
    """Rows counted in (sign 1) or out (-1) by the places of their label and of the class called.

    A label that is no class has the place after the last.
    """
    found: Confusion = {}
    pairs, which = np.unique(np.stack([label, call]), axis=1, return_inverse=True)
    counts = np.bincount(which.ravel(), weights=sign, minlength=pairs.shape[1])
    names: list[str] = [*classes, OTHER]
    for place, count in enumerate(counts.tolist()):
        true, said = (names[int(at)] for at in pairs[:, place].tolist())
        if count:
            found.setdefault(true, {})[said] = round(count)
    return found


def merge_confusions(a: Confusion, b: Confusion) -> Confusion:
    """Both together; what adds up to nothing is left out."""
    found: Confusion = {}
    for label in dict.fromkeys((*a, *b)):
        one, other = a.get(label, {}), b.get(label, {})
        row = {c: one.get(c, 0) + other.get(c, 0) for c in dict.fromkeys((*one, *other))}
        if kept := {c: n for c, n in row.items() if n}:
            found[label] = kept
    return found


def errors_of(
    label: NDArray[np.float64], value: NDArray[np.float64], grids: ErrorGrids
) -> dict[str, bytes]:
    """The errors of a regression as summaries; empty without rows."""
    if not label.size:
        return {}
    summary = summarise_errors(label, value, grids)
    return {part: getattr(summary, part).to_bytes() for part in _PARTS}


def values_of(added: Mapping[str, bytes], withdrawn: Mapping[str, bytes]) -> RegressionSummary:
    """What `errors_of` counted in, without what it counted out."""
    parts: dict[str, ColumnSummary] = {}
    for name in _PARTS:
        total = ColumnSummary.from_bytes(added[name])
        gone = withdrawn.get(name)
        parts[name] = total if gone is None else _without(total, ColumnSummary.from_bytes(gone))
    return RegressionSummary(
        error=parts["error"],
        magnitude=parts["magnitude"],
        label=parts["label"],
        relative=parts["relative"],
        zero_labels=max(0, parts["label"].n - parts["relative"].n),
    )


def _without(total: ColumnSummary, gone: ColumnSummary) -> ColumnSummary:
    """What is left; the least and the greatest value stay those of all that was ever counted in."""
    return msgspec.structs.replace(
        total,
        counts=np.maximum(total.counts - gone.counts, 0),
        total=total.total - gone.total,
        squares=max(0, total.squares - gone.squares),
        clipped=max(0, total.clipped - gone.clipped),
    )


def less(total: ScoreSummary, gone: ScoreSummary) -> ScoreSummary:
    """What is left after taking out what was withdrawn.

    Never below zero: a gateway that was killed may have lost the delta that counted it in.
    """
    families: list[Family] = []
    for family in total.families:
        counts = family.counts.copy()
        out = gone.family(*family.columns)
        for group, block in zip(out.groups, out.counts, strict=True):
            if group in family.groups:
                at = family.groups.index(group)
                counts[at] = np.maximum(counts[at] - block, 0)
        families.append(Family(family.columns, family.groups, counts))
    left = np.maximum(total.counts - gone.counts, 0)
    return ScoreSummary(grid=total.grid, counts=left, families=tuple(families))
