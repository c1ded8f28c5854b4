"""A validation plan: what is checked, against which thresholds, declared before any result."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import ClassVar, Literal

import msgspec

from seawall.kernel import Digest, Rule, convert, to_builtins, to_json
from seawall.validation.perturbation import Perturbation
from seawall.validation.replay import ReplayPlan

CHAMPION, REPLAY = "champion", "replay"
"""What the estimates of a comparison and of a replay are by: `roc_auc_difference[champion]`."""
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
    """The checks of a model's versions, of two classes, several, or a value.

    `threshold` turns the score of a model of two classes into a decision. Rules of `fairness`
    without `by` are judged on every group; with several classes on the `favourable` one, or on
    whichever differs most. Rules of `stability` are judged on every perturbation, those of
    `champion` on both versions' answers to the same rows, those of `replay` on recorded decisions.
    `parity` is the largest difference allowed between a score here and the same row's
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
    favourable: str | int | None = None
    perturbations: tuple[Perturbation, ...] = ()
    stability: tuple[Rule, ...] = ()
    champion: tuple[Rule, ...] = ()
    replay: ReplayPlan | None = None
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
        groups = [group.name for group in self.groups]
        disturbed = [one.name for one in self.perturbations]
        _check_by(self.fairness, groups, "groups")
        _check_by(self.stability, disturbed, "perturbations")
        names = [*groups, *disturbed, CHAMPION, REPLAY]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} names two things of this plan")

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
        return _on_all(self.fairness, (group.name for group in self.groups))

    @property
    def stability_rules(self) -> tuple[Rule, ...]:
        """The rules of stability, each with the perturbations it is judged on."""
        return _on_all(self.stability, (one.name for one in self.perturbations))

    @property
    def champion_rules(self) -> tuple[Rule, ...]:
        """The rules of the comparison with the champion, by their estimates' names."""
        return _on_all(self.champion, (CHAMPION,))

    @property
    def replay_rules(self) -> tuple[Rule, ...]:
        """The rules of the replay, by their estimates' names."""
        return _on_all(self.replay.rules if self.replay else (), (REPLAY,))


def _check_by(rules: tuple[Rule, ...], names: Collection[str], what: str) -> None:
    for rule in rules:
        if strange := [name for name in rule.by if name not in names]:
            raise ValueError(f"rule on {rule.measure}: {strange[0]!r} is none of the {what}")
        if not names:
            raise ValueError(f"rule on {rule.measure} has no {what} to be judged on")


def _on_all(rules: tuple[Rule, ...], names: Iterable[str]) -> tuple[Rule, ...]:
    everything = tuple(names)
    return tuple(
        rule if rule.by else msgspec.structs.replace(rule, by=everything) for rule in rules
    )
