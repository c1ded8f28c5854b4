"""From checked inputs to answers: arm, model, output guards, fallback.

`Decider.decide` asks no model itself: it yields a `Question` for every model that it needs and is
sent the scores, so one set of rules serves models in this process (`run`) and models elsewhere.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Unavailable
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.guard import SEVERITY, GuardSet
from seawall.serving.route import Route
from seawall.serving.typed import TypedReader
from seawall.serving.validate import Checked, Validator, Violation

RowVerdict = Literal["pass", "flag", "fallback", "block"]
VERDICTS: tuple[RowVerdict, ...] = ("pass", "flag", "fallback", "block")
DEFAULT = "default"
FAILED = "the model failed"


class Model(Protocol):
    """A loaded artefact."""

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of label 1 for each of n rows (n × fields)."""
        ...


class Batch(NamedTuple):
    """n rows to answer: their fields as the model gets them, and which of them it must not get."""

    rows: Sequence[Sequence[float]]
    matrix: NDArray[np.float32]
    """The same rows, n × fields."""
    bad: frozenset[int] = frozenset()
    why_bad: str = ""


class Question(NamedTuple):
    """What an arm's model is asked; the answer is a score a row, or None when it failed."""

    arm: str
    matrix: NDArray[np.float32]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What one row is answered.

    `model_score` is what the arm's own model said: None where it was not asked or failed, and any
    number at all where it is broken. `score` and `label` are None where there is nothing to answer,
    never without a reason; `fallback` is what answered in the model's place: `default` or an arm.
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


Steps = Generator[Question, Sequence[float] | None, list[Answer]]


def run(steps: Steps, models: Mapping[str, Model]) -> list[Answer]:
    """Answer with models that are in this process; whatever one raises, its rows fall back."""
    try:
        question = next(steps)
        while True:
            try:
                scores = models[question.arm].scores(question.matrix).tolist()
            except Exception:  # noqa: BLE001 -- a model is somebody else's code
                scores = None
            question = steps.send(scores)
    except StopIteration as done:
        return done.value


def batch_of(checked: Checked) -> Batch:
    """Inputs as the validator left them."""
    bad = frozenset(np.flatnonzero(checked.bad).tolist())
    why = invalid_reason(checked.violations) if bad else ""
    return Batch(checked.matrix.tolist(), checked.matrix.astype(np.float32), bad, why)


class Decider:
    """A bundle's rules, ready to answer. Raises `BadInput` for one that contradicts itself."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        also = {*bundle.protected, *([bundle.unit] if bundle.unit else [])}
        self.validator = Validator(bundle.signature, also)
        self.reader = TypedReader(bundle.signature, also)
        self._guards = GuardSet(bundle.guards, bundle.signature)
        self._expiries = sorted(a.conditions.expires for a in bundle.arms if a.conditions.expires)
        self._named = {a.name: a for a in bundle.arms}
        self._champion = self._named["champion"]
        self._route, self._passed = Route({}), -1
        self._shares: tuple[tuple[Arm, float], ...] = ()

    def route(self, at: datetime) -> Route:
        """The route as the approvals allow it at this moment; without arms if none may answer."""
        passed = sum(at >= e for e in self._expiries)
        if passed != self._passed:
            self._route, self._passed = Route(self.bundle.weights(at)), passed
            shares = self._route.probability.items()
            self._shares = tuple((self._named[name], share) for name, share in shares)
        return self._route

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
            yield from self._fall_back(answers, range(count), batch, models=not off)
            return answers
        shares, bad = self._shares, batch.bad
        arms = [route(p) for p in positions]
        answers = [_falls(*shares[arm], batch.why_bad) for arm in arms] if bad else []
        for index in sorted(set(arms)):
            arm, share = shares[index]
            mine = [i for i, a in enumerate(arms) if a == index and i not in bad]
            if not mine:
                continue
            whole = len(mine) == count
            scores = yield Question(arm.name, batch.matrix if whole else batch.matrix[mine])
            found = self._settle(arm, share, [batch.rows[i] for i in mine], scores)
            if whole:
                answers = found
                break
            answers = answers or [_falls(arm, share, "")] * count
            for i, answer in zip(mine, found, strict=True):
                answers[i] = answer
        falling = [i for i, answer in enumerate(answers) if answer.verdict == "fallback"]
        if falling:
            yield from self._fall_back(answers, falling, batch, models=True)
        return answers

    def _settle(
        self,
        arm: Arm,
        share: float,
        rows: Sequence[Sequence[float]],
        scores: Sequence[float] | None,
    ) -> list[Answer]:
        """What the guards make of an arm's scores; what is to fall back has no answer yet."""
        if scores is None:
            return [_falls(arm, share, FAILED, failed=True)] * len(rows)
        answers: list[Answer] = []
        for score, row in zip(scores, rows, strict=True):
            trips = self._guards.trips(score, row)
            if not trips:
                label = 1 if score >= arm.threshold else 0
                answers.append(Answer(arm, share, score, score, label))
                continue
            worst = max(trips, key=lambda t: SEVERITY[t.action])
            guards: dict[str, str] = {t.name: t.action for t in trips}
            if worst.action == "flag":
                label = 1 if score >= arm.threshold else 0
                answer = Answer(arm, share, score, score, label, "flag", worst.reason, guards)
            else:
                answer = Answer(arm, share, score, None, None, worst.action, worst.reason, guards)
            answers.append(answer)
        return answers

    def _fall_back(
        self, answers: list[Answer], falling: Sequence[int], batch: Batch, *, models: bool
    ) -> Generator[Question, Sequence[float] | None, None]:
        """Answer these rows by the fallback arm's model where it may, and the rest by default."""
        fallback, rest = self.bundle.fallback, list(falling)
        arm = self._named[fallback.arm] if fallback and fallback.arm else None
        if fallback and arm and models and not self._is_past(arm.conditions.expires):
            ask = [i for i in rest if i not in batch.bad and not _was_asked(answers[i], arm)]
            scores = (yield Question(arm.name, batch.matrix[ask])) if ask else None
            for i, score in zip(ask, scores or (), strict=False):
                if any(t.action != "flag" for t in self._guards.trips(score, batch.rows[i])):
                    continue
                rest.remove(i)
                answers[i] = msgspec.structs.replace(
                    answers[i],
                    score=score,
                    label=1 if score >= arm.threshold else 0,
                    reason=f"{answers[i].reason}; {fallback.reason}",
                    fallback=arm.name,
                )
        for i in rest:
            why = answers[i].reason
            if fallback is None:
                answers[i] = msgspec.structs.replace(answers[i], verdict="block")
                continue
            answers[i] = msgspec.structs.replace(
                answers[i],
                score=fallback.score,
                label=fallback.label,
                reason=f"{why}; {fallback.reason}",
                fallback=DEFAULT,
            )

    def _is_past(self, expires: datetime | None) -> bool:
        """Whether the route in use was made after this moment."""
        return expires is not None and self._expiries.index(expires) < self._passed


def invalid_reason(violations: Sequence[Violation]) -> str:
    """One sentence on what is wrong with an input: the fields that keep it from being scored."""
    wrong = [
        f"{v.field} {v.problem.replace('_', ' ')}" for v in violations if v.problem != "unknown"
    ]
    return "the input is not valid: " + ", ".join(wrong[:8]) + (", …" if len(wrong) > 8 else "")


def check_models(bundle: Bundle, models: Mapping[str, object]) -> None:
    """Raise `BadInput` unless there is a model for every arm."""
    if missing := {a.name for a in bundle.arms} - models.keys():
        raise BadInput(f"no model for the arm {min(missing)!r}", where=bundle.endpoint)


def _falls(arm: Arm, share: float, why: str, *, failed: bool = False) -> Answer:
    return Answer(arm, share, None, None, None, "fallback", why, failed=failed)


def _was_asked(answer: Answer, arm: Arm) -> bool:
    return answer.arm.name == arm.name and (answer.failed or answer.model_score is not None)
