"""Inputs and scores of the last window against the champion's baseline."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np

from seawall.app.root import App
from seawall.app.telemetry import HOUR, LAG, aligned, inputs, load
from seawall.app.watch import DriftLook
from seawall.kernel import BadInput, Outcome, Rule, Window
from seawall.monitoring.watch import DriftReading, watch
from seawall.registry.version import Version
from seawall.server.pages import formats, views
from seawall.server.pages.views import Distribution, Judged
from seawall.server.queries.traffic import Traffic
from seawall.statistics import distance, variation
from seawall.statistics.score import ScoreSummary
from seawall.statistics.summary import ColumnSummary, TableSummary

BINS, CATEGORIES = 20, 12
TOLERANCE = 0.10
DISTANCES = {
    "ks": "largest difference of shares (KS)",
    "total_variation": "share moved (total variation)",
    "missing_difference": "missing, difference",
}


class Against(msgspec.Struct, frozen=True):
    """The window compared, its features, and its scores."""

    window: str = ""
    features: tuple[views.Feature, ...] = ()
    prediction: Distribution | None = None
    prediction_drift: Judged | None = None
    reading: DriftReading | None = None


def against_baseline(traffic: Traffic, champion: Version) -> Against:
    """The newest look at drift, with the distributions that it looked at."""
    app, endpoint = traffic.app, traffic.endpoint
    baseline = TableSummary.from_bytes(app.objects.get(champion.objects["baseline"]))
    looks = app.store.find(DriftLook, endpoint.name, limit=1)
    look = looks[0] if looks and looks[0].key == endpoint.name else None
    window = look.reading.window if look and look.version == champion.key else None
    if window is None:
        until = max(
            aligned(traffic.moment - LAG - HOUR, HOUR), aligned(traffic.moment, HOUR) - HOUR
        )
        window = Window(until - endpoint.window_hours * HOUR, until)
    current = inputs(app, endpoint.name, window.start, window.end, like=baseline)
    if current is None or not current.rows:
        return Against()
    known = TableSummary(
        baseline.rows, {n: c for n, c in baseline.columns.items() if n in current.columns}
    )
    fitting = look is not None and look.reading.window == window
    try:
        reading = look.reading if look and fitting else watch(known, current, window=window)
        features = _features(reading, known, current)
    except BadInput:  # the window holds another version's grids
        return Against()
    scores = _scores(app, champion, traffic, window)
    hours = (window.end - window.start) / timedelta(hours=1)
    return Against(
        f"{hours:.0f} hours until {window.end:%d %b %H:%M}, {formats.count(current.rows)} rows, "
        f"against the {formats.count(baseline.rows)} that {champion.key} was trained on",
        features,
        *scores,
        reading,
    )


def _features(
    reading: DriftReading, baseline: TableSummary, current: TableSummary
) -> tuple[views.Feature, ...]:
    return tuple(
        views.Feature(
            name=r.name,
            drift=Judged(
                name=DISTANCES.get(r.measure, r.measure),
                status=views.status_of(r.outcome, good="holds", bad="moved"),
                estimate=r.distance,
                high=r.tolerance,
                low=-r.tolerance if r.measure == "missing_difference" else None,
            ),
            distribution=distribution(baseline.columns[r.name], current.columns[r.name]),
            missing=_known(current.columns[r.name].missing_share),
            missing_baseline=_known(baseline.columns[r.name].missing_share),
        )
        for r in reading.features
        if r.name in baseline.columns and r.name in current.columns
    )


def _known(value: float) -> float:
    return value if value == value else 0.0


def distribution(old: ColumnSummary, new: ColumnSummary) -> Distribution | None:
    """Both columns' shares over the same bins; None when one of them is empty."""
    if not old.n or not new.n:
        return None
    if old.grid.ordered:
        both = old.merge(new).histogram(BINS)
        edges = np.array(both.edges)
        past, present = old.binned(edges).counts, new.binned(edges).counts
        return Distribution(
            baseline=tuple(c / old.n for c in past),
            present=tuple(c / new.n for c in present),
            edges=both.edges,
            baseline_rows=old.n,
            present_rows=new.n,
        )
    weight = old.counts / old.n + new.counts / new.n
    order = [int(i) for i in np.argsort(-weight[:-1], kind="stable")[:CATEGORIES] if weight[i] > 0]

    def shares(column: ColumnSummary) -> tuple[float, ...]:
        top = [int(column.counts[i]) / column.n for i in order]
        return (*top, max(0.0, 1.0 - sum(top)))

    past, present = shares(old), shares(new)
    labels = (*(old.grid.categories[i] for i in order), "other")
    if past[-1] + present[-1] < 1e-9:
        past, present, labels = past[:-1], present[:-1], labels[:-1]
    return Distribution(
        baseline=past,
        present=present,
        labels=labels,
        baseline_rows=old.n,
        present_rows=new.n,
    )


def _scores(
    app: App, champion: Version, traffic: Traffic, window: Window
) -> tuple[Distribution | None, Judged | None]:
    """The champion's scores in the window against those of its own hold-out."""
    old = _answered(app, champion)
    if old is None:
        return None, None
    found = load(
        app,
        traffic.endpoint.name,
        "scores",
        version=champion.key,
        arm="champion",
        since=window.start,
        until=window.end,
    )
    parts = [body for _, body in found if isinstance(body, ColumnSummary)]
    same = [p for p in parts if p.grid == old.grid]
    if not same or not old.n:
        return None, None
    new = same[0]
    for part in same[1:]:
        new = new.merge(part)
    shape, measure = distribution(old, new), "ks"
    if old.grid.kind == "score":
        edges = np.linspace(0.0, 1.0, BINS + 1)
        shape = Distribution(
            baseline=tuple(c / old.n for c in old.binned(edges).counts),
            present=tuple(c / new.n for c in new.binned(edges).counts),
            edges=tuple(float(e) for e in edges),
            baseline_rows=old.n,
            present_rows=new.n,
        )
    if old.grid.ordered:
        moved = distance.ks(old, new, 0.95)
    else:
        moved, measure = variation.total_variation(old, new, 0.95), "total_variation"
    outcome: Outcome = Rule(measure, at_most=TOLERANCE).judge(moved).outcome
    drift = Judged(
        name=DISTANCES[measure],
        status=views.status_of(outcome, good="holds", bad="moved"),
        estimate=moved,
        high=TOLERANCE,
    )
    return shape, drift


def _answered(app: App, champion: Version) -> ColumnSummary | None:
    """What the champion said of its training data: scores, classes called, or values."""
    if digest := champion.objects.get("baseline_answers"):
        return ColumnSummary.from_bytes(app.objects.get(digest))
    if digest := champion.objects.get("baseline_scores"):
        known = ScoreSummary.from_bytes(app.objects.get(digest))
        return ColumnSummary(grid=known.grid, counts=known.counts.sum(axis=0))
    return None
