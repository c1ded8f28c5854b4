"""Drift of one table from another, with no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seawall.kernel import Digest
from seawall.report.document import Document
from seawall.sdk.histograms import with_histograms
from seawall.sdk.report import CONFIDENCE, Progress, Report, Table, named
from seawall.sdk.summaries import reference_summary, summary_on
from seawall.statistics.drift import Drift
from seawall.statistics.drift import drift as compare


class DriftReport(Report, frozen=True):
    """What `drift` found."""

    subject = "drift"

    def _document(self) -> Document:
        from seawall.report.from_drift import drift_document

        return drift_document(self.to_dict())


def drift(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> DriftReport:
    """How far each column of `current` has moved from `reference`.

    `columns`: all that both tables have by default, without dates and times, which always move.
    `tolerances` by deciding measure (ks, total_variation, missing_difference) or column. Parquet
    is read a million rows at a time; `progress` is told after each piece. Raises `BadInput` on
    unreadable tables and unknown columns.
    """
    base = reference_summary(reference, columns, progress)
    now = summary_on(current, base.grids, every_column=columns is None, progress=progress)
    found: Drift = compare(
        base.summary, now.summary, tolerances=tolerances or {}, confidence=CONFIDENCE
    )
    body = with_histograms(found.to_dict(), base.summary, now.summary)
    body.pop("verdict")
    body["not_compared"] = sorted({*base.left_out, *now.extra})
    body["digests"] = {
        "reference": str(Digest.of(base.summary.to_bytes())),
        "current": str(Digest.of(now.summary.to_bytes())),
    }
    return DriftReport(found.verdict, body, named(reference=reference, current=current))
