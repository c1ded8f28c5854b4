"""A gateway that only observes, beside the server asked without it."""

from __future__ import annotations

import asyncio
import errno
import gzip
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.misbehaving import Misbehaving, mlflow, oip, reply
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import ADMIN, GOOD, START, Control, arm
from tests.gateway.elsewhere import elsewhere, in_front, remote

from seawall.gateway import observe
from seawall.gateway.telling import KINDS
from seawall.kernel import Unavailable
from seawall.serving.decision import DecisionRecord
from seawall.serving.guard import Guard

SCORED = mlflow([[0.75, 0.25]])
OURS = {"date", "connection", "server"}
"""Headers of one connection, and what a server of ours says of itself."""


class Got(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with elsewhere() as made:
        made.answer = SCORED
        yield made


def observing(control: Control, url: str, number: int = 1, **given_: Any) -> None:
    mlflow_server = {"protocol": "mlflow", "model": ""}
    given_ = {"arms": (remote(control, url, **mlflow_server),), "fallback": None} | given_
    control.issue(in_front(control, url, number, mode="observe", **given_))


@pytest.fixture
def served(control: Control, serve: Serve, server: Misbehaving) -> Served:
    observing(control, server.url)
    return serve()


def ask(port: int, method: str, target: str, body: bytes = b"", **headers: str) -> Got:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    line.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        line.putheader(name.replace("_", "-"), value)
    if body:
        line.putheader("content-length", str(len(body)))
    line.endheaders(body or None)
    answer = line.getresponse()
    shown = [(n.lower(), v) for n, v in answer.getheaders() if n.lower() not in OURS]
    got = Got(answer.status, sorted(shown), answer.read())
    line.close()
    return got


def scored(served: Served, *rows: dict[str, Any]) -> Got:
    body = json.dumps({"dataframe_records": list(rows)}).encode()
    return ask(served.port, "POST", "/invocations", body, content_type="application/json")


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def seen(served: Served, count: int = 1) -> list[DecisionRecord]:
    """The decisions logged, once there are so many."""
    found: list[DecisionRecord] = []

    def there() -> bool:
        found[:] = served.gateway.log.pending(START)
        return len(found) >= count

    until(there)
    return found


def counted(served: Served, word: str, count: int = 1) -> None:
    until(lambda: served.gateway.holder.remotes.observed["m", word] == count)


def head_of(request: bytes) -> tuple[bytes, set[bytes], bytes]:
    """Request line, headers but those of the connection, and body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    pairs = {h.partition(b":")[0].lower() + b":" + h.partition(b":")[2] for h in headers}
    return line, {p for p in pairs if not p.startswith((b"host:", b"connection:"))}, body


def test_what_passes_is_logged_with_the_servers_own_answer(served: Served, server: Misbehaving):
    got = scored(served, GOOD | {"person": "p1"})
    assert (got.status, got.body) == (200, SCORED.partition(b"\r\n\r\n")[2])
    (record,) = seen(served)
    assert (record.score, record.output) == (0.25, {"score": 0.25, "label": 0})
    assert (record.arm, record.model, record.action) == ("champion", "m@1", "observed")
    assert (record.input["age"], record.reasons, record.fallback) == (40, (), None)
    counted(served, "seen")
    served.worker.flush()
    counters = served.http.get("/metrics").text
    assert 'seawall_observed_requests_total{endpoint="m",outcome="seen"} 1' in counters
    assert 'seawall_decisions_total{endpoint="m",version="m@1",arm="champion"} 1' in counters


targets = st.sampled_from(
    ["/", "/invocations", "/no/such/path", "/v2/models/other/infer", "/ping", "/version", "/a%2Fb",
     "/%7Euser//x", "/a?b=c&b=%20+d", "/v2", "/a;b=c", "/..%2f"]
)  # fmt: skip
replies = st.builds(
    reply,
    st.binary(max_size=50),
    st.sampled_from(["200 OK", "201 Created", "302 Found", "400 Bad", "418 x", "500 x", "503 x"]),
    st.sampled_from(["", "X-Own: a\r\nx-own: b\r\n", "set-cookie: a=b\r\n", "location: /x\r\n"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]), targets,
       st.binary(max_size=40), replies)  # fmt: skip
def test_a_request_and_its_reply_are_the_same_as_without_it(
    served: Served, server: Misbehaving, method: str, target: str, body: bytes, answer: bytes
):
    server.answer = answer
    port = int(server.url.rpartition(":")[2])
    headers = {"content_type": "text/x", "authorization": "Basic own", "x_one": "1",
               "accept_encoding": "gzip", "cookie": "a=b", "user_agent": "theirs"}  # fmt: skip
    server.asked.clear()
    without = ask(port, method, target, body, **headers)
    through = ask(served.port, method, target, body, **headers)
    assert through == without
    first, second = map(head_of, server.asked)
    if method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS") and not body:
        first[1].discard(b"content-length: 0")
        second[1].discard(b"content-length: 0")
    assert second == first


def test_a_head_and_replies_without_a_body_pass_unchanged(served: Served, server: Misbehaving):
    server.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n"
    got = ask(served.port, "HEAD", "/model")
    assert (got.status, dict(got.headers)["content-length"], got.body) == (200, "1234", b"")
    for status in ("204 No Content", "304 Not Modified"):
        server.answer = f"HTTP/1.1 {status}\r\netag: x\r\n\r\n".encode()
        got = ask(served.port, "GET", "/model")
        assert (got.status, got.headers, got.body) == (int(status[:3]), [("etag", "x")], b"")


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_of_decisions_is_told_to_us_and_not_to_the_server(served: Served, kind: str):
    answer = served.http.post(f"/{kind}", json=[])
    assert answer.json() == {"received": 0, "rejected": []}


def test_a_stream_comes_as_it_is_sent(served: Served, server: Misbehaving):
    server.how, server.answer = "chunks", b"data: one\n\n"
    line = socket.create_connection(("127.0.0.1", served.port))
    line.sendall(b"GET /events HTTP/1.1\r\nhost: g\r\n\r\n")
    got = b""
    while b"data: one\n\n" not in got:  # the server sends the rest only when it is told to
        got += line.recv(4_096)
    server.go_on.set()
    while not got.endswith(b"0\r\n\r\n"):
        got += line.recv(4_096)
    assert got.count(b"data: one\n\n") == 2
    line.close()


def test_a_stream_goes_on_when_a_bundle_for_another_server_comes(
    control: Control, served: Served, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("seawall.gateway.remote.RETIRING_SECONDS", 0.05)
    server.how, server.answer = "chunks", b"data: one\n\n"
    line = socket.create_connection(("127.0.0.1", served.port))
    line.sendall(b"GET /events HTTP/1.1\r\nhost: g\r\n\r\n")
    got = b""
    while b"data: one\n\n" not in got:
        got += line.recv(4_096)
    remotes = served.gateway.holder.remotes
    (old,) = remotes.in_use()
    observing(control, "http://127.0.0.1:9", 2)
    served.worker.poll()
    assert old not in remotes.in_use()
    server.go_on.set()
    while not got.endswith(b"0\r\n\r\n"):
        got += line.recv(4_096)
    assert got.count(b"data: one\n\n") == 2
    line.close()
    until(lambda: old._retiring is not None and old._retiring.done())


def test_a_body_too_large_to_be_looked_at_passes_whole(served: Served, server: Misbehaving):
    body = bytes(20_000_000)
    server.answer = reply(body[:18_000_000])
    got = ask(served.port, "POST", "/invocations", body)
    assert (got.status, len(got.body)) == (200, 18_000_000)
    assert len(server.asked[0].partition(b"\r\n\r\n")[2]) == len(body)
    assert b"content-length: 20000000" in server.asked[0].lower()
    counted(served, "unread")


@pytest.mark.parametrize(
    ("row", "invalid"),
    [
        (GOOD | {"age": 400}, "age out of range"),
        (GOOD | {"grade": "top"}, "grade new category"),
        ({"age": 40, "grade": "mid"}, "hours missing"),
    ],
)
def test_an_input_that_does_not_fit_passes_and_is_named(
    served: Served, server: Misbehaving, row: dict[str, Any], invalid: str
):
    assert scored(served, row).status == 200
    (record,) = seen(served)
    assert record.score == 0.25
    assert record.reasons == (f"the input is not valid: {invalid}",)
    served.worker.flush()
    assert "seawall_invalid_total" in served.http.get("/metrics").text


def test_a_guard_says_what_it_would_have_done_and_does_nothing(
    control: Control, serve: Serve, server: Misbehaving
):
    guards = (Guard(name="low", action="block", score_at_most=0.3, reason="too low"),)
    observing(control, server.url, guards=guards)
    served = serve()
    assert scored(served, GOOD).body == SCORED.partition(b"\r\n\r\n")[2]
    (record,) = seen(served)
    assert record.guards == {"low": "block"}
    assert record.reasons == ("would have been block: too low",)
    assert record.output == {"score": 0.25, "label": 0}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply(b"broken", "500 x"), "the upstream risk answered 500"),
        (reply(b"<html>"), "the upstream risk answered something else than its protocol says"),
        (mlflow([0.5, 0.5]), "the upstream risk answered 2 scores for 1 rows"),
        (reply(b'{"predictions": [NaN]}'), "something else than its protocol says"),
    ],
)
def test_the_servers_own_errors_pass_and_are_logged(
    served: Served, server: Misbehaving, answer: bytes, why: str
):
    server.answer = answer
    got = scored(served, GOOD)
    assert got.status == int(answer[9:12])
    assert got.body == answer.partition(b"\r\n\r\n")[2]
    (record,) = seen(served)
    assert why in record.reasons[0]
    assert record.output is None
    served.worker.flush()
    page = served.http.get("/metrics").text
    assert 'seawall_errors_total{endpoint="m",version="m@1",arm="champion"} 1' in page


def test_a_server_that_gives_no_answer_is_a_502_that_is_logged(served: Served, server: Misbehaving):
    server.how = "reset"
    assert scored(served, GOOD).status == 502
    (record,) = seen(served)
    assert "gave no whole answer" in record.reasons[0]


def test_half_a_reply_ends_as_half_a_reply(served: Served, server: Misbehaving):
    server.how, server.answer = "half", reply(bytes(1_000_000))
    line = socket.create_connection(("127.0.0.1", served.port))
    line.sendall(b"GET /big HTTP/1.1\r\nhost: g\r\n\r\n")
    got = b""
    while part := line.recv(65_536):
        got += part
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(got.partition(b"\r\n\r\n")[2]) < 1_000_000
    line.close()


@pytest.mark.parametrize("broken", ["log", "reader", "recorder"])
def test_no_failure_of_our_own_fails_a_caller(served: Served, server: Misbehaving, broken: str):
    live = served.gateway.holder.live["m"]
    place, name, error = {
        "log": (served.gateway.log, "append_packed", Unavailable("the disk is full")),
        "reader": (live.decider.reader, "invocation", RuntimeError("a fault of ours")),
        "recorder": (served.gateway.service._recorder, "served", MemoryError()),
    }[broken]
    with mock.patch.object(place, name, side_effect=error):
        got = scored(served, GOOD)
        assert (got.status, got.body) == (200, SCORED.partition(b"\r\n\r\n")[2])
        counted(served, "unread")
    scored(served, GOOD)
    counted(served, "seen")


def test_what_is_no_request_for_a_score_passes_and_is_only_counted(
    served: Served, server: Misbehaving
):
    server.answer = reply(b"pong")
    assert ask(served.port, "GET", "/ping").body == b"pong"
    assert ask(served.port, "POST", "/other", b"x").body == b"pong"
    counted(served, "passed", 2)
    assert ask(served.port, "POST", "/invocations", b"no json").body == b"pong"
    counted(served, "unread")
    assert not list(served.gateway.log.pending(START))


def test_compressed_requests_and_replies_are_read(served: Served, server: Misbehaving):
    body = gzip.compress(SCORED.partition(b"\r\n\r\n")[2])
    server.answer = reply(body, more="content-encoding: gzip\r\n")
    sent = gzip.compress(json.dumps({"dataframe_records": [GOOD]}).encode())
    got = ask(served.port, "POST", "/invocations", sent, content_encoding="gzip")
    assert got.body == body
    assert seen(served)[0].score == 0.25


def test_a_server_of_the_inference_protocol_is_observed_by_its_models_name(
    control: Control, serve: Serve, server: Misbehaving
):
    server.answer = oip([0.25])
    observing(control, server.url, arms=(remote(control, server.url),))
    served = serve()
    columns = {"age": ("INT64", [40]), "hours": ("FP64", [38.5]), "grade": ("BYTES", ["mid"])}
    inputs = [
        {"name": n, "shape": [1], "datatype": kind, "data": data}
        for n, (kind, data) in columns.items()
    ]
    body = json.dumps({"inputs": inputs, "outputs": [{"name": "score"}]}).encode()
    for model in ("m", "other"):
        ask(served.port, "POST", f"/v2/models/{model}/infer", body)
    (record,) = seen(served)
    assert (record.score, record.input["grade"]) == (0.25, "mid")
    counted(served, "passed")


def test_behind_its_name_an_endpoint_gives_the_server_whole(served: Served, server: Misbehaving):
    server.answer = reply(b"its own page")
    assert ask(served.port, "GET", "/endpoints/m/metrics?x=1").body == b"its own page"
    assert server.asked[0].startswith(b"GET /metrics?x=1 HTTP/1.1\r\n")
    assert b"seawall_" in ask(served.port, "GET", "/metrics").body
    assert ask(served.port, "GET", "/healthz").status == 200


def test_a_shadow_beside_an_observed_server_is_compared_with_it(
    control: Control, serve: Serve, server: Misbehaving
):
    champion = remote(control, server.url, protocol="mlflow", model="")
    observing(control, server.url, arms=(champion, arm("shadow", "m@2", 4)))
    served = serve()
    scored(served, GOOD)
    counted(served, "seen")
    served.worker.flush()
    assert control.body("counters", "shadow", "m@2").decisions == 1
    assert control.body("shadow", "shadow", "m@2") is not None


def test_an_observed_endpoint_that_is_killed_answers_nobody(served: Served, server: Misbehaving):
    admin = {"authorization": f"Bearer {ADMIN}"}
    assert served.http.post("/admin/endpoints/m/kill", headers=admin).status_code == 200
    got = scored(served, GOOD)
    assert (got.status, dict(got.headers)["retry-after"]) == (503, "1")
    assert not server.asked
    served.http.post("/admin/endpoints/m/unkill", headers=admin)
    assert scored(served, GOOD).status == 200


def test_limits_and_shedding_turn_nobody_away_from_an_observed_server(
    control: Control, serve: Serve, server: Misbehaving
):
    from seawall.serving.limit import Limits

    observing(control, server.url, limits=Limits(requests_per_second=0.1, burst=1, rows=1))
    served = serve()
    assert {scored(served, GOOD).status for _ in range(5)} == {200}
    assert scored(served, GOOD, GOOD).status == 200


def test_a_caller_who_goes_away_ends_the_request_to_the_server(served: Served, server: Misbehaving):
    server.how = "hang"
    line = socket.create_connection(("127.0.0.1", served.port))
    line.sendall(b"GET /slow HTTP/1.1\r\nhost: g\r\n\r\n")
    until(lambda: server.open == 1 and bool(server.asked))
    line.close()
    until(lambda: server.open == 0)


BODY = json.dumps({"dataframe_records": [GOOD]}).encode()
ASKS = b"POST /invocations HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"


def asking(served: Served, length: int, body: bytes) -> socket.socket:
    """A caller's connection with (the begin of) a request on it."""
    line = socket.create_connection(("127.0.0.1", served.port))
    line.sendall(ASKS + b"content-length: %d\r\n\r\n" % length + body)
    return line


def tally(served: Served) -> dict[str, int]:
    served.worker.flush()
    page = served.http.get("/metrics").text
    found = re.findall(r'seawall_observed_requests_total{endpoint="m",outcome="(\w+)"} (\d+)', page)
    return {word: int(count) for word, count in found}


def test_callers_who_leave_before_the_server_answered_are_counted_as_such(
    served: Served, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(observe, "WATCH_SECONDS", 0.05)
    server.how = "hang"
    waits = asking(served, len(BODY), BODY)
    until(lambda: server.open == 1)
    waits.close()
    counted(served, "left", 1)
    asking(served, len(BODY), BODY[:5]).close()  # its request was never whole
    counted(served, "left", 2)
    large = asking(served, observe.LOOKED_BYTES * 2, bytes(observe.LOOKED_BYTES + 1))
    until(lambda: server.open >= 1)
    large.close()
    counted(served, "left", 3)
    server.how = "plain"
    scored(served, GOOD)
    counted(served, "seen")
    assert tally(served) == {"left": 3, "seen": 1}
    assert len(seen(served)) == 1


def test_what_the_server_answered_is_logged_though_its_caller_had_left_by_then(
    served: Served, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(observe, "WATCH_SECONDS", 60.0)
    server.how, server.answer = "chunks", b" "  # no score, which is logged as such
    line = asking(served, len(BODY), BODY)
    assert line.recv(12) == b"HTTP/1.1 200"
    line.close()
    server.go_on.set()
    counted(served, "failed")
    assert [r.action for r in seen(served)] == ["observed"]
    assert tally(served) == {"failed": 1}


def test_a_caller_who_leaves_while_the_answer_is_given_back_keeps_nothing_from_the_log(
    served: Served, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
):
    async def never_drained(*_: Any) -> int:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(observe, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(observe, "_send_whole", never_drained)
    line = asking(served, len(BODY), BODY)
    until(lambda: bool(server.asked))
    line.close()
    counted(served, "seen")
    assert [r.score for r in seen(served)] == [0.25]
    assert tally(served) == {"seen": 1}


def test_what_the_log_does_not_take_is_counted_and_refuses_no_caller_whatever_the_endpoint_says(
    control: Control, serve: Serve, server: Misbehaving
):
    observing(control, server.url, log_failure="refuse")
    served = serve()
    full = OSError(errno.ENOSPC, "No space left on device")
    with mock.patch("seawall.adapters.decisions.wal.os.write", side_effect=full):
        for number in range(3):
            assert (scored(served, GOOD).status, number) == (200, number)
        counted(served, "unread", 3)
        assert served.http.get("/readyz").status_code == 200
    scored(served, GOOD)
    counted(served, "seen")
    assert len(seen(served)) == 1
    served.worker.flush()
    page = served.http.get("/metrics").text
    assert 'seawall_unlogged_total{endpoint="m"} 3' in page
    assert "seawall_log_refused_total 3" in page
    assert control.body("counters").decisions == 4  # they were answered and are counted


def test_from_observing_to_serving_is_one_bundle(
    control: Control, served: Served, server: Misbehaving
):
    assert scored(served, GOOD).body == SCORED.partition(b"\r\n\r\n")[2]
    champion = remote(control, server.url, protocol="mlflow", model="")
    control.issue(in_front(control, server.url, 2, arms=(champion,), fallback=None))
    served.worker.poll()
    assert served.score(GOOD)[0]["score"] == 0.25


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"arms": (arm(),), "fallback": None}, "what is observed is a remote model"),
        ({"log": "durable"}, "answered before it is logged"),
    ],
)
def test_what_cannot_be_observed_is_no_bundle(control: Control, more: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        in_front(control, "http://127.0.0.1:9", mode="observe", **more)
