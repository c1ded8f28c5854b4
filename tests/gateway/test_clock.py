"""A clock that jumps, forward and back: ids, the order of the log, sealing, erasing, retention."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.gateway.conftest import Serve
from tests.gateway.control import GOOD, Control, bundle

from seawall.adapters.decisions import (
    carry_out,
    compact,
    find,
    prove,
    record_erasure,
    segments,
    ship,
)
from seawall.adapters.decisions.erasures import PERSONAL
from seawall.adapters.decisions.schema import DECISIONS
from seawall.adapters.decisions.tables import open_table
from seawall.kernel import FixedClock

JUMPS = [timedelta(days=-3), timedelta(days=400), timedelta(days=-500), timedelta(seconds=-1)]


def test_through_jumps_ids_grow_the_log_keeps_its_order_and_everything_is_proven(
    control: Control, serve: Serve, clock: FixedClock
):
    control.issue(bundle())
    served = serve(seal_seconds=3_600.0)
    made = [p["decision_id"] for p in served.score(GOOD, GOOD)]
    for jump in JUMPS:
        clock.advance(jump)
        made += [p["decision_id"] for p in served.score(GOOD, GOOD)]
    assert made == sorted(made)
    assert len(set(made)) == 2 * (1 + len(JUMPS))
    settings = served.gateway.settings
    served.gateway.log.seal()
    ship(settings.log_folder, settings.table_root, clock=clock)
    rows = open_table(settings.table_root, DECISIONS).to_pyarrow_table().to_pylist()
    rows.sort(key=lambda row: (row["segment"], row["position"]))
    assert [row["id"] for row in rows] == made
    assert sum(s.count for s in segments(settings.table_root)) == len(made)
    assert [prove(settings.table_root, i).record.id for i in made] == made


@pytest.mark.parametrize("jump", JUMPS)
def test_a_file_is_sealed_though_the_clock_went_back(
    control: Control, serve: Serve, clock: FixedClock, jump: timedelta
):
    control.issue(bundle())
    served = serve(seal_seconds=60.0)
    (first,) = served.score(GOOD)
    clock.advance(jump)
    served.score(GOOD)
    clock.advance(timedelta(seconds=61))
    served.gateway.log.seal_if_due()
    served.gateway.log.seal()
    settings = served.gateway.settings
    ship(settings.log_folder, settings.table_root, clock=clock)
    assert find(settings.table_root, first["decision_id"])


def test_one_who_starts_again_with_a_clock_that_went_back_repeats_no_id_and_loses_nothing(
    control: Control, serve: Serve, clock: FixedClock
):
    control.issue(bundle())
    made: list[str] = []
    for jump in (timedelta(0), timedelta(days=-2), timedelta(days=1)):
        clock.advance(jump)
        served = serve()
        made += [p["decision_id"] for p in served.score(GOOD, GOOD)]
        served.gateway.log.seal()
    settings = served.gateway.settings
    ship(settings.log_folder, settings.table_root, clock=clock)
    assert len(set(made)) == 6
    assert all(find(settings.table_root, i) for i in made)


@pytest.mark.parametrize("shipped_first", [True, False])
def test_what_a_clock_ahead_has_stamped_is_erased_with_the_rest(
    control: Control, serve: Serve, clock: FixedClock, shipped_first: bool
):
    control.issue(bundle())
    served = serve()
    clock.advance(timedelta(days=30))
    (row,) = served.score(GOOD, subject="ada")
    clock.advance(timedelta(days=-30))
    served.gateway.log.seal()
    settings = served.gateway.settings
    root = settings.table_root
    if shipped_first:
        ship(settings.log_folder, root, clock=clock)
    carry_out(root, record_erasure(root, "ada", PERSONAL, clock=clock), clock=clock)
    ship(settings.log_folder, root, clock=clock)
    record = find(root, row["decision_id"])
    assert record is not None
    assert (record.subject, record.input) == (None, {})


def test_retention_goes_by_the_day_in_the_id_whatever_the_clock_did_meanwhile(
    control: Control, serve: Serve, clock: FixedClock
):
    control.issue(bundle())
    served = serve()
    (before,) = served.score(GOOD)
    clock.advance(timedelta(days=-100))
    (during,) = served.score(GOOD)
    clock.advance(timedelta(days=100))
    settings = served.gateway.settings
    served.gateway.log.seal()
    ship(settings.log_folder, settings.table_root, clock=clock)
    ended = compact(settings.table_root, clock=clock, retention={"m": 30}).ended
    assert ended == {}
    assert all(find(settings.table_root, row["decision_id"]) for row in (before, during))
