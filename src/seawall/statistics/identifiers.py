"""Columns that tell rows or tables apart by design: they always move, and what moves means nothing.

Only counts are looked at, so that a saved baseline and its rows are judged alike. Real numbers are
never taken as identifiers: that each row has its own is what measuring gives.
"""

from __future__ import annotations

import math
import re

import numpy as np

from seawall.statistics.summary import ColumnSummary, TableSummary

LEAST = 100
"""Rows of the reference below which uniqueness shows nothing."""
SINGLE = 1.05
"""Rows to each value up to which a column of names has nearly one for each row."""
_LARGEST = 2.0**53
_SINCE, _UNTIL = 946_684_800, 4_102_444_800
"""Seconds of 1970 to the beginnings of 2000 and 2100."""
_KEY = re.compile(r"(?:^|[^a-z])(?:id|uuid|guid)$|[a-z](?:Id|ID|Uuid|UUID)$")
_KEY_CAPITALS = re.compile(r"(?:^|_)(?:ID|UUID|GUID)$")
_PERIOD = re.compile(
    r"(?:^|[^a-z])(?:year|quarter|month|week|day|date|period|snapshot|batch|partition|run|file)$"
)


def identifiers(reference: TableSummary, current: TableSummary) -> dict[str, str]:
    """By name, the columns that are identifiers, and what shows it.

    Names nearly one for each row; whole numbers that are as good as drawn without replacement from
    consecutive ones (`_consecutive`), that may each be different and are called an id, beyond 2⁵³,
    or all moments between 2000 and 2100; and a period, such as a year, that is one value
    throughout in each table and another one.
    """
    found = {
        name: _why(name, old, current.columns[name])
        for name, old in reference.columns.items()
        if name in current.columns
    }
    return {name: why for name, why in found.items() if why}


def _why(name: str, old: ColumnSummary, new: ColumnSummary) -> str:
    if old.n and new.n and _period(name, old, new):
        return "it is one value throughout in each table, as a period is"
    if old.n < LEAST:
        return ""
    if old.grid.kind == "categorical":
        known = old.counts[:-1][old.counts[:-1] > 0]
        single = known.size and int(known.sum()) <= SINGLE * known.size
        return "nearly every row has its own value, as an identifier has" if single else ""
    return _whole(name, old) if old.grid.kind == "integer" else ""


def _whole(name: str, old: ColumnSummary) -> str:
    for unit in (1, 10**3, 10**6, 10**9):
        if _SINCE * unit <= old.low and old.high < _UNTIL * unit:
            return "its whole numbers read as moments since 1970"
    if max(abs(old.low), abs(old.high)) >= _LARGEST:
        return "its whole numbers are beyond 2⁵³, as an identifier's are"
    if int(old.counts[1:-1].max(initial=0)) > 1 << old.grid.shift or old.low == old.high:
        return ""
    named = _KEY.search(name) or _KEY_CAPITALS.search(name)
    if named or _consecutive(old):
        return "every row has its own whole number, as an identifier has"
    return ""


def _consecutive(old: ColumnSummary) -> bool:
    """Whether counts vary less from bin to bin than those of a quantity can.

    Independent draws of any smooth density have Poisson counts, whose neighbours differ by twice
    their mean in square (von Neumann 1941), and rounding or clusters only add to it. Of ids without
    replacement, of which a share d occurs, it is 1 − d of that.
    """
    filled = np.flatnonzero(old.counts)
    counts = old.counts[filled[0] : filled[-1] + 1].astype(float)
    if counts.size < 2:
        return False
    ratio = float((np.diff(counts) ** 2).sum() / (2 * counts[:-1].sum() or 1.0))
    noise = math.sqrt(3 / counts.size + 1 / counts.sum())
    return ratio < 1 - 5 * noise


def _period(name: str, old: ColumnSummary, new: ColumnSummary) -> bool:
    if old.missing or new.missing:
        return False
    if old.grid.kind == "integer":
        if not (old.low == old.high != new.low == new.high):
            return False
        values = [f"{value:.0f}" for value in (old.low, new.low)]
    elif old.grid.kind == "categorical":
        gone = dict(new.others)
        if len(old.grid.categories) != 1 or len(gone) != 1 or new.counts[0]:
            return False
        values = [*old.grid.categories, *gone]
    else:
        return False
    return bool(_PERIOD.search(name.lower())) or all(map(_reads_as_period, values))


def _reads_as_period(value: str) -> bool:
    """A year of 1900 to 2100, or one with its month, quarter or day: 2015, 201507, 2015-07-01."""
    return bool(re.fullmatch(r"(?:19|20)\d\d(?:-?(?:0[1-9]|1[0-2]|Q[1-4])(?:-?[0-3]\d)?)?", value))
