"""Laws of the decider that hold for two classes, several, and a value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from tests.gateway.control import GOOD, START, arm, bundle

from seawall.kernel import BadInput, Ids, Outcome, SystemClock
from seawall.serving.again import told_again
from seawall.serving.bundle import Bundle
from seawall.serving.condition import Condition
from seawall.serving.decide import Answer, Decider, batch_of, run
from seawall.serving.decision import DecisionRecord, from_bytes, leaf_hash, to_bytes
from seawall.serving.fallback import Fallback, FallbackRule
from seawall.serving.guard import Disagreement, Guard, GuardSet
from seawall.serving.leaf import leaf_of
from seawall.serving.output import NO_CALL, Output, Value, call_of
from seawall.serving.packing import Packer, Said
from seawall.serving.route import unit_hash
from seawall.serving.sampling import Sampling, Stratum

CLASSES = ("ham", "scam", "spam")
OUTPUT = {
    "binary": Output(),
    "multiclass": Output(kind="multiclass", classes=CLASSES),
    "regression": Output(kind="regression"),
}
VALUE = Value(unit="EUR", minimum=-50.0, maximum=50.0)
SAFE: dict[str, Any] = {"binary": 0, "multiclass": "scam", "regression": 12.5}
ARMS = (arm(), arm("second", "m@0", seed=4))


class Says:
    """A model that says the same of every row, or raises."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        if self.said is None:
            raise RuntimeError("no memory")
        return np.array([self.said] * len(matrix), dtype=np.float64)

    scores = columns


def made(kind: str, **given: Any) -> Bundle:
    fallback = Fallback(label=SAFE[kind], reason="the safe side", arms=("second",))
    defaults = {"output": OUTPUT[kind], "fallback": fallback, "arms": ARMS}
    defaults |= {"value": VALUE} if kind == "regression" else {}
    return bundle(**(defaults | given))


def decided(given: Bundle, said: Any, other: Any = None, rows: int = 1) -> list[Answer]:
    decider = Decider(given)
    batch = batch_of(decider.validator.records([GOOD] * rows))
    models = {"champion": Says(said), "second": Says(other)}
    return run(decider.decide(batch, [0.5] * rows, START), models)


numbers = st.floats() | st.floats(-60, 60) | st.floats(0, 1)


def chances(width: int) -> st.SearchStrategy[list[float]]:
    """Probabilities that add up to 1, and rows that do not."""
    free = st.lists(st.floats(0, 1), min_size=width, max_size=width)
    proper = free.filter(lambda p: sum(p) > 0.01).map(lambda p: [v / sum(p) for v in p])
    return proper | free | st.lists(st.floats(), min_size=width, max_size=width)


said_of = st.one_of(
    st.tuples(st.just("binary"), numbers | st.none(), numbers | st.none()),
    st.tuples(st.just("regression"), numbers | st.none(), numbers | st.none()),
    st.tuples(st.just("multiclass"), chances(3) | st.none(), chances(3) | st.none()),
    st.tuples(st.just("multiclass"), chances(2), chances(4)),
)
actions = st.lists(st.sampled_from(["flag", "abstain", "fallback", "block"]), max_size=3)


def guards_of(given_: Sequence[str]) -> tuple[Guard, ...]:
    return tuple(
        Guard(name=f"g{i}", action=action, score_at_least=0.5)  # type: ignore[arg-type]
        for i, action in enumerate(given_)
    )


def is_answer(kind: str, label: Any) -> bool:
    if kind == "regression":
        return isinstance(label, float) and -50.0 <= label <= 50.0
    return label in (CLASSES if kind == "multiclass" else (0, 1))


@given(said_of, actions)
def test_whatever_models_say_what_leaves_is_an_answer_of_their_kind_or_says_why_not(case, given_):
    kind, said, other = case
    (answer,) = decided(made(kind, guards=guards_of(given_)), said, other)
    if answer.label is None:
        assert answer.verdict in ("block", "flag")
        assert answer.reason
    else:
        assert is_answer(kind, answer.label)
    if answer.verdict == "block":
        assert (answer.score, answer.label) == (None, None)


@given(said_of, actions)
def test_an_abstention_comes_from_its_guard_alone(case, given_):
    kind, said, other = case
    (answer,) = decided(made(kind, guards=guards_of(given_)), said, other)
    abstained = answer.verdict == "flag" and answer.label is None
    assert abstained == (
        "abstain" in answer.guards.values()
        and not {"fallback", "block"} & set(answer.guards.values())
    )


@given(said_of)
def test_without_guards_the_models_own_answer_leaves_as_it_is(case):
    kind, said, other = case
    (answer,) = decided(made(kind), said, other)
    if kind == "multiclass":
        fits = said is not None and call_of(said, 3) != NO_CALL
        expected = CLASSES[int(np.argmax(said))] if fits else None
    elif said is None or not (-50 <= said <= 50 if kind == "regression" else 0 <= said <= 1):
        expected = None
    else:
        expected = said if kind == "regression" else int(said >= 0.5)
    if expected is None:
        assert answer.verdict == "fallback"
        assert answer.failed == (said is None)
    else:
        assert (answer.verdict, answer.label, answer.guards) == ("pass", expected, {})


@given(said_of)
def test_a_decision_packed_is_the_record_that_it_says_and_has_its_leaf(case):
    kind, said, other = case
    given_ = made(kind)
    (answer,) = decided(given_, said, other)
    packed = Packer(given_)(
        answer,
        decision_id=Ids(SystemClock())(),
        at=START,
        unit=b"u" * 16,
        kept=GOOD,
        latency_ms=1.0,
        said=Said(),
    )
    record = from_bytes(packed)
    assert record.output["label"] == answer.label
    assert (record.threshold is None) == (kind != "binary")
    assert record.probabilities == dict(zip(CLASSES, answer.probabilities, strict=False))
    again = msgspec.msgpack.decode(to_bytes(record), type=DecisionRecord)
    assert leaf_of(to_bytes(record)) == leaf_hash(again)


@given(st.lists(chances(3), min_size=1, max_size=6))
def test_rows_are_answered_alike_alone_and_together(rows):
    class Table(Says):
        def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
            at = (matrix[:, 0] - 30).astype(int)
            return np.array(rows)[at]

    decider = Decider(made("multiclass"))

    def ask(records: list[dict[str, Any]]) -> list[Answer]:
        batch = batch_of(decider.validator.records(records))
        steps = decider.decide(batch, [0.5] * len(records), START)
        return run(steps, {"champion": Table(0), "second": Says(None)})

    records = [GOOD | {"age": 30 + i} for i in range(len(rows))]
    together = ask(records)
    alone = [ask([one])[0] for one in records]
    assert [repr(a) for a in together] == [repr(a) for a in alone]


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=6))
def test_the_class_called_is_the_most_probable_and_the_margin_is_to_the_next(weights):
    p = np.array(weights) / sum(weights)
    call = call_of(p.tolist(), len(p))
    assert call.place == int(np.argmax(p))
    ordered = np.sort(p)
    assert call.margin == pytest.approx(ordered[-1] - ordered[-2])


@pytest.mark.parametrize(
    ("kind", "own", "other", "apart"),
    [
        ("binary", 0.2, 0.7, 0.5),
        ("regression", -10.0, 15.0, 25.0),
        ("multiclass", [0.6, 0.3, 0.1], [0.1, 0.3, 0.6], 0.5),
    ],
)
def test_models_disagree_by_the_span_of_what_they_differ_on_most(kind, own, other, apart):
    for more_than, trips in ((apart - 1e-6, True), (apart + 1e-6, False)):
        guard = Guard(
            name="apart",
            action="flag",
            disagreement=Disagreement(arms=("second",), more_than=more_than),
        )
        (answer,) = decided(made(kind, guards=(guard,)), own, other)
        assert (answer.verdict == "flag") == trips


def test_a_rule_answers_with_a_class_and_a_value():
    row = (Condition("age", at_least=0),)
    for kind in ("multiclass", "regression"):
        label = {"multiclass": "ham", "regression": -3}[kind]
        rule = FallbackRule(where=row, label=label, reason="by the rule")  # type: ignore[arg-type]
        fallback = Fallback(label=SAFE[kind], reason="no", rules=(rule,))
        (answer,) = decided(made(kind, fallback=fallback), None)
        assert (answer.label, answer.fallback) == (label, "rule")
        assert answer.score == (label if kind == "regression" else None)


@pytest.mark.parametrize(
    ("kind", "label", "message"),
    [
        ("binary", 2, "2 is no class of the model"),
        ("multiclass", "egg", "'egg' is no class of the model"),
        ("multiclass", 0, "0 is no class"),
        ("regression", 51, "51 is not a number from -50 to 50 EUR"),
        ("regression", "dear", "'dear' is not a number"),
    ],
)
def test_a_fallback_that_is_no_answer_of_the_kind_makes_no_bundle(kind, label, message):
    with pytest.raises(ValueError, match=message):
        made(kind, fallback=Fallback(label=label, reason="wrong"))


@pytest.mark.parametrize(
    ("kind", "guard", "message"),
    [
        ("multiclass", {"action": "flag", "classes": ("spma",)}, "did you mean 'spam'"),
        ("binary", {"action": "flag", "classes": ("spam",)}, "for a model of several"),
        ("regression", {"action": "flag", "margin_at_most": 0.1}, "no margin"),
        (
            "multiclass",
            {"action": "clamp", "score_at_least": 0.5, "clamp_to": (0.0, 1.0)},
            "a class is not clamped",
        ),
        ("regression", {"action": "flag", "when": "margin < 0.1"}, "asks for 'margin'"),
    ],
)
def test_a_guard_that_its_kind_does_not_know_is_refused(kind, guard, message):
    with pytest.raises(BadInput, match=message):
        GuardSet([Guard(name="g", **guard)], bundle().signature, OUTPUT[kind])


def test_an_expression_sees_the_class_its_margin_and_every_probability():
    when = 'label == "spam" && margin < 0.5 && probabilities["ham"] > 0.2'
    guard = Guard(name="g", action="flag", when=when)
    for said, trips in (([0.3, 0.1, 0.6], True), ([0.1, 0.1, 0.8], False)):
        (answer,) = decided(made("multiclass", guards=(guard,)), said)
        assert (answer.guards == {"g": "flag"}) == trips


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_counts_weighted_by_the_records_own_probability_are_those_of_all(rate: float):
    """Binomial: of n decisions of a stratum, k are whole, and k/p estimates n."""
    policy = Sampling(rate=rate, strata=(Stratum(1.0, label="spam"),))
    given_ = made("multiclass", sampling=policy)
    packer, ids = Packer(given_), Ids(SystemClock())
    rng = np.random.default_rng(7)
    said = rng.dirichlet([5, 2, 0.1], 6_000)
    decider = Decider(given_)
    batch = batch_of(decider.validator.records([GOOD] * len(said)))

    class Drawn(Says):
        def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
            return said

    steps = decider.decide(batch, [0.5] * len(said), START)
    answers = run(steps, {"champion": Drawn(0), "second": Says(None)})
    about = {"at": START, "unit": b"u", "kept": GOOD, "latency_ms": 1.0, "said": Said()}
    kept = [from_bytes(packer(a, decision_id=ids(), **about)) for a in answers]  # type: ignore[arg-type]
    true = Counter(a.label for a in answers)
    for name, n in true.items():
        whole = [r for r in kept if r.output["label"] == name and not r.minimal]
        assert all(r.input == GOOD for r in whole)
        assert {r.kept_probability for r in whole} <= {1.0 if name == "spam" else rate}
        estimate = sum(r.weight for r in kept if r.output["label"] == name)
        if name == "spam":
            assert estimate == n
        else:
            assert estimate == pytest.approx(len(whole) / rate)
            assert stats.binomtest(len(whole), n, rate).pvalue > 1e-6
    assert len(kept) == len(answers)
    assert all(r.input == {} for r in kept if r.minimal)


@given(st.floats(0, 1), st.booleans())
def test_a_retry_and_another_worker_keep_the_same_of_a_decision(rate: float, with_groups: bool):
    given_ = made("binary", sampling=Sampling(rate=rate), protected=("sex",) * with_groups)
    (answer,) = decided(given_, 0.4)
    about: dict[str, Any] = {
        "decision_id": Ids(SystemClock())(),
        "at": START,
        "unit": b"u",
        "kept": GOOD | {"sex": "f"},
        "latency_ms": 1.0,
        "said": Said(),
    }
    records = [from_bytes(Packer(given_)(answer, **about)) for _ in range(3)]
    assert len({(r.minimal, r.kept_probability, str(r.input)) for r in records}) == 1
    if records[0].minimal:
        assert records[0].input == ({"sex": "f"} if with_groups else {})
    assert math.isclose(records[0].kept_probability or 0.0, rate)


@pytest.mark.parametrize(("kind", "said"), [("multiclass", [0.2, 0.1, 0.7]), ("regression", 17.25)])
def test_a_decision_performed_again_is_the_same_and_a_minimal_one_says_that_it_cannot_be(
    kind: str, said: Any
):
    for rate in (1.0, 0.0):
        given_ = made(kind, sampling=Sampling(rate=rate))
        (answer,) = decided(given_, said)
        decision_id = Ids(SystemClock())()
        packed = Packer(given_)(
            answer,
            decision_id=decision_id,
            at=START,
            unit=unit_hash(decision_id, given_.salt),
            kept=GOOD,
            latency_ms=1.0,
            said=Said(),
        )
        models = {"champion": Says(said), "second": Says(None)}
        verdict, body = told_again(
            from_bytes(packed), lambda _, b=given_: b, lambda *_, m=models: m, list
        )
        if rate:
            assert (verdict.outcome, body["leaf"]) == (Outcome.PASS, True)
        else:
            assert verdict.outcome is Outcome.UNDECIDED
            assert "left out by sampling" in str(verdict.reasons[0])
