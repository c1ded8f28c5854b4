"""Limits of one gateway, held by several workers on one file."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seawall.gateway.admission import Admission, Limited
from seawall.gateway.shared import LEASE_SECONDS, Shared, key_of
from seawall.serving.limit import Bucket, Limits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits"


@pytest.fixture
def shared(path: Path) -> Iterator[Shared]:
    made = Shared(path)
    yield made
    made.close()


def passed(admission: Admission, times: list[float], caller: str = "") -> list[float]:
    """The moments at which a request was let in; each ends at once."""
    found: list[float] = []
    for now in times:
        try:
            admission.enter(caller, 0.0, now)
        except Limited:
            continue
        admission.leave(caller)
        found.append(now)
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.floats(0.5, 200), st.integers(1, 20), st.lists(st.floats(0, 3), min_size=1, max_size=60),
    st.integers(0, 2**60),
)  # fmt: skip
def test_over_any_span_no_more_pass_than_burst_and_rate_allow(
    shared: Shared, rate: float, burst: int, gaps: list[float], salt: int
):
    limits = Limits(requests_per_second=rate, burst=burst)
    workers = [Admission(str(salt), limits, shared) for _ in range(2)]
    now, times = 0.0, list[float]()
    for place, gap in enumerate(gaps):
        now += gap
        times += passed(workers[place % 2], [now])
    for first, start in enumerate(times):
        for last, end in enumerate(times[first:], start=1):
            assert last <= burst + rate * (end - start + LEASE_SECONDS) + 1e-6


def test_a_caller_is_told_when_there_will_be_room(shared: Shared):
    admission = Admission("e", Limits(requests_per_second=2, burst=1), shared)
    admission.enter("", 0.0, 0.0)
    with pytest.raises(Limited) as refused:
        admission.enter("", 0.0, 0.0)
    assert (refused.value.status, refused.value.wait) == (429, 0.5)


def test_one_caller_cannot_use_up_what_is_anothers(shared: Shared):
    limits = Limits(caller_requests_per_second=1, caller_burst=2)
    admission = Admission("e", limits, shared)
    assert len(passed(admission, [0.0] * 5, "greedy")) == 2
    assert len(passed(admission, [0.0] * 5, "modest")) == 2


def test_requests_under_way_are_counted_over_all_workers(path: Path, shared: Shared):
    limits = Limits(concurrency=2, caller_concurrency=1)
    other = Shared(path, worker=1)
    one, two = Admission("e", limits, shared), Admission("e", limits, other)
    one.enter("a", 0.0, 0.0)
    with pytest.raises(Limited, match="of this caller"):
        two.enter("a", 0.0, 0.0)
    two.enter("b", 0.0, 0.0)
    with pytest.raises(Limited, match="2 requests are under way"):
        one.enter("c", 0.0, 0.0)
    one.leave("a")
    one.enter("c", 0.0, 0.0)
    other.close()


def test_what_a_killed_worker_had_under_way_is_over_when_its_successor_starts(
    path: Path, shared: Shared
):
    killed = Shared(path, worker=1)
    killed.add(key_of("e"), 3)
    admission = Admission("e", Limits(concurrency=9), shared)
    admission.enter("", 0.0, 0.0)
    assert admission.under_way == 4
    Shared(path, worker=1).close()
    assert admission.under_way == 1
    killed.close()


def test_requests_that_queue_too_long_are_shed(shared: Shared):
    admission = Admission("e", Limits(shed_after_ms=5), shared)
    admission.enter("", 0.0, 0.0)
    for hundredth in range(1, 11):  # the queue stands
        admission.enter("", 0.05, hundredth / 100)
    with pytest.raises(Limited, match="wait for 50 ms"):
        admission.enter("", 0.05, 0.15)


def test_more_callers_than_places_are_all_served(shared: Shared):
    admission = Admission("e", Limits(caller_concurrency=1), shared)
    for number in range(2_000):
        admission.enter(str(number), 0.0, 0.0)
        admission.leave(str(number))
    assert admission.under_way == 0


def _hammer(path: Path, worker: int, seconds: float, results: Any) -> None:
    shared = Shared(path, worker)
    admission = Admission("e", Limits(requests_per_second=500, burst=50), shared)
    count, end = 0, monotonic() + seconds
    while (now := monotonic()) < end:
        count += len(passed(admission, [now]))
    results.put(count)


def test_three_processes_together_keep_one_limit(path: Path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    began = monotonic()
    workers = [
        context.Process(target=_hammer, args=(path, number, 1.0, results)) for number in range(3)
    ]
    for worker in workers:
        worker.start()
    total = sum(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert 500 * 0.5 < total <= 50 + 500 * (monotonic() - began)


def test_a_bucket_that_lost_its_place_to_others_starts_full_and_no_fuller(shared: Shared):
    bucket = Bucket(rate=1.0, burst=3.0)
    assert shared.lease(7, bucket, 10.0, 0.0) == (3.0, 0.0)
    assert shared.lease(7, bucket, 10.0, 0.5)[0] == 0.0
