"""A plain row for a model elsewhere goes the short way: the same answers, records and faults."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from unittest import mock

import msgspec
import pytest
from tests.adapters.misbehaving import Misbehaving, oip, reply
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import GOOD, START, Control
from tests.gateway.elsewhere import elsewhere, in_front, remote
from tests.gateway.process import wait
from tests.gateway.test_lane import PLAIN, SPLIT, Line, request

from seawall.gateway.http import GatewayApp
from seawall.gateway.turns import Turns
from seawall.kernel import Unavailable
from seawall.serving.decision import DecisionRecord

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with elsewhere() as made:
        yield made


@pytest.fixture(params=["enqueued", "durable"])
def served(
    control: Control, serve: Serve, server: Misbehaving, request: pytest.FixtureRequest
) -> Served:
    control.issue(in_front(control, server.url, log=request.param))
    return serve()


def ordinary() -> Any:
    """Counts the requests that went through the application."""
    handle: Any = vars(GatewayApp)["_handle"]
    return mock.patch.object(GatewayApp, "_handle", autospec=True, side_effect=handle)


def records(served: Served, count: int) -> list[DecisionRecord]:
    found: list[DecisionRecord] = []

    def there() -> bool:
        found[:] = served.gateway.log.pending(START)
        return len(found) == count

    wait(there)
    return found


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    (first,), (second,) = one["predictions"], other["predictions"]
    return first | {"decision_id": ""} == second | {"decision_id": ""}


@pytest.mark.parametrize(
    ("answer", "how", "verdict"),
    [
        (oip([0.25]), "plain", "pass"),
        (oip([1.5]), "plain", "fallback"),
        (oip(["a"]), "plain", "fallback"),
        (reply(b"no", "400 x"), "plain", "fallback"),
        (oip([0.25]), "reset", "fallback"),
        (oip([0.25]), "half", "fallback"),
    ],
)
def test_both_ways_answer_and_record_the_same(
    served: Served, server: Misbehaving, answer: bytes, how: str, verdict: str
) -> None:
    with closing(Line(served.port)) as line:
        line.send(request(PLAIN))  # the ordinary way opens a connection for the short one
        assert line.reply()[0] == 200
        server.answer, server.how = answer, how
        with ordinary() as asked:
            line.send(request(PLAIN))
            short = line.reply()
        assert not asked.called
        line.send(request(SPLIT))
        status, long = line.reply()
    assert (short[0], status) == (200, 200)
    assert long["predictions"][0]["verdict"] == verdict
    assert same(short[1], long)
    _, mine, theirs = records(served, 3)
    changing: dict[str, Any] = {"id": "", "latency_ms": 0.0, "unit": None, "salt": b""}
    mine, theirs = (msgspec.structs.replace(r, **changing) for r in (mine, theirs))
    assert mine == theirs


def test_requests_sent_together_are_answered_in_their_order(served: Served, server: Misbehaving):
    with closing(Line(served.port)) as line:
        line.send(request(PLAIN) * 8 + request(SPLIT) + request(PLAIN))
        found = [line.reply() for _ in range(10)]
    ids = [said["predictions"][0]["decision_id"] for status, said in found if status == 200]
    assert len(ids) == len(set(ids)) == 10
    assert [r.id for r in records(served, 10)] == ids


def test_many_callers_wait_for_few_turns_and_are_all_answered(served: Served, server: Misbehaving):
    found: list[int] = []

    def ask() -> None:
        with closing(Line(served.port)) as line:
            for _ in range(20):
                line.send(request(PLAIN))
                found.append(line.reply()[0])

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [200] * 240
    assert len(records(served, 240)) == 240
    (asked,) = served.gateway.holder.remotes.in_use()
    wait(lambda: asked.turns.under_way == 0)
    assert served.gateway.holder.remotes.tally["risk", "answered"] == 240


def test_who_waited_in_vain_for_a_turn_is_told_to_come_again(
    control: Control, serve: Serve, server: Misbehaving
) -> None:
    server.how = "hang"
    control.issue(in_front(control, server.url, timeout_ms=1_000.0, concurrency=1, fallback=None))
    served = serve()
    lines = [Line(served.port) for _ in range(3)]
    for line in lines:
        line.send(request(PLAIN))
    found = [line.reply() for line in lines]
    for line in lines:
        line.close()
    assert {status for status, _ in found} == {503}
    assert sum("is busy" in json.dumps(said) for _, said in found) >= 1
    wait(lambda: served.gateway.holder.live["m"].admission.here == 0)


def test_where_a_request_stands_in_a_trace_is_passed_on(served: Served, server: Misbehaving):
    with closing(Line(served.port)) as line:
        for more in ((), (f"traceparent: {PARENT}",), ()):
            line.send(request(PLAIN, "/invocations", *more))
            assert line.reply()[0] == 200
    assert [PARENT.encode() in asked for asked in server.asked] == [False, True, False]


def test_a_row_with_what_cannot_be_a_subject_is_refused_as_ever(served: Served):
    with closing(Line(served.port)) as line:
        line.send(request(PLAIN))
        line.reply()
        line.send(request({"dataframe_records": [GOOD | {"subject": [1]}]}))
        assert line.reply()[0] == 400
        line.send(request(PLAIN))
        assert line.reply()[0] == 200
    (asked,) = served.gateway.holder.remotes.in_use()
    assert asked.turns.under_way == 0


def test_a_caller_who_goes_away_leaves_nothing_behind(served: Served, server: Misbehaving):
    for _ in range(3):
        line = Line(served.port)
        server.how = "hang" if _ == 1 else "plain"
        line.send(request(PLAIN))
        line.close()
    wait(lambda: served.gateway.holder.live["m"].admission.here == 0)
    (asked,) = served.gateway.holder.remotes.in_use()
    assert asked.turns.under_way == 0


def test_rows_routed_by_their_own_ids_are_not_routed_twice(
    control: Control, serve: Serve, server: Misbehaving
) -> None:
    arms = (
        remote(control, server.url, weight=0.5),
        remote(control, server.url, "canary", weight=0.5),
    )
    control.issue(in_front(control, server.url, arms=arms, fallback=None, unit=None))
    served = serve()
    with closing(Line(served.port)) as line, ordinary() as asked:
        for _ in range(6):
            line.send(request(PLAIN))
            assert line.reply()[0] == 200
    assert asked.call_count == 6


def test_a_log_that_takes_nothing_is_told_as_ever(served: Served, server: Misbehaving):
    with closing(Line(served.port)) as line:
        line.send(request(PLAIN))
        line.reply()
        failing = mock.Mock(side_effect=Unavailable("the disk is full"))
        log = served.gateway.log
        with (
            mock.patch.object(log, "append_packed", failing),
            mock.patch.object(log, "begin_commit", failing),
        ):
            line.send(request(PLAIN))
            assert line.reply()[0] in (200, 503)
        assert failing.called
    wait(lambda: served.gateway.holder.live["m"].admission.here == 0)


def test_turns_are_given_in_the_order_they_were_asked_for() -> None:
    async def run() -> list[int]:
        turns, order = Turns("risk", 1, 20.0), list[int]()
        await turns.take()

        async def awaits(number: int) -> None:
            await turns.take()
            order.append(number)
            turns.give(0.001)

        first = asyncio.create_task(awaits(0))
        await asyncio.sleep(0)
        turns.queue().add_done_callback(lambda _: (order.append(1), turns.leave()))
        last = asyncio.create_task(awaits(2))
        gone = asyncio.create_task(awaits(3))
        await asyncio.sleep(0)
        gone.cancel()
        turns.give(0.001)
        await asyncio.gather(first, last, gone, return_exceptions=True)
        assert turns.under_way == 0
        return order

    assert asyncio.run(run()) == [0, 1, 2]
