"""Output guards: rules on a score, and on the input behind it, before anyone acts on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Literal, NamedTuple

import msgspec

from seawall.kernel import BadInput
from seawall.policy.cel import UnknownFact, compiled, holds
from seawall.serving.condition import Condition, Where
from seawall.serving.cross_field import plain_value
from seawall.serving.signature import Signature

GuardAction = Literal["clamp", "flag", "abstain", "fallback", "block"]
SEVERITY: dict[GuardAction, int] = {"clamp": 1, "flag": 2, "abstain": 3, "fallback": 4, "block": 5}
VALID_SCORE = "valid_score"


class Disagreement(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The models of these arms are asked too; it holds when all the scores span more than this."""

    arms: tuple[str, ...]
    more_than: float

    def __post_init__(self) -> None:
        if not self.arms or not self.more_than > 0.0:
            raise ValueError("a disagreement needs arms and a span above 0")


class Guard(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Trips on a row when all that it names holds: score range, `where`, `when`, `disagreement`.

    `when` is CEL over `score` and the `input`'s fields, typed as in a signature's rules. The
    action: `clamp` moves the score into `clamp_to`; `flag` lets the answer stand and marks it for
    review; `abstain` gives the score without a label, for a person to decide; `fallback` replaces
    the answer, `block` gives none. When several trip the strictest decides. A guard that cannot
    tell (its expression cannot be computed, a model it asks fails, or it takes longer than
    `budget_ms`) `fails` open, which lets the answer pass, or closed, which acts as if it had
    tripped; either way the record says failed.
    """

    name: str
    action: GuardAction
    score_at_least: float | None = None
    score_at_most: float | None = None
    where: tuple[Condition, ...] = ()
    when: str = ""
    disagreement: Disagreement | None = None
    clamp_to: tuple[float, float] | None = None
    fails: Literal["open", "closed"] = "closed"
    budget_ms: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.name == VALID_SCORE:
            raise ValueError(f"a guard needs a name of its own, not {self.name!r}")
        ranged = self.score_at_least is not None or self.score_at_most is not None
        if not (ranged or self.where or self.when or self.disagreement):
            raise ValueError(f"guard {self.name!r} would trip always; give it a score or a `where`")
        if (self.action == "clamp") != (self.clamp_to is not None):
            raise ValueError(f"guard {self.name!r}: `clamp_to` goes with the action clamp, only")
        if self.clamp_to and not self.clamp_to[0] <= self.clamp_to[1]:
            raise ValueError(f"guard {self.name!r}: `clamp_to` is from low to high")
        if self.budget_ms is not None and not self.budget_ms > 0.0:
            raise ValueError(f"guard {self.name!r}: `budget_ms` must be above 0")


class Trip(NamedTuple):
    """A guard that tripped, or that failed; `acts` unless it failed open."""

    name: str
    action: GuardAction
    reason: str
    clamp_to: tuple[float, float] | None = None
    failed: bool = False
    acts: bool = True

    @property
    def said(self) -> str:
        """What the record keeps of it."""
        return f"{self.action} (failed)" if self.failed else self.action


_NO_SCORE = Trip(VALID_SCORE, "fallback", "the model's score is not a number from 0 to 1")
Others = Mapping[str, float | None]
"""What other arms' models said of the row; None where one failed."""


class GuardSet:
    """The guards of an endpoint made ready for a signature.

    One more is always there: `valid_score` replaces by the fallback any score that is not a number
    in [0, 1]. Raises `BadInput` for a guard on a field or category that the signature lacks, and
    for an expression that is none.
    """

    def __init__(self, guards: Sequence[Guard], signature: Signature) -> None:
        self._guards = [_Ready(g, signature) for g in guards]
        asked = [g.disagreement.arms for g in guards if g.disagreement]
        self.asks = tuple(dict.fromkeys(arm for arms in asked for arm in arms))
        """The arms whose models are asked of every row."""

    def trips(self, score: float, row: Sequence[float], others: Others | None = None) -> list[Trip]:
        """The guards that trip on the score of one input (its fields as the model gets them)."""
        if not 0.0 <= score <= 1.0:
            return [_NO_SCORE]
        found: list[Trip] = []
        for guard in self._guards:
            if guard.low <= score <= guard.high and guard.where(row):
                trip = guard.trip if guard.simple else guard.judge(score, row, others or {})
                if trip:
                    found.append(trip)
        return found


class _Ready:
    def __init__(self, guard: Guard, signature: Signature) -> None:
        self.low = -math.inf if guard.score_at_least is None else guard.score_at_least
        self.high = math.inf if guard.score_at_most is None else guard.score_at_most
        self.where = Where(guard.where, signature, f"guard {guard.name}")
        reason = guard.reason or f"guard {guard.name}"
        self.trip = Trip(guard.name, guard.action, reason, guard.clamp_to)
        self.simple = not guard.when and guard.disagreement is None
        self._guard = guard
        self._fields = [(f.name, plain_value(f)) for f in signature.fields]
        if guard.when:
            strange = set(compiled(guard.when).variables()) - {"score", "input"}
            if strange:
                what = f"the expression asks for {min(strange)!r}"
                remedy = "it has `score` and `input.FIELD`"
                raise BadInput(what, where=f"guard {guard.name}", remedy=remedy)

    def judge(self, score: float, row: Sequence[float], others: Others) -> Trip | None:
        """The trip, if the rest of the conditions hold or the guard cannot tell."""
        guard, started = self._guard, perf_counter()
        if guard.disagreement:
            scores = [others.get(arm) for arm in guard.disagreement.arms]
            known = [s for s in scores if s is not None and s == s]
            if len(known) < len(scores):
                return self._failed("a model that it asks gave no score")
            if max(score, *known) - min(score, *known) <= guard.disagreement.more_than:
                return None
        if guard.when:
            try:
                if not holds(guard.when, {"score": score, "input": self._named(row)}):
                    return None
            except (BadInput, UnknownFact):
                return self._failed("its expression cannot be computed")
        if guard.budget_ms is not None and (perf_counter() - started) * 1e3 > guard.budget_ms:
            return self._failed(f"it took longer than {guard.budget_ms:g} ms")
        return self.trip

    def _named(self, row: Sequence[float]) -> dict[str, Any]:
        return {
            name: plain(value)
            for (name, plain), value in zip(self._fields, row, strict=True)
            if value == value
        }

    def _failed(self, why: str) -> Trip:
        reason = f"guard {self.trip.name} failed: {why}"
        return self.trip._replace(reason=reason, failed=True, acts=self._guard.fails == "closed")
