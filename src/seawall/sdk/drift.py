"""Drift of one table from another, with no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seawall.sdk.report import CONFIDENCE, Report, Table
from seawall.sdk.summaries import reference_summary, summary_on
from seawall.statistics.drift import Drift
from seawall.statistics.drift import drift as compare


class DriftReport(Report, frozen=True):
    """What `drift` found."""

    subject = "drift"


def drift(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> DriftReport:
    """How far each column of `current` has moved from `reference`.

    `columns`: all that both tables have by default, without dates and times, which always move.
    `tolerances` by deciding measure (ks, total_variation, missing_difference) or column. Parquet
    is read a million rows at a time. Raises `BadInput` on unreadable tables and unknown columns.
    """
    base = reference_summary(reference, columns)
    now = summary_on(current, base.grids, every_column=columns is None)
    found: Drift = compare(
        base.summary, now.summary, tolerances=tolerances or {}, confidence=CONFIDENCE
    )
    body = found.to_dict()
    body.pop("verdict")
    return DriftReport(found.verdict, body | {"not_compared": sorted({*base.left_out, *now.extra})})
