from seawall.kernel import Estimate, Outcome, Rule
from seawall.rollout.judge import judge
from seawall.rollout.plan import Step

STEP = Step(
    name="5%",
    mode="canary",
    share=0.05,
    guards=(Rule("error_difference", at_most=0.01), Rule("wrong_difference", at_most=0.02)),
    proofs=(Rule("wrong_difference", at_most=0.08),),
    minimum=600,
    minimum_decisions=100,
    maximum=6000,
)


def estimate(low, high):
    return Estimate((low + high) / 2, low, high, 0.95, 1000, "test", "anytime")


GOOD = {"error_difference": estimate(-0.01, 0.009), "wrong_difference": estimate(-0.05, 0.07)}
VAGUE = {"error_difference": estimate(-0.1, 0.1), "wrong_difference": estimate(-0.2, 0.2)}
ERRORS = {**VAGUE, "error_difference": estimate(0.02, 0.1)}


def action(estimates, elapsed=1000.0, decisions=1000, step=STEP):
    return judge(step, estimates, elapsed, decisions).action


def test_no_data_is_undecided_and_neither_advances_nor_rolls_back():
    judgement = judge(STEP, {}, 1000, 1000)
    assert (judgement.action, judgement.verdict.outcome) == ("hold", Outcome.UNDECIDED)


def test_a_broken_guard_rolls_back_even_before_the_minimum():
    assert action(ERRORS, elapsed=1, decisions=1) == "roll_back"
    assert "error_difference at most 0.01 is broken" in judge(STEP, ERRORS, 1, 1).sentence


def test_a_proven_step_advances_though_a_guard_is_undecided():
    assert action(GOOD) == "advance"


def test_a_proven_step_waits_for_its_minimum_time_and_decisions():
    assert action(GOOD, elapsed=599) == "hold"
    assert action(GOOD, decisions=99) == "hold"
    sentence = judge(STEP, GOOD, 0, 40).sentence
    assert sentence == (
        "5% goes on: 600 s of its minimum time are left and 40 of 100 decisions are made."
    )


def test_the_maximum_time_pauses_without_proof_and_never_advances():
    assert action(VAGUE, elapsed=6000) == "pause"
    assert action({}, elapsed=10**9) == "pause"
    assert action(GOOD, elapsed=10**9) == "advance"


def test_too_few_decisions_at_the_maximum_pause_however_good_they_look():
    assert action(GOOD, elapsed=6000, decisions=99) == "pause"


def test_a_proof_shown_not_to_hold_pauses_at_once():
    step = Step(
        name="shadow", mode="shadow", proofs=(Rule("prediction_shift", at_most=0.1),), minimum=1
    )
    assert action({"prediction_shift": estimate(0.2, 0.3)}, 10, step=step) == "pause"


def test_a_full_step_promotes_after_its_minimum_unless_a_guard_breaks():
    step = Step(name="all", mode="full", guards=(Rule("error_rate", at_most=0.05),))
    assert action({}, step=step) == "promote"
    assert action({}, elapsed=1, step=step) == "hold"
    assert action({"error_rate": estimate(0.06, 0.2)}, step=step) == "roll_back"
