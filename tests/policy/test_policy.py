import math
from datetime import UTC, datetime
from threading import Thread

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.kernel import BadInput, Estimate, NotFound, Outcome, Rule, convert, from_json, to_json
from seawall.policy.cel import UnknownFact, compiled, holds, mentions
from seawall.policy.family import judge
from seawall.policy.gate import evaluate
from seawall.policy.policy import Gate, GateRule, Policy, Waive, lint

PASS, FAIL, UNDECIDED = Outcome.PASS, Outcome.FAIL, Outcome.UNDECIDED


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 0.95, 1000, "test")


def gate(*rules: GateRule) -> Gate:
    return Gate("production", rules)


AUC = GateRule(name="ranks well", require=Rule("roc_auc", at_least=0.8), message="ranks too weakly")
OWNED = GateRule(name="owned", fact="model.owner != ''", message="no owner", clause="SR 26-2 III")


@pytest.mark.parametrize(
    ("interval", "expected"),
    [((0.81, 0.85), PASS), ((0.7, 0.79), FAIL), ((0.78, 0.9), UNDECIDED)],
)
def test_a_rule_over_an_estimate_is_judged_on_its_interval(interval, expected) -> None:
    verdict = evaluate(gate(AUC), {}, {"roc_auc": estimate(*interval)})
    assert verdict.outcome is expected
    assert verdict.reasons[0].rule == "ranks well"
    assert verdict.reasons[0].estimate == estimate(*interval)


def test_a_good_bare_value_in_the_facts_does_not_pass_a_rule_over_an_estimate() -> None:
    assert evaluate(gate(AUC), {"roc_auc": 0.99}, {}).outcome is UNDECIDED


def test_a_failing_fact_says_its_message_and_clause() -> None:
    verdict = evaluate(gate(OWNED), {"model": {"owner": ""}}, {})
    assert verdict.outcome is FAIL
    assert verdict.reasons[0].message == "no owner [SR 26-2 III]"


def test_a_failing_estimate_says_the_policys_message_first() -> None:
    verdict = evaluate(gate(AUC), {}, {"roc_auc": estimate(0.6, 0.7)})
    assert verdict.reasons[0].message.startswith("ranks too weakly: roc_auc at least 0.8 is broken")


@pytest.mark.parametrize("facts", [{}, {"model": {}}])
def test_a_fact_that_was_not_given_leaves_the_rule_undecided(facts) -> None:
    verdict = evaluate(gate(OWNED), facts, {})
    assert verdict.outcome is UNDECIDED
    assert "was not given" in verdict.reasons[0].message


def test_every_rule_is_named_also_when_an_earlier_one_fails() -> None:
    verdict = evaluate(gate(OWNED, AUC), {"model": {"owner": ""}}, {"roc_auc": estimate(0.9, 0.95)})
    assert [(r.rule, r.outcome) for r in verdict.reasons] == [("owned", FAIL), ("ranks well", PASS)]


def test_a_rule_applies_only_when_its_condition_holds() -> None:
    high_only = msgspec.structs.replace(AUC, when="tier == 'high'")
    weak = {"roc_auc": estimate(0.6, 0.7)}
    facts = {"model": {"owner": "mara"}}
    assert evaluate(gate(high_only, OWNED), facts | {"tier": "low"}, weak).outcome is PASS
    assert evaluate(gate(high_only, OWNED), facts | {"tier": "high"}, weak).outcome is FAIL
    assert evaluate(gate(high_only, OWNED), facts, weak).outcome is UNDECIDED


def test_a_gate_of_which_nothing_applies_shows_nothing() -> None:
    rule = msgspec.structs.replace(OWNED, when="false")
    assert evaluate(gate(rule), {"model": {"owner": "mara"}}, {}).outcome is UNDECIDED
    assert evaluate(gate(), {}, {}).outcome is UNDECIDED


@pytest.mark.parametrize("by_policy", [True, False])
def test_a_waived_rule_is_shown_with_its_reason_and_does_not_decide(by_policy: bool) -> None:
    rule = msgspec.structs.replace(AUC, waive=Waive("pilot")) if by_policy else AUC
    waived = {} if by_policy else {"ranks well": "pilot"}
    verdict = evaluate(gate(rule), {}, {"roc_auc": estimate(0.6, 0.7)}, waived=waived)
    assert verdict.outcome is PASS
    assert verdict.reasons[0].outcome is FAIL
    assert verdict.reasons[0].message.startswith("waived (pilot): ranks too weakly")


def test_cel_that_mentions_a_given_estimate_is_refused() -> None:
    sly = GateRule(name="sly", fact="metrics.roc_auc >= 0.8")
    with pytest.raises(BadInput, match="mentions the estimate 'roc_auc' in CEL"):
        evaluate(gate(sly), {"metrics": {"roc_auc": 0.9}}, {"roc_auc": estimate(0.6, 0.7)})


@pytest.mark.parametrize(
    "expression",
    ["ece < 0.1", "m.ece < 0.1", "m['ece'] < 0.1", "gap < 0.1", "size([ece]) > 0"],
)
def test_lint_finds_an_estimate_however_cel_reaches_it(expression: str) -> None:
    policy = Policy(name="p", gates=(gate(GateRule(name="r", fact=expression), AUC),))
    assert any("mentions the estimate" in p for p in lint(policy, ["ece", "gap[SEX]"]))


def test_a_word_that_only_contains_a_measures_name_is_no_mention() -> None:
    assert mentions("piece_count > 3 && recede", ["ece"]) == ()


def test_lint_names_every_fault_of_a_policy() -> None:
    faulty = Policy(
        name="p",
        gates=(
            gate(GateRule(name="a", fact="x >"), GateRule(name="a", fact="x", waive=Waive(" "))),
            Gate("production", ()),
        ),
    )
    found = "\n".join(lint(faulty))
    for fault in ("more than one gate", "does not parse", "stands twice", "no rules", "without a"):
        assert fault in found


def test_lint_of_a_sound_policy_finds_nothing() -> None:
    assert lint(Policy(name="p", gates=(gate(OWNED, AUC),))) == ()


def test_a_rule_has_exactly_one_of_require_and_fact() -> None:
    for given_ in ({}, {"fact": "x", "require": {"measure": "m", "at_most": 1}}):
        with pytest.raises(BadInput, match="needs exactly one of require, fact"):
            convert({"name": "r"} | given_, GateRule)


def test_a_policys_digest_changes_with_any_rule() -> None:
    one = Policy(name="p", gates=(gate(OWNED, AUC),))
    stricter = msgspec.structs.replace(AUC, require=Rule("roc_auc", at_least=0.81))
    assert one.digest == Policy(name="p", gates=(gate(OWNED, AUC),)).digest
    assert one.digest != Policy(name="p", gates=(gate(OWNED, stricter),)).digest


def test_a_policys_digest_is_the_same_after_storage() -> None:
    whole = Policy(name="p", gates=(gate(GateRule(name="r", require=Rule("m", at_most=1))),))
    assert from_json(to_json(whole), Policy).digest == whole.digest


def test_asking_for_a_missing_gate_suggests_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        Policy(name="p", gates=(gate(OWNED),)).gate("prodution")
    assert caught.value.remedy == "did you mean 'production'?"


# --- families -------------------------------------------------------------------------------

GAP = Rule("gap", within=0.1, by=("SEX", "AGE"))
WIDE, BAD, GOOD = estimate(0.05, 0.4), estimate(0.12, 0.3), estimate(0.01, 0.05)


def test_a_family_passes_when_every_member_passes_at_its_own_level() -> None:
    verdict = judge(GAP, {"gap[SEX]": GOOD, "gap[AGE]": GOOD})
    assert verdict.outcome is PASS
    assert [r.rule for r in verdict.reasons] == ["gap[SEX] within 0.1", "gap[AGE] within 0.1"]


def test_a_family_fails_only_when_a_member_fails_after_correction() -> None:
    own = {"gap[SEX]": BAD, "gap[AGE]": GOOD}
    assert judge(GAP, own).outcome is UNDECIDED
    assert judge(GAP, own, own | {"gap[SEX]": WIDE}).outcome is UNDECIDED
    assert judge(GAP, own, own).outcome is FAIL


def test_a_family_of_one_needs_no_correction_and_heeds_one_that_is_given() -> None:
    alone = Rule("gap", within=0.1, by=("SEX",))
    assert judge(alone, {"gap[SEX]": BAD}).outcome is FAIL
    assert judge(alone, {"gap[SEX]": BAD}, {"gap[SEX]": WIDE}).outcome is UNDECIDED


def test_a_member_that_was_not_measured_leaves_the_family_undecided() -> None:
    assert judge(GAP, {"gap[SEX]": GOOD}).outcome is UNDECIDED


# --- CEL ------------------------------------------------------------------------------------


def test_facts_hold_dates_lists_and_nested_values() -> None:
    facts = {"d": datetime(2026, 1, 1, tzinfo=UTC), "uses": ["credit"], "m": {"rows": 3}}
    assert holds("d < timestamp('2026-06-01T00:00:00Z') && 'credit' in uses && m.rows > 2", facts)


@pytest.mark.parametrize("expression", ["missing", "m.missing", "m.rows > 1 && missing == 1"])
def test_a_missing_fact_is_named(expression: str) -> None:
    with pytest.raises(UnknownFact, match="missing"):
        holds(expression, {"m": {"rows": 3}})


@pytest.mark.parametrize("expression", ["1", "'yes'", "1 / 0 > 1", "'a' < 1", "m.foo()"])
def test_an_expression_that_gives_no_yes_or_no_is_bad_input(expression: str) -> None:
    with pytest.raises(BadInput):
        holds(expression, {"m": {}})


def test_a_parse_error_shows_its_place_in_one_line() -> None:
    with pytest.raises(BadInput, match="does not parse") as caught:
        compiled("a > ")
    assert "1:5" in caught.value.where
    assert "\n" not in str(caught.value)


def test_a_compiled_expression_is_shared_between_threads() -> None:
    results: list[bool] = []
    threads = [Thread(target=lambda: results.append(holds("n > 1", {"n": 2}))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8


outcomes = st.sampled_from([PASS, FAIL, UNDECIDED])
INTERVALS = {PASS: (0.0, 0.1), FAIL: (0.9, 1.0), UNDECIDED: (0.0, 1.0)}


@settings(max_examples=50, deadline=None)
@given(st.lists(outcomes, min_size=1, max_size=6))
def test_a_gate_is_the_kleene_conjunction_of_its_rules(wanted: list[Outcome]) -> None:
    rules = [GateRule(name=f"r{i}", require=Rule(f"m{i}", at_most=0.5)) for i in range(len(wanted))]
    estimates = {f"m{i}": estimate(*INTERVALS[o]) for i, o in enumerate(wanted)}
    outcome = evaluate(gate(*rules), {}, estimates).outcome
    if FAIL in wanted:
        assert outcome is FAIL
    elif UNDECIDED in wanted:
        assert outcome is UNDECIDED
    else:
        assert outcome is PASS


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5))
def test_a_tighter_interval_never_takes_back_a_verdict(a, b, tolerance, shrink) -> None:
    low, high = sorted((a, b))
    middle = (low + high) / 2
    inner = (low + (middle - low) * shrink, high - (high - middle) * shrink)
    rule = gate(GateRule(name="r", require=Rule("m", at_most=tolerance)))
    wide = evaluate(rule, {}, {"m": estimate(low, high)}).outcome
    tight = evaluate(rule, {}, {"m": estimate(*inner)}).outcome
    assert wide is UNDECIDED or tight is wide or math.isclose(low, high)
