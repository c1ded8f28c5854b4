"""The short way of plain requests: what it answers, in which order, and when it is not taken."""

from __future__ import annotations

import errno
import http.client
import io
import json
import os
import select
import socket
import threading
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import GOOD, Control, bundle
from tests.gateway.process import wait

from seawall.adapters.decisions import find
from seawall.serving.limit import Limits

PLAIN = {"dataframe_records": [GOOD]}
SPLIT = {"dataframe_split": {"columns": list(GOOD), "data": [list(GOOD.values())]}}
BAD = {"dataframe_records": [GOOD | {"age": "old"}]}


def request(body: dict[str, Any], path: str = "/invocations", *more: str) -> bytes:
    sent = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", *more]
    return "\r\n".join([*lines, f"content-length: {len(sent)}", "", ""]).encode() + sent


class Line:
    """A connection, and its replies one after another as Python's own client reads them."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._read = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> tuple[int, dict[str, Any]]:
        head = b"".join(iter(self._read.readline, b"\r\n")) + b"\r\n"
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found = http.client.HTTPResponse(_Bytes(head + self._read.read(length)))  # type: ignore[arg-type]
        found.begin()
        return found.status, json.loads(found.read())

    def close(self) -> None:
        self._read.close()
        self.socket.close()


class _Bytes(io.BytesIO):
    def makefile(self, _mode: str) -> io.BytesIO:
        return self


@pytest.fixture(params=["enqueued", "durable"])
def served(control: Control, serve: Serve, request: pytest.FixtureRequest) -> Served:
    control.issue(bundle(log=request.param))
    return serve()


class Disk:
    """A disk whose syncs wait until `go_on` is set, and then say `error` if there is one."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.error: OSError | None = None
        self.syncs = 0
        self._real = os.fdatasync
        patch.setattr(os, "fdatasync", self._sync)

    def _sync(self, fd: int) -> None:
        self.reached.set()
        assert self.go_on.wait(60)
        if self.error:
            raise self.error
        self.syncs += 1
        self._real(fd)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def durable(control: Control, serve: Serve) -> Served:
    control.issue(bundle(log="durable"))
    return serve()


def silent(line: Line) -> bool:
    """Whether nothing has been said on this connection."""
    return select.select([line.socket], [], [], 0)[0] == []


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.sampled_from([("plain", PLAIN), ("split", SPLIT), ("bad", BAD)]), min_size=2, max_size=8
    )
)
def test_requests_sent_without_waiting_are_answered_in_their_order(
    served: Served, asked: list[tuple[str, dict[str, Any]]]
):
    with closing(Line(served.port)) as line:
        line.send(b"".join(request(body) for _, body in asked))
        said = [line.reply() for _ in asked]
    assert [status for status, _ in said] == [400 if kind == "bad" else 200 for kind, _ in asked]
    ids = [body["predictions"][0]["decision_id"] for status, body in said if status == 200]
    assert ids == sorted(ids)  # ids sort by time
    assert len(set(ids)) == len(ids)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 250), min_size=1, max_size=3))
def test_a_request_in_pieces_is_answered_as_a_whole_one(served: Served, cuts: list[int]):
    whole, at = request(PLAIN), 0
    with closing(Line(served.port)) as line:
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in sorted(set(cuts)):
            line.send(whole[at:cut])
            at = max(at, cut)
        line.send(whole[at:])
        status, body = line.reply()
    assert status == 200
    assert body["predictions"][0]["verdict"] == "pass"


def test_requests_that_come_together_share_a_write_and_each_is_kept(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve()
    log, writes = served.gateway.log, list[int]()
    append = log.append_packed
    log.append_packed = lambda records, **given: (
        writes.append(len(records)) or append(records, **given)
    )
    lane, answered = served.engine.lane, list[Any]()

    class Caller:
        def answer(self, said: Any) -> None:
            answered.append(said)

    body = json.dumps(PLAIN).encode()
    headers = [(b"content-type", b"application/json")]

    def together() -> None:
        assert all(lane.take(Caller(), b"/invocations", headers, body) is True for _ in range(5))
        assert not answered  # nothing is said before it is kept
        lane.settle()

    served.on_loop(together)
    assert writes == [5]
    ids = [json.loads(said.body)["predictions"][0]["decision_id"] for said in answered]
    place = served.gateway.settings
    assert all(find(place.table_root, i, wal_folders=[place.log_folder]) for i in ids)


def test_when_the_log_takes_nothing_every_caller_is_told_and_nothing_is_counted(
    served: Served, control: Control
):
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with closing(Line(served.port)) as line:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "write", full)
            line.send(request(PLAIN) * 3)
            assert [line.reply()[0] for _ in range(3)] == [503, 503, 503]
        line.send(request(PLAIN))
        assert line.reply()[0] == 200
    served.worker.flush()
    counted = control.body("counters", "champion", "m@1")
    assert counted is not None
    assert counted.decisions == 1


def test_a_request_that_is_not_plain_is_let_in_once(control: Control, serve: Serve):
    control.issue(bundle(limits=Limits(requests_per_second=0.001, burst=2)))
    served = serve()
    with closing(Line(served.port)) as line:
        line.send(request(SPLIT) + request(BAD) + request(PLAIN))
        assert [line.reply()[0] for _ in range(3)] == [200, 400, 429]
    assert served.gateway.holder.live["m"].admission.under_way == 0


def test_a_refusal_does_not_overtake_the_answers_before_it(control: Control, serve: Serve):
    control.issue(bundle(limits=Limits(requests_per_second=0.001, burst=2)))
    with closing(Line(serve().port)) as line:
        line.send(request(PLAIN) * 3)
        assert [line.reply()[0] for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("more", ["expect: 100-continue", "connection: close", "upgrade: h2c"])
def test_what_asks_for_more_than_a_reply_goes_the_ordinary_way(served: Served, more: str):
    with closing(Line(served.port)) as line:
        line.send(request(PLAIN, "/invocations", more))
        got = line.socket.recv(65_536)
        if more.startswith("expect"):
            assert got.startswith(b"HTTP/1.1 100 ")
        else:
            assert got.startswith(b"HTTP/1.1 200 ")


def test_a_request_under_way_when_the_end_comes_is_answered(served: Served):
    whole = request(PLAIN)
    with closing(Line(served.port)) as line:
        line.send(whole)
        assert line.reply()[0] == 200
        line.send(whole[:-20])
        served.on_loop(lambda: None)  # what was sent is read by now
        served.engine.stop()
        line.send(whole[-20:])
        assert line.reply()[0] == 200
        assert line.socket.recv(1) == b""


def test_what_was_taken_is_answered_before_its_connection_is_shut(served: Served):
    with closing(Line(served.port)) as line:
        line.send(request(PLAIN))
        assert line.reply()[0] == 200

        def both() -> None:
            [connection] = served.engine.server_state.connections
            connection.data_received(request(PLAIN))
            connection.shutdown()

        served.on_loop(both)
        assert line.reply()[0] == 200


def test_a_killed_endpoint_answers_nothing_by_the_short_way(served: Served):
    served.gateway.holder.switch("m", killed=True)
    with closing(Line(served.port)) as line:
        line.send(request(PLAIN))
        status, body = line.reply()
    assert status == 503
    assert "switched off" in body["error"]


def test_nothing_is_answered_before_it_is_synced_and_all_that_wait_share_a_sync(
    durable: Served, disk: Disk
):
    lines = [Line(durable.port) for _ in range(5)]
    lines[0].send(request(PLAIN))
    assert disk.reached.wait(20)
    for line in lines[1:]:
        line.send(request(PLAIN))
    admission = durable.gateway.holder.live["m"].admission
    wait(lambda: admission.under_way == 5)
    assert all(map(silent, lines))
    disk.go_on.set()
    said = [line.reply() for line in lines]
    assert [status for status, _ in said] == [200] * 5
    assert disk.syncs == 2
    assert admission.under_way == 0
    place = durable.gateway.settings
    ids = [body["predictions"][0]["decision_id"] for _, body in said]
    assert all(find(place.table_root, i, wal_folders=[place.log_folder]) for i in ids)
    for line in lines:
        line.close()


def test_what_is_sent_while_a_sync_is_awaited_queues_behind_it(durable: Served, disk: Disk):
    with closing(Line(durable.port)) as line:
        line.send(request(PLAIN))
        assert disk.reached.wait(20)
        line.send(request(BAD) + request(SPLIT) + request(PLAIN)[:-5])
        durable.on_loop(lambda: None)
        assert silent(line)
        disk.go_on.set()
        line.send(request(PLAIN)[-5:] + request(PLAIN))
        said = [line.reply() for _ in range(5)]
    assert [status for status, _ in said] == [200, 400, 200, 200, 200]


def test_a_sync_that_fails_is_told_to_all_that_waited_and_the_next_is_tried(
    durable: Served, disk: Disk, control: Control
):
    disk.error = OSError(errno.EIO, os.strerror(errno.EIO))
    disk.go_on.set()
    with closing(Line(durable.port)) as line:
        line.send(request(PLAIN) * 2)
        assert [line.reply()[0] for _ in range(2)] == [503, 503]
        disk.error = None
        line.send(request(PLAIN))
        assert line.reply()[0] == 200
    durable.worker.flush()
    counted = control.body("counters", "champion", "m@1")
    assert counted is not None
    assert counted.decisions == 1


def test_who_leaves_before_the_sync_keeps_nobody_else_waiting(durable: Served, disk: Disk):
    with closing(Line(durable.port)) as stays:
        gone = Line(durable.port)
        gone.send(request(PLAIN))
        assert disk.reached.wait(20)
        gone.send(request(PLAIN)[:-5])  # and half of another
        gone.close()
        stays.send(request(PLAIN))
        admission = durable.gateway.holder.live["m"].admission
        wait(lambda: admission.under_way == 2)
        disk.go_on.set()
        assert stays.reply()[0] == 200
        wait(lambda: admission.under_way == 0)


@pytest.mark.parametrize("more", [b"", request(PLAIN)], ids=["one", "and one behind it"])
def test_the_end_waits_for_what_is_being_synced(durable: Served, disk: Disk, more: bytes):
    with closing(Line(durable.port)) as line:
        line.send(request(PLAIN) + more)
        assert disk.reached.wait(20)
        durable.on_loop(lambda: None)
        durable.engine.stop()
        wait(lambda: durable.engine.should_exit)
        durable.on_loop(lambda: None)
        assert silent(line)
        disk.go_on.set()
        for _ in range(2 if more else 1):
            assert line.reply()[0] == 200
        assert line.socket.recv(1) == b""
