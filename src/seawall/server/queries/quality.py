"""Quality over time from labels, the hours that still wait for theirs marked provisional."""

from __future__ import annotations

from seawall.kernel import Estimate, Outcome, Rule
from seawall.server.pages import formats, views
from seawall.server.pages.views import Mark, QualityPoint, Status
from seawall.server.queries.traffic import Traffic
from seawall.server.queries.words import share
from seawall.slo.objective import Objective
from seawall.statistics.intervals import rate
from seawall.statistics.performance import roc_auc
from seawall.statistics.regression import regression

FEWEST = 10
"""Labels of each sort that a span needs for its ranking to be shown."""

ERROR = "mean absolute error"
LEAST = 0.2
"""Share of a span's decisions that needs a label: the first to arrive are not like the others."""


def quality(traffic: Traffic, marks: tuple[Mark, ...]) -> tuple[views.Quality, ...]:
    """Right answers, and the ranking or the error behind them, in equal spans.

    Empty before any label.
    """
    right: list[QualityPoint] = []
    ranked: list[QualityPoint] = []
    missed: list[QualityPoint] = []
    for c in traffic.cohorts:
        if c.known < LEAST:
            continue
        if c.values is not None and c.values.n >= FEWEST:
            mae = regression(c.values)["mae"]
            missed.append(QualityPoint(start=c.start, end=c.end, measured=mae, matured=c.matured))
        if not c.correct + c.wrong:
            continue
        estimate = rate(c.correct, c.correct + c.wrong, 0.95)
        right.append(QualityPoint(start=c.start, end=c.end, measured=estimate, matured=c.matured))
        if c.scores is not None and min(c.scores.counts[:2].sum(axis=1)) >= FEWEST:
            auc = roc_auc(c.scores, 0.95)
            ranked.append(QualityPoint(start=c.start, end=c.end, measured=auc, matured=c.matured))
    age = formats.span(traffic.label_age)
    found: list[views.Quality] = []
    if right:
        found.append(_quality("right answers", right, _target(traffic), "%", age, marks))
    if missed:
        unit = traffic.endpoint.value.unit
        found.append(_quality(ERROR, missed, None, unit, age, marks))
    if ranked:
        found.append(_quality("ROC AUC", ranked, None, "", age, marks))
    return tuple(found)


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
        worse = change > 0 if measure == ERROR else change < 0
        mark = Status("warning" if worse else "good", "lower" if change < 0 else "higher")
        return mark, f"{name} has {way} by {abs(change):.2g} since the first labels, to {now}"
    return Status("good", "steady"), f"{name} holds at {now}"
