"""How labels come to decisions, from two tables, with no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.tables import read_columns
from seawall.kernel import BadInput, Estimate, Outcome, Reason, Rule, Verdict, all_of
from seawall.monitoring.label_cohorts import (
    STANDARD,
    FixedAge,
    at_age,
    day_cohorts,
    gap,
    moment,
)
from seawall.monitoring.label_join import NEVER, Integers, LabelJoin, join_labels
from seawall.monitoring.maturity import MaturityPoint, maturity_curve, settled_age
from seawall.report.document import Document
from seawall.sdk.report import CONFIDENCE, Report, Table, named
from seawall.statistics.column import BINARY, Column, encode, neither, placed, refuse_unshared
from seawall.statistics.intervals import rate
from seawall.statistics.score import MOST_GROUPS

UNLABELLED, ORPHANS, CONFLICTS = 0.10, 0.01, 0.01
"""Default tolerances: of decisions at the fixed age without a label; of outcomes without a
decision; of labelled decisions whose outcomes disagree."""
MICROSECOND = timedelta(microseconds=1)


class LabelReport(Report, frozen=True):
    """What `labels` found."""

    subject = "labels"

    def _document(self) -> Document:
        from seawall.report.from_labels import labels_document

        return labels_document(self.to_dict())


def labels(
    decisions: Table,
    outcomes: Table,
    *,
    id: str,  # noqa: A002 -- the option's name
    time: str,
    label_time: str,
    label: str | None = None,
    prediction: str | None = None,
    groups: Sequence[str] = (),
    proxies: Sequence[str] = (),
    age: timedelta | None = None,
) -> LabelReport:
    """How much of what was decided has a label, by what age, and what the joined labels say.

    `decisions` has `id` and `time`, `outcomes` has `id` and `label_time`; times are UTC where they
    have no zone. Now is the latest time in either. The maturity `curve` is the share labelled by
    each age; `cohorts` are the decisions of each day at the fixed `age`, by default the first by
    which 90% of labels are shown to have come; younger ones are `provisional`. With `label`
    (in outcomes) conflicting labels are found; with `prediction` (in decisions) too, cohorts and
    `groups` (columns of decisions) are divided into right, wrong and not arrived, and `proxies`
    (0/1 columns of decisions, known at once) are tried against being wrong.

    Decides on decisions at that age without a label (at most 0.10), outcomes without a decision and
    conflicting labels (0.01 each). Raises `BadInput` on unusable data.
    """
    if age is not None and age <= timedelta(0):
        raise BadInput("the age must be positive", remedy="give for example 7d")
    if prediction is not None and label is None:
        raise BadInput("right and wrong need the label's column", remedy="name it as label")
    if proxies and prediction is None:
        raise BadInput("a proxy is tried against right and wrong", remedy="name the prediction too")
    picked = [id, time, *([prediction] if prediction else []), *groups, *proxies]
    table = read_columns(decisions, list(dict.fromkeys(picked)))
    came = read_columns(outcomes, [id, label_time, *([label] if label else [])])
    inputs = named(decisions=decisions, outcomes=outcomes)
    here, there = inputs["decisions"], inputs["outcomes"]
    times = _times(table[time], f"{here}, column {time}")
    label_times = _times(came[label_time], f"{there}, column {label_time}")
    for where, part in ((here, table), (there, came)):
        _no_gaps(part[id], "id", f"{where}, column {id}")
    if not times.size:
        raise BadInput("there are no decisions", where=here, remedy="give a table with rows")
    for name in groups:
        _few_enough(table[name], f"{here}, column {name}")
    if label and prediction:
        try:
            refuse_unshared(came[label], table[prediction])
        except BadInput as error:
            raise error.at(f"{here}, column {prediction}") from error
    for name in proxies:
        _flags(table[name], f"{here}, column {name}")
    join = join_labels(table[id], times, came[id], label_times, came[label] if label else None)
    now = int(max(times.max(), label_times.max(initial=times.max())))
    verdict, body = _report(
        _Joined(table, came, times, label_times, now, join, label, prediction),
        tuple(groups), tuple(proxies), age,
    )  # fmt: skip
    if join.outcomes and join.orphans == join.outcomes:
        body["join"]["unlike"] = {"decisions": _first(table[id]), "outcomes": _first(came[id])}
    return LabelReport(verdict, body, inputs)


class _Joined:
    """Decisions once each, with their ages and whether the label says that they were wrong."""

    def __init__(
        self, table: Mapping[str, Column], came: Mapping[str, Column], times: Integers,
        label_times: Integers, now: int, join: LabelJoin, label: str | None, prediction: str | None,
    ) -> None:  # fmt: skip
        self.table, self.join, self.now, self.label_times = table, join, now, label_times
        self.times, self.age = times[join.decisions], join.age
        self.wrong: NDArray[np.bool_] | None = None
        if label and prediction:
            said, names = encode(came[label])
            shared = {name: at for at, name in enumerate(names)}
            called = placed(table[prediction], shared, other=-2)[join.decisions]
            truth = said[join.outcome] if said.size else np.full(join.n, -1, np.int64)
            self.wrong = (called < 0) | (called != truth)

    def part(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """A column of the decisions as codes and their names."""
        codes, names = encode(self.table[name])
        return codes[self.join.decisions], names

    def fixed(self, rows: NDArray[Any], age: timedelta) -> FixedAge:
        """These decisions at an age that they have reached."""
        wrong = None if self.wrong is None else self.wrong[rows]
        return at_age(self.age[rows], wrong, age // MICROSECOND, CONFIDENCE)


def _report(
    of: _Joined, groups: tuple[str, ...], proxies: tuple[str, ...], age: timedelta | None
) -> tuple[Verdict, dict[str, Any]]:
    join, now = of.join, of.now
    oldest = timedelta(microseconds=now - int(of.times.min()))
    edges = sorted({e for e in STANDARD if e <= oldest} | ({age} if age else set()))
    edges = edges or [STANDARD[0]]
    days = day_cohorts(of.times, of.age, edges)
    curve = maturity_curve([cohort for cohort, _ in days], edges, moment(now), CONFIDENCE)
    settled = settled_age(curve)
    fixed = age or settled
    matured = np.zeros(0, np.int64)
    if fixed:
        matured = np.flatnonzero(of.times <= now - fixed // MICROSECOND)
    verdicts = _judge(of, matured, fixed)
    cohorts: list[dict[str, Any]] = []
    for cohort, rows in days:
        old = fixed is not None and moment(now) - cohort.end >= fixed
        said = {"from": (cohort.end - timedelta(days=1)).isoformat(), "to": cohort.end.isoformat()}
        read = of.fixed(rows, fixed if old and fixed else timedelta.max)
        cohorts.append(said | _told(read) | {"provisional": not old})
    newest = int(of.label_times.max()) if of.label_times.size else None
    body: dict[str, Any] = {
        "now": moment(now).isoformat(),
        "age_days": _days(fixed),
        "settled_age_days": _days(settled),
        "staleness_days": None if newest is None else (now - newest) / 86_400_000_000,
        "provisional": bool(matured.size < join.n),
        "matured": int(matured.size),
        "curve": [_point(p) for p in curve],
        "cohorts": cohorts,
        "groups": [g for name in groups for g in _groups(of, name, matured, fixed)],
        "proxies": {name: _proxy(of, name, matured, fixed) for name in proxies},
        "join": {
            "decisions": join.n, "labelled": int((of.age != NEVER).sum()),
            "repeated_decisions": join.repeated_decisions, "outcomes": join.outcomes,
            "without_decision": join.orphans, "repeated": join.repeats,
            "conflicting": join.conflicts, "before_decision": join.early,
        },
    }  # fmt: skip
    return all_of(verdicts), body


def _judge(of: _Joined, matured: Integers, age: timedelta | None) -> list[Verdict]:
    join = of.join
    labelled = int((of.age != NEVER).sum())
    verdicts = [
        Rule("without_decision", at_most=ORPHANS).judge(
            rate(join.orphans, join.outcomes, CONFIDENCE)
        ),
        Rule("conflicting", at_most=CONFLICTS).judge(rate(join.conflicts, labelled, CONFIDENCE)),
    ]
    if age is None:
        why = Reason("unlabelled", "no age is shown by which 90% of labels have come; give one",
                     Outcome.UNDECIDED)  # fmt: skip
        return [Verdict(Outcome.UNDECIDED, (why,)), *verdicts]
    missing = of.fixed(matured, age).not_arrived
    return [Rule("unlabelled", at_most=UNLABELLED).judge(missing), *verdicts]


def _groups(
    of: _Joined, name: str, matured: Integers, age: timedelta | None
) -> list[dict[str, Any]]:
    """Each group of a column at the fixed age, and how its wrong share differs from all others'."""
    codes, names = of.part(name)
    found: list[dict[str, Any]] = []
    there = {names[k]: k for k in np.unique(codes[codes >= 0]).tolist()}
    for value in sorted(there):
        at = there[value]
        mine = matured[codes[matured] == at]
        read = of.fixed(mine, age or timedelta.max)
        said: dict[str, Any] = {"by": {name: value}} | _told(read)
        rest = of.fixed(matured[codes[matured] != at], age or timedelta.max)
        for measure in ("wrong", "not_arrived"):
            a, b = (getattr(r, measure) for r in (read, rest))
            if a is not None and read.decisions and rest.decisions:
                said[f"{measure}_difference"] = gap(a, b).to_dict()
        found.append(said)
    return found


def _proxy(of: _Joined, name: str, matured: Integers, age: timedelta | None) -> dict[str, Any]:
    """A proxy's rate among all decisions, and how much likelier it makes being wrong."""
    on = placed(of.part(name), BINARY)
    told = rate(int((on == 1).sum()), int((on >= 0).sum()), CONFIDENCE)
    found: dict[str, Any] = {"rate": told.to_dict()}
    arrived = matured[of.age[matured] <= (age or timedelta.max) // MICROSECOND]
    assert of.wrong is not None
    parts: list[Estimate] = []
    for value in (1, 0):
        mine = arrived[on[arrived] == value]
        parts.append(rate(int(of.wrong[mine].sum()), int(mine.size), CONFIDENCE))
        found[f"wrong_where_{value}"] = parts[-1].to_dict()
    if all(p.n for p in parts):
        found["difference"] = gap(*parts).to_dict()
    return found


def _told(read: FixedAge) -> dict[str, Any]:
    parts = {name: getattr(read, name) for name in ("arrived", "not_arrived", "wrong", "right")}
    return {"decisions": read.decisions} | {n: e.to_dict() for n, e in parts.items() if e}


def _point(point: MaturityPoint) -> dict[str, Any]:
    return {
        "age_days": _days(point.age), "share": point.share.to_dict(), "decisions": point.decisions
    }  # fmt: skip


def _days(age: timedelta | None) -> float | None:
    return None if age is None else age / timedelta(days=1)


def _times(values: Column, where: str) -> Integers:
    if isinstance(values, tuple) or values.dtype.kind != "M":
        raise BadInput(
            "times are expected", where=where,
            remedy="write them as 2026-03-01T12:00:00 or timestamps",
        )  # fmt: skip
    stamps = np.asarray(values).astype("datetime64[us]")
    _no_gaps(stamps, "time", where)
    return stamps.astype(np.int64)


def _few_enough(values: Column, where: str) -> None:
    codes = encode(values)[0]
    groups = np.unique(codes[codes >= 0]).size
    if groups > MOST_GROUPS:
        raise BadInput(
            f"there are {groups:,} groups, above {MOST_GROUPS}", where=where,
            remedy="group by a column with few values",
        )  # fmt: skip


def _flags(values: Column, where: str) -> None:
    odd = [name for name in encode(values)[1] if name not in BINARY]
    if odd:
        raise neither(odd[0], "give a column of 0 and 1", "proxy").at(where)


def _first(ids: Column) -> str:
    codes, names = encode(ids)
    return names[int(codes[0])]


def _no_gaps(values: Column, what: str, where: str) -> None:
    codes = values[0] if isinstance(values, tuple) else None
    if codes is not None:
        lacking = int((codes < 0).sum())
    else:
        data: Any = values
        lacking = int(np.ma.getmaskarray(data).sum()) or int(np.count_nonzero(data != data))
    if lacking:
        has = "1 row has" if lacking == 1 else f"{lacking:,} rows have"
        raise BadInput(f"{has} no {what}", where=where, remedy="leave them out")
