"""From checked inputs to answers: arm, model, output guards, fallback.

`Decider.decide` asks no model itself: it yields a `Question` for every model that it needs and is
sent the scores, so one set of rules serves models in this process (`run`) and models elsewhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Unavailable
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.condition import Where
from seawall.serving.guard import SEVERITY, GuardSet, Trip
from seawall.serving.route import Route
from seawall.serving.typed import TypedReader
from seawall.serving.validate import REFUSING, Checked, Validator, Violation

RowVerdict = Literal["pass", "flag", "fallback", "block"]
VERDICTS: tuple[RowVerdict, ...] = ("pass", "flag", "fallback", "block")
DEFAULT, RULE = "default", "rule"
FAILED = "the model failed"


class Model(Protocol):
    """A loaded artefact."""

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of label 1 for each of n rows (n × fields)."""
        ...


class Batch(NamedTuple):
    """n rows to answer: their fields as the model gets them, and which of them it must not get."""

    rows: Sequence[Sequence[float]]
    matrix: NDArray[np.float64]
    """The same rows, n × fields; models get them in 32 bits."""
    bad: frozenset[int] = frozenset()
    why_bad: str = ""


class Question(NamedTuple):
    """What an arm's model is asked; the answer is a score a row, or why there is none.

    `own` is whether the rows are the arm's by the route: a model may be so busy that their caller
    is turned away, while a fallback or a second opinion is then done without.
    """

    arm: str
    matrix: NDArray[np.float32]
    own: bool = False


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """A model that gave no scores, and why."""

    why: str = FAILED


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What one row is answered.

    `model_score` is what the arm's own model said: None where it was not asked or failed, and any
    number at all where it is broken. `score` and `label` are None where there is nothing to answer,
    never without a reason; `fallback` is what answered in the model's place: the name of an arm,
    `rule` or `default`.
    """

    arm: Arm
    probability: float
    model_score: float | None
    score: float | None
    label: int | None
    verdict: RowVerdict = "pass"
    reason: str | None = None
    guards: dict[str, str] = {}
    fallback: str | None = None
    failed: bool = False


Scores = Sequence[float] | Unanswered
Steps = Generator[Question, Scores, list[Answer]]


def run(steps: Steps, models: Mapping[str, Model]) -> list[Answer]:
    """Answer with models that are in this process; whatever one raises, its rows fall back."""
    try:
        question = next(steps)
        while True:
            try:
                said = models[question.arm].scores(question.matrix).tolist()
            except Exception:  # noqa: BLE001 -- a model is somebody else's code
                said = Unanswered()
            question = steps.send(said)
    except StopIteration as done:
        return done.value


def batch_of(checked: Checked) -> Batch:
    """Inputs as the validator left them."""
    bad = frozenset(np.flatnonzero(checked.bad).tolist())
    why = invalid_reason(checked.violations) if bad else ""
    return Batch(checked.matrix.tolist(), checked.matrix, bad, why)


class Decider:
    """A bundle's rules, ready to answer. Raises `BadInput` for one that contradicts itself."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, signature = bundle, bundle.signature
        also = {*bundle.protected, *([bundle.unit] if bundle.unit else [])}
        self.validator = Validator(signature, also)
        self.reader = TypedReader(signature, also)
        self.guards = GuardSet(bundle.guards, signature)
        self._limits = {
            a.name: Where(a.conditions.where, signature, f"the approval of {a.version}")
            for a in bundle.arms
            if a.conditions.where
        }
        self._rules = [
            (Where(rule.where, signature, "fallback"), rule)
            for rule in (bundle.fallback.rules if bundle.fallback else ())
        ]
        self._expiries = sorted(a.conditions.expires for a in bundle.arms if a.conditions.expires)
        self._named = {a.name: a for a in bundle.arms}
        self._champion = self._named["champion"]
        self._route, self._passed = Route({}), -1
        self._shares: tuple[tuple[Arm, float], ...] = ()

    def route(self, at: datetime) -> Route:
        """The route as the approvals allow it at this moment; without arms if none may answer."""
        passed = bisect_right(self._expiries, at) if self._expiries else 0
        if passed != self._passed:
            self._route, self._passed = Route(self.bundle.weights(at)), passed
            shares = self._route.probability.items()
            self._shares = tuple((self._named[name], share) for name, share in shares)
        return self._route

    @property
    def only_scores(self) -> bool:
        """Whether a row needs its arm's score and nothing else to be answered."""
        return not (self.bundle.killed or self._limits or self.guards.asks)

    def arm_at(self, position: float, at: datetime) -> tuple[Arm, float] | None:
        """The arm at this position of the route, and its share; None if none may answer."""
        route = self.route(at)
        return self._shares[route(position)] if route.arms else None

    def decide(
        self, batch: Batch, positions: Sequence[float], at: datetime, *, killed: bool = False
    ) -> Steps:
        """Answer rows whose units lie at these positions of the route.

        Raises `Unavailable` when no model may answer and there is no fallback.
        """
        route, count = self.route(at), len(batch.rows)
        off = killed or self.bundle.killed
        if off or not route.arms:
            why = "switched off" if off else f"the approval of {self._champion.version} has expired"
            if self.bundle.fallback is None:
                what = f"endpoint {self.bundle.endpoint}: {why}"
                raise Unavailable(what, remedy="ask its owner; no fallback is set")
            answers = [_falls(self._champion, 1.0, why)] * count
            yield from self._fall_back(answers, list(range(count)), batch, models=not off)
            return answers
        places = [route(p) for p in positions]
        if not (batch.bad or self._limits) and places.count(places[0]) == count:
            answers = yield from self._ask(*self._shares[places[0]], batch)
        else:
            answers = yield from self._ask_each(places, batch)
        falling = [i for i, answer in enumerate(answers) if answer.verdict == "fallback"]
        if falling:
            yield from self._fall_back(answers, falling, batch, models=True)
        return answers

    def _ask_each(self, places: Sequence[int], batch: Batch) -> Steps:
        """Ask each arm for its own rows; rows that no arm may have fall back."""
        assigned = [
            self._allowed(*self._shares[place], row)
            for place, row in zip(places, batch.rows, strict=True)
        ]
        answers: list[Answer] = []
        groups: dict[tuple[str, float], list[int]] = {}
        for i, (arm, share) in enumerate(assigned):
            bad = i in batch.bad
            answers.append(_falls(arm, share, batch.why_bad if bad else _outside(arm)))
            if not bad and self._limits.get(arm.name, _always)(batch.rows[i]):
                groups.setdefault((arm.name, share), []).append(i)
        for (name, share), mine in groups.items():
            part = Batch([batch.rows[i] for i in mine], batch.matrix[mine])
            found = yield from self._ask(self._named[name], share, part)
            for i, answer in zip(mine, found, strict=True):
                answers[i] = answer
        return answers

    def _allowed(self, arm: Arm, share: float, row: Sequence[float]) -> tuple[Arm, float]:
        """The arm of a row: the champion where the approval of another does not reach.

        The champion's probability is then the sum of its own share and of theirs.
        """
        if not self._limits:
            return arm, share
        barred = [
            s
            for a, s in self._shares
            if a is not self._champion and not self._limits.get(a.name, _always)(row)
        ]
        limit = self._limits.get(arm.name)
        if arm is self._champion or (limit and not limit(row)):
            own = [s for a, s in self._shares if a is self._champion]
            return self._champion, sum(own) + sum(barred)
        return arm, share

    def _ask(self, arm: Arm, share: float, batch: Batch) -> Steps:
        """Rows of one arm: its model's scores, and what the guards make of them.

        What is to fall back has no answer yet.
        """
        matrix = batch.matrix.astype(np.float32)
        scores = yield Question(arm.name, matrix, own=True)
        if isinstance(scores, Unanswered):
            return [_falls(arm, share, scores.why, failed=True)] * len(batch.rows)
        trips = self.guards.trips
        if not self.guards.asks:
            return [
                _settled(arm, share, score, trips(score, row))
                for score, row in zip(scores, batch.rows, strict=True)
            ]
        others: dict[str, Scores] = {arm.name: scores}
        for name in self.guards.asks:
            if name not in others:
                others[name] = yield Question(name, matrix)
        answers: list[Answer] = []
        for i, (score, row) in enumerate(zip(scores, batch.rows, strict=True)):
            said = {n: None if isinstance(s, Unanswered) else s[i] for n, s in others.items()}
            answers.append(_settled(arm, share, score, trips(score, row, said)))
        return answers

    def _fall_back(
        self, answers: list[Answer], falling: list[int], batch: Batch, *, models: bool
    ) -> Generator[Question, Scores, None]:
        """Answer these rows by the chain: other arms' models, rules, the default."""
        fallback = self.bundle.fallback
        if fallback is None:
            for i in falling:
                answers[i] = msgspec.structs.replace(answers[i], verdict="block")
            return
        rest = falling
        for name in fallback.arms if models else ():
            arm, limit = self._named[name], self._limits.get(name, _always)
            ask = [
                i
                for i in rest
                if i not in batch.bad and not _was_asked(answers[i], arm) and limit(batch.rows[i])
            ]
            if not ask or self._is_past(arm.conditions.expires):
                continue
            scores = yield Question(name, batch.matrix[ask].astype(np.float32))
            if isinstance(scores, Unanswered):
                for i in ask:
                    why = f"{answers[i].reason}; {name}: {scores.why}"
                    answers[i] = msgspec.structs.replace(answers[i], reason=why)
                continue
            for i, score in zip(ask, scores, strict=True):
                trips = self.guards.trips(score, batch.rows[i])
                if any(t.action in ("abstain", "fallback", "block") for t in trips):
                    continue
                rest = [other for other in rest if other != i]
                label = 1 if score >= arm.threshold else 0
                answers[i] = _instead(answers[i], score, label, fallback.reason, name)
        for i in rest:
            row = batch.rows[i]
            rule = next((r for where, r in self._rules if i not in batch.bad and where(row)), None)
            given, by = (rule, RULE) if rule else (fallback, DEFAULT)
            answers[i] = _instead(answers[i], given.score, given.label, given.reason, by)

    def _is_past(self, expires: datetime | None) -> bool:
        """Whether the route in use was made after this moment."""
        return expires is not None and self._expiries.index(expires) < self._passed


def invalid_reason(violations: Sequence[Violation]) -> str:
    """One sentence on what is wrong with an input: the fields that keep it from being scored."""
    wrong = [
        f"{v.field} {v.problem.replace('_', ' ')}" for v in violations if v.problem in REFUSING
    ]
    return "the input is not valid: " + ", ".join(wrong[:8]) + (", …" if len(wrong) > 8 else "")


def check_models(bundle: Bundle, models: Mapping[str, object]) -> None:
    """Raise `BadInput` unless there is a model for every arm."""
    if missing := {a.name for a in bundle.arms} - models.keys():
        raise BadInput(f"no model for the arm {min(missing)!r}", where=bundle.endpoint)


def _settled(arm: Arm, share: float, score: float, trips: Sequence[Trip]) -> Answer:
    """What the guards that tripped make of a score."""
    if not trips:
        return Answer(arm, share, score, score, 1 if score >= arm.threshold else 0)
    guards = {t.name: t.said for t in trips}
    acting = [t for t in trips if t.acts]
    given = score
    for low, high in (t.clamp_to for t in acting if t.clamp_to):
        given = min(max(given, low), high)
    label = 1 if given >= arm.threshold else 0
    if not acting:
        return Answer(arm, share, score, score, label, guards=guards)
    worst = max(acting, key=lambda t: SEVERITY[t.action])
    if worst.action == "clamp":
        return Answer(arm, share, score, given, label, "pass", worst.reason, guards)
    if worst.action == "flag":
        return Answer(arm, share, score, given, label, "flag", worst.reason, guards)
    if worst.action == "abstain":
        return Answer(arm, share, score, given, None, "flag", worst.reason, guards)
    return Answer(arm, share, score, None, None, worst.action, worst.reason, guards)


def _instead(answer: Answer, score: float | None, label: int, why: str, by: str) -> Answer:
    reason = f"{answer.reason}; {why}"
    return msgspec.structs.replace(answer, score=score, label=label, reason=reason, fallback=by)


def _falls(arm: Arm, share: float, why: str, *, failed: bool = False) -> Answer:
    return Answer(arm, share, None, None, None, "fallback", why, failed=failed)


def _outside(arm: Arm) -> str:
    return f"outside what the approval of {arm.version} allows"


def _always(_row: Sequence[float]) -> bool:
    return True


def _was_asked(answer: Answer, arm: Arm) -> bool:
    return answer.arm.name == arm.name and (answer.failed or answer.model_score is not None)
