"""Output guards: rules on what a model says, and on the input behind it, before anyone acts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Literal, NamedTuple

import msgspec

from seawall.kernel import BadInput, nearest
from seawall.policy.cel import UnknownFact, compiled, holds
from seawall.serving.condition import Condition, Where
from seawall.serving.cross_field import plain_value
from seawall.serving.output import Call, Label, Output, Value
from seawall.serving.signature import Signature

GuardAction = Literal["clamp", "flag", "abstain", "fallback", "block"]
SEVERITY: dict[GuardAction, int] = {"clamp": 1, "flag": 2, "abstain": 3, "fallback": 4, "block": 5}
VALID_SCORE = "valid_score"
FAILED = " (failed)"
"""After the action, in the record, of a guard that failed."""


class Disagreement(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The models of these arms are asked too; it holds when what all say spans more than this.

    Of several classes it is the probability of the class that they differ on most.
    """

    arms: tuple[str, ...]
    more_than: float

    def __post_init__(self) -> None:
        if not self.arms or not self.more_than > 0.0:
            raise ValueError("a disagreement needs arms and a span above 0")


class Guard(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Trips on a row when all that it names holds: score range, `margin_at_most`, `classes`,
    `where`, `when`, `disagreement`.

    The score is the probability of label 1, or that of the class called, or a regression's value;
    the margin is how far the most probable class lies above the next; `classes` are those called.
    `when` is CEL over `score` and the `input`'s fields, typed as in a signature's rules, and for
    several classes over `label` (its name), `margin` and `probabilities` by name. The
    action: `clamp` moves the score into `clamp_to`; `flag` lets the answer stand and marks it for
    review; `abstain` gives the score without a label, for a person to decide; `fallback` replaces
    the answer, `block` gives none. When several trip the strictest decides. A guard that cannot
    tell (its expression cannot be computed, a model it asks fails) or takes longer than `budget_ms`
    `fails` open, which lets the answer pass, or closed, which acts as if it had tripped; either way
    the record says failed. The budget is for all that it costs a row, the calls of the models that
    it asks included; they are given no more time than it has. On a row that its other conditions
    leave out a late guard is on record and does nothing.
    """

    name: str
    action: GuardAction
    score_at_least: float | None = None
    score_at_most: float | None = None
    margin_at_most: float | None = None
    classes: tuple[Label, ...] = ()
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
        bounds = (self.score_at_least, self.score_at_most, self.margin_at_most)
        ranged = any(b is not None for b in bounds) or self.classes
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
        return self.action + FAILED if self.failed else self.action


Others = Mapping[str, float | Sequence[float] | None]
"""What other arms' models said of the row: a number, or each class's probability; None where one
failed."""
Spent = Mapping[str, float]
"""How long the models that guards ask took, in seconds by arm."""


class GuardSet:
    """The guards of an endpoint made ready for a signature and a kind of answer.

    One more is always there: `valid_score` replaces by the fallback any score that is not a number
    in [0, 1], any probabilities that do not add up to 1, any value outside the range declared.
    Raises `BadInput` for a guard on a field, category or class that is not there, for an expression
    that is none, and for a condition or action that the kind of answer does not know.
    """

    def __init__(
        self,
        guards: Sequence[Guard],
        signature: Signature,
        output: Output = Output(),  # noqa: B008 -- frozen
        value: Value = Value(),  # noqa: B008 -- frozen
    ) -> None:
        for guard in guards:
            _check_kind(guard, output)
        self._guards = [_Ready(g, signature, output) for g in guards]
        asked = [g.disagreement.arms for g in guards if g.disagreement]
        self.asks = tuple(dict.fromkeys(arm for arms in asked for arm in arms))
        """The arms whose models are asked of every row."""
        self._timed = any(g.budget_ms is not None for g in guards)
        valued = output.kind == "regression"
        self._low, self._high = (value.low, value.high) if valued else (0.0, 1.0)
        what = {
            "binary": "score is not a number from 0 to 1",
            "multiclass": "answer is not a probability of each class",
            "regression": f"value is not {value}",
        }[output.kind]
        self._invalid = [Trip(VALID_SCORE, "fallback", f"the model's {what}")]

    def time_for(self, arm: str, spent: Spent) -> float | None:
        """The seconds that an arm's model may take for the guards that ask it; None for any time.

        `spent` is what models asked before it took. It is the longest that one of its guards has
        left, so 0 or below when none of them has any.
        """
        left = [g.left(spent) for g in self._guards if arm in g.asks]
        return max((t for t in left if t is not None), default=None) if None not in left else None

    def trips(
        self,
        score: float,
        row: Sequence[float],
        others: Others | None = None,
        call: Call | None = None,
        spent: Spent | None = None,
    ) -> Sequence[Trip]:
        """The guards that trip on the score of one input (its fields as the model gets them).

        `call` is what a model of several classes said. Without `others` the answer is compared with
        nobody's: guards that ask for a disagreement do not judge it. So is a fallback's, which
        answers because the first was not to be relied on.
        """
        if not self._low <= score <= self._high:
            return self._invalid
        found: list[Trip] = []
        if self._timed or (others is None and self.asks):
            for guard in self._guards:
                if others is None and guard.asks:
                    continue
                if trip := guard.in_time(score, row, others or {}, call, spent or {}):
                    found.append(trip)
            return found
        for guard in self._guards:
            if guard.low <= score <= guard.high and guard.where(row):
                trip = guard.trip if guard.simple else guard.judge(score, row, others or {}, call)
                if trip:
                    found.append(trip)
        return found


def _check_kind(guard: Guard, output: Output) -> None:
    where = f"guard {guard.name}"
    if guard.classes:
        if output.kind != "multiclass":
            raise BadInput("`classes` are for a model of several", where=where)
        for name in guard.classes:
            if name not in output.classes:
                known = [str(c) for c in output.classes]
                raise BadInput(f"no class {name!r}", where=where, remedy=nearest(str(name), known))
    if guard.margin_at_most is not None and output.kind == "regression":
        remedy = "give a score range, a `when` or a `disagreement`"
        raise BadInput("a value has no margin", where=where, remedy=remedy)
    if guard.action == "clamp" and output.kind == "multiclass":
        raise BadInput("a class is not clamped", where=where, remedy="abstain, or fall back")


class _Ready:
    def __init__(self, guard: Guard, signature: Signature, output: Output) -> None:
        self.low = -math.inf if guard.score_at_least is None else guard.score_at_least
        self.high = math.inf if guard.score_at_most is None else guard.score_at_most
        self.where = Where(guard.where, signature, f"guard {guard.name}")
        reason = guard.reason or f"guard {guard.name}"
        self.trip = Trip(guard.name, guard.action, reason, guard.clamp_to)
        self.simple = not (
            guard.when or guard.disagreement or guard.classes or guard.margin_at_most is not None
        )
        self._guard, self._classes = guard, output.classes
        self.asks = guard.disagreement.arms if guard.disagreement else ()
        self._seconds = None if guard.budget_ms is None else guard.budget_ms / 1e3
        self._places = {output.classes.index(c) for c in guard.classes}
        facts = {"score", "input"}
        if output.kind == "multiclass":
            facts |= {"label", "margin", "probabilities"}
        self._fields = [(f.name, plain_value(f)) for f in signature.fields]
        if guard.when:
            strange = set(compiled(guard.when).variables()) - facts
            if strange:
                what = f"the expression asks for {min(strange)!r}"
                others = ", ".join(f"`{fact}`" for fact in sorted(facts - {"input"}))
                remedy = f"it has {others} and `input.FIELD`"
                raise BadInput(what, where=f"guard {guard.name}", remedy=remedy)

    def left(self, spent: Spent) -> float | None:
        """The seconds of its budget that these calls leave; None without a budget."""
        if self._seconds is None:
            return None
        return self._seconds - sum(spent.get(arm, 0.0) for arm in self.asks)

    def in_time(
        self, score: float, row: Sequence[float], others: Others, call: Call | None, spent: Spent
    ) -> Trip | None:
        """The trip, if all conditions hold, or the guard cannot tell, or took too long."""
        started, trip = perf_counter(), None
        concerned = self.low <= score <= self.high and self.where(row) and self._is_of(score, call)
        if concerned:
            trip = self.trip if self.simple else self.judge(score, row, others, call)
        left = self.left(spent)
        if left is None or perf_counter() - started <= left:
            return trip
        late = self._failed(f"it took longer than {self._guard.budget_ms:g} ms")
        return late if concerned else late._replace(acts=False)

    def judge(
        self, score: float, row: Sequence[float], others: Others, call: Call | None
    ) -> Trip | None:
        """The trip, if the rest of the conditions hold or the guard cannot tell."""
        guard = self._guard
        if not self._is_of(score, call):
            return None
        if guard.disagreement:
            said = [others.get(arm) for arm in guard.disagreement.arms]
            span = _span(score if call is None else call.probabilities, said)
            if span is None:
                return self._failed("a model that it asks gave no score")
            if span <= guard.disagreement.more_than:
                return None
        if guard.when:
            try:
                if not holds(guard.when, self._facts(score, row, call)):
                    return None
            except (BadInput, UnknownFact):
                return self._failed("its expression cannot be computed")
        return self.trip

    def _is_of(self, score: float, call: Call | None) -> bool:
        """Whether the guard is about answers of this class and margin."""
        if self._places and (call is None or call.place not in self._places):
            return False
        most = self._guard.margin_at_most
        if most is None:
            return True
        return (abs(2.0 * score - 1.0) if call is None else call.margin) <= most

    def _facts(self, score: float, row: Sequence[float], call: Call | None) -> dict[str, Any]:
        facts: dict[str, Any] = {"score": score, "input": self._named(row)}
        if call is not None:
            names = [str(c) for c in self._classes]
            facts |= {
                "label": names[call.place],
                "margin": call.margin,
                "probabilities": dict(zip(names, call.probabilities, strict=True)),
            }
        return facts

    def _named(self, row: Sequence[float]) -> dict[str, Any]:
        return {
            name: plain(value)
            for (name, plain), value in zip(self._fields, row, strict=True)
            if value == value
        }

    def _failed(self, why: str) -> Trip:
        reason = f"guard {self.trip.name} failed: {why}"
        return self.trip._replace(reason=reason, failed=True, acts=self._guard.fails == "closed")


def _span(own: float | Sequence[float], others: Sequence[Any]) -> float | None:
    """How far apart models are on what they differ most; None where one of them said nothing."""
    said = [own, *others]
    if any(one is None for one in said):
        return None
    rows = [[one] if isinstance(one, float | int) else one for one in said]
    if len({len(row) for row in rows}) > 1 or any(v != v for row in rows for v in row):
        return None
    return max(max(column) - min(column) for column in zip(*rows, strict=True))
