"""The buttons of a rollout, each with its effect in numbers."""

from __future__ import annotations

from seawall.access.action import Action as Permission
from seawall.rollout.rollout import Rollout
from seawall.server.pages import formats, paths
from seawall.server.pages.views import Action, Input
from seawall.server.queries.pulse import read as read_pulse
from seawall.server.queries.visit import Visit
from seawall.server.queries.words import share


def roll_back(visit: Visit, held: Rollout) -> Action:
    """The button that ends a rollout."""
    hour = read_pulse(visit.app, held.endpoint, visit.moment).per_hour
    moved = (
        f"{held.candidate} stops seeing a copy of the traffic"
        if held.share == 0
        else f"{share(held.share)} of the traffic, about {formats.count(hour * held.share)} "
        f"decisions an hour, goes from {held.candidate} back to {held.control}"
    )
    return Action(
        label="Roll back",
        post=paths.rollout(held.id),
        effect=f"{moved}, within seconds. The rollout ends; {held.candidate} stays approved.",
        fields={"action": "abort"},
        inputs=(_reason(),),
        danger=True,
        refused=visit.refused(Permission.ROLLBACK, rollout=held.key),
    )


def _reason() -> Input:
    return Input(name="reason", label="Reason, for the audit log", required=True)


def controls(visit: Visit, held: Rollout, hour: float) -> tuple[Action, ...]:
    """Go on, pause or resume, roll back; `hour` is how many decisions an hour there are."""
    refused = visit.refused(Permission.DEPLOY, rollout=held.key)
    found: list[Action] = []
    if held.current.mode == "full":
        effect = f"{held.candidate} becomes the champion and keeps all the traffic."
        found.append(_action(held, "promote", "Finish", effect, refused))
    else:
        step = held.plan.steps[held.step + 1]
        before, after = hour * held.share, hour * (1.0 if step.mode == "full" else step.share)
        effect = (
            f"{held.candidate} would decide {share(step.share)} of the traffic, about "
            f"{formats.count(after)} decisions an hour instead of {formats.count(before)}. Your "
            "name goes into the audit log as the one who went on, whatever is proven."
        )
        found.append(_action(held, "advance", f"Go on to {step.name}", effect, refused))
    if held.state == "paused":
        effect = f"{held.current.name} goes on and gets its maximum time once more."
        found.append(_action(held, "resume", "Resume", effect, refused))
    else:
        effect = "The share stays as it is; guards still roll back by themselves."
        found.append(_action(held, "pause", "Pause", effect, refused))
    return (*found, roll_back(visit, held))


def _action(held: Rollout, act: str, label: str, effect: str, refused: str) -> Action:
    return Action(
        label=label,
        post=paths.rollout(held.id),
        effect=effect,
        fields={"action": act},
        inputs=(_reason(),),
        refused=refused,
    )
