"""Decisions performed again in the core: whatever was asked, the same record comes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.control import START, arm, bundle

from seawall.kernel import FixedClock, NotFound
from seawall.sdk.guard import Guard
from seawall.serving import guard as guards
from seawall.serving.again import answering, perform, told_again, withheld
from seawall.serving.bundle import Bundle
from seawall.serving.condition import Condition
from seawall.serving.decision import DecisionRecord, erase, from_bytes
from seawall.serving.fallback import Fallback, FallbackRule

CHAIN = Fallback(
    label=0, score=0.0, reason="the safe answer", arms=("adviser",),
    rules=(FallbackRule(where=(Condition("age", at_least=80),), label=1, reason="old"),),
)  # fmt: skip
GUARDS = (
    guards.Guard(name="low", score_at_most=0.2, action="clamp", clamp_to=(0.1, 0.2), reason="low"),
    guards.Guard(name="near", when="score > 0.45 && score < 0.55", action="abstain", reason="near"),
    guards.Guard(name="apart", action="fallback", reason="apart",
                 disagreement=guards.Disagreement(arms=("adviser",), more_than=0.5)),
    guards.Guard(name="never", score_at_least=0.97, action="block", reason="too sure"),
)  # fmt: skip
BUNDLE = bundle(
    arms=(arm(weight=0.5), arm("canary", "m@2", weight=0.5), arm("adviser", "m@3"),
          arm("shadow", "m@4")),
    guards=GUARDS, fallback=CHAIN, on_invalid="fallback",
)  # fmt: skip


class Linear:
    """A model that breaks on rows of no hours, and gives no number on rows of age 7."""

    def __init__(self, slope: float) -> None:
        self._slope = slope

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        if (matrix[:, 1] == 0).any():
            raise RuntimeError("no hours")
        found = np.abs(matrix[:, 0] * np.float32(self._slope)) % 1
        return np.where(matrix[:, 0] == 7, np.nan, found).astype(np.float64)


MODELS = {"champion": Linear(0.0137), "canary": Linear(0.0291), "adviser": Linear(0.0113)}


class Kept:
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[DecisionRecord] = []

    def append_packed(self, payloads: Any, *, durable: bool) -> None:
        self.records += map(from_bytes, payloads)


def decided(record: dict[str, Any], unit: str = "u", given: Bundle = BUNDLE) -> DecisionRecord:
    log: Any = Kept()
    models = {a.name: MODELS.get(a.name, Linear(0.5)) for a in given.arms}
    Guard(given, models, clock=FixedClock(START), log=log).decide(record, unit=unit)
    return log.records[0]


odd = st.none() | st.text(max_size=3) | st.booleans() | st.integers() | st.floats() | st.just([])
inputs = st.fixed_dictionaries(
    {},
    optional={
        "age": st.integers(0, 120) | odd,
        "hours": st.floats(0, 100) | st.just(0.0) | odd,
        "grade": st.sampled_from(["low", "mid", "high"]) | odd,
        "sex": odd,
        "strange": odd,
    },
)


@settings(max_examples=80)
@given(inputs, st.text(min_size=1, max_size=5))
def test_whatever_was_asked_the_same_record_comes_of_it_bit_by_bit(
    record: dict[str, Any], unit: str
) -> None:
    made = decided(record, unit)
    if not made.input or withheld(made, BUNDLE):
        verdict, _ = told_again(made, lambda _: BUNDLE, lambda *_: MODELS, list)
        assert verdict.outcome == "undecided"
        return
    again = perform(made, BUNDLE, MODELS)
    assert again.differences == ()
    assert again.leaf is True
    verdict, body = told_again(made, lambda _: BUNDLE, lambda *_: MODELS, lambda: [made])
    assert verdict.outcome == "pass"
    assert body["recorded"] == body["again"]


GOOD = {"age": 40, "hours": 38.5, "grade": "mid"}


@settings(max_examples=5)
@given(st.sampled_from(["score", "threshold", "arm", "fallback", "version_digest"]))
def test_a_value_that_was_changed_is_named(field: str) -> None:
    from msgspec.structs import replace

    changed = {"score": 0.123, "threshold": 0.4, "arm": "x", "fallback": "rule"}
    made = replace(decided(GOOD), **{field: changed.get(field, "sha256:" + "0" * 64)})
    found = perform(made, BUNDLE, MODELS)
    assert [d.field for d in found.differences] == [field]
    assert found.leaf is False


def test_only_models_that_an_answer_may_need_are_asked_for() -> None:
    assert [a.name for a in answering(BUNDLE)] == ["champion", "canary", "adviser"]


def test_what_was_erased_is_not_compared_and_said() -> None:
    made = erase(decided({**GOOD, "hours": 0.0}), ["reasons", "subject"])
    found = perform(made, BUNDLE, MODELS)
    assert (found.differences, found.not_compared, found.leaf) == ((), ("reasons",), None)


@pytest.mark.parametrize(
    ("privacy", "why"),
    [
        ({"age": "drop"}, "is not kept, by the privacy rule"),
        ({"age": "token"}, "is kept as a token only"),
        ({"age": "digest"}, "is kept as a digest only"),
    ],
)
def test_a_hidden_field_says_how_it_is_hidden(privacy: dict[str, Any], why: str) -> None:
    given = bundle(privacy=privacy, fallback=CHAIN, arms=(arm(), arm("adviser", "m@3")))
    assert withheld(decided(GOOD, given=given), given) == {"age": why}
    assert withheld(decided(GOOD), BUNDLE) == {}


def test_a_bundle_that_is_gone_leaves_it_undecided() -> None:
    def gone(_: str) -> Bundle:
        raise NotFound("the bundle is not there")

    verdict, body = told_again(decided(GOOD), gone, lambda *_: MODELS, list)
    assert verdict.outcome == "undecided"
    assert "the bundle is not there" in verdict.reasons[0].message
    assert (body["again"], body["route"]) == (None, None)


class Batched(Linear):
    """A model that says a little more of a row that comes with others, as blocked sums do."""

    def __init__(self, places: float) -> None:
        super().__init__(0.0137)
        self._places = places

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        found = super().scores(matrix)
        more = self._places * np.spacing(np.float32(found)) if len(matrix) > 1 else 0.0
        return (found + more).astype(np.float64)


OTHER = {**GOOD, "age": 55}


@pytest.mark.parametrize(
    ("places", "threshold", "kept", "outcome"),
    [
        (2.0, 0.5, "whole", "pass"),  # with its siblings it is the same bit by bit
        (2.0, 0.5, "minimal", "undecided"),
        (2.0, 0.5, "withheld", "undecided"),
        (2.0, 0.5, "alone", "fail"),  # no batch explains it
        (60.0, 0.5, "minimal", "fail"),  # nor does one explain so much
        (2.0, "between", "minimal", "fail"),  # or another label
    ],
)
def test_a_row_of_a_request_is_compared_within_it_and_undecided_where_that_was_not_kept(
    places: float, threshold: Any, kept: str, outcome: str
) -> None:
    from msgspec.structs import replace

    alone = float(Linear(0.0137).scores(np.array([[40, 38.5, 1]], np.float32))[0])
    if threshold == "between":
        threshold = alone + float(np.spacing(np.float32(alone)))
    given = bundle(arms=(arm(threshold=threshold),))
    log: Any = Kept()
    models = {"champion": Batched(places)}
    Guard(given, models, clock=FixedClock(START), log=log).score(
        {name: [GOOD[name], OTHER[name]] for name in GOOD}
    )
    mine, sibling = log.records
    siblings = {
        "whole": [mine, sibling],
        "minimal": [mine, replace(sibling, input={}, minimal=True)],
        "withheld": [mine, erase(sibling, ["input.age"])],
        "alone": [mine],
    }[kept]
    verdict, body = told_again(mine, lambda _: given, lambda *_: models, lambda: siblings)
    assert verdict.outcome == outcome, body
    if outcome == "undecided":
        assert "other rows of its request were not kept" in str(verdict)
