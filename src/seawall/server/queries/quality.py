"""Quality over time from labels, the hours that still wait for theirs marked provisional."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from seawall.kernel import BadInput, Estimate, Outcome, Rule
from seawall.server.pages import formats, views
from seawall.server.pages.views import Mark, QualityPoint, Status
from seawall.server.queries.traffic import Traffic
from seawall.server.queries.words import share
from seawall.serving.telemetry import Labels
from seawall.slo.objective import Objective
from seawall.statistics.intervals import rate
from seawall.statistics.performance import roc_auc
from seawall.statistics.score import ScoreSummary

POINTS = 36
HOUR = timedelta(hours=1)
SPANS = (1, 2, 3, 6, 12, 24)


def quality(traffic: Traffic, marks: tuple[Mark, ...]) -> tuple[views.Quality, ...]:
    """Right answers, and the ranking behind them, in equal spans; empty before any label."""
    labels = [(start, body) for start, body in traffic.labels if body.arrived]
    if not labels:
        return ()
    first = min(start for start, _ in labels)
    hours = (traffic.moment - first) / HOUR
    length = next((s for s in SPANS if hours / s <= POINTS), SPANS[-1]) * HOUR
    spans: dict[datetime, list[Labels]] = defaultdict(list)
    for start, body in labels:
        spans[_span(start, length)].append(body)
    matured = _matured(traffic, length)
    right: list[QualityPoint] = []
    ranked: list[QualityPoint] = []
    for start in sorted(spans):
        known = spans[start]
        correct, wrong = sum(b.correct for b in known), sum(b.wrong for b in known)
        if not correct + wrong:
            continue
        end, part = start + length, matured.get(start, 1.0)
        estimate = rate(correct, correct + wrong, 0.95)
        right.append(QualityPoint(start=start, end=end, measured=estimate, matured=part))
        summary = merged(known)
        if summary is not None and min(summary.counts[:2].sum(axis=1)) >= 10:
            auc = roc_auc(summary, 0.95)
            ranked.append(QualityPoint(start=start, end=end, measured=auc, matured=part))
    age = formats.span(traffic.label_age)
    target = _target(traffic)
    found = [_quality("right answers", right, target, "%", age, marks)]
    if ranked:
        found.append(_quality("ROC AUC", ranked, None, "", age, marks))
    return tuple(found)


def _span(moment: datetime, length: timedelta) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (moment - day) // length * length


def _matured(traffic: Traffic, length: timedelta) -> dict[datetime, float]:
    """By span, the share of its decisions whose labels have reached the fixed age."""
    every: dict[datetime, int] = defaultdict(int)
    mature: dict[datetime, int] = defaultdict(int)
    for hour, decisions in traffic.decided.items():
        at = _span(hour, length)
        every[at] += decisions
        mature[at] += decisions if hour <= traffic.mature_until else 0
    return {at: mature[at] / n for at, n in every.items() if n}


def merged(parts: Sequence[Labels]) -> ScoreSummary | None:
    """Scores by label and group of several cohorts; a cohort on another grid is left out."""
    total: ScoreSummary | None = None
    for part in parts:
        summary = part.scores
        if summary is None:
            continue
        try:
            total = summary if total is None else total.merge(summary)
        except BadInput:
            continue
    return total


def _target(traffic: Traffic) -> float | None:
    objectives = traffic.app.store.find(Objective, f"{traffic.endpoint.name}/")
    return next((o.target for o in objectives if o.indicator == "quality"), None)


def _quality(
    measure: str,
    points: list[QualityPoint],
    low: float | None,
    unit: str,
    age: str,
    marks: tuple[Mark, ...],
) -> views.Quality:
    whole = [p for p in points if p.matured >= 1]
    last = (whole or points)[-1].measured
    assert last is not None
    status, finding = _finding(measure, points, whole, last, low)
    begin = points[0].start
    return views.Quality(
        measure=measure,
        finding=finding,
        status=status,
        points=tuple(points),
        low=low,
        unit=unit,
        label_age=age,
        marks=tuple(m for m in marks if m.time >= begin),
    )


def _finding(
    measure: str,
    points: list[QualityPoint],
    whole: list[QualityPoint],
    last: Estimate,
    low: float | None,
) -> tuple[Status, str]:
    name = measure if measure.isupper() or measure.startswith("ROC") else measure.capitalize()
    now = share(last.value) if low is not None else f"{last.value:.3g}"
    if not whole:
        return Status("undecided", "provisional"), f"{name}: {now} so far; labels are not mature"
    if low is not None:
        outcome = Rule(measure, at_least=low).judge(last).outcome
        verb = {
            Outcome.PASS: f"hold their objective: {now}",
            Outcome.FAIL: f"are below their objective: {now}, wanted {share(low)}",
            Outcome.UNDECIDED: f"are near their objective: {now}, wanted {share(low)}",
        }[outcome]
        word = views.status_of(outcome, good="holds", bad="below")
        return word, f"{name} {verb}"
    first = points[0].measured
    assert first is not None
    change = last.value - first.value
    if last.low > first.high or last.high < first.low:
        way = "fallen" if change < 0 else "risen"
        mark = Status("warning" if change < 0 else "good", "lower" if change < 0 else "higher")
        return mark, f"{name} has {way} by {abs(change):.2g} since the first labels, to {now}"
    return Status("good", "steady"), f"{name} holds at {now}"
