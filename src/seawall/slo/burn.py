"""Multi-window burn-rate alerts (Beyer et al., The Site Reliability Workbook, chapter 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from seawall.kernel import Estimate
from seawall.slo.budget import total_over
from seawall.slo.objective import COUNTER, Counts, Objective

Severity = Literal["page", "ticket"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class BurnRow(msgspec.Struct, frozen=True):
    """Alert when both windows burn at `factor` times the rate that uses up the budget exactly.

    A row with `pages_after` raises a ticket, and a page once it has fired for so long.
    """

    name: str
    long: timedelta
    short: timedelta
    factor: float
    severity: Severity
    pages_after: timedelta | None = None


TABLE = (
    BurnRow("1h/5m", HOUR, COUNTER, 14.4, "page"),
    BurnRow("6h/30m", 6 * HOUR, 6 * COUNTER, 6.0, "page"),
    BurnRow("1d/2h", DAY, 2 * HOUR, 3.0, "ticket", pages_after=DAY),
    BurnRow("3d/6h", 3 * DAY, 6 * HOUR, 1.0, "ticket"),
)


class BurnAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table that fires for an objective.

    `burn` is the long window's burn rate (1 uses the budget up exactly at the window's end), with
    the interval of the bad ratio behind it in `bad`; `recent` the short window's burn rate.
    """

    objective: Objective
    row: BurnRow
    severity: Severity
    burn: float
    burn_low: float
    recent: float
    bad: Estimate
    summary: str


def rows_for(objective: Objective) -> tuple[BurnRow, ...]:
    """The table, with factors that this objective could never reach rescaled.

    The greatest burn there is, all events bad, is 1 / (1 - target). A factor at or above it becomes
    the midpoint of 1 and that, and the windows lengthen in proportion, so that the row fires
    after the same share of budget; the short window stays a twelfth of the long one.
    """
    greatest = 1 / objective.allowed
    rows: list[BurnRow] = []
    for row in TABLE:
        if row.factor < greatest:
            rows.append(row)
            continue
        factor = (1 + greatest) / 2
        steps = round(row.short * (row.factor / factor) / COUNTER)
        short = max(1, steps) * COUNTER
        rows.append(msgspec.structs.replace(row, factor=factor, short=short, long=12 * short))
    return tuple(rows)


def alerts(
    readings: Mapping[Objective, Sequence[Counts]], now: datetime, confidence: float = 0.95
) -> list[BurnAlert]:
    """Every row that fires now, worst first: pages, then tickets, by burn rate.

    The long window decides on the lower bound of its bad ratio, so that a handful of requests
    does not page; the short window on its ratio, so that an alert ends soon after its cause.
    """
    fired: list[BurnAlert] = []
    for objective, counts in readings.items():
        for row in rows_for(objective):
            if alert := _fires(objective, row, counts, now, confidence):
                fired.append(alert)
    return sorted(fired, key=lambda a: (a.severity != "page", -a.burn, a.objective.key))


def _fires(
    objective: Objective,
    row: BurnRow,
    counts: Sequence[Counts],
    now: datetime,
    confidence: float,
) -> BurnAlert | None:
    burning = _burning(objective, row, counts, now, confidence)
    if burning is None:
        return None
    bad, recent = burning
    severity = row.severity
    if row.pages_after is not None:
        hours = range(1, int(row.pages_after / HOUR) + 1)
        if all(_burning(objective, row, counts, now - h * HOUR, confidence) for h in hours):
            severity = "page"
    burn, low = bad.value / objective.allowed, bad.low / objective.allowed
    return BurnAlert(
        objective=objective,
        row=row,
        severity=severity,
        burn=burn,
        burn_low=low,
        recent=recent,
        bad=bad,
        summary=(
            f"{objective.endpoint}: {objective.indicator} burns its error budget at "
            f"{burn:{_times(burn)}} times the sustainable rate over {_span(row.long)} "
            f"(at least {low:{_times(low)}}; "
            f"alert at {row.factor:.3g})"
        ),
    )


def _times(rate: float) -> str:
    """How a burn rate is written: 14.4, 996."""
    return ",.0f" if rate >= 100 else ".3g"


def _burning(
    objective: Objective,
    row: BurnRow,
    counts: Sequence[Counts],
    now: datetime,
    confidence: float,
) -> tuple[Estimate, float] | None:
    """The long window's bad ratio and the short window's burn rate, if the row fires at `now`."""
    from seawall.statistics.sequential import proportion

    level = row.factor * objective.allowed
    good, total = total_over(counts, row.short, now)
    if not total or (total - good) / total < level:
        return None
    recent = (total - good) / total / objective.allowed
    good, total = total_over(counts, row.long, now)
    if (total - good) / total < level:
        return None
    bad = proportion(total - good, total, confidence)
    return (bad, recent) if bad.low >= level else None


def _span(length: timedelta) -> str:
    hours = length / HOUR
    return f"{hours / 24:.3g} days" if hours > 48 else f"{hours:.3g} h"
