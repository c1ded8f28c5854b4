"""Reports of gateways are merged once each."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.adapters.sql import SqlStore, TelemetryRow
from seawall.adapters.sql.telemetry import REMEMBERED
from seawall.kernel import FixedClock


def row(
    n: int, start: int = 0, version: str = "1", arm: str = "a", stream: str = "counters"
) -> TelemetryRow:
    return TelemetryRow(
        endpoint="income", version=version, arm=arm, stream=stream, start_ns=start, body=b"%d" % n
    )


def add(stored: bytes, new: bytes) -> bytes:
    return b"%d" % (int(stored) + int(new))


def total(store: SqlStore, **where: object) -> int:
    return sum(int(r.body) for r in store.telemetry.load("income", "counters", **where))


def test_reports_of_one_window_merge(store: SqlStore) -> None:
    assert store.telemetry.absorb("g1", 1, [row(1), row(2), row(5, start=300)], add)
    assert store.telemetry.absorb("g2", 1, [row(10)], add)
    assert store.telemetry.load("income", "counters") == [row(13), row(5, start=300)]
    assert store.telemetry.load("income", "inputs") == []
    assert store.telemetry.load("loans", "counters") == []


def test_a_repeated_report_changes_nothing(store: SqlStore) -> None:
    assert store.telemetry.absorb("g", 7, [row(1)], add)
    assert not store.telemetry.absorb("g", 7, [row(1)], add)
    assert store.telemetry.absorb("g", 5, [row(1)], add)
    assert not store.telemetry.absorb("g", 5, [row(1)], add)
    assert store.telemetry.absorb("h", 7, [row(1)], add)
    assert store.telemetry.absorb("g", 8, [], add)
    assert total(store) == 3


def test_only_the_newest_numbers_of_a_source_are_kept(store: SqlStore) -> None:
    for sequence in (1, 2, REMEMBERED + 1, 3):
        assert store.telemetry.absorb("g", sequence, [row(1)], add)
    for sequence in (0, 1, 2, 3, REMEMBERED + 1):
        assert not store.telemetry.absorb("g", sequence, [row(1)], add)
    assert total(store) == 4


def test_windows_are_loaded_by_time_version_and_arm(store: SqlStore) -> None:
    rows = [row(1, t, v, a) for t in (0, 10, 20) for v in ("1", "2") for a in ("a", "b")]
    store.telemetry.absorb("g", 1, list(reversed(rows)), add)
    load = store.telemetry.load
    assert load("income", "counters") == rows
    assert load("income", "counters", version="2", arm="b") == [
        row(1, t, "2", "b") for t in (0, 10, 20)
    ]
    assert load("income", "counters", start_ns=10, end_ns=20) == rows[4:8]


def test_a_merge_that_raises_leaves_the_report_to_be_sent_again(store: SqlStore) -> None:
    def refuse(stored: bytes, new: bytes) -> bytes:
        raise ValueError("unequal grids")

    store.telemetry.absorb("g", 1, [row(1)], add)
    with pytest.raises(ValueError, match="unequal grids"):
        store.telemetry.absorb("g", 2, [row(1, start=9), row(1)], refuse)
    assert store.telemetry.load("income", "counters") == [row(1)]
    assert store.telemetry.absorb("g", 2, [row(1)], add)


def test_a_large_report_is_absorbed_in_parts(store: SqlStore) -> None:
    rows = [row(i, start=i) for i in range(2_500)]
    store.telemetry.absorb("g", 1, rows, add)
    store.telemetry.absorb("g", 2, rows, add)
    assert store.telemetry.load("income", "counters") == [row(2 * i, start=i) for i in range(2_500)]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(reports=st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=6), data=st.data())
def test_any_order_with_any_repetition_gives_the_same_windows(
    store: SqlStore, reports: list[list[int]], data: st.DataObject
) -> None:
    source = uuid4().hex
    before = total(store)
    sent = list(range(len(reports))) + data.draw(
        st.lists(st.sampled_from(range(len(reports))), max_size=5) if reports else st.just([])
    )
    for sequence in data.draw(st.permutations(sent)):
        rows = [row(1, start) for start in reports[sequence]]
        store.telemetry.absorb(source, sequence, rows, add)
    assert total(store) - before == sum(map(len, reports))


def test_gateways_that_report_at_once_lose_nothing(
    store: SqlStore, url: str, clock: FixedClock
) -> None:
    def send(name: str) -> None:
        other = SqlStore(url, clock)
        for sequence in range(10):
            other.telemetry.absorb(name, sequence, [row(1, start) for start in range(5)], add)
        other.close()

    gateways = [threading.Thread(target=send, args=(f"g{i}",)) for i in range(4)]
    for gateway in gateways:
        gateway.start()
    for gateway in gateways:
        gateway.join()
    assert [int(r.body) for r in store.telemetry.load("income", "counters")] == [40] * 5
