"""A declared experiment: versions that answer fixed shares of an endpoint's traffic together."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import ClassVar

import msgspec

from seawall.kernel import Rule, nearest
from seawall.rollout.evidence import MEASURES
from seawall.rollout.plan import DAY

HOLDOUT = "holdout"
"""The arm whose units stay with an older version, so that its outcomes show what the others do."""
TAKEN = ("champion", "canary", "shadow", "default", "rule")
_ARM = re.compile(r"[a-z][a-z0-9_-]{0,30}")
DEFAULT_GUARDS = (
    Rule("error_difference", at_most=0.01),
    Rule("error_ratio", at_most=3),
    Rule("slow_difference", at_most=0.02),
    Rule("wrong_difference", at_most=0.02),
    Rule("sample_ratio", within=0.10),
)


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version (MODEL@NUMBER) and the share of the endpoint's units that it answers, in (0, 1)."""

    version: str
    share: float


class Experiment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versions that answer beside the champion: an A/B test, a hold-out, or both.

    `variants` are by arm; the one called `holdout` keeps its units whatever else changes. Each is
    compared with the champion; one for which a guard fails is taken out, and the champion answers
    its units. `alpha` bounds the false stops of the whole experiment over each stretch of constant
    shares, however often it is looked at. `label_age` (seconds) is the fixed age at which labels
    are compared.
    """

    kind: ClassVar[str] = "experiment"

    name: str
    endpoint: str
    variants: dict[str, Variant]
    guards: tuple[Rule, ...] = DEFAULT_GUARDS
    alpha: float = 0.05
    label_age: float = 7 * DAY

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(f"experiment {self.name!r}: {problem}")

    def _problem(self) -> str:
        if not self.variants:
            return "names no variant"
        for arm, variant in self.variants.items():
            if arm in TAKEN or not _ARM.fullmatch(arm):
                return f"{arm!r} is no name for a variant; call it b, or {HOLDOUT}"
            if not 0 < variant.share < 1:
                return f"the share of {arm}, {variant.share:g}, must lie in (0, 1)"
        if self.share >= 1:
            return f"the variants take {self.share:.4g} of the units, and leave the champion none"
        for rule in self.guards:
            if rule.measure not in MEASURES:
                return f"no measure is called {rule.measure!r}; {nearest(rule.measure, MEASURES)}"
            if rule.by:
                return f"{rule.text} is not measured by group"
        if not 0 < self.alpha < 1 or self.label_age < 0:
            return "alpha in (0, 1), label_age >= 0"
        return ""

    @property
    def key(self) -> str:
        """Grouped by endpoint."""
        return f"{self.endpoint}/{self.name}"

    @property
    def share(self) -> float:
        """The share of all variants together."""
        return math.fsum(v.share for v in self.variants.values())

    @property
    def family(self) -> int:
        """How many guards share `alpha`."""
        return max(1, len(self.guards) * len(self.variants))


class Stop(msgspec.Struct, frozen=True):
    """A variant that was taken out: when, and why."""

    at: datetime
    why: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How far an experiment has come: since when, what was stopped, and why it ended."""

    kind: ClassVar[str] = "experiment_run"

    experiment: Experiment
    since: datetime
    stopped: dict[str, Stop] = {}
    ended: Stop | None = None

    @property
    def key(self) -> str:
        """The endpoint's and the experiment's names."""
        return self.experiment.key

    @property
    def state(self) -> str:
        """`running`, `stopped` when no variant is left, or `ended` by a person."""
        if self.ended:
            return "ended"
        return "stopped" if self.stopped.keys() == self.experiment.variants.keys() else "running"
