"""From checked inputs to answers: arm, model, output guards, fallback.

`Decider.decide` asks no model itself: it yields a `Question` for every model that it needs and is
sent what it says, so one set of rules serves models in this process (`run`) and models elsewhere.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Unavailable
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.condition import Where
from seawall.serving.guard import SEVERITY, GuardSet, Trip
from seawall.serving.output import Call, Decision, call_of
from seawall.serving.question import LATE, Model, Question, Scores, Unanswered, ask
from seawall.serving.route import Route
from seawall.serving.routing import Routed, Routing
from seawall.serving.typed import TypedReader
from seawall.serving.validate import REFUSING, Checked, Validator, Violation

RowVerdict = Literal["pass", "flag", "fallback", "block"]
VERDICTS: tuple[RowVerdict, ...] = ("pass", "flag", "fallback", "block")
DEFAULT, RULE = "default", "rule"


class Batch(NamedTuple):
    """n rows to answer: their fields as the model gets them, and which of them it must not get."""

    rows: Sequence[Sequence[float]]
    matrix: NDArray[np.float64]
    """The same rows, n × fields; models get them in 32 bits."""
    bad: frozenset[int] = frozenset()
    why_bad: str = ""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What one row is answered.

    `label` is the decision: 0 or 1, a class, or a regression's value; `score` the probability of
    label 1 or of the class, or the value again. Both are None where there is nothing to answer,
    never without a reason. `model_score` is what the arm's own model said: None where it was not
    asked or failed, and any number at all where it is broken; of several classes it is the
    probability of the one it called, and `probabilities` are all, in their order. `fallback` is
    what answered in the model's place: the name of an arm, `rule` or `default`. `asked` are the
    arms whose models were asked of this row, whether or not they answered.
    """

    arm: Arm
    probability: float
    model_score: float | None
    score: float | None
    label: Decision | None
    verdict: RowVerdict = "pass"
    reason: str | None = None
    guards: dict[str, str] = {}
    fallback: str | None = None
    failed: bool = False
    probabilities: tuple[float, ...] = ()
    asked: tuple[str, ...] = ()


Steps = Generator[Question, Scores, list[Answer]]


def run(steps: Steps, models: Mapping[str, Model]) -> list[Answer]:
    """Answer with models that are in this process; whatever one raises, its rows fall back."""
    try:
        question = next(steps)
        while True:
            try:
                said = ask(models[question.arm], question)
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
        self.guards = GuardSet(bundle.guards, signature, bundle.output, bundle.value)
        self._kind, self._classes = bundle.output.kind, bundle.output.classes
        self._rules = [
            (Where(rule.where, signature, "fallback"), rule)
            for rule in (bundle.fallback.rules if bundle.fallback else ())
        ]
        self._named = {a.name: a for a in bundle.arms}
        self._champion = self._named["champion"]
        self._routing = Routing(bundle)

    def route(self, at: datetime) -> Route:
        """The route as the approvals allow it at this moment; without arms if none may answer."""
        return self._routing.at(at).route

    @property
    def only_scores(self) -> bool:
        """Whether a row needs its arm's score and nothing else to be answered 0 or 1."""
        asks = self.bundle.killed or self._routing.limits or self.guards.asks
        return self._kind == "binary" and not asks

    def arm_at(self, position: float, at: datetime) -> tuple[Arm, float] | None:
        """The arm at this position of the route, and its share; None if none may answer."""
        _, route, shares = self._routing.at(at)
        return shares[route(position)] if route.arms else None

    def decide(
        self, batch: Batch, positions: Sequence[float], at: datetime, *, killed: bool = False
    ) -> Steps:
        """Answer rows whose units lie at these positions of the route.

        Raises `Unavailable` when no model may answer and there is no fallback.
        """
        routed, count = self._routing.at(at), len(batch.rows)
        route = routed.route
        off = killed or self.bundle.killed
        if off or not route.arms:
            why = "switched off" if off else f"the approval of {self._champion.version} has expired"
            if self.bundle.fallback is None:
                what = f"endpoint {self.bundle.endpoint}: {why}"
                raise Unavailable(what, remedy="ask its owner; no fallback is set")
            answers = [_falls(self._champion, 1.0, why)] * count
            falling = list(range(count))
            yield from self._fall_back(answers, falling, batch, positions, routed, models=not off)
            return answers
        places = [route(p) for p in positions]
        if not (batch.bad or self._routing.limits) and places.count(places[0]) == count:
            answers = yield from self._ask(*routed.shares[places[0]], batch)
        else:
            answers = yield from self._ask_each(places, batch, routed)
        falling = [i for i, answer in enumerate(answers) if answer.verdict == "fallback"]
        if falling:
            yield from self._fall_back(answers, falling, batch, positions, routed, models=True)
        return answers

    def _ask_each(self, places: Sequence[int], batch: Batch, routed: Routed) -> Steps:
        """Ask each arm for its own rows; rows that no arm may have fall back."""
        assigned = [
            self._routing.allowed(*routed.shares[place], row, routed)
            for place, row in zip(places, batch.rows, strict=True)
        ]
        answers: list[Answer] = []
        groups: dict[tuple[str, float], list[int]] = {}
        for i, (arm, share) in enumerate(assigned):
            bad = i in batch.bad
            answers.append(_falls(arm, share, batch.why_bad if bad else _outside(arm)))
            if not bad and self._routing.reaches(arm.name, batch.rows[i]):
                groups.setdefault((arm.name, share), []).append(i)
        for (name, share), mine in groups.items():
            part = Batch([batch.rows[i] for i in mine], batch.matrix[mine])
            found = yield from self._ask(self._named[name], share, part)
            for i, answer in zip(mine, found, strict=True):
                answers[i] = answer
        return answers

    def _ask(self, arm: Arm, share: float, batch: Batch) -> Steps:
        """Rows of one arm: its model's scores, and what the guards make of them.

        What is to fall back has no answer yet.
        """
        matrix, classes = batch.matrix.astype(np.float32), self._kind == "multiclass"
        said = yield Question(arm.name, matrix, classes, own=True)
        if isinstance(said, Unanswered):
            asked = _asked({arm.name: said})
            return [_falls(arm, share, said.why, failed=True, asked=asked)] * len(batch.rows)
        others: dict[str, Scores] = {arm.name: said}
        spent: dict[str, float] = {}
        for name in self.guards.asks:
            if name in others:
                continue
            seconds, began = self.guards.time_for(name, spent), perf_counter()
            if seconds is not None and seconds <= 0.0:
                others[name] = Unanswered(LATE, asked=False)
                continue
            others[name] = yield Question(name, matrix, classes, seconds=seconds)
            spent[name] = perf_counter() - began
        answers, arms = list[Answer](), _asked(others)
        for i, (one, row) in enumerate(zip(said, batch.rows, strict=True)):
            score, call = self._read(one)
            asked = None
            if self.guards.asks:
                asked = {n: None if isinstance(s, Unanswered) else s[i] for n, s in others.items()}
            trips = self.guards.trips(score, row, asked, call, spent)
            answers.append(self._settled(arm, share, score, call, trips, arms))
        return answers

    def _read(self, said: Any) -> tuple[float, Call | None]:
        """The score of what a model says of one row, and of several classes which it calls."""
        if self._kind != "multiclass":
            return said, None
        call = call_of(said, len(self._classes))
        return call.score, call

    def _label(self, arm: Arm, score: float, call: Call | None) -> Decision:
        if call is not None:
            return self._classes[call.place]
        return score if self._kind == "regression" else int(score >= arm.threshold)

    def _settled(
        self,
        arm: Arm,
        share: float,
        score: float,
        call: Call | None,
        trips: Sequence[Trip],
        asked: tuple[str, ...] = (),
    ) -> Answer:
        """What the guards that tripped make of an answer."""
        chances = () if call is None else call.probabilities
        if not trips:
            label = self._label(arm, score, call)
            return Answer(arm, share, score, score, label, probabilities=chances, asked=asked)
        guards = {t.name: t.said for t in trips}
        acting = [t for t in trips if t.acts]
        worst = max(acting, key=lambda t: SEVERITY[t.action], default=None)
        if worst is not None and worst.action in ("fallback", "block"):
            return Answer(
                arm, share, score, None, None, worst.action, worst.reason, guards,
                probabilities=chances, asked=asked,
            )  # fmt: skip
        given = score
        for low, high in (t.clamp_to for t in acting if t.clamp_to):
            given = min(max(given, low), high)
        abstains = worst is not None and worst.action == "abstain"
        return Answer(
            arm,
            share,
            score,
            given,
            None if abstains else self._label(arm, given, call),
            "pass" if worst is None or worst.action == "clamp" else "flag",
            None if worst is None else worst.reason,
            guards,
            probabilities=chances,
            asked=asked,
        )

    def _fall_back(
        self,
        answers: list[Answer],
        falling: list[int],
        batch: Batch,
        positions: Sequence[float],
        routed: Routed,
        *,
        models: bool,
    ) -> Generator[Question, Scores, None]:
        """Answer these rows by the chain: other arms' models, rules, the default."""
        fallback = self.bundle.fallback
        if fallback is None:
            for i in falling:
                answers[i] = msgspec.structs.replace(answers[i], verdict="block")
            return
        rest = falling
        for name in fallback.arms if models else ():
            arm, ask = self._named[name], list[int]()
            for i in rest:
                if i in batch.bad or _was_asked(answers[i], arm):
                    continue
                if why := self._routing.barred(arm, batch.rows[i], positions[i], routed):
                    answers[i] = _also(answers[i], f"{name}: {why}")
                else:
                    ask.append(i)
            if not ask:
                continue
            matrix = batch.matrix[ask].astype(np.float32)
            said = yield Question(name, matrix, self._kind == "multiclass")
            for i in ask:
                also = (*answers[i].asked, *_asked({name: said}))
                answers[i] = msgspec.structs.replace(answers[i], asked=also)
            if isinstance(said, Unanswered):
                for i in ask:
                    answers[i] = _also(answers[i], f"{name}: {said.why}")
                continue
            for i, one in zip(ask, said, strict=True):
                score, call = self._read(one)
                found = self._settled(
                    arm, 1.0, score, call, self.guards.trips(score, batch.rows[i], None, call)
                )
                if found.label is None:
                    answers[i] = _also(answers[i], f"{name}: {found.reason}")
                    continue
                rest = [other for other in rest if other != i]
                answers[i] = _instead(answers[i], found.score, found.label, fallback.reason, name)
        for i in rest:
            row = batch.rows[i]
            rule = next((r for where, r in self._rules if i not in batch.bad and where(row)), None)
            given, by = (rule, RULE) if rule else (fallback, DEFAULT)
            score = given.label if self._kind == "regression" else given.score
            answers[i] = _instead(answers[i], score, given.label, given.reason, by)


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


def _instead(answer: Answer, score: Any, label: Decision, why: str, by: str) -> Answer:
    reason = f"{answer.reason}; {why}"
    return msgspec.structs.replace(answer, score=score, label=label, reason=reason, fallback=by)


def _also(answer: Answer, why: str) -> Answer:
    return msgspec.structs.replace(answer, reason=f"{answer.reason}; {why}")


def _falls(
    arm: Arm, share: float, why: str, *, failed: bool = False, asked: tuple[str, ...] = ()
) -> Answer:
    return Answer(arm, share, None, None, None, "fallback", why, failed=failed, asked=asked)


def _asked(said: Mapping[str, Scores]) -> tuple[str, ...]:
    """Those of these arms whose models were asked."""
    return tuple(n for n, s in said.items() if not isinstance(s, Unanswered) or s.asked)


def _outside(arm: Arm) -> str:
    return f"outside what the approval of {arm.version} allows"


def _was_asked(answer: Answer, arm: Arm) -> bool:
    return answer.arm.name == arm.name and (answer.failed or answer.model_score is not None)
