"""The declared part of an endpoint: which model answers there, under which rules."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from seawall.serving.alarm_budget import AlarmBudget
from seawall.serving.bundle import Mode
from seawall.serving.cost import Cost
from seawall.serving.decision_privacy import PrivacyRule
from seawall.serving.fallback import Fallback
from seawall.serving.guard import Guard
from seawall.serving.limit import Limits
from seawall.serving.output import Label, Value
from seawall.serving.sampling import Sampling


class Endpoint(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What people declare (`kind: Endpoint`); which versions answer is decided by rollouts.

    `plan`, `policy`, `rollout`, `objectives`, `runbook` and `retraining` name other declared
    objects. `amount` names the field that an approval's largest amount is about. `advisers` are
    approved versions, by a name of their own, whose models fallbacks and guards may ask.
    With the `mode` `observe` a remote champion answers callers itself, all that passes is measured
    and logged, and nothing is changed. `window_hours` is how much traffic drift is judged on;
    `label_age_seconds` the age at which labelled cohorts are compared. `value` is what holds of a
    regression's values. `sampling` says which records of the log keep their inputs; without it all
    do. `costs` are by arm (`champion`, `canary`, an adviser's name); `*` stands for every other.
    """

    kind: ClassVar[str] = "endpoint"

    name: str
    model: str
    mode: Mode = "serve"
    plan: str
    policy: str
    rollout: str
    objectives: tuple[str, ...] = ()
    runbook: str | None = None
    retraining: str | None = None
    unit: str | None = None
    protected: tuple[str, ...] = ()
    amount: str | None = None
    advisers: dict[str, str] = {}
    timeouts_ms: dict[str, float] = {}
    """By arm, how long a remote model may take; without one what its version says."""
    threshold: float = 0.5
    value: Value = Value()
    favourable: Label | None = None
    """Of several classes the one that people want: its rate is compared between groups."""
    on_invalid: Literal["reject", "fallback"] = "reject"
    guards: tuple[Guard, ...] = ()
    limits: Limits = Limits()
    fallback: Fallback | None = None
    privacy: dict[str, PrivacyRule] = {}
    label_age_seconds: float = 7 * 86_400.0
    latency_objective_ms: float | None = None
    window_hours: int = 24
    alarms: AlarmBudget = AlarmBudget()
    """How often all that watches it without end may alarm falsely."""
    log: Literal["enqueued", "durable"] = "enqueued"
    log_failure: Literal["refuse", "serve"] = "refuse"
    """What becomes of a request whose decision the gateway's disk does not take."""
    retention_days: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """For how many days decisions are kept; None for ever."""
    sampling: Sampling | None = None
    costs: dict[str, Cost] = {}

    @property
    def key(self) -> str:
        """The name."""
        return self.name
