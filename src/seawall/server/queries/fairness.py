"""Rates by group from the labelled cohorts, and the gaps between them."""

from __future__ import annotations

from datetime import timedelta

from seawall.kernel import Estimate, NotFound, Outcome, Rule
from seawall.server.pages import views
from seawall.server.pages.views import Group, Judged
from seawall.server.queries.group_errors import errors_by_group, groups_since
from seawall.server.queries.traffic import Traffic, merge_scores
from seawall.serving.label_groups import CALLED, calls
from seawall.statistics.fairness import TOLERANCES, fairness
from seawall.statistics.fairness import Fairness as Gaps
from seawall.statistics.score import ScoreSummary
from seawall.validation.plan import ValidationPlan

SPAN = timedelta(days=7)
SHOWN = {
    "demographic_parity_difference": ("selection_rate", "selection rate"),
    "equal_opportunity_difference": ("recall", "true positive rate"),
    "predictive_parity_difference": ("precision", "precision"),
    "accuracy_difference": ("accuracy", "right answers"),
}
SMALL = 50
TOLERATED = 0.10
"""What a gap may be where no plan bounds it."""


def by_group(traffic: Traffic) -> tuple[views.Fairness, ...]:
    """Every gap that the validation plan bounds, for every group column, over the last week."""
    cohorts = [c for c in traffic.cohorts if c.scores is not None]
    if not cohorts:
        return _of_other_kinds(traffic)
    since = cohorts[-1].end - SPAN
    summary = merge_scores(c.scores for c in cohorts if c.start >= since)
    if summary is None:
        return ()
    try:
        plan = traffic.app.store.get(ValidationPlan, traffic.endpoint.plan)
    except NotFound:
        plan = None
    found: list[views.Fairness] = []
    for family in summary.families:
        name, smallest = ",".join(family.columns), SMALL
        rules = {m: Rule(m, at_most=t) for m, t in TOLERANCES.items()}
        if plan is not None:
            rules = {r.measure: r for r in plan.fairness_rules if name in r.by} or rules
            smallest = next((g.minimum_group for g in plan.groups if g.name == name), SMALL)
        gaps = fairness(summary, family.columns, traffic.endpoint.threshold, smallest)
        found.extend(
            _fairness(name, measure, rule, gaps, summary, traffic.endpoint.threshold)
            for measure, rule in rules.items()
            if measure in SHOWN and measure in gaps.measures
        )
    return tuple(found)


def _of_other_kinds(traffic: Traffic) -> tuple[views.Fairness, ...]:
    """Of several classes right answers and the favourable class, of values mean errors."""
    counted = groups_since(traffic, SPAN)
    favourable = traffic.endpoint.favourable
    summary = calls(counted, None if favourable is None else str(favourable))
    if summary is None:
        return ()
    found: list[views.Fairness] = []
    shown = ["accuracy_difference"]
    if favourable is not None:
        shown.append("demographic_parity_difference")
    for column, members in counted.items():
        found += errors_by_group(traffic, column, members, SMALL)
        if not sum(one.correct + one.wrong for one in members.values()):
            continue
        gaps = fairness(summary, (column,), CALLED, SMALL)
        found += [
            _fairness(column, gap, Rule(gap, at_most=TOLERATED), gaps, summary, CALLED)
            for gap in (shown if any(one.confusion for one in members.values()) else shown[:1])
        ]
    return tuple(found)


def _fairness(
    by: str, gap: str, rule: Rule, gaps: Gaps, summary: ScoreSummary, threshold: float
) -> views.Fairness:
    measure, words = SHOWN[gap]
    tolerance = rule.at_most if rule.at_most is not None else rule.within or 0.0
    estimate = gaps.measures[gap]
    outcome = rule.judge(estimate).outcome
    groups = [Group(name=_name(g.by), n=g.n, estimate=g.measures[measure]) for g in gaps.groups]
    groups += [
        Group(name=_name(g.by), n=g.n, estimate=g.measures[measure], small=True) for g in gaps.small
    ]
    overall = _overall(summary, measure, threshold)
    return views.Fairness(
        by=by,
        measure=words,
        finding=_finding(by, words, outcome, groups),
        gap=Judged(
            name="gap", status=views.status_of(outcome), estimate=estimate, high=tolerance, unit="%"
        ),
        overall=overall.value,
        low=max(0.0, overall.value - tolerance / 2),
        high=min(1.0, overall.value + tolerance / 2),
        groups=tuple(sorted(groups, key=lambda g: (g.small, -g.n))),
    )


def _name(by: dict[str, str]) -> str:
    return " × ".join(by.values())


def _overall(summary: ScoreSummary, measure: str, threshold: float) -> Estimate:
    """The rate over all groups, counted as a group of everybody."""
    from seawall.statistics.score import Family

    counts = summary.counts[None, :, :]
    everybody = ScoreSummary(
        grid=summary.grid, counts=summary.counts, families=(Family(("all",), (("all",),), counts),)
    )
    return fairness(everybody, ("all",), threshold, 0).groups[0].measures[measure]


def _finding(by: str, words: str, outcome: Outcome, groups: list[Group]) -> str:
    judged = [g for g in groups if not g.small and g.estimate is not None]
    if outcome is Outcome.PASS:
        return f"The {words} differs by {by} no more than tolerated"
    if outcome is Outcome.UNDECIDED or len(judged) < 2:
        return f"Not yet decided whether the {words} differs by {by} more than tolerated"
    least = min(judged, key=lambda g: g.estimate.value if g.estimate else 0.0)
    return f"The {words} of {by} {least.name} is lower than tolerated"
