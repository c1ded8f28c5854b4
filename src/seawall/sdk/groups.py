"""The groups of an evaluation: their measures, what lies between them, and the verdicts on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from seawall.kernel import Estimate, Outcome, Rule, Verdict, all_of
from seawall.sdk.report import CONFIDENCE
from seawall.sdk.verdicts import too_small
from seawall.statistics.drift import judge_in_family
from seawall.statistics.fairness import fairness
from seawall.statistics.group_calibration import GroupCalibration, calibration_within
from seawall.statistics.groups import Extremes, Group
from seawall.statistics.performance import by_score
from seawall.statistics.score import ScoreSummary


class Between(NamedTuple):
    """Verdicts, and the JSON of groups, fairness by column, and calibration by group."""

    verdicts: list[Verdict]
    groups: list[dict[str, Any]]
    fairness: dict[str, Any]
    calibration: dict[str, Any]


def compare_groups(
    scored: ScoreSummary | None, calls: ScoreSummary, chosen: Sequence[tuple[str, ...]],
    cut: float, rules: Sequence[Rule], family: float,
) -> Between:  # fmt: skip
    """Every group of every column: quality, calibration, and the rules judged over them.

    `calls` are counted by the same columns as `scored`, which is absent when there are no scores;
    `family` is the level at which all rules of the evaluation hold together.
    """
    found = Between([], [], {}, {})
    for by in chosen:
        name = "×".join(by)
        gaps = fairness(calls, by, cut, confidence=CONFIDENCE)
        measures, worst, groups = gaps.measures, gaps.worst, (*gaps.groups, *gaps.small)
        strict = fairness(calls, by, cut, confidence=family).measures
        if scored is not None:
            within = calibration_within(scored, by, confidence=CONFIDENCE)
            measures, worst = measures | within.measures, worst | within.worst
            if any(rule.measure in within.measures for rule in rules):
                strict |= calibration_within(scored, by, confidence=family).measures
            found.calibration[name] = _diagrams(within)
            groups = _joined(groups, scored, by, within)
        parts = [_judge(rule, name, measures, strict, worst) for rule in rules]
        if gaps.small:
            parts.append(too_small(name, [(g.by.values(), g.n) for g in gaps.small]))
        verdict = all_of(parts)
        found.verdicts.append(verdict)
        found.groups.extend(group.to_dict() for group in groups)
        found.fairness[name] = {
            "verdict": verdict.to_dict(),
            "measures": {key: e.to_dict() for key, e in measures.items()},
            "small": [g.by for g in gaps.small],
            "worst": {k: {"low": w.low.by, "high": w.high.by} for k, w in worst.items()},
        }
    return found


def _judge(
    rule: Rule, name: str, measures: dict[str, Estimate], strict: dict[str, Estimate],
    worst: dict[str, Extremes],
) -> Verdict:  # fmt: skip
    rule = msgspec.structs.replace(rule, by=(name,))
    if rule.measure not in measures:
        return rule.judge(None)
    verdict = judge_in_family(rule, measures[rule.measure], strict[rule.measure], name)
    (reason,) = verdict.reasons
    pair = worst.get(rule.measure)
    if pair is None or reason.outcome is Outcome.PASS:
        return verdict
    told = msgspec.structs.replace(reason, message=f"{reason.message}; {pair.text}")
    return Verdict(verdict.outcome, (told,))


def _joined(
    groups: Sequence[Group], scored: ScoreSummary, by: tuple[str, ...], within: GroupCalibration
) -> tuple[Group, ...]:
    family = scored.family(*by)
    more = {
        values: by_score(scored.of_group(family, at), CONFIDENCE) | within.groups[at].measures
        for at, values in enumerate(family.groups)
    }
    return tuple(Group(g.by, g.n, g.measures | more.get(tuple(g.by.values()), {})) for g in groups)


def _diagrams(within: GroupCalibration) -> list[dict[str, Any]]:
    return [
        group.to_dict() | {"reliability": [one.to_dict() for one in bins]}
        for group, bins in zip(within.groups, within.reliability, strict=True)
    ]
