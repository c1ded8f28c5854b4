"""A/B tests and hold-outs from their declaration to their end, on the control plane's own state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.app.world import HOUR, World, documents

from seawall.app import declare, experiments, rollouts
from seawall.kernel import BadInput, Conflict, Forbidden, NotFound, now
from seawall.registry.stage import Stage
from seawall.rollout.experiment import Run
from seawall.serving.endpoint import Endpoint


def document(variants: dict[str, Any], name: str = "ab", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "seawall/v1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {"endpoint": "income", "label_age": 3600, "variants": variants} | spec,
    }


def declared(world: World, variants: dict[str, Any], name: str = "ab", **spec: Any) -> None:
    declare.apply(world.app, world.otto, document(variants, name, **spec))


def weights(world: World) -> dict[str, tuple[str, float]]:
    return {a.name: (a.version, round(a.weight, 9)) for a in world.bundle().arms}


def observed(world: World) -> Run | None:
    return experiments.observe(world.app, world.app.store.get(Endpoint, "income"))


@pytest.fixture
def two(world: World) -> tuple[str, str]:
    """The champion, and another version that is approved."""
    return world.serving(b"one"), world.approved(b"two")


def test_an_experiment_gives_its_variants_their_shares_at_once(
    world: World, two: tuple[str, str]
) -> None:
    champion, other = two
    declared(world, {"b": {"version": other, "share": 0.2},
                     "holdout": {"version": champion, "share": 0.05}})  # fmt: skip
    assert weights(world) == {
        "champion": (champion, 0.75), "b": (other, 0.2), "holdout": (champion, 0.05),
    }  # fmt: skip
    assert not world.bundle().safe
    assert (world.stage(champion), world.stage(other)) == (Stage.PRODUCTION, Stage.CANARY)
    number = world.bundle().number
    declared(world, {"b": {"version": other, "share": 0.2},
                     "holdout": {"version": champion, "share": 0.05}})  # fmt: skip
    assert world.bundle().number == number  # the same once more changes nothing


def test_a_rollout_goes_on_beside_it_in_what_it_leaves(world: World, two: tuple[str, str]) -> None:
    champion, other = two
    declared(world, {"holdout": {"version": champion, "share": 0.1}})
    rollout = world.rollout(other)
    rollouts.by_hand(world.app, world.otto, rollout.key, "advance", "looks well")
    assert weights(world) == {
        "champion": (champion, 0.72), "canary": (other, 0.18), "holdout": (champion, 0.1),
    }  # fmt: skip
    rollouts.by_hand(world.app, world.otto, rollout.key, "promote", "is well")
    assert weights(world) == {"champion": (other, 0.9), "holdout": (champion, 0.1)}


def test_a_variant_that_does_harm_is_stopped_and_its_units_go_to_the_champion(
    world: World, two: tuple[str, str]
) -> None:
    champion, other = two
    third = world.approved(b"three")
    declared(world, {"b": {"version": other, "share": 0.2}, "c": {"version": third, "share": 0.2}})
    start = now(world.clock)
    world.hour(start, {"champion": (champion, 6_000, 6), "b": (other, 2_000, 200),
                       "c": (third, 2_000, 2)})  # fmt: skip
    world.clock.advance(2 * HOUR)
    run = observed(world)
    assert run is not None
    assert run.stopped.keys() == {"b"}
    assert "error difference" in run.stopped["b"].why.replace("_", " ")
    # c keeps its units: the place of b on the route stays, and the champion answers there
    assert weights(world) == {
        "champion": (champion, 0.6), "b": (champion, 0.2), "c": (third, 0.2),
    }  # fmt: skip
    assert (world.stage(other), world.stage(third)) == (Stage.ROLLED_BACK, Stage.CANARY)
    assert world.actions(action="rollout:variant:stopped") == ["rollout:variant:stopped"]
    assert observed(world) == run


def test_variants_alike_go_on_and_are_told_with_intervals(
    world: World, two: tuple[str, str]
) -> None:
    champion, other = two
    declared(world, {"b": {"version": other, "share": 0.5}})
    start = now(world.clock)
    world.hour(start, {"champion": (champion, 4_000, 8), "b": (other, 4_000, 8)})
    world.labels(start, champion, "champion", 3_600, 400)
    world.labels(start, other, "b", 3_600, 400)
    world.clock.advance(4 * HOUR)
    run = observed(world)
    assert run is not None
    assert (run.state, run.stopped) == ("running", {})
    (told,) = experiments.standing(world.app, "income")
    (variant,) = told["variants"]
    assert variant["decisions"] == 4_000
    wrong = variant["evidence"]["wrong_difference"]
    assert wrong["low"] < 0 < wrong["high"]
    ratio = variant["evidence"]["sample_ratio"]
    assert ratio["value"] == pytest.approx(0.0)
    assert {g["rule"].split()[0] for g in variant["guards"]} >= {"sample_ratio", "wrong_difference"}


def test_counts_begin_anew_when_the_shares_change(world: World, two: tuple[str, str]) -> None:
    champion, other = two
    declared(world, {"b": {"version": other, "share": 0.2}})
    start = now(world.clock)
    world.hour(start, {"champion": (champion, 800, 0), "b": (other, 200, 0)})
    world.clock.advance(2 * HOUR)
    rollout = world.rollout(world.approved(b"three"))
    rollouts.by_hand(world.app, world.otto, rollout.key, "advance", "looks well")
    world.clock.advance(HOUR)
    (told,) = experiments.standing(world.app, "income")
    assert told["variants"][0]["decisions"] == 0


def test_an_experiment_ends_by_hand_on_record(world: World, two: tuple[str, str]) -> None:
    champion, other = two
    declared(world, {"b": {"version": other, "share": 0.2}})
    with pytest.raises(BadInput, match="needs a reason"):
        experiments.end(world.app, world.otto, "income/ab", " ")
    with pytest.raises(Forbidden):
        experiments.end(world.app, world.ada, "income/ab", "enough seen")
    run = experiments.end(world.app, world.otto, "income/ab", "enough seen")
    assert run.state == "ended"
    assert weights(world) == {"champion": (champion, 1.0)}
    assert world.stage(other) is Stage.APPROVED
    assert observed(world) is None
    with pytest.raises(Conflict, match="ended already"):
        experiments.end(world.app, world.otto, "income/ab", "enough seen")
    declared(world, {"b": {"version": other, "share": 0.1}})  # a changed one begins anew
    assert weights(world)["b"] == (other, 0.1)


def test_what_may_not_answer_is_refused_and_nothing_changes(
    world: World, two: tuple[str, str]
) -> None:
    _, other = two
    unapproved, partly = world.validated(b"three"), world.approved(b"four", traffic_share=0.1)
    before = world.bundle().number
    with pytest.raises(Forbidden, match="may not enter production"):
        declared(world, {"b": {"version": unapproved, "share": 0.2}})
    with pytest.raises(Forbidden, match="allows 10% of traffic"):
        declared(world, {"b": {"version": partly, "share": 0.2}})
    with pytest.raises(NotFound, match="income@9"):
        declared(world, {"b": {"version": "income@9", "share": 0.2}})
    with pytest.raises(BadInput, match=r"share of b, 1\.5, must lie in"):
        declared(world, {"b": {"version": other, "share": 1.5}})
    with pytest.raises(Forbidden):
        declare.apply(world.app, world.ada, document({"b": {"version": other, "share": 0.2}}))
    assert world.bundle().number == before
    declared(world, {"b": {"version": other, "share": 0.2}})
    with pytest.raises(Conflict, match="'ab' runs on income already"):
        declared(world, {"c": {"version": other, "share": 0.2}}, "another")


def test_without_a_champion_there_is_nothing_to_compare_with(world: World) -> None:
    key = world.approved(b"one")
    with pytest.raises(Conflict, match="no champion"):
        declared(world, {"b": {"version": key, "share": 0.2}})


def test_an_approval_that_lapses_takes_the_variant_out_at_the_gateway(
    world: World, two: tuple[str, str]
) -> None:
    _, other = two
    until = now(world.clock) + timedelta(days=1)
    world.approve(other, expires=until)
    declared(world, {"b": {"version": other, "share": 0.2}})
    arm = world.bundle().arm("b")
    assert arm is not None
    assert arm.conditions.expires == until


def test_a_changed_endpoint_reaches_its_gateways_at_once(world: World) -> None:
    world.serving(b"one")
    before = world.bundle()
    changed = next(d for _, d in documents() if d["kind"] == "Endpoint")
    changed["spec"]["guards"] = [{"name": "unsure", "action": "flag", "score_at_least": 0.9}]
    with pytest.raises(Forbidden, match="ada may not deploy"):
        declare.apply(world.app, world.ada, changed)
    declare.apply(world.app, world.otto, changed)
    after = world.bundle()
    assert after.number == before.number + 1
    assert [g.name for g in after.guards] == ["unsure"]
    declare.apply(world.app, world.otto, changed)
    assert world.bundle().number == after.number
