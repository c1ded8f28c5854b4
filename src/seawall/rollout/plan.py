"""The declared way of a candidate from no traffic to all of it."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from seawall.kernel import Rule, nearest
from seawall.rollout.evidence import ALONE, MEASURES, ROUTED

Mode = Literal["shadow", "canary", "full"]
DAY = 86_400.0


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One stretch of a rollout at a constant share of traffic.

    In `shadow` the candidate scores a copy of the share and answers nobody; in `canary` it answers
    the share; in `full` it answers all. A guard that fails rolls back; every proof must pass before
    the next step. `minimum` and `maximum` are seconds; `minimum_decisions` counts the candidate's.
    """

    name: str
    mode: Mode
    share: float = 1.0
    guards: tuple[Rule, ...] = ()
    proofs: tuple[Rule, ...] = ()
    minimum: float = 600.0
    minimum_decisions: int = 100
    maximum: float = 7 * DAY

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"step {self.name!r}: share {self.share:g} must lie in (0, 1]")
        if self.mode == "canary" and self.share == 1:
            raise ValueError(f"step {self.name!r}: a canary leaves the control some traffic")
        if self.mode == "full" and self.share != 1:
            raise ValueError(f"step {self.name!r}: a full step has share 1")
        if not 0 <= self.minimum < self.maximum:
            raise ValueError(f"step {self.name!r}: minimum must be below maximum, in seconds")
        if self.minimum_decisions < 1:
            raise ValueError(f"step {self.name!r}: minimum_decisions must be at least 1")
        for rule in self.guards + self.proofs:
            if rule.measure not in MEASURES:
                remedy = nearest(rule.measure, MEASURES)
                raise ValueError(
                    f"step {self.name!r}: no measure is called {rule.measure!r}; {remedy}"
                )
            if rule.by:
                raise ValueError(f"step {self.name!r}: {rule.text} is not measured by group")
            if not _measurable(rule.measure, self.mode):
                raise ValueError(
                    f"step {self.name!r}: {rule.measure} cannot be measured in {self.mode} mode"
                )

    @property
    def shares(self) -> tuple[float, float]:
        """The shares of control and candidate in the traffic that each scores."""
        return (1.0, self.share) if self.mode == "shadow" else (1 - self.share, self.share)


def _measurable(measure: str, mode: Mode) -> bool:
    if mode == "full":
        return measure in ALONE
    return mode == "canary" or measure not in ROUTED


class RolloutPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps that end in full traffic; `alpha` bounds the false rollbacks of the whole rollout.

    `label_age` (seconds) is the fixed age at which a decision's label is looked for; quality is
    compared only on decisions at least that old.
    """

    kind: ClassVar[str] = "rollout_plan"
    name: str
    steps: tuple[Step, ...]
    alpha: float = 0.05
    label_age: float = 7 * DAY

    def __post_init__(self) -> None:
        if not self.steps or self.steps[-1].mode != "full":
            raise ValueError(f"rollout plan {self.name!r} must end with a full step")
        if any(s.mode == "full" for s in self.steps[:-1]):
            raise ValueError(f"rollout plan {self.name!r}: only the last step may be full")
        if len({s.name for s in self.steps}) < len(self.steps):
            raise ValueError(f"rollout plan {self.name!r}: two steps share a name")
        routed = [s.share for s in self.steps if s.mode != "shadow"]
        if routed != sorted(routed):
            raise ValueError(f"rollout plan {self.name!r}: shares must not shrink")
        if not 0 < self.alpha < 1 or self.label_age < 0:
            raise ValueError(f"rollout plan {self.name!r}: alpha in (0, 1), label_age >= 0")

    @property
    def key(self) -> str:
        """Plans are kept by name."""
        return self.name

    @property
    def family(self) -> int:
        """How many guards and proofs share `alpha`, over all steps."""
        return max(1, sum(len(s.guards) + len(s.proofs) for s in self.steps))


def default_plan(name: str = "default", *, label_age: float = 7 * DAY) -> RolloutPlan:
    """Shadow, 5%, 25%, all; tolerances in shares of decisions, argued in docs/policies.md."""
    guards = (
        Rule("error_difference", at_most=0.01),
        Rule("slow_difference", at_most=0.02),
        Rule("prediction_shift", at_most=0.10),
        Rule("wrong_difference", at_most=0.02),
    )
    routed = (Rule("error_ratio", at_most=3), Rule("sample_ratio", within=0.10))
    wait = label_age + 14 * DAY
    return RolloutPlan(
        name=name,
        label_age=label_age,
        steps=(
            Step(
                name="shadow",
                mode="shadow",
                guards=guards[:3],
                proofs=(Rule("prediction_shift", at_most=0.10),),
                minimum_decisions=500,
                maximum=wait,
            ),
            Step(
                name="5%",
                mode="canary",
                share=0.05,
                guards=guards + routed,
                proofs=(Rule("wrong_difference", at_most=0.08),),
                maximum=wait,
            ),
            Step(
                name="25%",
                mode="canary",
                share=0.25,
                guards=guards + routed,
                proofs=(Rule("wrong_difference", at_most=0.05),),
                maximum=wait,
            ),
            Step(name="100%", mode="full", maximum=wait),
        ),
    )
