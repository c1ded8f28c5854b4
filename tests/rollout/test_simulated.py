"""Rollouts on simulated traffic: what must be stopped, what must not, and how soon."""

from datetime import UTC, datetime, timedelta
from math import comb

import numpy as np
import pytest

from seawall.kernel import Outcome, Rule
from seawall.rollout import rollout as ro
from seawall.rollout.evidence import ArmEvidence, measure
from seawall.rollout.plan import RolloutPlan, default_plan
from seawall.statistics.sequential import proportion_difference

PLAN = default_plan()
CANARY = PLAN.steps[1]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def outcome(measure_name, control, candidate, shares=CANARY.shares, step=CANARY):
    found = measure(control, candidate, None, shares, PLAN.alpha, PLAN.family)
    (rule,) = (r for r in step.guards if r.measure == measure_name)
    return rule.judge(found.get(measure_name)).outcome


def arm(n, errors=0, wrong=0):
    return ArmEvidence(decisions=n, errors=errors, matured=n, arrived=n, wrong=wrong)


@pytest.mark.parametrize("per_minute", [200, 2_000, 50_000, 1_000_000])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.75, 0.25), (0.95, 0.05)])
def test_a_hundred_errors_in_seven_of_ten_minutes_against_one_a_minute_fail(per_minute, shares):
    candidate = [100 if minute < 7 else 1 for minute in range(10)]
    requests = 10 * per_minute
    control = arm(round(requests * shares[0] / shares[1]), errors=10)
    found = measure(control, arm(requests, sum(candidate)), None, shares, PLAN.alpha, PLAN.family)
    guards = (Rule("error_difference", at_most=0.01), Rule("error_ratio", at_most=3))
    assert Outcome.FAIL in {g.judge(found[g.measure]).outcome for g in guards}


def test_thirty_errors_against_none_at_equal_traffic_fail():
    found = measure(arm(10_000), arm(10_000, errors=30), None, (0.5, 0.5), PLAN.alpha, PLAN.family)
    assert Rule("error_ratio", at_most=3).judge(found["error_ratio"]).outcome is Outcome.FAIL


def test_one_unlucky_error_rolls_nothing_back():
    for n in (1, 5, 20):
        assert outcome("error_difference", arm(19 * n), arm(n, errors=1)) is Outcome.UNDECIDED
        assert outcome("error_ratio", arm(19 * n), arm(n, errors=1)) is Outcome.UNDECIDED


def decisions_to_roll_back(rng, base, extra, *, batch, most):
    """Candidate decisions until a guard on wrong answers fails at 5%, looking after each batch."""
    control = candidate = ArmEvidence()
    while candidate.decisions < most:
        n1 = int(rng.binomial(batch * 20, 0.05))
        n0 = batch * 20 - n1
        candidate = candidate.plus(arm(n1, wrong=int(rng.binomial(n1, base + extra))))
        control = control.plus(arm(n0, wrong=int(rng.binomial(n0, base))))
        if fails("wrong_difference", control, candidate):
            return candidate.decisions
    return None


def fails(name, control, candidate):
    """Whether the guard fails, as `measure` finds; a value within tolerance cannot."""
    counts = candidate.wrong, candidate.matured, control.wrong, control.matured
    if counts[0] / max(1, counts[1]) - counts[2] / max(1, counts[3]) <= 0.02:
        return False
    estimate = proportion_difference(*counts, 1 - PLAN.alpha / PLAN.family)
    (rule,) = (r for r in CANARY.guards if r.measure == name)
    return rule.judge(estimate).outcome is Outcome.FAIL


def test_six_points_more_wrong_at_five_percent_are_rolled_back_within_4000_decisions():
    rng = np.random.default_rng(20260301)
    needed = [
        decisions_to_roll_back(rng, 0.17, 0.06, batch=250, most=6000) or 6000 for _ in range(10)
    ]
    assert np.median(needed) < 4000
    assert sum(n < 6000 for n in needed) >= 8


def allowed(runs, alpha, tail=1e-3):
    """The number of false rollbacks that a true rate of alpha exceeds with probability `tail`."""
    mass, k = 0.0, 0
    while mass + (p := comb(runs, k) * alpha**k * (1 - alpha) ** (runs - k)) < 1 - tail:
        mass, k = mass + p, k + 1
    return k


def false_rollbacks(rng, runs, *, effect, looks, batch):
    stopped = 0
    for _ in range(runs):
        found = decisions_to_roll_back(rng, 0.17, effect, batch=batch, most=looks * batch)
        stopped += found is not None
    return stopped


def test_equal_arms_are_rarely_rolled_back_however_often_one_looks():
    runs = 60
    stopped = false_rollbacks(np.random.default_rng(7), runs, effect=0.0, looks=30, batch=50)
    assert stopped <= allowed(runs, PLAN.alpha / PLAN.family)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_arms_that_differ_by_the_tolerance_itself_are_rarely_rolled_back():
    runs = 400
    stopped = false_rollbacks(np.random.default_rng(8), runs, effect=0.02, looks=60, batch=50)
    assert stopped <= allowed(runs, PLAN.alpha / PLAN.family)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_whole_family_of_guards_rolls_equal_arms_back_at_most_at_alpha():
    rng, runs, stopped = np.random.default_rng(9), 200, 0
    for _ in range(runs):
        control = candidate = ArmEvidence()
        for _ in range(20):
            n1 = int(rng.binomial(2000, 0.05))
            for n, grow in ((n1, True), (2000 - n1, False)):
                wrong, slow, errors = (int(rng.binomial(n, p)) for p in (0.17, 0.05, 0.002))
                scores = tuple(int(c) for c in rng.multinomial(n, np.full(20, 0.05)))
                more = ArmEvidence(
                    decisions=n, errors=errors, slow=slow, scores=scores,
                    matured=n, arrived=n, wrong=wrong,
                )  # fmt: skip
                candidate, control = (
                    (candidate.plus(more), control) if grow else (candidate, control.plus(more))
                )
            found = measure(control, candidate, None, CANARY.shares, PLAN.alpha, PLAN.family)
            if any(g.judge(found.get(g.measure)).outcome is Outcome.FAIL for g in CANARY.guards):
                stopped += 1
                break
    assert stopped <= allowed(runs, PLAN.alpha)


DAY = timedelta(days=1)


def seen_on(day, begun, age, per_day=2_000, wrong_share=0.10):
    """An arm that began on a day, on a later day: wrong labels take 1 day, right ones 10.

    Returns what labels in order of arrival show, and what cohorts of the fixed age show.
    """
    wrong_total = right_total = matured = matured_wrong = matured_arrived = decided = 0
    for d in range(begun, day):
        wrong = round(per_day * wrong_share)
        decided += per_day
        wrong_total += wrong if day - d >= 1 else 0
        right_total += per_day - wrong if day - d >= 10 else 0
        if day - d >= age:
            matured += per_day
            matured_wrong += wrong if age >= 1 else 0
            matured_arrived += (wrong if age >= 1 else 0) + (per_day - wrong if age >= 10 else 0)
    naive = wrong_total / max(1, wrong_total + right_total)
    counted = ArmEvidence(
        decisions=decided, matured=matured, arrived=matured_arrived, wrong=matured_wrong
    )
    return naive, counted


@pytest.mark.parametrize("age", [1, 7, 10])
def test_equal_arms_of_unequal_age_look_equal_on_cohorts_of_a_fixed_label_age(age):
    naive_old, old = seen_on(20, begun=-80, age=age)
    naive_new, new = seen_on(20, begun=0, age=age)
    assert naive_new > naive_old + 0.04  # in order of arrival the new arm looks worse
    found = measure(old, new, None, (100 / 120, 20 / 120), PLAN.alpha, PLAN.family)
    difference = found["wrong_difference"]
    assert difference.value == 0
    assert difference.low < 0 < difference.high
    assert found["label_arrival_difference"].value == 0


def test_a_slow_candidate_is_not_promoted_and_a_good_one_is():
    rng, rows = np.random.default_rng(3), 40_000
    ends = []
    for wrong in (0.17, 0.30):
        state = ro.start(
            id="r", endpoint="e", model="m", candidate="m@2", control="m@1",
            plan=RolloutPlan(name="p", steps=PLAN.steps[1:], label_age=0), now=NOW, actor="ann",
        )  # fmt: skip
        for hour in range(1, 40):
            n1 = int(rng.binomial(rows, state.current.share))
            n0 = rows - n1
            sample = [arm(n, 0, int(rng.binomial(n, p))) for n, p in ((n0, 0.17), (n1, wrong))]
            found = measure(*sample, None, state.current.shares, 0.05, state.plan.family)
            state, _ = ro.observe(state, found, n1, NOW + hour * timedelta(hours=1))
            if not state.open:
                break
        ends.append(state.state)
    assert ends == ["promoted", "rolled_back"]
