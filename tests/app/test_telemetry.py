from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app.world import HOUR, START, World, table

from seawall.adapters.decisions import Segment
from seawall.app import decisions, telemetry, watch
from seawall.app.watch import DriftLook
from seawall.kernel import BadInput, Forbidden, NotFound, Outcome, now, to_ns
from seawall.serving.endpoint import Endpoint
from seawall.serving.telemetry import Counters, Labels, Report, encode


def endpoint(world: World) -> Endpoint:
    return world.app.store.get(Endpoint, "income")


def report(*rows: tuple[str, str, str, str, int, bytes], sequence: int = 1) -> Report:
    return Report(gateway="g1", sequence=sequence, rows=rows)


def row(stream: str = "counters", body: bytes | None = None) -> tuple[str, ...]:
    found = encode(Counters(decisions=3)) if body is None else body
    return ("income", "income@1", "champion", stream, to_ns(START), found)  # type: ignore[return-value]


def test_a_report_counts_once_however_often_it_comes(world: World) -> None:
    told = report(row())  # type: ignore[arg-type]
    assert telemetry.absorb(world.app, world.gateway, told)
    assert not telemetry.absorb(world.app, world.gateway, told)
    assert telemetry.absorb(world.app, world.gateway, report(row(), sequence=2))  # type: ignore[arg-type]
    found = telemetry.counters(world.app, "income", START)
    assert [c.decisions for _, c in found] == [6]


def test_only_a_gateway_reports(world: World) -> None:
    for who in (world.ada, world.otto, world.root):
        with pytest.raises(Forbidden):
            telemetry.absorb(world.app, who, report(row()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        row("counts"),
        row("counters", b""),
        row("counters", b"\xff\xff"),
        row("counters", encode(Labels(arrived=1))),
        row("inputs", msgspec.msgpack.encode({"is": "inputs", "by_grids": {}})),
        row("scores", b"SWCS torn"),
    ],
)
def test_a_report_that_cannot_be_read_back_is_refused_whole(
    world: World, bad: tuple[str, ...]
) -> None:
    with pytest.raises(BadInput):
        telemetry.absorb(world.app, world.gateway, report(row(), bad))  # type: ignore[arg-type]
    assert telemetry.counters(world.app, "income", START) == []
    assert telemetry.absorb(world.app, world.gateway, report(row()))  # type: ignore[arg-type]


@given(st.integers(0, 10**15), st.integers(1, 10**6))
def test_the_next_window_start_is_on_the_grid_and_not_before(ns: int, seconds: int) -> None:
    from seawall.kernel import from_ns

    moment, size = from_ns(ns), timedelta(seconds=seconds)
    start = telemetry.aligned(moment, size)
    assert moment <= start < moment + size
    assert to_ns(start) % (seconds * 10**9) == 0


# --- drift ---


def test_inputs_like_the_baseline_hold_and_others_are_found_to_have_moved(world: World) -> None:
    key = world.serving()
    start = now(world.clock)
    world.inputs(start, table(4_000, seed=1), key)
    world.clock.advance(timedelta(hours=1, minutes=45))
    look = watch.look_at_drift(world.app, endpoint(world))
    assert look is not None
    assert look.reading.outcome is Outcome.PASS
    assert watch.look_at_drift(world.app, endpoint(world)) is None
    world.inputs(start + HOUR, table(20_000, shift=8, seed=2), key)
    world.clock.advance(HOUR)
    look = watch.look_at_drift(world.app, endpoint(world))
    assert look is not None
    assert [f.name for f in look.reading.moved] == ["hours"]
    assert world.actions(subject="income").count("monitoring:drift:read") == 2
    alerts = watch.firing(world.app, endpoint(world), look.reading)
    assert [a.labels["feature"] for a in alerts] == ["hours"]


def test_a_feature_in_another_unit_within_its_range_is_named_so_by_the_alert(world: World) -> None:
    key = world.serving()
    start = now(world.clock)
    columns = table(4_000, seed=3)
    columns["age"] = 12 * columns["age"] + np.arange(4_000) % 12
    world.inputs(start, columns, key)
    world.clock.advance(timedelta(hours=1, minutes=45))
    look = watch.look_at_drift(world.app, endpoint(world))
    assert look is not None
    assert [f.name for f in look.reading.moved] == ["age"]
    (alert,) = watch.firing(world.app, endpoint(world), look.reading)
    assert "age looks 12 times the reference's: per month → per year or years →" in alert.summary
    assert "divide by 12" in alert.summary


def test_without_traffic_nothing_is_looked_at(world: World) -> None:
    world.serving()
    assert watch.look_at_drift(world.app, endpoint(world)) is None
    assert watch.firing(world.app, endpoint(world), None) == []
    assert world.app.store.find(DriftLook) == []


def test_what_the_last_champion_saw_on_its_own_grids_is_left_out(world: World) -> None:
    from seawall.app import rollouts

    first = world.serving(b"one")
    start = now(world.clock)
    world.inputs(start, table(4_000, seed=1), first)
    wider = {name: values * 3 for name, values in table(3_000, seed=5).items()}
    second = world.validated(b"two", columns=wider)
    world.approve(second)
    rollout = world.rollout(second)
    rollouts.by_hand(world.app, world.otto, rollout.key, "promote", "now")
    world.clock.advance(timedelta(hours=2))
    assert watch.look_at_drift(world.app, endpoint(world)) is None
    world.inputs(now(world.clock), wider, second)
    world.clock.advance(timedelta(hours=2))
    look = watch.look_at_drift(world.app, endpoint(world))
    assert look is not None
    assert (look.version, look.reading.current_rows) == (second, 3_000)


# --- segments of decisions ---


def segment(**changes: object) -> Segment:
    given = {
        "id": "g1-000001",
        "gateway": "g1",
        "count": 3,
        "first_id": "a",
        "last_id": "c",
        "root": "ab" * 32,
        "first_time": START,
        "last_time": START,
        "damaged": 0,
        "shipped": START,
    }
    return Segment(**(given | changes))  # type: ignore[arg-type]


def test_a_sealed_segment_is_recorded_once(world: World) -> None:
    assert decisions.record_segment(world.app, world.gateway, segment())
    assert not decisions.record_segment(world.app, world.gateway, segment())
    assert len(world.actions(subject="g1-000001")) == 1
    with pytest.raises(Forbidden):
        decisions.record_segment(world.app, world.otto, segment(id="g1-000002"))


def test_an_unknown_decision_is_not_found(world: World) -> None:
    unknown = world.app.ids()
    with pytest.raises(NotFound, match="no decision"):
        decisions.show(world.app, world.iris, unknown)
    with pytest.raises(NotFound):
        decisions.prove(world.app, world.iris, unknown)
    with pytest.raises(BadInput, match="not a Seawall id"):
        decisions.show(world.app, world.iris, "42")
    with pytest.raises(BadInput, match="at least 1"):
        decisions.recent(world.app, world.iris, "income", 0)
    assert decisions.recent(world.app, world.iris, "income") == []
