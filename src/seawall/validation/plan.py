"""A validation plan: what is checked, against which thresholds, declared before any result."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from seawall.kernel import Digest, Rule, convert, to_builtins, to_json

SmallGroups = Literal["pool", "waive"]


class GroupPlan(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Columns whose groups are compared: one column, or several whose intersections are.

    Groups below `minimum_group` rows say too little on their own. `pool` joins them into one
    group; `waive` leaves them out, with a `reason` that stands in the report.
    """

    columns: tuple[str, ...]
    minimum_group: int = 100
    small_groups: SmallGroups = "pool"
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError("a group needs at least one column")
        if self.minimum_group < 1:
            raise ValueError("minimum_group is at least 1")
        if self.small_groups == "waive" and not self.reason.strip():
            raise ValueError(f"waiving small groups of {self.name} needs a reason")

    @property
    def name(self) -> str:
        """How rules and estimates call it: `SEX`, or `SEX,RAC1P` for an intersection."""
        return ",".join(self.columns)


class ValidationPlan(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The checks of a model's versions.

    `threshold` turns a score into a decision. Rules of `fairness` without `by` are judged on every
    group. `parity` is the largest difference allowed between a score here and the same row's
    score in training. `latency` holds the milliseconds of `latency_quantile`. `owner` answers for
    findings. `limitations` are known beforehand and repeated in every report.
    """

    kind: ClassVar[str] = "validation_plan"

    name: str
    label: str
    owner: str
    threshold: float = 0.5
    confidence: float = 0.95
    groups: tuple[GroupPlan, ...] = ()
    quality: tuple[Rule, ...] = ()
    calibration: tuple[Rule, ...] = ()
    fairness: tuple[Rule, ...] = ()
    parity: float | None = None
    latency: float | None = None
    latency_quantile: float = 0.95
    signature: bool = True
    limitations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold {self.threshold:g} is not in (0, 1)")
        if not 0.5 < self.confidence < 1:
            raise ValueError(f"confidence {self.confidence:g} is not in (0.5, 1)")
        if not (self.quality or self.calibration or self.fairness):
            raise ValueError("a plan needs at least one rule of quality, calibration or fairness")
        names = {group.name for group in self.groups}
        for rule in self.fairness:
            if strange := [name for name in rule.by if name not in names]:
                raise ValueError(f"rule on {rule.measure}: {strange[0]!r} is none of the groups")
            if not names:
                raise ValueError(f"rule on {rule.measure} has no groups to be judged on")

    @property
    def key(self) -> str:
        """The name."""
        return self.name

    @property
    def digest(self) -> Digest:
        """The digest of its JSON with sorted keys; in every report made by it."""
        # Through `convert`, so that 1 and 1.0 in a field of numbers give the same bytes.
        return Digest.of(to_json(convert(to_builtins(self), ValidationPlan)))

    @property
    def fairness_rules(self) -> tuple[Rule, ...]:
        """The rules of fairness, each with the groups it is judged on."""
        everything = tuple(group.name for group in self.groups)
        return tuple(
            rule if rule.by else msgspec.structs.replace(rule, by=everything)
            for rule in self.fairness
        )
