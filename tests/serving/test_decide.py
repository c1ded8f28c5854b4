from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.gateway.control import GOOD, START, arm, bundle

from seawall.kernel import BadInput, Unavailable
from seawall.serving.bundle import Conditions
from seawall.serving.condition import Condition
from seawall.serving.decide import Answer, Decider, Unanswered, batch_of, check_models, run
from seawall.serving.fallback import Fallback
from seawall.serving.guard import Disagreement, Guard, GuardSet

FALLBACK = Fallback(label=0, score=0.1, reason="ask a person")


class Scores:
    """A model that gives a fixed score, the age over a hundred, or an error."""

    def __init__(self, score: float | None = None, error: bool = False) -> None:
        self.score, self.error = score, error

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        if self.error:
            raise RuntimeError("no memory")
        if self.score is None:
            return matrix[:, 0].astype(np.float64) / 100
        return np.full(len(matrix), self.score)


def answers(
    records: list[dict[str, Any]],
    champion: Any = None,
    *,
    positions: list[float] | None = None,
    at: Any = START,
    killed: bool = False,
    others: dict[str, Any] | None = None,
    **given: Any,
) -> list[Answer]:
    decider = Decider(bundle(**given))
    batch = batch_of(decider.validator.records(records))
    steps = decider.decide(batch, positions or [0.5] * len(records), at, killed=killed)
    return run(steps, {"champion": champion or Scores(), **(others or {})})


def verdicts(found: list[Answer]) -> list[str]:
    return [a.verdict for a in found]


def labels(found: list[Answer]) -> list[int | None]:
    return [a.label for a in found]


def scores(found: list[Answer]) -> list[float | None]:
    return [a.score for a in found]


def test_each_row_gets_its_score_and_the_label_at_the_threshold():
    found = answers([GOOD | {"age": 49}, GOOD | {"age": 50}])
    assert scores(found) == pytest.approx([0.49, 0.5])
    assert labels(found) == [0, 1]
    assert verdicts(found) == ["pass", "pass"]
    assert [a.reason for a in found] == [None, None]


def test_each_arm_answers_its_own_rows():
    arms = (arm(weight=0.5), arm("canary", "m@2", weight=0.5))
    others = {"canary": Scores(0.9)}
    found = answers([GOOD] * 3, positions=[0.1, 0.7, 0.2], arms=arms, others=others)
    assert [a.arm.name for a in found] == ["canary", "champion", "canary"]
    assert scores(found) == pytest.approx([0.9, 0.4, 0.9])
    assert {a.probability for a in found} == {0.5}


def test_an_invalid_row_gets_the_default_and_its_neighbours_their_model():
    found = answers([GOOD, GOOD | {"age": -1}], on_invalid="fallback", fallback=FALLBACK)
    assert verdicts(found) == ["pass", "fallback"]
    assert scores(found) == pytest.approx([0.4, 0.1])
    assert found[1].model_score is None
    assert [a.fallback for a in found] == [None, "default"]
    assert found[1].reason == "the input is not valid: age out of range; ask a person"


def test_a_failing_model_is_answered_for_by_the_fallback_arm():
    arms = (arm(weight=1.0), arm("holdout", "m@0", weight=0.0))
    fallback = Fallback(label=0, reason="the old model answers", arms=("holdout",))
    others = {"holdout": Scores(0.7)}
    found = answers([GOOD], Scores(error=True), arms=arms, fallback=fallback, others=others)
    assert found[0].failed
    assert (found[0].score, found[0].label) == (0.7, 1)
    assert found[0].fallback == "holdout"


def test_when_the_fallback_arm_fails_too_the_default_answers():
    arms = (arm(), arm("holdout", "m@0"))
    fallback = Fallback(label=1, reason="safe side", arms=("holdout",))
    others = {"holdout": Scores(error=True)}
    found = answers([GOOD], Scores(error=True), arms=arms, fallback=fallback, others=others)
    assert labels(found) == [1]
    assert found[0].fallback == "default"


def test_without_a_fallback_a_failed_row_has_no_answer_and_says_why():
    found = answers([GOOD], Scores(error=True))
    assert verdicts(found) == ["block"]
    assert labels(found) == [None]
    assert found[0].reason == "the model failed"


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_score_that_is_no_probability_never_leaves(score: float):
    found = answers([GOOD], Scores(score), fallback=FALLBACK)
    assert verdicts(found) == ["fallback"]
    assert scores(found) == [0.1]
    assert found[0].guards == {"valid_score": "fallback"}


def test_the_strictest_guard_that_trips_decides():
    guards = (
        Guard(name="near", action="flag", score_at_least=0.3, score_at_most=0.7),
        Guard(name="minor", action="block", where=(Condition("age", at_most=17),)),
        Guard(name="low grade", action="fallback", where=(Condition("grade", one_of=("low",)),)),
    )
    rows = [
        GOOD | {"age": 90},
        GOOD,
        GOOD | {"grade": "low"},
        GOOD | {"age": 16, "grade": "low"},
    ]
    found = answers(rows, guards=guards, fallback=FALLBACK)
    assert verdicts(found) == ["pass", "flag", "fallback", "block"]
    assert labels(found) == [1, 0, 0, None]
    assert found[3].guards == {"minor": "block", "low grade": "fallback"}
    assert [a.fallback for a in found] == [None, None, "default", None]
    assert found[3].model_score == pytest.approx(0.16)


def test_a_killed_endpoint_answers_by_its_default_without_asking_a_model():
    found = answers([GOOD], Scores(error=True), killed=True, fallback=FALLBACK)
    assert labels(found) == [0]
    assert not found[0].failed
    assert found[0].reason == "switched off; ask a person"


def test_a_killed_endpoint_without_fallback_is_unavailable():
    with pytest.raises(Unavailable, match="switched off"):
        answers([GOOD], killed=True)


def test_an_expired_champion_is_answered_for():
    arms = (arm(conditions=Conditions(expires=START + timedelta(hours=1))),)
    later = START + timedelta(hours=1)
    assert verdicts(answers([GOOD], arms=arms, fallback=FALLBACK)) == ["pass"]
    assert verdicts(answers([GOOD], arms=arms, fallback=FALLBACK, at=later)) == ["fallback"]
    with pytest.raises(Unavailable, match="expired"):
        answers([GOOD], arms=arms, at=later)


def test_every_arm_needs_a_model():
    with pytest.raises(BadInput, match="canary"):
        check_models(
            bundle(arms=(arm(weight=0.5), arm("canary", weight=0.5))), {"champion": Scores()}
        )


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Condition("aeg", at_least=1), "did you mean 'age'"),
        (Condition("grade", one_of=("hihg",)), "did you mean 'high'"),
        (Condition("age", one_of=("old",)), "no category"),
    ],
)
def test_a_guard_on_something_that_is_not_there_says_what_is(condition: Condition, message: str):
    guard = Guard(name="g", action="flag", where=(condition,))
    with pytest.raises(BadInput, match=message):
        GuardSet([guard], bundle().signature)


YOUNG = Conditions(where=(Condition("age", at_most=50),))


def test_rows_outside_a_canarys_approval_go_to_the_champion_with_the_chance_they_had_of_it():
    arms = (arm(weight=0.7), arm("canary", "m@2", weight=0.3, conditions=YOUNG))
    rows = [GOOD | {"age": 49}, GOOD | {"age": 51}, GOOD | {"age": 51}]
    found = answers(rows, arms=arms, positions=[0.1, 0.1, 0.9], others={"canary": Scores(0.9)})
    assert [(a.arm.name, a.probability) for a in found] == [
        ("canary", 0.3), ("champion", 1.0), ("champion", 1.0)
    ]  # fmt: skip


def test_rows_outside_the_champions_approval_are_answered_by_the_fallback():
    arms = (arm(conditions=YOUNG),)
    found = answers([GOOD, GOOD | {"age": 51}], arms=arms, fallback=FALLBACK)
    assert verdicts(found) == ["pass", "fallback"]
    assert found[1].model_score is None
    assert found[1].reason == "outside what the approval of m@1 allows; ask a person"


def test_variants_of_an_ab_test_answer_their_shares():
    arms = (arm(weight=0.5), arm("blue", "m@2", weight=0.25), arm("red", "m@3", weight=0.25))
    others = {"blue": Scores(0.1), "red": Scores(0.2)}
    found = answers([GOOD] * 3, arms=arms, positions=[0.1, 0.3, 0.6], others=others)
    assert [a.arm.name for a in found] == ["blue", "red", "champion"]


def stand_ins(
    share: float, count: int = 1_000, weight: float = 0.0, broken: str = "champion"
) -> tuple[list[float], list[str | None]]:
    """The positions of units, and who answers in the place of an arm that fails."""
    conditions = Conditions(traffic_share_max=share)
    arms = (
        arm(weight=1.0 - weight - 0.25),
        arm("canary", "m@2", weight=0.25),
        arm("holdout", "m@8", weight=weight, conditions=conditions),
    )
    fallback = Fallback(label=0, reason="by rule", arms=("holdout",))
    positions = [(i + 0.5) / count for i in range(count)]
    given: dict[str, Any] = {n: Scores(0.3) for n in ("champion", "canary", "holdout")}
    given[broken] = Scores(error=True)
    found = answers(
        [GOOD] * count, given.pop("champion"), positions=positions, arms=arms, fallback=fallback,
        others=given,
    )  # fmt: skip
    return positions, [a.fallback or a.arm.name for a in found]


@pytest.mark.parametrize("broken", ["champion", "canary"])
@pytest.mark.parametrize(("share", "weight"), [(0.05, 0.0), (0.2, 0.0), (0.3, 0.1), (0.1, 0.1)])
def test_an_arm_that_stands_in_answers_no_more_than_its_approved_share(
    share: float, weight: float, broken: str
):
    _, by = stand_ins(share, weight=weight, broken=broken)
    assert by.count("holdout") <= share * len(by)
    assert (
        by.count("default") + by.count("holdout") + by.count("canary") + by.count("champion")
        == 1_000
    )


def test_an_arm_without_traffic_stands_in_for_its_whole_share_when_the_champion_fails():
    positions, by = stand_ins(0.05)
    answered = [p for p, name in zip(positions, by, strict=True) if name == "holdout"]
    assert len(answered) == 50
    assert (min(answered), max(answered)) == (0.2505, 0.2995)


def test_units_beyond_the_share_of_a_stand_in_are_told_so_and_get_the_next_in_the_chain():
    arms = (arm(), arm("simple", "m@8", conditions=Conditions(traffic_share_max=0.05)))
    fallback = Fallback(label=0, score=0.1, reason="by rule", arms=("simple",))
    found = answers(
        [GOOD] * 2, Scores(error=True), positions=[0.01, 0.06], arms=arms, fallback=fallback,
        others={"simple": Scores(0.3)},
    )  # fmt: skip
    assert [a.fallback for a in found] == ["simple", "default"]
    assert found[1].reason == (
        "the model failed; simple: m@8 is approved for 0.05 of the traffic; by rule"
    )


def interrupted(work: Callable[[], object], line: int, read: Callable[[], object]) -> bool:
    """Do the work, and before its so-many-th line of deciding what another thread may do then."""
    lines = count()
    done = list[bool]()

    def step(frame: Any, event: str, _: Any) -> Any:
        if "/serving/" not in frame.f_code.co_filename:
            return None
        if event == "line" and next(lines) == line:
            read()
            done.append(True)
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        work()
    finally:
        sys.settrace(before)
    return bool(done)


@pytest.mark.parametrize("theirs", ["before", "after"])
def test_while_an_approval_expires_no_thread_meets_one_routes_arms_with_anothers_shares(
    theirs: str,
):
    times = {"before": START, "after": START + timedelta(hours=1)}
    expiring = arm("canary", "m@2", weight=0.5, conditions=Conditions(expires=times["after"]))
    given = bundle(arms=(arm(weight=0.5), expiring))
    met: list[tuple[str, str, float]] = []

    def ask(decider: Decider, when: str) -> None:
        found = decider.arm_at(0.1, times[when])
        met.append((when, *((found[0].name, found[1]) if found else ("", 0.0))))

    for line in count():
        decider = Decider(given)
        ask(decider, "before")
        if not interrupted(partial(ask, decider, "after"), line, partial(ask, decider, theirs)):
            break
    assert line > 3
    assert set(met) == {("before", "canary", 0.5), ("after", "champion", 1.0)}


def test_a_decision_that_waits_for_a_model_goes_by_the_approvals_of_its_own_time():
    later = START + timedelta(hours=1)
    simple = arm("simple", "m@0", weight=0.0, conditions=Conditions(expires=later))
    chain = msgspec.structs.replace(FALLBACK, arms=("simple",))
    decider = Decider(bundle(arms=(arm(), simple), fallback=chain))
    batch = batch_of(decider.validator.records([GOOD]))
    waiting = decider.decide(batch, [0.5], START)
    assert next(waiting).arm == "champion"
    assert decider.route(later) is not decider.route(START)
    run(decider.decide(batch, [0.5], later), {"champion": Scores()})
    assert waiting.send(Unanswered()).arm == "simple"


def test_an_answer_names_the_models_that_were_asked_and_no_other():
    arms = (arm(), arm("simple", "m@0", weight=0.0), arm("second", "m@3", weight=0.0))
    apart = Disagreement(arms=("second",), more_than=0.1)
    disagree = Guard(name="apart", action="flag", fails="open", disagreement=apart)
    chain = msgspec.structs.replace(FALLBACK, arms=("simple",))
    decider = Decider(bundle(arms=arms, fallback=chain, guards=(disagree,)))
    batch = batch_of(decider.validator.records([GOOD]))

    def asked(**said: Any) -> tuple[str, ...]:
        steps = decider.decide(batch, [0.5], START)
        question = next(steps)
        while True:
            try:
                question = steps.send(said[question.arm])
            except StopIteration as done:
                return done.value[0].asked

    open_, failed = Unanswered("open", asked=False), Unanswered("broken")
    assert asked(champion=[0.4], second=[0.4]) == ("champion", "second")
    assert asked(champion=[0.4], second=open_) == ("champion",)
    assert asked(champion=[0.4], second=failed) == ("champion", "second")
    assert asked(champion=open_, simple=[0.4]) == ("simple",)
    assert asked(champion=failed, simple=failed) == ("champion", "simple")
    assert asked(champion=open_, simple=open_) == ()
