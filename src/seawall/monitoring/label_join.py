"""Decisions joined to the labels that came later: what matched, what did not, at what age."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.statistics.column import Column, encode, length

Integers = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max
"""The age of a label that has not come."""


class LabelJoin(msgspec.Struct, frozen=True, eq=False):
    """Each decision with its first label, and what could not be joined.

    `age` int64[decisions], microseconds from the decision to its first label, `NEVER` without one;
    `outcome` int64[decisions], the row of that label, −1 without one. `repeated_decisions` rows
    whose id stood before, which are left out; `orphans` outcome rows whose id no decision has;
    `repeats` outcome rows that say again what the first said; `conflicts` decisions whose outcomes
    disagree; `early` labels from before their decision, taken to be of age 0.
    """

    decisions: Integers
    age: Integers
    outcome: Integers
    repeated_decisions: int
    outcomes: int
    orphans: int
    repeats: int
    conflicts: int
    early: int

    @property
    def n(self) -> int:
        """Decisions, each id once."""
        return self.decisions.size


def join_labels(
    ids: Column, times: Integers, outcome_ids: Column, label_times: Integers,
    labels: Column | None = None,
) -> LabelJoin:  # fmt: skip
    """Join by id; times in microseconds. Without `labels` no outcomes conflict."""
    mine, theirs = _common(ids, outcome_ids)
    distinct, first = np.unique(mine, return_index=True)
    first = np.sort(first)
    place = np.full(int(max(mine.max(initial=-1), theirs.max(initial=-1))) + 1, -1, np.int64)
    place[mine[first]] = np.arange(first.size)
    to = place[theirs]
    order = np.lexsort((label_times, to))
    order = order[to[order] >= 0]
    home = to[order]
    leads = np.append(True, home[1:] != home[:-1]) if home.size else np.zeros(0, np.bool_)
    outcome = np.full(first.size, -1, np.int64)
    outcome[home[leads]] = order[leads]
    came = np.full(first.size, NEVER, np.int64)
    rows = np.flatnonzero(outcome >= 0)
    age = label_times[outcome[rows]] - times[first[rows]]
    came[rows] = np.maximum(age, 0)
    differs = np.zeros(0, np.bool_)
    if labels is not None:
        said, _ = encode(labels)
        differs = said[order] != said[outcome[home]]
    others = home[differs] if differs.size else home[:0]
    return LabelJoin(
        decisions=first, age=came, outcome=outcome,
        repeated_decisions=mine.size - distinct.size, outcomes=theirs.size,
        orphans=int((to < 0).sum()), repeats=home.size - int(leads.sum()) - others.size,
        conflicts=int(np.unique(others).size), early=int((age < 0).sum()),
    )  # fmt: skip


def _common(a: Column, b: Column) -> tuple[Integers, Integers]:
    """Both columns' ids as integers from one list, −1 never."""
    raw: tuple[Any, Any] = (a, b)
    if all(not isinstance(c, tuple) and c.dtype.kind in "iu" for c in raw):
        both = np.concatenate([np.asarray(c).astype(np.int64) for c in raw])
        codes = np.unique(both, return_inverse=True)[1]
    else:
        (left, names), (right, others) = encode(a), encode(b)
        table: dict[str, int] = {}
        codes = np.concatenate(
            [
                np.array([table.setdefault(n, len(table)) for n in known], np.int64)[part]
                for part, known in ((left, names), (right, others))
                if known
            ]
            or [np.zeros(0, np.int64)]
        )
    size = length(a)
    return codes[:size].astype(np.int64), codes[size:].astype(np.int64)
