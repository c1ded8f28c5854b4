"""What outcomes do to a decision's label: the first in time joins, later ones correct it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NONE, TIMELY, LATE = 0, 1, 2
"""A decision's state: no label, one that counts, one that came late."""


class Transitions(NamedTuple):
    """One row for each decision that outcomes came for.

    `first` numbers an outcome of the decision; `state` and `label` are what it has from now on,
    `old` the label it had. `changed` says where either differs; `withdrawn`, `added` and `late`
    where the old label is to be counted out, the new one in, and a late one as late.
    """

    first: NDArray[np.intp]
    state: NDArray[np.uint8]
    label: NDArray[np.float64]
    old: NDArray[np.float64]
    changed: NDArray[np.bool_]
    withdrawn: NDArray[np.bool_]
    added: NDArray[np.bool_]
    late: NDArray[np.bool_]
    joined: int
    """Outcomes that gave a decision its first label in time."""
    corrected: int
    """Outcomes in time after that."""


def transitions(
    decision: NDArray[np.int64],
    label: NDArray[np.float64],
    late: NDArray[np.bool_],
    state: NDArray[np.uint8],
    old: NDArray[np.float64],
) -> Transitions:
    """Apply outcomes in the order given; each row is an outcome.

    `decision` tells decisions apart; `state` and `old` (label) are those of the outcome's decision
    before any of these outcomes. A label that came late counts as late once, and goes on counting
    so when one in time follows; after one in time a late one changes nothing.
    """
    order = np.argsort(decision, kind="stable")
    ordered = decision[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])
    first = order[starts]
    timely = ~late[order]
    count = np.add.reduceat(timely.astype(np.int64), starts)
    last = np.maximum.reduceat(np.where(timely, np.arange(len(order)), -1), starts)
    before, before_label = state[first], old[first]
    has = count > 0
    new_label = np.where(has, label[order[np.maximum(last, 0)]], before_label)
    newly_late = (before == NONE) & late[first]
    new_state = np.where(has, TIMELY, np.where(before == NONE, LATE, before)).astype(np.uint8)
    differs = has & ((before != TIMELY) | (new_label != before_label))
    joined = int((has & (before != TIMELY)).sum())
    return Transitions(
        first=first,
        state=new_state,
        label=new_label,
        old=before_label,
        changed=differs | (new_state != before),
        withdrawn=differs & (before == TIMELY),
        added=differs,
        late=newly_late,
        joined=joined,
        corrected=int(count.sum()) - joined,
    )
