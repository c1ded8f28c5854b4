from __future__ import annotations

from datetime import timedelta

import pytest
from tests.app.world import HOUR, START, World, agreeing, table

from seawall.app import approve, bundles, rollouts
from seawall.app.bundles import Deployment
from seawall.app.gate import GateResult
from seawall.kernel import (
    BadInput,
    Conflict,
    Corrupt,
    Forbidden,
    NotFound,
    Outcome,
    now,
)
from seawall.registry.stage import Stage
from seawall.rollout.rollout import Rollout


def through_the_shadow(world: World, rollout: Rollout) -> Rollout:
    """An hour in which the shadow agrees, looked at two hours later."""
    start = now(world.clock)
    arms = {"champion": (rollout.control, 4_000, 4), "shadow": (rollout.candidate, 4_000, 4)}
    world.hour(start, arms, joint=agreeing(4_000))
    world.clock.advance(2 * HOUR)
    return rollouts.observe(world.app, rollout.key)


def canary(world: World, rollout: Rollout, errors: int = 4) -> Rollout:
    """An hour of the present step with so many errors of the candidate."""
    start = now(world.clock)
    arms = {"champion": (rollout.control, 4_000, 4), "canary": (rollout.candidate, 1_000, errors)}
    world.hour(start, arms)
    world.clock.advance(2 * HOUR)
    return rollouts.observe(world.app, rollout.key)


# --- the first version ---


def test_the_first_version_serves_at_once(world: World) -> None:
    key = world.approved()
    first = rollouts.start(world.app, world.otto, "income", key)
    assert isinstance(first, Deployment)
    assert world.stage(key) is Stage.PRODUCTION
    bundle = world.bundle()
    assert (bundle.number, bundle.safe) == (1, True)
    assert [(a.name, a.version, a.weight) for a in bundle.arms] == [("champion", key, 1.0)]
    assert bundle.signature.names == ("age", "hours")
    assert bundle.grids.keys() == {"age", "hours"}


def test_the_gates_refusal_stops_a_rollout_and_is_on_record(world: World) -> None:
    key = world.validated()
    before = len(world.actions())
    with pytest.raises(Forbidden, match="no approval in force") as refusal:
        rollouts.start(world.app, world.otto, "income", key)
    assert "policy income" in str(refusal.value)
    assert world.actions()[before:] == ["policy:gate:judged"]
    last = world.app.store.find(GateResult, f"{key}/")[-1]
    assert (last.to, last.verdict.outcome, last.actor) == ("production", Outcome.FAIL, "otto")
    assert world.stage(key) is Stage.VALIDATED


def test_a_version_of_another_model_or_endpoint_is_refused(world: World) -> None:
    key = world.approved()
    with pytest.raises(NotFound, match="no endpoint 'incme'"):
        rollouts.start(world.app, world.otto, "incme", key)
    with pytest.raises(NotFound, match="no version 'income@9'"):
        rollouts.start(world.app, world.otto, "income", "income@9")
    with pytest.raises(Forbidden):
        rollouts.start(world.app, world.ada, "income", key)


def test_a_first_version_approved_for_part_of_the_traffic_does_not_serve(world: World) -> None:
    key = world.approved(traffic_share=0.5)
    with pytest.raises(Forbidden, match="50% of traffic"):
        rollouts.start(world.app, world.otto, "income", key)
    assert world.stage(key) is Stage.APPROVED


# --- by evidence ---


def test_good_evidence_takes_a_candidate_through_every_step(world: World) -> None:
    champion = world.serving(b"one")
    rollout = world.rollout(world.approved(b"two"))
    candidate = rollout.candidate
    assert world.stage(candidate) is Stage.SHADOW
    assert world.bundle().arm("shadow") is not None
    assert not world.bundle().safe

    rollout = through_the_shadow(world, rollout)
    assert rollout.current.name == "20%"
    assert world.stage(candidate) is Stage.CANARY
    arms = {a.name: a.weight for a in world.bundle().arms}
    assert arms == {"champion": 0.8, "canary": 0.2}

    rollout = canary(world, rollout)
    assert rollout.current.name == "100%"
    assert {a.name: a.weight for a in world.bundle().arms} == {"champion": 0.0, "canary": 1.0}

    rollout = canary(world, rollout)
    assert rollout.state == "promoted"
    assert world.stage(candidate) is Stage.PRODUCTION
    assert world.stage(champion) is Stage.APPROVED
    bundle = world.bundle()
    assert [(a.name, a.version, a.weight) for a in bundle.arms] == [("champion", candidate, 1.0)]
    assert bundle.safe
    numbers = [
        e.entry.detail["number"] for e in world.app.store.audit.find(action="serving:bundle:issued")
    ]
    assert numbers == [5, 4, 3, 2, 1]
    assert world.actions(subject=rollout.id) == [
        "rollout:step:start",
        "rollout:step:advance",
        "rollout:step:advance",
        "rollout:step:promote",
    ]


def test_a_broken_guard_rolls_back_and_the_control_answers_everything(world: World) -> None:
    champion = world.serving(b"one")
    rollout = through_the_shadow(world, world.rollout(world.approved(b"two")))
    before = world.bundle().number
    rollout = canary(world, rollout, errors=400)
    assert rollout.state == "rolled_back"
    assert "error_difference" in rollout.sentence
    assert world.stage(rollout.candidate) is Stage.ROLLED_BACK
    assert world.stage(champion) is Stage.PRODUCTION
    bundle = world.bundle()
    assert [(a.version, a.weight) for a in bundle.arms] == [(champion, 1.0)]
    assert (bundle.number, bundle.safe) == (before + 1, True)
    assert rollouts.observe(world.app, rollout.key) == rollout
    estimate = rollout.history[-1].evidence["error_difference"]
    assert estimate.low > 0.02


def test_a_version_that_was_rolled_back_must_be_validated_again(world: World) -> None:
    from seawall.app import gate, validate

    world.serving(b"one")
    rollout = canary(
        world, through_the_shadow(world, world.rollout(world.approved(b"two"))), errors=400
    )
    key = rollout.candidate
    with pytest.raises(Conflict, match="cannot be approved"):
        world.approve(key)
    validate.record_evidence(world.app, world.vera, key, world.plan(), world.evidence())
    gate.pass_gate(world.app, world.ada, key, "validated")
    assert world.stage(key) is Stage.VALIDATED


def test_without_evidence_time_alone_advances_nothing(world: World) -> None:
    world.serving(b"one")
    rollout = world.rollout(world.approved(b"two"))
    world.clock.advance(timedelta(days=2))
    assert rollouts.observe(world.app, rollout.key).current.name == "shadow"
    assert world.bundle().number == 2


def test_a_window_that_began_before_the_step_is_not_counted(world: World) -> None:
    world.serving(b"one")
    world.clock.advance(timedelta(minutes=30))
    rollout = world.rollout(world.approved(b"two"))
    mixed = START
    arms = {"champion": (rollout.control, 4_000, 0), "shadow": (rollout.candidate, 4_000, 4_000)}
    world.hour(mixed, arms, joint=agreeing(4_000))
    estimates, decisions = rollouts.evidence(world.app, rollout)
    assert decisions == 0
    assert "error_difference" not in estimates


def test_labels_count_once_they_are_old_enough(world: World) -> None:
    world.serving(b"one")
    rollout = through_the_shadow(world, world.rollout(world.approved(b"two")))
    start = now(world.clock)
    arms = {"champion": (rollout.control, 4_000, 4), "canary": (rollout.candidate, 1_000, 4)}
    world.hour(start, arms)
    world.labels(start, rollout.control, "champion", 3_000, 500)
    world.labels(start, rollout.candidate, "canary", 700, 100)
    world.clock.advance(2 * HOUR)
    assert "wrong_difference" not in rollouts.evidence(world.app, rollout)[0]
    world.clock.advance(HOUR)
    estimates, _ = rollouts.evidence(world.app, rollout)
    assert estimates["wrong_rate"].n == 1_000
    assert estimates["wrong_difference"].value == pytest.approx(100 / 1_000 - 500 / 4_000)


# --- by hand ---


def test_only_one_rollout_is_open_on_an_endpoint(world: World) -> None:
    world.serving(b"one")
    world.rollout(world.approved(b"two"))
    with pytest.raises(Conflict, match="already on its way"):
        world.rollout(world.approved(b"three"))


def test_an_abort_puts_the_candidate_back_to_approved(world: World) -> None:
    champion = world.serving(b"one")
    rollout = world.rollout(world.approved(b"two"))
    moved = rollouts.by_hand(world.app, world.otto, rollout.key, "abort", "a holiday")
    assert moved.state == "aborted"
    assert world.stage(rollout.candidate) is Stage.APPROVED
    assert [a.version for a in world.bundle().arms] == [champion]
    with pytest.raises(Conflict, match="aborted"):
        rollouts.by_hand(world.app, world.otto, rollout.key, "promote", "never mind")


def test_a_pause_issues_no_bundle_and_its_guards_go_on(world: World) -> None:
    world.serving(b"one")
    rollout = through_the_shadow(world, world.rollout(world.approved(b"two")))
    before = world.bundle().number
    rollout = rollouts.by_hand(world.app, world.otto, rollout.key, "pause", "a holiday")
    assert world.bundle().number == before
    assert canary(world, rollout).state == "paused"
    rollout = canary(world, rollout, errors=900)
    assert rollout.state == "rolled_back"


def test_a_person_promotes_and_the_champion_steps_aside(world: World) -> None:
    champion = world.serving(b"one")
    rollout = world.rollout(world.approved(b"two"))
    rollouts.by_hand(world.app, world.otto, rollout.key, "promote", "urgent")
    assert world.stage(rollout.candidate) is Stage.PRODUCTION
    assert world.stage(champion) is Stage.APPROVED
    assert world.deployment().champion == rollout.candidate


def test_advancing_the_last_step_by_hand_promotes(world: World) -> None:
    champion = world.serving(b"one")
    key = world.rollout(world.approved(b"two")).key
    for _ in range(3):
        rollout = rollouts.by_hand(world.app, world.otto, key, "advance", "urgent")
    assert rollout.state == "promoted"
    assert world.stage(rollout.candidate) is Stage.PRODUCTION
    assert world.stage(champion) is Stage.APPROVED


def test_an_unknown_move_names_those_there_are(world: World) -> None:
    world.serving(b"one")
    rollout = world.rollout(world.approved(b"two"))
    with pytest.raises(BadInput, match="choose advance, promote"):
        rollouts.by_hand(world.app, world.otto, rollout.key, "jump", "why not")
    with pytest.raises(Forbidden):
        rollouts.by_hand(world.app, world.ada, rollout.key, "abort", "why not")


# --- what approvals allow ---


def test_a_candidate_approved_for_a_share_waits_there_for_a_person(world: World) -> None:
    world.serving(b"one")
    rollout = world.rollout(world.approved(b"two", traffic_share=0.3))
    rollout = canary(world, through_the_shadow(world, rollout))
    assert (rollout.state, rollout.current.name) == ("paused", "20%")
    assert "allows 30% of traffic" in rollout.sentence
    with pytest.raises(Forbidden, match="30%"):
        rollouts.by_hand(world.app, world.otto, rollout.key, "advance", "go on")
    assert world.bundle().arms[1].conditions.traffic_share_max == 0.3


def test_a_bundle_carries_the_expiry_of_the_approval(world: World) -> None:
    expires = now(world.clock) + timedelta(days=30)
    world.serving(expires=expires)
    bundle = world.bundle()
    assert bundle.arms[0].conditions.expires == expires
    assert bundle.weights(expires - timedelta(seconds=1)) == {"champion": 1.0}
    assert bundle.weights(expires) == {}


def test_a_lapsed_approval_stays_lapsed_in_every_later_bundle(world: World) -> None:
    champion = world.serving(b"one", expires=now(world.clock) + timedelta(days=1))
    world.clock.advance(timedelta(days=2))
    world.rollout(world.approved(b"two"))
    bundle = world.bundle()
    assert bundle.number == 2
    assert bundle.weights(now(world.clock)) == {}
    assert [a.version for a in bundle.arms] == [champion, "income@2"]


def test_a_version_that_serves_is_approved_anew_and_its_gateway_told(world: World) -> None:
    key = world.serving(expires=now(world.clock) + timedelta(days=1))
    world.clock.advance(timedelta(hours=12))
    later = now(world.clock) + timedelta(days=90)
    world.approve(key, expires=later)
    bundle = world.bundle()
    assert (bundle.number, bundle.arms[0].conditions.expires) == (2, later)
    assert world.stage(key) is Stage.PRODUCTION


def test_an_approval_withdrawn_takes_a_version_off_the_traffic(world: World) -> None:
    key = world.serving()
    approve.approve(world.app, world.abel, key, suitable=False, rating_affirmed=True)
    assert world.bundle().weights(now(world.clock)) == {}


def test_a_larger_share_lets_a_waiting_candidate_go_on(world: World) -> None:
    world.serving(b"one")
    rollout = world.rollout(world.approved(b"two", traffic_share=0.3))
    rollout = canary(world, through_the_shadow(world, rollout))
    assert rollout.state == "paused"
    world.approve(rollout.candidate)
    rollouts.by_hand(world.app, world.otto, rollout.key, "resume", "it may take more")
    assert canary(world, rollout).current.name == "100%"


def test_a_lapsed_approval_lets_no_version_into_production(world: World) -> None:
    key = world.approved(expires=now(world.clock) + timedelta(days=1))
    world.clock.advance(timedelta(days=1))
    with pytest.raises(Forbidden, match="no approval in force"):
        rollouts.start(world.app, world.otto, "income", key)


# --- bundles ---


def test_nothing_deployed_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        bundles.current_bundle(world.app, "income")


def test_a_candidate_with_other_inputs_is_refused_before_it_answers(world: World) -> None:
    world.serving(b"one")
    columns = table()
    columns = {"hours": columns["hours"], "age": columns["age"]}
    key = world.validated(b"two", columns=columns)
    world.approve(key)
    with pytest.raises(Conflict, match="takes other inputs"):
        world.rollout(key)
    assert world.stage(key) is Stage.APPROVED
    assert world.app.store.find(Rollout) == []


def test_what_no_bundle_can_say_is_refused_in_one_line(bare: World) -> None:
    bare.declare(Endpoint={"privacy": {"postcode": "token"}})
    key = bare.approved()
    with pytest.raises(Conflict, match="a privacy rule for 'postcode', which is no field"):
        rollouts.start(bare.app, bare.otto, "income", key)
    assert bare.stage(key) is Stage.APPROVED


def test_a_stored_bundle_that_was_altered_is_not_handed_out(world: World) -> None:
    world.serving()
    digest = world.deployment().bundle
    assert digest is not None
    for path in (world.app.folder / "objects").rglob(f"*{digest.hex[8:]}*"):
        path.chmod(0o644)
        path.write_bytes(b"altered")
    with pytest.raises(Corrupt):
        bundles.current_bundle(world.app, "income")
