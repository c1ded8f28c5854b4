"""One rollout of a candidate version on an endpoint: its state and how it moves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec

from seawall.kernel import Conflict, Estimate
from seawall.rollout.judge import Action, Judgement, judge
from seawall.rollout.plan import RolloutPlan, Step

State = Literal["running", "paused", "promoted", "rolled_back", "aborted"]
SNAPSHOTS_PER_STEP = 60


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a rollout's history: what was done at a step, why, and on which evidence.

    `decisions` counts those the candidate had scored in the step so far: the people touched.
    """

    time: datetime
    step: str
    action: Action | Literal["start", "resume", "abort"]
    sentence: str
    actor: str
    evidence: dict[str, Estimate] = {}
    decisions: int = 0


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate version on its way to all traffic of an endpoint, or back.

    `step` is an index into the plan. `started` and `step_started` are moments of the kernel clock;
    evidence of the present step is counted from `step_started`. `deadline` is when the step's
    maximum is over.
    """

    kind: ClassVar[str] = "rollout"
    id: str
    endpoint: str
    model: str
    candidate: str
    control: str
    plan: RolloutPlan
    started: datetime
    step_started: datetime
    deadline: datetime
    step: int = 0
    state: State = "running"
    history: tuple[StepRecord, ...] = ()

    @property
    def key(self) -> str:
        """Grouped by endpoint, then in order of time."""
        return f"{self.endpoint}/{self.id}"

    @property
    def current(self) -> Step:
        """The step of the plan that the rollout stands at."""
        return self.plan.steps[self.step]

    @property
    def open(self) -> bool:
        """Whether anything may still happen to it."""
        return self.state in ("running", "paused")

    @property
    def share(self) -> float:
        """The share of requests that the candidate answers now, 0 to 1."""
        if not self.open:
            return 1.0 if self.state == "promoted" else 0.0
        return 0.0 if self.current.mode == "shadow" else self.current.share

    @property
    def mirrored(self) -> float:
        """The share of requests whose copy the candidate scores without answering, 0 to 1."""
        return self.current.share if self.open and self.current.mode == "shadow" else 0.0

    @property
    def sentence(self) -> str:
        """The last thing said about it, for people."""
        return self.history[-1].sentence


def start(
    *,
    id: str,  # noqa: A002 -- the field's name
    endpoint: str,
    model: str,
    candidate: str,
    control: str,
    plan: RolloutPlan,
    now: datetime,
    actor: str,
) -> Rollout:
    """A rollout at the first step of its plan; raises `Conflict` when both versions are one."""
    if candidate == control:
        raise Conflict(
            f"version {candidate} already answers {endpoint!r}",
            remedy="name another version as the candidate",
        )
    first = plan.steps[0]
    said = f"{candidate} starts against {control} at {first.name}."
    begun = StepRecord(time=now, step=first.name, action="start", sentence=said, actor=actor)
    return Rollout(
        id=id,
        endpoint=endpoint,
        model=model,
        candidate=candidate,
        control=control,
        plan=plan,
        started=now,
        step_started=now,
        deadline=_deadline(first, now),
        history=(begun,),
    )


def observe(
    rollout: Rollout, estimates: Mapping[str, Estimate], decisions: int, now: datetime
) -> tuple[Rollout, Judgement]:
    """Judge the present step and move the rollout by the judgement.

    The rollout comes back unchanged (the same object) when nothing needs storing. A paused rollout
    still rolls back when a guard fails, and does nothing else. Raises `Conflict` when it is over.
    """
    _refuse_closed(rollout)
    step, elapsed = rollout.current, (now - rollout.step_started).total_seconds()
    allowed = (rollout.deadline - rollout.step_started).total_seconds()
    judgement = judge(msgspec.structs.replace(step, maximum=allowed), estimates, elapsed, decisions)
    if rollout.state == "paused" and judgement.action != "roll_back":
        judgement = Judgement("hold", judgement.verdict, rollout.sentence)
    record = StepRecord(
        time=now,
        step=step.name,
        action=judgement.action,
        sentence=judgement.sentence,
        actor="seawall",
        evidence=dict(estimates),
        decisions=decisions,
    )
    if judgement.action == "hold" and not _snapshot_due(rollout, now):
        return rollout, judgement
    return _moved(rollout, record), judgement


def advance(rollout: Rollout, *, actor: str, reason: str, now: datetime) -> Rollout:
    """A person takes the rollout one step on, whatever is proven."""
    action: Action = "promote" if rollout.current.mode == "full" else "advance"
    return _by_hand(rollout, action, actor, reason, now)


def promote(rollout: Rollout, *, actor: str, reason: str, now: datetime) -> Rollout:
    """A person gives the candidate all traffic, whatever is proven."""
    return _by_hand(rollout, "promote", actor, reason, now)


def abort(rollout: Rollout, *, actor: str, reason: str, now: datetime) -> Rollout:
    """A person ends the rollout; the control answers everything again."""
    return _by_hand(rollout, "abort", actor, reason, now)


def pause(rollout: Rollout, *, actor: str, reason: str, now: datetime) -> Rollout:
    """A person holds the rollout at its present share; its guards go on."""
    return _by_hand(rollout, "pause", actor, reason, now)


def resume(rollout: Rollout, *, actor: str, reason: str, now: datetime) -> Rollout:
    """A person lets a paused rollout go on; its step gets its maximum time once more."""
    if rollout.state != "paused":
        raise Conflict(f"rollout {rollout.id} is {rollout.state}, not paused")
    return _by_hand(rollout, "resume", actor, reason, now)


def _by_hand(
    rollout: Rollout,
    action: Action | Literal["resume", "abort"],
    actor: str,
    reason: str,
    now: datetime,
) -> Rollout:
    _refuse_closed(rollout)
    said = f"{actor}: {action.replace('_', ' ')} at {rollout.current.name}, because {reason}"
    last = next((r for r in reversed(rollout.history) if r.step == rollout.current.name), None)
    record = StepRecord(
        time=now,
        step=rollout.current.name,
        action=action,
        sentence=said,
        actor=actor,
        decisions=last.decisions if last else 0,
    )
    return _moved(rollout, record)


def _moved(rollout: Rollout, record: StepRecord) -> Rollout:
    change = msgspec.structs.replace
    moved = change(rollout, history=(*rollout.history, record))
    match record.action:
        case "advance":
            nxt, now = rollout.plan.steps[rollout.step + 1], record.time
            return change(
                moved,
                state="running",
                step=rollout.step + 1,
                step_started=now,
                deadline=_deadline(nxt, now),
            )
        case "promote":
            return change(moved, state="promoted")
        case "roll_back":
            return change(moved, state="rolled_back")
        case "abort":
            return change(moved, state="aborted")
        case "pause":
            return change(moved, state="paused")
        case "resume":
            return change(moved, state="running", deadline=_deadline(rollout.current, record.time))
        case _:
            return moved


def _deadline(step: Step, now: datetime) -> datetime:
    return now + timedelta(seconds=step.maximum)


def _refuse_closed(rollout: Rollout) -> None:
    if not rollout.open:
        raise Conflict(
            f"rollout {rollout.id} of {rollout.endpoint!r} is {rollout.state}",
            remedy="start another rollout",
        )


def _snapshot_due(rollout: Rollout, now: datetime) -> bool:
    """Keep snapshots close together early in a step and ever further apart later.

    At spacings of a fifteenth of the elapsed time, and of the maximum / 300 at least, a step
    keeps at most 15 + 15 ln 20 = 60.
    """
    elapsed = (now - rollout.step_started).total_seconds()
    spacing = max(elapsed / 15, rollout.current.maximum / (SNAPSHOTS_PER_STEP * 5))
    return (now - rollout.history[-1].time).total_seconds() >= spacing
