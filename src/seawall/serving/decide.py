"""From checked inputs to answers: arm, model, output guards, fallback; many rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Unavailable
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.guard import GuardSet, Trip
from seawall.serving.route import Route
from seawall.serving.validate import REFUSING, Checked, Validator, Violation

RowVerdict = Literal["pass", "flag", "fallback", "block"]
VERDICTS: tuple[RowVerdict, ...] = ("pass", "flag", "fallback", "block")
_FLAG, _FALLBACK, _BLOCK = 1, 2, 3
DEFAULT = "default"


class Model(Protocol):
    """A loaded artefact."""

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of label 1 for each of n rows (n × fields)."""
        ...


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What n rows are answered. Rows of which there is nothing to say are not in the mappings."""

    arms: tuple[Arm, ...]
    probability: tuple[float, ...]
    """Of each arm."""
    arm: NDArray[np.intp]
    """Index into `arms`."""
    model_score: NDArray[np.float64]
    """What the arm's own model said; NaN where it was not asked or failed."""
    score: NDArray[np.float64]
    """What is answered; NaN where there is no score to give, never without a reason."""
    label: NDArray[np.int8]
    """What is answered; −1 where there is no answer."""
    verdict: NDArray[np.int8]
    """Index into `VERDICTS`."""
    failed: NDArray[np.bool_]
    """The arm's model raised an error."""
    fallback: dict[int, str] = {}
    """What answered in the model's place: `default`, or the name of an arm."""
    reason: dict[int, str] = {}
    guards: dict[int, dict[str, str]] = {}
    """By row, the action of each guard that tripped."""


class Decider:
    """A bundle with its models, ready to answer. Raises `BadInput` when they do not fit."""

    def __init__(self, bundle: Bundle, models: Mapping[str, Model]) -> None:
        if missing := {a.name for a in bundle.arms} - models.keys():
            raise BadInput(f"no model for the arm {min(missing)!r}", where=bundle.endpoint)
        self.bundle, self.models = bundle, models
        also = {*bundle.protected, *([bundle.unit] if bundle.unit else [])}
        self.validator = Validator(bundle.signature, also)
        self._guards = GuardSet(bundle.guards, bundle.signature)
        expiries = [a.conditions.expires for a in bundle.arms if a.conditions.expires]
        self._expiries = sorted(expiries)
        self._route, self._passed = Route({}), -1
        champion = bundle.arm("champion")
        assert champion is not None
        self._champion = champion
        self._named = {a.name: a for a in bundle.arms}
        self._arms: tuple[Arm, ...] = ()

    def route(self, at: datetime) -> Route:
        """The route as the approvals allow it at this moment; without arms if none may answer."""
        passed = sum(at >= e for e in self._expiries)
        if passed != self._passed:
            self._route, self._passed = Route(self.bundle.weights(at)), passed
            self._arms = tuple(self._named[name] for name in self._route.arms)
        return self._route

    def decide(
        self,
        checked: Checked,
        positions: Sequence[float],
        at: datetime,
        *,
        killed: bool = False,
    ) -> Answers:
        """Answer rows whose units lie at these positions of the route.

        Raises `Unavailable` when no model may answer and there is no fallback.
        """
        rows = len(checked.matrix)
        route = self.route(at)
        off = "switched off" if killed or self.bundle.killed else ""
        if not off and not route.arms:
            off = f"the approval of {self._champion.version} has expired"
        if off and self.bundle.fallback is None:
            raise Unavailable(
                f"endpoint {self.bundle.endpoint}: {off}",
                remedy="ask its owner; no fallback is set",
            )
        answers = Answers(
            arms=(self._champion,) if off else self._arms,
            probability=(1.0,) if off else tuple(route.probability.values()),
            arm=np.zeros(rows, dtype=np.intp) if off else route(positions),
            model_score=np.full(rows, np.nan),
            score=np.full(rows, np.nan),
            label=np.full(rows, -1, dtype=np.int8),
            verdict=np.zeros(rows, dtype=np.int8),
            failed=np.zeros(rows, dtype=bool),
            fallback={},
            reason={},
            guards={},
        )
        if off:
            everywhere = np.ones(rows, dtype=bool)
            usable = killed is False and not self.bundle.killed
            self._fall_back(answers, checked, everywhere, off, try_arm=usable)
            return answers
        good = ~checked.bad
        inputs = checked.matrix.astype(np.float32)
        for index, arm in enumerate(answers.arms):
            mine = good & (answers.arm == index) if len(answers.arms) > 1 else good
            if mine.all():
                self._ask(answers, arm, inputs, mine)
            elif mine.any():
                self._ask(answers, arm, inputs[mine], mine)
        if checked.bad.any():
            self._default(answers, checked.bad, invalid_reason(checked.violations))
        self._apply_guards(answers, checked, good & ~answers.failed)
        if answers.failed.any():
            self._fall_back(answers, checked, answers.failed, "the model failed", try_arm=True)
        return answers

    def _ask(
        self, answers: Answers, arm: Arm, inputs: NDArray[np.float32], rows: NDArray[np.bool_]
    ) -> None:
        try:
            scores = self.models[arm.name].scores(inputs)
            answers.model_score[rows] = scores
        except Exception:  # noqa: BLE001 -- whatever a model raises, its rows get the fallback
            answers.failed[rows] = True
            return
        answers.score[rows] = scores
        answers.label[rows] = scores >= arm.threshold

    def _apply_guards(self, answers: Answers, checked: Checked, rows: NDArray[np.bool_]) -> None:
        if rows.all():
            trips = self._guards.trips(answers.score, checked.matrix)
        elif rows.any():
            trips = [
                _spread(t, rows)
                for t in self._guards.trips(answers.score[rows], checked.matrix[rows])
            ]
        else:
            return
        for trip in trips:
            for row in np.flatnonzero(trip.rows).tolist():
                answers.guards.setdefault(row, {})[trip.name] = trip.action
        for action, code in (("flag", _FLAG), ("fallback", _FALLBACK), ("block", _BLOCK)):
            for trip in trips:
                if trip.action != action:
                    continue
                mine = trip.rows & (answers.verdict < code)
                if not mine.any():
                    continue
                if action == "fallback":
                    self._fall_back(answers, checked, mine, trip.reason, try_arm=True)
                    continue
                _say(answers, mine, code, trip.reason)
                if action == "block":
                    answers.score[mine], answers.label[mine] = np.nan, -1
                    for row in np.flatnonzero(mine).tolist():
                        answers.fallback.pop(row, None)

    def _fall_back(
        self,
        answers: Answers,
        checked: Checked,
        rows: NDArray[np.bool_],
        why: str,
        *,
        try_arm: bool,
    ) -> None:
        """Answer these rows by the fallback arm's model where it may, and the rest by default."""
        fallback = self.bundle.fallback
        rest = rows.copy()
        if try_arm and fallback and fallback.arm:
            arm = self._named[fallback.arm]
            own = np.array([a.name == arm.name for a in answers.arms])[answers.arm]
            expired = arm.conditions.expires
            ask = (
                rows
                & ~checked.bad
                & ~(own & ~np.isnan(answers.model_score))
                & ~(own & answers.failed)
            )
            if ask.any() and not (expired and self._is_past(expired)):
                rest &= ~self._answer_by(answers, checked, ask, arm, f"{why}; {fallback.reason}")
        if rest.any():
            self._default(answers, rest, why)

    def _is_past(self, expires: datetime) -> bool:
        """Whether the route in use was made after this moment."""
        return self._expiries.index(expires) < self._passed

    def _answer_by(
        self, answers: Answers, checked: Checked, rows: NDArray[np.bool_], arm: Arm, why: str
    ) -> NDArray[np.bool_]:
        """Let another arm's model answer; returns the rows that its answer stands for."""
        matrix = checked.matrix[rows]
        try:
            scores = self.models[arm.name].scores(matrix.astype(np.float32))
        except Exception:  # noqa: BLE001 -- then the default answers
            return np.zeros_like(rows)
        stands = np.ones(len(scores), dtype=bool)
        for trip in self._guards.trips(scores, matrix):
            if trip.action != "flag":
                stands &= ~trip.rows
        answered = rows.copy()
        answered[rows] = stands
        answers.score[answered] = scores[stands]
        answers.label[answered] = scores[stands] >= arm.threshold
        _say(answers, answered, _FALLBACK, why)
        answers.fallback.update(dict.fromkeys(np.flatnonzero(answered).tolist(), arm.name))
        return answered

    def _default(self, answers: Answers, rows: NDArray[np.bool_], why: str) -> None:
        """Give the safe default, or no answer where there is none."""
        fallback = self.bundle.fallback
        if fallback is None:
            answers.score[rows], answers.label[rows] = np.nan, -1
            _say(answers, rows, _BLOCK, why)
            return
        answers.score[rows] = np.nan if fallback.score is None else fallback.score
        answers.label[rows] = fallback.label
        _say(answers, rows, _FALLBACK, f"{why}; {fallback.reason}")
        answers.fallback.update(dict.fromkeys(np.flatnonzero(rows).tolist(), DEFAULT))


def invalid_reason(violations: Sequence[Violation]) -> str:
    """One sentence on what is wrong with an input: the fields that keep it from being scored."""
    wrong = [
        f"{v.field} {v.problem.replace('_', ' ')}" for v in violations if v.problem in REFUSING
    ]
    return "the input is not valid: " + ", ".join(wrong[:8]) + (", …" if len(wrong) > 8 else "")


def _say(answers: Answers, rows: NDArray[np.bool_], verdict: int, why: str) -> None:
    answers.verdict[rows] = verdict
    answers.reason.update(dict.fromkeys(np.flatnonzero(rows).tolist(), why))


def _spread(trip: Trip, rows: NDArray[np.bool_]) -> Trip:
    """A trip on some of the rows as one on all of them."""
    wide = np.zeros_like(rows)
    wide[rows] = trip.rows
    return msgspec.structs.replace(trip, rows=wide)
