"""Joined labels as telemetry rows: by cohort and hour of decision, right and wrong, by group."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.gateway.live import Cohort
from seawall.gateway.strata import OTHER, Groups
from seawall.serving.counted import error_grids
from seawall.serving.label_groups import GroupCounts
from seawall.serving.labelled import confusion_of, errors_of
from seawall.serving.telemetry import WINDOW, Labels, Row, encode
from seawall.statistics.column import Column
from seawall.statistics.score import MISSING_GROUP, summarise_scores

MOST_GROUPS = 64
_WINDOW_NS = round(WINDOW["labels"].total_seconds()) * 1_000_000_000


EVENT = np.dtype(
    [
        *(("id", "S16"), ("time", "<i8"), ("code", "<u4"), ("score", "<f8")),
        *(("label", "<f8"), ("sign", "i1"), ("late", "?")),
    ]
)
"""A label to count into (sign 1) or out of (-1) the cohort of a decision, or as late: the
decision's id, time, stratum and score."""


def label_rows(
    cohorts: Sequence[Cohort],
    groups: Sequence[Groups],
    cohort: NDArray[np.int64],
    events: NDArray[np.void],
) -> tuple[Row, ...]:
    """The telemetry rows of these labels; labels without a score are counted nowhere.

    `cohort` numbers one of `cohorts` for each event, its `code` one of `groups`.
    """
    scored = ~np.isnan(events["score"])
    cohort, events = cohort[scored], events[scored]
    if not events.size:
        return ()
    keys = np.stack([cohort, events["time"] // _WINDOW_NS])
    keys, which = np.unique(keys, axis=1, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(which.ravel(), minlength=keys.shape[1]))
    rows: list[Row] = []
    for place, (at, hour) in enumerate(keys.T.tolist()):
        mine = events[order[ends[place - 1] if place else 0 : ends[place]]]
        key = (cohorts[at].endpoint, cohorts[at].version, cohorts[at].arm)
        body = encode(_labels(cohorts[at], groups, mine))
        rows.append((*key, "labels", hour * _WINDOW_NS, body))
    return tuple(rows)


def _labels(cohort: Cohort, groups: Sequence[Groups], events: NDArray[np.void]) -> Labels:
    timely = events[~events["late"]]
    arrived, late = int(timely["sign"].astype(np.int64).sum()), int(events["late"].sum())
    if cohort.output.kind != "binary":
        whole = _counts(cohort, timely)
        return Labels(
            arrived=arrived,
            late=late,
            groups=_by_group(cohort, groups, timely),
            **msgspec.structs.asdict(whole),
        )
    sign = timely["sign"].astype(np.int64)
    right = (timely["score"] >= cohort.threshold) == (timely["label"] != 0)
    correct = int(sign[right].sum())
    return Labels(
        arrived=arrived,
        late=late,
        correct=correct,
        wrong=arrived - correct,
        added=_summary(cohort, groups, timely[sign > 0]),
        withdrawn=_summary(cohort, groups, timely[sign < 0]),
    )


def _counts(cohort: Cohort, events: NDArray[np.void]) -> GroupCounts:
    """Labels of several classes, or of values, counted in and out."""
    sign, said, label = events["sign"].astype(np.int64), events["score"], events["label"]
    rows = int(sign.sum())
    if cohort.output.kind == "multiclass":
        correct = int(sign[said == label].sum())
        names = tuple(map(str, cohort.output.classes))
        counted = confusion_of(names, label, said, sign)
        return GroupCounts(correct=correct, wrong=rows - correct, confusion=counted)
    right, judged = 0, 0
    if cohort.tolerance is not None:
        right = int(sign[np.abs(said - label) <= cohort.tolerance].sum())
        judged = rows
    grids = error_grids(cohort.value_grid)
    into, out = (errors_of(label[side], said[side], grids) for side in (sign > 0, sign < 0))
    return GroupCounts(correct=right, wrong=judged - right, errors=into, errors_withdrawn=out)


def _by_group(
    cohort: Cohort, groups: Sequence[Groups], events: NDArray[np.void]
) -> dict[str, dict[str, GroupCounts]]:
    """The same by each value of each column."""
    if not events.size:
        return {}
    present, code = np.unique(events["code"], return_inverse=True)
    values = [groups[place] for place in present.tolist()]
    found: dict[str, dict[str, GroupCounts]] = {}
    for place, column in enumerate(cohort.columns):
        _, kept = _few(code.ravel(), [value[place] for value in values])
        names = [MISSING_GROUP if name is None else name for name in kept]
        found[column] = {
            name: _counts(cohort, events[np.isin(code.ravel(), _places(names, name))])
            for name in dict.fromkeys(names)
        }
    return found


def _places(names: Sequence[str], name: str) -> list[int]:
    return [at for at, one in enumerate(names) if one == name]


def _summary(
    cohort: Cohort, groups: Sequence[Groups], events: NDArray[np.void]
) -> dict[str, bytes]:
    if not events.size:
        return {}
    present, code = np.unique(events["code"], return_inverse=True)
    values = [groups[place] for place in present.tolist()]
    columns: dict[str, Column] = {
        name: _few(code.ravel(), [value[place] for value in values])
        for place, name in enumerate(cohort.columns)
    }
    labels = events["label"].astype(np.int64)
    summary = summarise_scores(events["score"], labels, columns)
    return {",".join(cohort.columns): summary.to_bytes()}


def _few(
    code: NDArray[np.int64], values: Sequence[str | None]
) -> tuple[NDArray[np.int64], list[str | None]]:
    """Groups as they are, but for the rarest when there are too many to be groups."""
    rows = np.bincount(code, minlength=len(values))
    counts: dict[str | None, int] = {}
    for value, count in zip(values, rows.tolist(), strict=True):
        counts[value] = counts.get(value, 0) + count
    kept = sorted(counts, key=lambda value: -counts[value])[:MOST_GROUPS]
    names = [value if value is None or value in kept else OTHER for value in values]
    return code, names
