"""What speaks for a version, and what no longer does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.app.world import World

from seawall.app import approve, gate, validate
from seawall.app.standing import approved_share
from seawall.approvals.approval import Conditions
from seawall.kernel import BadInput, Forbidden, now
from seawall.registry.lifecycle import move
from seawall.registry.stage import Stage
from seawall.registry.version import Version


def _rolled_back(world: World, key: str) -> None:
    world.clock.advance(timedelta(hours=1))
    with world.app.store.transaction(world.ada.actor) as tx:
        version = tx.get(Version, key)
        for stage in (Stage.SHADOW, Stage.ROLLED_BACK):
            version = move(version, stage, now(world.clock), "a test says so")
        tx.put(version)
        tx.record("test:version:moved", key, {})
    world.clock.advance(timedelta(hours=1))


def test_a_rolled_back_version_passes_no_gate_on_its_old_report(world: World) -> None:
    key = world.approved()
    _rolled_back(world, key)
    result = gate.pass_gate(world.app, world.ada, key, "validated")
    assert result.verdict.outcome.value != "pass"
    assert world.stage(key) is Stage.ROLLED_BACK


def test_a_lapsed_approval_allows_no_traffic(world: World) -> None:
    key = world.approved(traffic_share=0.1, expires=now(world.clock) + timedelta(hours=1))
    with world.app.store.transaction(world.ada.actor) as tx:
        assert approved_share(world.app, tx, key) == 0.1
    world.clock.advance(timedelta(hours=2))
    with world.app.store.transaction(world.ada.actor) as tx:
        assert approved_share(world.app, tx, key) == 0.0


def test_a_segment_of_a_column_that_the_model_lacks_is_refused(world: World) -> None:
    key = world.validated()
    with pytest.raises(BadInput, match="no field 'aeg'"):
        approve.approve(
            world.app,
            world.abel,
            key,
            suitable=True,
            rating_affirmed=True,
            conditions=Conditions(segment={"aeg": ("18",)}),
        )


def test_who_approved_a_version_cannot_validate_it_afterwards(world: World) -> None:
    key = world.approved()
    with pytest.raises(Forbidden, match="approver"):
        validate.record_evidence(world.app, world.abel, key, world.plan(), world.evidence())
