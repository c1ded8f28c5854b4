"""Limits of one gateway, held by several workers on one file."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
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


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(st.integers(0, 2**32), st.integers(1, 2_000), st.integers(1, 4), st.integers(1, 3))
def test_whatever_the_order_of_comings_and_goings_no_caller_is_above_its_limit_or_locked_out(
    path: Path, seed: int, callers: int, most: int, workers: int
):
    random = Random(seed)
    path.unlink(missing_ok=True)
    mapped = [Shared(path, worker) for worker in range(workers)]
    limits = Limits(caller_concurrency=most)
    admissions = [Admission("e", limits, each) for each in mapped]
    inside: list[tuple[Admission, str]] = []
    held = Counter[str]()
    for _ in range(2 * callers):
        if inside and random.random() < 0.3:
            one, caller = inside.pop(random.randrange(len(inside)))
            one.leave(caller)
            held[caller] -= 1
            continue
        one, caller = random.choice(admissions), str(random.randrange(callers))
        try:
            one.enter(caller, 0.0, 0.0)
        except Limited:
            continue
        inside.append((one, caller))
        held[caller] += 1
        assert held[caller] <= most
    for one, caller in inside:
        one.leave(caller)
    for caller in map(str, range(callers)):
        for one in admissions:
            for _ in range(most):
                one.enter(caller, 0.0, 0.0)
            for _ in range(most):
                one.leave(caller)
    for each in mapped:
        each.close()


def crowd(shared: Shared, tiny: pytest.MonkeyPatch) -> Admission:
    """Callers with a limit of one, of whom at most four fit beside each other."""
    tiny.setattr("seawall.gateway.shared.COUNTS", 4)
    tiny.setattr("seawall.gateway.shared.PROBES", 4)
    tiny.setattr("seawall.gateway.shared.SPARE", 1)
    return Admission("e", Limits(caller_concurrency=1), shared)


def test_callers_beyond_the_places_share_one_and_are_counted_together(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
):
    admission = crowd(shared, monkeypatch)
    for caller in "abcde":
        admission.enter(caller, 0.0, 0.0)
    with pytest.raises(Limited, match="of this caller"):
        admission.enter("f", 0.0, 0.0)
    admission.leave("a")
    with pytest.raises(Limited, match="of this caller"):  # it may be among who share the place
        admission.enter("f", 0.0, 0.0)
    admission.leave("e")
    admission.enter("f", 0.0, 0.0)


def test_a_displaced_caller_is_counted_where_it_entered_though_a_place_is_free_again(
    path: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch
):
    admission = crowd(shared, monkeypatch)
    other = Shared(path, worker=1)
    second = Admission("e", Limits(caller_concurrency=1), other)
    for caller in "abcde":
        admission.enter(caller, 0.0, 0.0)
    admission.leave("a")
    with pytest.raises(Limited, match="of this caller"):
        second.enter("e", 0.0, 0.0)
    admission.leave("e")
    second.enter("e", 0.0, 0.0)
    other.close()


def test_a_worker_killed_among_displaced_callers_leaves_nobody_locked_out(
    path: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch
):
    admission = crowd(shared, monkeypatch)
    killed = Shared(path, worker=1)
    for caller in "abcde":
        killed.add(key_of("e", caller), 1)
    Shared(path, worker=1).close()
    for caller in "abcde":
        admission.enter(caller, 0.0, 0.0)
        admission.leave(caller)
    killed.close()


def _come_and_go(path: Path, worker: int, rounds: int) -> None:
    shared, random = Shared(path, worker), Random(worker)
    keys, inside = [key_of("e", str(i)) for i in range(300)], list[int]()
    for _ in range(rounds):
        if len(inside) > 40:
            shared.add(inside.pop(random.randrange(len(inside))), -1)
        inside.append(random.choice(keys))
        shared.add(inside[-1], 1)
    for key in inside:
        shared.add(key, -1)


def test_after_three_processes_at_once_nothing_is_left_under_way(path: Path, shared: Shared):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_come_and_go, args=(path, n, 5_000)) for n in range(1, 4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert {shared.under_way(key_of("e", str(i))) for i in range(300)} == {0}


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
