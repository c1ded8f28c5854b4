"""Decisions of a day at one fixed age: right, wrong, or not arrived.

In the order in which they arrive, labels mislead: what matures fast is seen first. At one age every
decision has had the same time, and "not arrived" is an outcome of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import Estimate, from_ns
from seawall.monitoring.label_join import Integers
from seawall.monitoring.maturity import Cohort
from seawall.statistics.intervals import difference, rate

DAY = 86_400_000_000
"""Microseconds."""
STANDARD = tuple(
    timedelta(hours=h) for h in (1, 3, 6, 12, 24, 48, 72, 120, 168, 240, 336, 504, 720, 1080, 1440,
                                 2160, 4320, 8760)
)  # fmt: skip
"""Ages at which a maturity curve is read: an hour to a year."""


class FixedAge(msgspec.Struct, frozen=True):
    """Shares of some decisions at one age; `wrong` and `right` only where calls are known."""

    decisions: int
    arrived: Estimate
    not_arrived: Estimate
    wrong: Estimate | None = None
    right: Estimate | None = None


def at_age(
    age: Integers, wrong: NDArray[np.bool_] | None, limit: int, confidence: float = 0.95
) -> FixedAge:
    """The outcomes of decisions whose labels came at these ages (µs), at the age `limit`.

    All decisions must have reached that age.
    """
    n, came = age.size, age <= limit
    arrived = int(came.sum())
    found = FixedAge(n, rate(arrived, n, confidence), rate(n - arrived, n, confidence))
    if wrong is None:
        return found
    bad = int((came & wrong).sum())
    return msgspec.structs.replace(
        found, wrong=rate(bad, n, confidence), right=rate(arrived - bad, n, confidence)
    )


def day_cohorts(
    times: Integers, age: Integers, edges: Sequence[timedelta]
) -> list[tuple[Cohort, Integers]]:
    """Decisions by their day (UTC), each with its rows."""
    day = times // DAY
    limits = np.array([e // timedelta(microseconds=1) for e in edges], np.int64)
    found: list[tuple[Cohort, Integers]] = []
    order = np.argsort(day, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(day[order])) + 1):
        if not rows.size:
            continue
        at = np.searchsorted(limits, age[rows], "left")
        arrived = np.bincount(at[at < limits.size], minlength=limits.size)
        cohort = Cohort(moment((int(day[rows[0]]) + 1) * DAY), rows.size, tuple(arrived.tolist()))
        found.append((cohort, rows))
    return found


def moment(microseconds: int) -> datetime:
    """A time of a column, in UTC."""
    return from_ns(microseconds * 1000).astimezone(UTC)


def gap(a: Estimate, b: Estimate) -> Estimate:
    """How much larger one share is than another, of other decisions."""
    low, high = difference((a.low, a.high), (b.low, b.high), a.value, b.value)
    return Estimate(
        a.value - b.value, low, high, a.confidence, a.n + b.n, "MOVER of Clopper-Pearson"
    )
