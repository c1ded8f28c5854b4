"""Labels of several classes and of values by group, and what lies between the groups."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from seawall.kernel import BadInput, Estimate, Rule
from seawall.server.pages import views
from seawall.server.pages.views import Group, Judged
from seawall.server.queries.traffic import Traffic
from seawall.serving.label_groups import GroupCounts, Groups, merge_groups
from seawall.serving.telemetry import Labels
from seawall.statistics.error_gaps import GAP, error_gaps, per_deviation
from seawall.statistics.regression import RegressionSummary, regression

MEASURES = {"bias": "mean error", "mae": "mean absolute error"}


def groups_since(traffic: Traffic, span: timedelta) -> Groups:
    """The labels by group of the last span that there are any of.

    Of reports that do not merge, counted on the values of two versions, the newer count.
    """
    told = [(start, body) for start, body in traffic.labels if body.groups]
    found: Groups = {}
    for start, body in told:
        if start >= told[-1][0] - span:
            found = _added(found, body)
    return found


def _added(found: Groups, body: Labels) -> Groups:
    try:
        return merge_groups(found, body.groups)
    except BadInput:
        return body.groups


def errors_by_group(
    traffic: Traffic, column: str, counted: Mapping[str, GroupCounts], smallest: int
) -> list[views.Fairness]:
    """Mean errors by group; judged in standard deviations of the labels, as `evaluate` does."""
    known = {name: one.values for name, one in counted.items()}
    parts = {name: values for name, values in known.items() if values is not None and values.n}
    large = [values for values in parts.values() if values.n >= smallest]
    if not parts:
        return []
    total = None
    for part in parts.values():
        total = part if total is None else total.merge(part)
    assert total is not None
    overall, gaps = regression(total), error_gaps(large, 0.95)
    deviation = total.label.sd
    made = partial(_shown, traffic.endpoint.value.unit, column, parts, smallest, deviation)
    return [made(measure, overall[measure], gaps[f"{measure}_difference"]) for measure in MEASURES]


def _shown(
    unit: str, column: str, parts: Mapping[str, RegressionSummary], smallest: int,
    deviation: float, measure: str, overall: Estimate, gap: Estimate,
) -> views.Fairness:  # fmt: skip
    rule = Rule(GAP.measure, at_most=GAP.at_most)
    outcome = rule.judge(per_deviation(gap, deviation)).outcome
    tolerated = (GAP.at_most or 0.0) * (deviation if deviation > 0 else 0.0)
    words = MEASURES[measure]
    ending = {
        "pass": f"The {words} differs by {column} no more than tolerated",
        "fail": f"The {words} differs by {column} more than tolerated",
    }
    undecided = f"Not yet decided whether the {words} differs by {column} more than tolerated"
    groups = [
        Group(name=name, n=part.n, estimate=regression(part)[measure], small=part.n < smallest)
        for name, part in parts.items()
    ]
    return views.Fairness(
        by=column,
        measure=words,
        finding=ending.get(outcome.value, undecided),
        gap=Judged(
            name="gap", status=views.status_of(outcome), estimate=gap, high=tolerated, unit=unit
        ),
        overall=overall.value,
        low=overall.value - tolerated / 2,
        high=overall.value + tolerated / 2,
        groups=tuple(sorted(groups, key=lambda g: (g.small, -g.n))),
    )
