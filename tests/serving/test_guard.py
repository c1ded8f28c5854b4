"""Guards that do more than look at a score: clamp, abstain, ask an expression or another model."""

from __future__ import annotations

from time import sleep
from typing import Any

import msgspec
import pytest
from tests.gateway.control import GOOD, arm, bundle
from tests.serving.test_decide import FALLBACK, Scores, answers, labels, scores, verdicts

from seawall.kernel import BadInput
from seawall.serving.condition import Condition
from seawall.serving.fallback import Fallback, FallbackRule
from seawall.serving.guard import Disagreement, Guard, GuardSet

ASKED = (arm(), arm("second", "m@7", weight=0.0))
APART = Guard(
    name="apart", action="fallback", disagreement=Disagreement(arms=("second",), more_than=0.2)
)


def test_a_clamp_moves_the_score_into_its_range_and_the_label_follows():
    guard = Guard(name="cap", action="clamp", score_at_least=0.8, clamp_to=(0.0, 0.45))
    found = answers([GOOD | {"age": 90}, GOOD | {"age": 70}], guards=(guard,))
    assert (scores(found), labels(found)) == ([pytest.approx(0.45), pytest.approx(0.7)], [0, 1])
    assert found[0].model_score == pytest.approx(0.9)
    assert (found[0].verdict, found[0].reason) == ("pass", "guard cap")
    assert found[0].guards == {"cap": "clamp"}


def test_a_guard_that_abstains_gives_the_score_without_a_label():
    guard = Guard(name="unsure", action="abstain", score_at_least=0.4, score_at_most=0.6)
    found = answers([GOOD | {"age": 50}, GOOD | {"age": 70}], guards=(guard,))
    assert (scores(found)[0], labels(found)) == (pytest.approx(0.5), [None, 1])
    assert verdicts(found) == ["flag", "pass"]


def test_an_expression_sees_the_score_and_the_fields_as_they_were_sent():
    when = 'score > 0.5 && input.grade == "high" && input.age < 70'
    guard = Guard(name="odd", action="block", when=when)
    high = GOOD | {"grade": "high"}
    rows = [high | {"age": 60}, high | {"age": 60, "grade": "low"}, high | {"age": 80}]
    assert verdicts(answers(rows, guards=(guard,))) == ["block", "pass", "pass"]


@pytest.mark.parametrize(("fails", "verdict"), [("open", "pass"), ("closed", "block")])
def test_an_expression_that_cannot_be_computed_fails_the_way_the_guard_says(
    fails: Any, verdict: str
):
    guard = Guard(name="odd", action="block", when="input.nothing > 40.0", fails=fails)
    (found,) = answers([GOOD], guards=(guard,))
    assert (found.verdict, found.guards) == (verdict, {"odd": "block (failed)"})


def test_an_expression_on_something_else_is_refused():
    guard = Guard(name="odd", action="block", when="age > 3")
    with pytest.raises(BadInput, match=r"asks for 'age'.*input\.FIELD"):
        GuardSet([guard], bundle().signature)


def test_a_second_model_that_disagrees_overrules_the_first():
    others = {"second": Scores(0.7)}
    found = answers(
        [GOOD | {"age": 40}, GOOD | {"age": 60}],
        arms=ASKED, guards=(APART,), fallback=FALLBACK, others=others,
    )  # fmt: skip
    assert verdicts(found) == ["fallback", "pass"]


@pytest.mark.parametrize(("fails", "verdict"), [("open", "pass"), ("closed", "fallback")])
def test_a_second_model_that_fails_is_no_agreement(fails: Any, verdict: str):
    guard = Guard(name="apart", action="fallback", disagreement=APART.disagreement, fails=fails)
    others = {"second": Scores(error=True)}
    found = answers([GOOD], arms=ASKED, guards=(guard,), fallback=FALLBACK, others=others)
    assert verdicts(found) == [verdict]


def test_an_ensemble_disagrees_when_its_scores_spread():
    arms = (*ASKED, arm("third", "m@8", weight=0.0))
    spread = Disagreement(arms=("second", "third"), more_than=0.5)
    guard = Guard(name="spread", action="flag", disagreement=spread)
    others = {"second": Scores(0.3), "third": Scores(0.75)}
    rows = [GOOD | {"age": 40}, GOOD | {"age": 90}]
    assert verdicts(answers(rows, arms=arms, guards=(guard,), others=others)) == ["pass", "flag"]


def test_a_chain_of_fallbacks_tries_models_then_rules_then_the_default():
    arms = (*ASKED, arm("third", "m@8", weight=0.0))
    rule = FallbackRule(where=(Condition("age", at_least=65),), label=1, reason="pensioners: yes")
    fallback = Fallback(label=0, reason="ask", arms=("second", "third"), rules=(rule,))
    broken = Scores(error=True)
    others = {"second": broken, "third": Scores(0.9)}
    (third,) = answers([GOOD], broken, arms=arms, fallback=fallback, others=others)
    assert (third.fallback, third.label) == ("third", 1)
    rows = [GOOD | {"age": 70}, GOOD]
    others = {"second": broken, "third": broken}
    found = answers(rows, broken, arms=arms, fallback=fallback, others=others)
    assert [(a.fallback, a.label) for a in found] == [("rule", 1), ("default", 0)]
    assert found[0].reason == (
        "the model failed; second: the model failed; third: the model failed; pensioners: yes"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "", "action": "flag", "when": "score > 0.1"}, "name of its own"),
        ({"name": "g", "action": "flag"}, "trip always"),
        ({"name": "g", "action": "clamp", "score_at_least": 0.1}, "clamp_to"),
        ({"name": "g", "action": "flag", "score_at_least": 0.1, "clamp_to": (0, 1)}, "clamp_to"),
        ({"name": "g", "action": "flag", "score_at_least": 0.1, "budget_ms": 0}, "budget_ms"),
    ],
)
def test_a_guard_that_makes_no_sense_is_refused(given: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        Guard(**given)


class Waits(Scores):
    """A model that takes its time."""

    def __init__(self, seconds: float, score: float) -> None:
        super().__init__(score)
        self.seconds = seconds
        self.asked_within: list[float] = []

    def scores(self, matrix: Any) -> Any:
        sleep(self.seconds)
        return super().scores(matrix)


class Hurried(Waits):
    """One that can be left, and then has said nothing."""

    def within(self, seconds: float) -> Any:
        self.asked_within.append(seconds)
        if seconds < self.seconds:
            return Scores(error=True)
        return self


STANDING_IN = (*ASKED, arm("simple", "m@8", weight=0.0))
SIMPLE = Fallback(label=0, score=0.1, reason="rule book", arms=("simple",))


@pytest.mark.parametrize("champion", [Scores(0.9), Scores(error=True)])
@pytest.mark.parametrize("fails", ["open", "closed"])
def test_a_disagreement_does_not_keep_a_fallbacks_model_from_answering(champion: Any, fails: Any):
    guard = msgspec.structs.replace(APART, fails=fails)
    others = {"second": Scores(0.1), "simple": Scores(0.3)}
    (found,) = answers(
        [GOOD], champion, others=others, arms=STANDING_IN, guards=(guard,), fallback=SIMPLE
    )
    assert (found.fallback, found.score) == ("simple", 0.3)


@pytest.mark.parametrize(
    "given", [{"score_at_least": 0.25}, {"when": "score > 0.25"}, {"when": "input.nothing > 0.0"}]
)
def test_every_other_guard_judges_a_fallbacks_model_too_and_the_reason_says_so(given: Any):
    guards = (APART, Guard(name="low", action="abstain", **given))
    others = {"second": Scores(0.1), "simple": Scores(0.3)}
    (found,) = answers(
        [GOOD], Scores(error=True), others=others, arms=STANDING_IN, guards=guards, fallback=SIMPLE
    )
    assert (found.fallback, found.score) == ("default", 0.1)
    assert "; simple: guard low" in (found.reason or "")


@pytest.mark.parametrize(
    "given", [{"when": "score > 2.0"}, {"when": "score > 0.1"}, {"score_at_least": 0.1}]
)
@pytest.mark.parametrize(("fails", "verdict"), [("open", "pass"), ("closed", "block")])
def test_a_guard_beyond_its_budget_has_failed_whether_or_not_it_would_have_tripped(
    given: Any, fails: Any, verdict: str
):
    guard = Guard(name="slow", action="block", budget_ms=1e-9, fails=fails, **given)
    (found,) = answers([GOOD], Scores(0.9), guards=(guard,))
    assert (found.verdict, found.guards) == (verdict, {"slow": "block (failed)"})


def test_a_late_guard_is_on_record_for_rows_that_it_is_not_about_and_does_nothing():
    guard = Guard(name="slow", action="block", budget_ms=1e-9, score_at_least=0.95)
    (found,) = answers([GOOD], Scores(0.9), guards=(guard,))
    assert (found.verdict, found.guards) == ("pass", {"slow": "block (failed)"})


@pytest.mark.parametrize(("fails", "verdict"), [("open", "pass"), ("closed", "fallback")])
def test_the_budget_covers_the_call_of_the_second_model(fails: Any, verdict: str):
    guard = msgspec.structs.replace(APART, budget_ms=20.0, fails=fails)
    others = {"second": Waits(0.05, 0.9)}
    (found,) = answers(
        [GOOD], Scores(0.9), arms=ASKED, guards=(guard,), others=others, fallback=FALLBACK
    )
    assert (found.verdict, found.guards) == (verdict, {"apart": "fallback (failed)"})


def test_within_its_budget_a_guard_judges_as_without():
    guard = msgspec.structs.replace(APART, budget_ms=60_000.0)
    for second, verdict in ((0.9, "pass"), (0.1, "fallback")):
        (found,) = answers(
            [GOOD], Scores(0.9), arms=ASKED, guards=(guard,), others={"second": Scores(second)},
            fallback=FALLBACK,
        )  # fmt: skip
        assert found.verdict == verdict
        assert found.guards == ({} if verdict == "pass" else {"apart": "fallback"})


def test_a_second_model_that_can_be_left_gets_the_time_that_its_guards_have_left():
    second, third = Hurried(0.0, 0.9), Hurried(30.0, 0.9)
    guard = Guard(
        name="apart",
        action="block",
        budget_ms=10_000.0,
        disagreement=Disagreement(arms=("second", "third"), more_than=0.2),
    )
    arms = (*ASKED, arm("third", "m@9", weight=0.0))
    others = {"second": second, "third": third}
    (found,) = answers([GOOD], Scores(0.9), arms=arms, guards=(guard,), others=others)
    assert found.guards == {"apart": "block (failed)"}
    assert second.asked_within == [10.0]
    assert 0.0 < third.asked_within[0] < 10.0


def test_a_guard_without_a_budget_keeps_waiting_for_a_model_that_another_asks_too():
    second = Hurried(0.0, 0.9)
    guards = (
        msgspec.structs.replace(APART, budget_ms=5.0),
        msgspec.structs.replace(APART, name="b"),
    )
    answers([GOOD], Scores(0.9), arms=ASKED, guards=guards, others={"second": second})
    assert second.asked_within == []
