"""Callers that are slow on purpose or send without end, with bare sockets."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing

import pytest
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import GOOD, Control, bundle

from seawall.gateway.connection import Connections

BODY = json.dumps({"instances": [GOOD]}).encode()
HEAD = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
QUICK = Connections(head_seconds=0.3, body_seconds=0.3, idle_seconds=0.6, body_rate=100_000)


@pytest.fixture
def served(control: Control, serve: Serve) -> Served:
    control.issue(bundle())
    return serve(connections=QUICK, max_body_bytes=200_000)


def connect(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=20)


def read(line: socket.socket) -> bytes:
    """All until the gateway closes; a reset counts as a close."""
    got = b""
    try:
        while part := line.recv(65_536):
            got += part
    except ConnectionError:
        pass
    return got


def ask(line: socket.socket) -> bytes:
    """The reply to a whole request."""
    line.sendall(WHOLE)
    got = b""
    while not got.endswith(b"}]}"):
        part = line.recv(65_536)
        assert part
        got += part
    return got


def send_on(line: socket.socket, part: bytes, pause: float) -> bytes:
    """Send a part over and over until the gateway has had enough; what it said to that."""
    line.settimeout(pause)
    got = b""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            line.sendall(part)
            more = line.recv(65_536)
        except TimeoutError:
            continue
        except ConnectionError:
            return got
        if not more:
            return got
        got += more
    raise AssertionError("the gateway reads for ever")


def test_a_connection_that_sends_nothing_is_ended(served: Served):
    with closing(connect(served)) as line:
        assert read(line).startswith(b"HTTP/1.1 408 ")


def test_headers_that_come_byte_by_byte_are_cut_off(served: Served):
    with closing(connect(served)) as line:
        line.sendall(HEAD)
        assert send_on(line, b"x-a: b\r\n", 0.05).startswith(b"HTTP/1.1 408 ")


def test_the_next_request_of_a_connection_has_no_more_time_for_its_headers(served: Served):
    with closing(connect(served)) as line:
        assert ask(line).startswith(b"HTTP/1.1 200 ")
        line.sendall(HEAD)
        assert b"HTTP/1.1 408 " in read(line)


@pytest.mark.parametrize("part", [b"x-a: b\r\n", b"x" * 1_000])
def test_endless_headers_are_refused(served: Served, part: bytes):
    with closing(connect(served)) as line:
        line.sendall(HEAD + b"x-long: ")
        assert send_on(line, 100 * part, 0.001).startswith(b"HTTP/1.1 431 ")


def test_large_headers_that_come_at_once_are_refused(served: Served):
    with closing(connect(served)) as line:
        line.sendall(HEAD + b"x: " + 40_000 * b"y" + b"\r\n\r\n")
        assert read(line).startswith(b"HTTP/1.1 431 ")


def test_a_body_that_does_not_come_is_not_awaited(served: Served):
    with closing(connect(served)) as line:
        line.sendall(HEAD + b"content-length: 100\r\n\r\n{")
        assert read(line).startswith(b"HTTP/1.1 408 ")


def test_an_endless_body_is_refused_and_cut_off(served: Served):
    with closing(connect(served)) as line:
        line.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 5_000 + 5_000 * b" " + b"\r\n"
        assert send_on(line, chunk, 0.001).startswith(b"HTTP/1.1 413 ")


def test_a_body_said_to_be_too_large_is_refused_before_it_comes(served: Served):
    with closing(connect(served)) as line:
        line.sendall(HEAD + b"content-length: 999999999\r\n\r\n")
        assert line.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_an_idle_connection_is_closed_and_a_busy_one_is_kept(served: Served):
    with closing(connect(served)) as line:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:  # longer than any limit
            assert ask(line).startswith(b"HTTP/1.1 200 ")
        assert read(line) == b""


def test_one_connection_too_many_is_turned_away(control: Control, serve: Serve):
    control.issue(bundle())
    served = serve(connections=Connections(most=2))
    with closing(connect(served)) as first, closing(connect(served)) as second:
        for line in (first, second):
            assert ask(line).startswith(b"HTTP/1.1 200 ")
        with closing(connect(served)) as third:
            assert read(third).startswith(b"HTTP/1.1 503 ")
        assert ask(first).startswith(b"HTTP/1.1 200 ")


def test_slow_callers_do_not_hold_up_others(served: Served):
    slow = [connect(served) for _ in range(50)]
    for line in slow:
        line.sendall(HEAD)
    assert served.score(GOOD)[0]["verdict"] == "pass"
    for line in slow:
        assert read(line).startswith(b"HTTP/1.1 408 ")
        line.close()


def test_pipelined_requests_are_answered_in_order(served: Served):
    with closing(connect(served)) as line:
        line.sendall(WHOLE + b"GET /version HTTP/1.1\r\nhost: x\r\n\r\n" + WHOLE)
        got = b""
        while got.count(b"HTTP/1.1 200 ") < 3 or not got.endswith(b"}]}"):
            got += line.recv(65_536)
        first, second, third = got.split(b"HTTP/1.1 200 ")[1:]
        assert b"predictions" in first
        assert b"version" in second
        assert b"predictions" in third


def test_what_is_no_http_gets_a_400(served: Served):
    with closing(connect(served)) as line:
        line.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert read(line).startswith(b"HTTP/1.1 400 ")
