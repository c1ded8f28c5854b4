"""What an open rollout still waits for, in words."""

from __future__ import annotations

from datetime import timedelta

from seawall.kernel import Outcome, Rule
from seawall.rollout.outlook import outlook
from seawall.rollout.rollout import Rollout, StepRecord
from seawall.server.pages import formats
from seawall.server.queries.words import MEASURES, share

LABELS = ("wrong_difference", "wrong_rate", "label_arrival_difference")


def waiting(held: Rollout, records: list[StepRecord] | None = None) -> str:
    """What an open rollout waits for, in one clause."""
    step = held.current
    known = records or [r for r in held.history if r.step == step.name and r.evidence]
    part = "a shadow" if step.mode == "shadow" else f"{share(step.share)} of the traffic"
    part = "all traffic" if step.mode == "full" else part
    says = f"{held.candidate} sees {part}" if step.mode == "shadow" else f"{held.candidate} takes"
    says = (
        f"{held.candidate} sees a copy of {share(step.share)} of the traffic"
        if step.mode == "shadow"
        else f"{says} {part}"
    )
    if held.state == "paused":
        return f"{says} and waits for a person"
    if not known:
        return f"{says}; the first evidence comes with its first whole window"
    last = known[-1]
    needs = [n for rule in step.proofs if (n := wanting(held, rule, last))]
    if needs:
        return f"{says} and waits for {needs[0]}"
    elapsed = (last.time - held.step_started).total_seconds()
    if elapsed < step.minimum:
        return f"{says} for at least {formats.span(timedelta(seconds=step.minimum - elapsed))} more"
    return f"{says}; its evidence is being judged"


def wanting(held: Rollout, rule: Rule, record: StepRecord) -> str:
    """What an undecided rule still needs, roughly; empty when it is decided or nobody can tell."""
    estimate = record.evidence.get(rule.measure)
    elapsed = (record.time - held.step_started).total_seconds()
    if estimate is None:
        return f"the first {MEASURES[rule.measure]}"
    if rule.judge(estimate).outcome is not Outcome.UNDECIDED:
        return ""
    what = "labels" if rule.measure in LABELS else "decisions"
    ahead = outlook(rule, estimate, record.decisions, elapsed)
    if ahead is None:
        return f"more {what}"
    more, time = _round(ahead.units), formats.span(timedelta(seconds=ahead.seconds))
    return f"about {more:,} more {what}, {time}"


def _round(count: int) -> int:
    """To two significant digits: the forecast is rough."""
    digits = max(0, len(str(count)) - 2)
    return round(count, -digits)
