from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from seawall.kernel import Conflict, Estimate, Rule, from_json, to_json
from seawall.rollout import rollout as ro
from seawall.rollout.evidence import counted_from
from seawall.rollout.plan import RolloutPlan, Step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PROOF = (Rule("wrong_difference", at_most=0.08),)
GUARD = (Rule("error_difference", at_most=0.01),)
PLAN = RolloutPlan(
    name="p",
    steps=(
        Step(name="shadow", mode="shadow", share=0.5, minimum=60, guards=GUARD, maximum=6000),
        Step(
            name="5%",
            mode="canary",
            share=0.05,
            minimum=60,
            guards=GUARD,
            proofs=PROOF,
            maximum=6000,
        ),
        Step(name="all", mode="full", minimum=60),
    ),
)


def estimate(low, high):
    return Estimate((low + high) / 2, low, high, 0.95, 1000, "test", "anytime")


PROVEN = {"wrong_difference": estimate(-0.1, 0.05)}
BROKEN = {"error_difference": estimate(0.05, 0.1)}
VAGUE = {"wrong_difference": estimate(-0.2, 0.2)}


def begin(**change) -> ro.Rollout:
    made = ro.start(
        id="r1",
        endpoint="income",
        model="income",
        candidate="income@2",
        control="income@1",
        plan=PLAN,
        now=NOW,
        actor="ann",
    )
    return msgspec.structs.replace(made, **change)


def at_canary():
    return ro.observe(begin(), {}, 200, NOW + MINUTE)[0]


def test_a_rollout_walks_its_plan_to_all_traffic():
    shadow = begin()
    assert (shadow.share, shadow.mirrored) == (0.0, 0.5)
    canary = at_canary()
    assert (canary.share, canary.mirrored, canary.step_started) == (0.05, 0.0, NOW + MINUTE)
    full, _ = ro.observe(canary, PROVEN, 200, NOW + 2 * MINUTE)
    assert (full.share, full.state) == (1.0, "running")
    done, judgement = ro.observe(full, {}, 200, NOW + 3 * MINUTE)
    assert (done.state, done.share, judgement.action) == ("promoted", 1.0, "promote")
    assert [r.action for r in done.history] == ["start", "advance", "advance", "promote"]


def test_a_rollback_takes_all_traffic_from_the_candidate_and_keeps_its_evidence():
    back, judgement = ro.observe(at_canary(), BROKEN, 321, NOW + 2 * MINUTE)
    assert (back.state, back.share, judgement.action) == ("rolled_back", 0.0, "roll_back")
    assert back.history[-1].evidence == BROKEN
    assert back.history[-1].decisions == 321


def test_a_paused_rollout_still_rolls_back_and_never_advances_by_itself():
    paused, _ = ro.observe(at_canary(), VAGUE, 200, NOW + 200 * MINUTE)
    assert (paused.state, paused.share) == ("paused", 0.05)
    same, judgement = ro.observe(paused, PROVEN, 200, NOW + 201 * MINUTE)
    assert (same.state, judgement.action) == ("paused", "hold")
    assert ro.observe(paused, BROKEN, 200, NOW + 201 * MINUTE)[0].state == "rolled_back"


def test_a_resumed_step_gets_its_maximum_once_more():
    paused, _ = ro.observe(at_canary(), VAGUE, 200, NOW + 200 * MINUTE)
    again = ro.resume(paused, actor="ann", reason="labels are late", now=NOW + 210 * MINUTE)
    assert ro.observe(again, VAGUE, 200, NOW + 300 * MINUTE)[0].state == "running"
    assert ro.observe(again, VAGUE, 200, NOW + 310 * MINUTE)[0].state == "paused"
    assert again.step_started == paused.step_started
    assert ro.observe(again, PROVEN, 200, NOW + 300 * MINUTE)[0].step == 2


def test_a_person_can_advance_promote_pause_and_abort_with_a_reason():
    how = {"actor": "ann", "reason": "I looked", "now": NOW + MINUTE}
    assert ro.advance(begin(), **how).step == 1
    assert ro.promote(begin(), **how).state == "promoted"
    assert ro.pause(begin(), **how).state == "paused"
    stopped = ro.abort(at_canary(), **how)
    assert (stopped.state, stopped.share) == ("aborted", 0.0)
    assert stopped.sentence == "ann: abort at 5%, because I looked"


def test_a_rollout_that_is_over_does_not_move():
    how = {"actor": "ann", "reason": "x", "now": NOW}
    over = ro.abort(begin(), **how)
    for move in (ro.advance, ro.promote, ro.abort, ro.pause):
        with pytest.raises(Conflict, match="is aborted"):
            move(over, **how)
    with pytest.raises(Conflict, match="not paused"):
        ro.resume(over, **how)
    with pytest.raises(Conflict, match="is aborted"):
        ro.observe(over, {}, 0, NOW)


def test_a_version_cannot_be_rolled_out_against_itself():
    with pytest.raises(Conflict, match="already answers"):
        ro.start(
            id="r",
            endpoint="e",
            model="m",
            candidate="m@1",
            control="m@1",
            plan=PLAN,
            now=NOW,
            actor="a",
        )


def test_an_observation_that_changes_nothing_returns_the_same_object():
    first, _ = ro.observe(at_canary(), VAGUE, 200, NOW + 2 * MINUTE)
    assert ro.observe(first, VAGUE, 200, NOW + 2 * MINUTE)[0] is first


@pytest.mark.parametrize("seconds", [1, 7, 60])
def test_a_step_keeps_about_sixty_snapshots_however_often_one_looks(seconds):
    looked = at_canary()
    begun = len(looked.history)
    for t in range(0, 6000 - 60, seconds):
        looked, _ = ro.observe(looked, VAGUE, t, looked.step_started + timedelta(seconds=t))
    kept = looked.history[begun:]
    assert 30 <= len(kept) <= ro.SNAPSHOTS_PER_STEP
    times = [r.time for r in kept]
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps[-1] > gaps[0]


def test_a_rollout_survives_the_wire():
    whole, _ = ro.observe(at_canary(), BROKEN, 321, NOW + 2 * MINUTE)
    assert from_json(to_json(whole), ro.Rollout) == whole


def test_evidence_is_counted_from_the_first_whole_window_of_the_step():
    assert counted_from(begin().step_started, timedelta(hours=1)) == NOW
    assert counted_from(at_canary().step_started, timedelta(hours=1)) == NOW + 60 * MINUTE
    assert counted_from(at_canary().step_started, 5 * MINUTE) == NOW + 5 * MINUTE
