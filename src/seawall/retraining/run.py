"""One run of a retraining plan, from trigger to decision."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec

from seawall.kernel import BadInput, Conflict, Outcome
from seawall.retraining.plan import RetrainingPlan, Trigger

State = Literal["triggered", "trained", "validated", "gated", "awaiting_approval", "done", "failed"]
_NEXT: dict[State, tuple[State, ...]] = {
    "triggered": ("trained",),
    "trained": ("validated",),
    "validated": ("gated",),
    "gated": ("awaiting_approval", "done"),
    "awaiting_approval": ("done",),
}


class RunStep(msgspec.Struct, frozen=True):
    """A state the run reached, when, and what showed it."""

    state: State
    time: datetime
    note: str


class RetrainingRun(msgspec.Struct, frozen=True, kw_only=True):
    """A triggered training and what became of its challenger.

    `challenger` counts the challengers judged on the same hold-out, this one included, from 1.
    `version` is the registered version once there is one.
    """

    kind: ClassVar[str] = "retraining_run"
    id: str
    model: str
    plan: str
    trigger: Trigger
    started: datetime
    challenger: int = 1
    state: State = "triggered"
    version: str = ""
    steps: tuple[RunStep, ...] = ()

    @property
    def key(self) -> str:
        """Grouped by model, then in order of time."""
        return f"{self.model}/{self.id}"

    @property
    def open(self) -> bool:
        """Whether it still goes on."""
        return self.state not in ("done", "failed")


def start_run(
    plan: RetrainingPlan,
    trigger: Trigger,
    *,
    id: str,  # noqa: A002 -- the field's name
    challenger: int,
    now: datetime,
) -> RetrainingRun:
    """A run that has just been triggered."""
    return RetrainingRun(
        id=id,
        model=plan.model,
        plan=plan.name,
        trigger=trigger,
        started=now,
        challenger=challenger,
        steps=(RunStep("triggered", now, trigger.reason),),
    )


def proceed(
    run: RetrainingRun, state: State, now: datetime, note: str = "", *, version: str = ""
) -> RetrainingRun:
    """The run in its next state; raises `Conflict` for a state that does not follow."""
    if state != "failed" and state not in _NEXT.get(run.state, ()):
        following = ", ".join(_NEXT.get(run.state, ())) or "nothing"
        raise Conflict(
            f"retraining run {run.id} is {run.state} and cannot become {state}",
            remedy=f"what follows is {following}",
        )
    if state == "failed" and not run.open:
        raise Conflict(f"retraining run {run.id} is over: {run.state}")
    return msgspec.structs.replace(
        run,
        state=state,
        version=version or run.version,
        steps=(*run.steps, RunStep(state, now, note)),
    )


def after_gate(
    run: RetrainingRun, plan: RetrainingPlan, gate: Outcome, now: datetime
) -> RetrainingRun:
    """Where a gated run goes: a failed gate ends it, a passed one of the low tier is done.

    Everything else, an undecided gate included, waits for an approver.
    """
    if gate is Outcome.FAIL:
        return proceed(run, "failed", now, "the gate failed")
    if gate is Outcome.PASS and plan.tier == "low":
        return proceed(run, "done", now, "the gate passed; the low tier needs no approval")
    return proceed(run, "awaiting_approval", now, f"the gate's outcome is {gate.value}")


def challenger_confidence(number: int, alpha: float = 0.05) -> float:
    """The confidence for judging the `number`-th challenger on one hold-out.

    Level alpha x 6 / (pi number)^2 sums to alpha over any number of challengers, so that trying
    again does not win by luck with probability above alpha.
    """
    if number < 1 or not 0 < alpha < 1:
        raise BadInput("challengers are counted from 1, and alpha lies in (0, 1)")
    return 1 - alpha * 6 / (math.pi * number) ** 2


class TriggerFrequency(msgspec.Struct, frozen=True):
    """M8: runs in the last 30 days, and whether they are more than the plan allows."""

    runs: int
    allowed: int

    @property
    def too_many(self) -> bool:
        """Whether retraining is triggered so often that the triggers deserve a look."""
        return self.runs > self.allowed


def trigger_frequency(
    plan: RetrainingPlan, runs: Iterable[RetrainingRun], now: datetime
) -> TriggerFrequency:
    """How often the plan was triggered in the 30 days up to `now`."""
    recent = [
        r
        for r in runs
        if (r.model, r.plan) == (plan.model, plan.name)
        and timedelta(0) <= now - r.started < timedelta(days=30)
    ]
    return TriggerFrequency(len(recent), plan.most_per_month)
