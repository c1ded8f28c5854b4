"""What a step's estimates allow: hold, go on, stop for a person, or go back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from seawall.kernel import Estimate, Outcome, Verdict, all_of
from seawall.rollout.plan import Step

Action = Literal["hold", "advance", "promote", "roll_back", "pause"]


class Judgement(msgspec.Struct, frozen=True):
    """What to do with a rollout, the verdict over guards and proofs, and a sentence for people."""

    action: Action
    verdict: Verdict
    sentence: str


def judge(
    step: Step, estimates: Mapping[str, Estimate], elapsed: float, decisions: int
) -> Judgement:
    """Decide one step after `elapsed` seconds and `decisions` of the candidate.

    A failed guard rolls back at once, whatever the time. Otherwise the step waits for its minimum,
    then for every proof. A proof shown not to hold, or still missing at the maximum, pauses for a
    person: time alone never advances.
    """
    guards = [rule.judge(estimates.get(rule.measure)) for rule in step.guards]
    proofs = [rule.judge(estimates.get(rule.measure)) for rule in step.proofs]
    verdict = all_of(guards + proofs)
    if broken := _with(guards, Outcome.FAIL):
        return Judgement("roll_back", verdict, f"Rolled back at {step.name}: {broken}.")
    if broken := _with(proofs, Outcome.FAIL):
        return Judgement(
            "pause", verdict, f"{step.name} waits for a person: {broken}, so it cannot be proven."
        )
    waiting = _waiting(step, elapsed, decisions)
    missing = _with(proofs, Outcome.UNDECIDED)
    if not waiting and not missing:
        onward: Action = "promote" if step.mode == "full" else "advance"
        shown = _with(proofs, Outcome.PASS) or "no guard is broken"
        return Judgement(onward, verdict, f"{step.name} is done: {shown}.")
    reason = "; ".join(filter(None, (waiting, missing)))
    if elapsed >= step.maximum:
        return Judgement(
            "pause", verdict, f"{step.name} reached its maximum time without proof: {reason}."
        )
    return Judgement("hold", verdict, f"{step.name} goes on: {reason}.")


def _with(verdicts: list[Verdict], outcome: Outcome) -> str:
    return "; ".join(r.message for v in verdicts if v.outcome is outcome for r in v.reasons)


def _waiting(step: Step, elapsed: float, decisions: int) -> str:
    parts: list[str] = []
    if elapsed < step.minimum:
        parts.append(f"{step.minimum - elapsed:,.0f} s of its minimum time are left")
    if decisions < step.minimum_decisions:
        parts.append(f"{decisions:,} of {step.minimum_decisions:,} decisions are made")
    return " and ".join(parts)
