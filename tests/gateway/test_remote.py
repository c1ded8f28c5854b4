"""A gateway whose champion runs on another server, and what that server may do to it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.adapters.misbehaving import Misbehaving, binary, mlflow, oip, reply
from tests.gateway.conftest import Serve, Served
from tests.gateway.control import ADMIN, GOOD, START, Control, arm, model
from tests.gateway.elsewhere import elsewhere, in_front, remote

from seawall.serving.breaker import Breaking
from seawall.serving.condition import Condition
from seawall.serving.cost import Cost
from seawall.serving.decision import DecisionRecord
from seawall.serving.fallback import Fallback, FallbackRule

SIMPLE = float(model(4).predict_proba(np.array([[40, 38.5, 1]], np.float32))[0, 1])
QUICK = {"timeout_ms": 150.0}


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with elsewhere() as made:
        yield made


def told(served: Served) -> list[DecisionRecord]:
    """The decisions logged so far."""
    return list(served.gateway.log.pending(START))


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


def test_a_remote_champion_answers(control: Control, serve: Serve, server: Misbehaving):
    control.issue(in_front(control, server.url))
    (answer,) = serve().score(GOOD)
    assert answer["score"] == 0.25
    assert (answer["arm"], answer["version"], answer["verdict"]) == ("champion", "m@1", "pass")
    assert server.asked[0].startswith(b"POST /v2/models/m/infer HTTP/1.1\r\n")
    assert b'"data":[40.0,38.5,1.0]' in server.asked[0]


def test_rows_are_asked_in_one_request_and_answered_in_their_order(
    control: Control, serve: Serve, server: Misbehaving
):
    server.answer = oip([0.25, 0.75])
    control.issue(in_front(control, server.url, binary=True))
    answers = serve().score(GOOD, GOOD | {"age": 71})
    assert [a["score"] for a in answers] == [0.25, 0.75]
    sent = np.frombuffer(server.asked[0][-24:], "<f4").reshape(2, 3)
    assert sent.tolist() == [[40, 38.5, 1], [71, 38.5, 1]]


def test_an_mlflow_server_is_sent_what_callers_send_by_the_names_of_its_fields(
    control: Control, serve: Serve, server: Misbehaving
):
    server.answer = mlflow([[0.4, 0.6]])
    control.issue(in_front(control, server.url, protocol="mlflow", model=""))
    assert serve().score(GOOD)[0]["score"] == 0.6
    body = server.asked[0].partition(b"\r\n\r\n")[2]
    expected = {"columns": ["age", "hours", "grade"], "data": [[40, 38.5, "mid"]]}
    assert json.loads(body) == {"dataframe_split": expected}


@pytest.mark.parametrize(
    ("how", "answer", "why"),
    [
        ("hang", oip([0.25]), "gave no answer within 0.15 s"),
        ("drip", oip([0.25]), "gave no answer within 0.15 s"),
        ("reset", oip([0.25]), "closed the connection"),
        ("half", oip([0.25]), "closed the connection"),
        ("plain", reply(b"<html>oops</html>"), "something else than its protocol says"),
        ("plain", reply(b"busy", "500 x"), "answered 500"),
        ("plain", reply(b"no", "400 x"), "answered 400"),
        ("plain", reply(b"", "302 x", "location: /\r\n"), "answered 302"),
        ("plain", oip([0.25, 0.5]), "something else than its protocol says"),
        ("plain", oip(["a"]), "something else than its protocol says"),
        ("plain", oip([None]), "a score that is no finite number"),
        ("plain", binary([float("nan")]), "a score that is no finite number"),
        ("plain", oip([1.5]), "score is not a number from 0 to 1"),
    ],
)
def test_whatever_the_server_does_the_simpler_model_answers_and_the_record_says_why(
    control: Control, serve: Serve, server: Misbehaving, how: str, answer: bytes, why: str
):
    server.how, server.answer = how, answer
    control.issue(in_front(control, server.url, **QUICK))
    served = serve()
    (given,) = served.score(GOOD)
    assert given["score"] == pytest.approx(SIMPLE, abs=1e-6)
    assert (given["verdict"], given["arm"]) == ("fallback", "champion")
    (record,) = told(served)
    assert record.fallback == "simple"
    assert why in record.reasons[0]
    assert record.reasons[0].endswith("; a person decides")


def test_the_chain_goes_on_to_a_rule_and_to_the_default_when_other_servers_fail_too(
    control: Control, serve: Serve, server: Misbehaving
):
    server.how = "reset"
    adult = FallbackRule(where=(Condition("age", at_least=60),), label=1, reason="over 60")
    chain = Fallback(label=0, reason="a person decides", arms=("second",), rules=(adult,))
    second = remote(control, server.url, "second", timeout_ms=150.0)
    arms = (remote(control, server.url, timeout_ms=150.0), second)
    control.issue(in_front(control, server.url, arms=arms, fallback=chain))
    served = serve()
    by_rule, by_default = served.score(GOOD | {"age": 71}, GOOD)
    assert (by_rule["label"], by_default["label"]) == (1, 0)
    first, last = (record.reasons[0] for record in told(served))
    assert first.startswith("the upstream risk cannot be reached, or closed the connection")
    assert "; second: the upstream second cannot be reached" in first
    assert first.endswith("; over 60")
    assert last.endswith("; a person decides")


def test_without_a_fallback_a_failed_server_is_a_503_that_is_logged(
    control: Control, serve: Serve, server: Misbehaving
):
    server.how = "reset"
    arms = (remote(control, server.url),)
    control.issue(in_front(control, server.url, arms=arms, fallback=None))
    served = serve()
    answer = served.http.post("/invocations", json={"instances": [GOOD]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    (record,) = told(served)
    assert record.output is None
    assert "closed the connection" in record.reasons[0]


def test_a_step_of_the_chain_keeps_its_own_time_out(
    control: Control, serve: Serve, server: Misbehaving
):
    server.how = "hang"
    champion = msgspec.structs.replace(
        remote(control, server.url, timeout_ms=60_000.0), timeout_ms=100.0
    )
    control.issue(in_front(control, server.url, arms=(champion, arm("simple", "m@9", 4))))
    served = serve()
    assert served.score(GOOD)[0]["verdict"] == "fallback"
    assert "within 0.1 s" in told(served)[0].reasons[0]


def test_a_server_that_keeps_failing_is_left_alone_and_found_again_when_it_is_well(
    control: Control, serve: Serve, server: Misbehaving
):
    server.how = "reset"
    rule = Breaking(calls=3, open_seconds=0.3, trials=2)
    control.issue(in_front(control, server.url, breaker=rule))
    served = serve()
    for _ in range(3):
        served.score(GOOD)
    asked = len(server.asked)
    assert served.score(GOOD)[0]["verdict"] == "fallback"
    assert len(server.asked) == asked
    assert "is left alone after failures" in told(served)[-1].reasons[0]
    served.worker.flush()
    page = served.http.get("/metrics").text
    assert 'seawall_upstream_circuit{upstream="risk"} 2' in page
    assert 'seawall_upstream_requests_total{upstream="risk",outcome="unreachable"} 3' in page
    assert 'seawall_upstream_requests_total{upstream="risk",outcome="open"} 1' in page
    server.how = "plain"
    until(lambda: served.score(GOOD)[0]["verdict"] == "pass")
    assert served.score(GOOD)[0]["verdict"] == "pass"
    assert served.score(GOOD)[0]["verdict"] == "pass"
    assert 'seawall_upstream_circuit{upstream="risk"} 0' in served.http.get("/metrics").text


def test_a_call_costs_where_it_was_made_and_not_while_the_circuit_is_open(
    control: Control, serve: Serve, server: Misbehaving
):
    server.how = "reset"
    champion, *others = in_front(control, server.url, breaker=Breaking(calls=3)).arms
    champion = msgspec.structs.replace(champion, cost=Cost(amount=1, currency="EUR"))
    simple = msgspec.structs.replace(others[0], cost=Cost(amount=0.25, currency="EUR"))
    control.issue(in_front(control, server.url, arms=(champion, simple)))
    served = serve()
    for _ in range(8):
        assert served.score(GOOD)[0]["verdict"] == "fallback"
    served.worker.flush()
    counters = control.body("counters")
    assert counters.errors == 8
    assert counters.costs == {"EUR": 1_000_000 * len(server.asked)} == {"EUR": 3_000_000}
    simply = control.body("counters", simple.name, simple.version)
    assert simply.costs == {"EUR": 8 * 250_000}


def test_a_callers_odd_row_does_not_open_the_circuit_for_others(
    control: Control, serve: Serve, server: Misbehaving
):
    server.answer = reply(b"I do not like this row", "422 x")
    control.issue(in_front(control, server.url, breaker=Breaking(calls=2)))
    served = serve()
    for _ in range(4):
        assert served.score(GOOD)[0]["verdict"] == "fallback"
    server.answer = oip([0.25])
    assert served.score(GOOD)[0]["verdict"] == "pass"


def test_the_circuit_stays_as_it_is_when_a_new_bundle_comes(
    control: Control, serve: Serve, server: Misbehaving
):
    server.how = "reset"
    rule = Breaking(calls=2, open_seconds=60.0)
    control.issue(in_front(control, server.url, breaker=rule))
    served = serve()
    for _ in range(2):
        served.score(GOOD)
    control.issue(in_front(control, server.url, 2, breaker=rule))
    served.worker.poll()
    server.how = "plain"
    assert served.score(GOOD)[0]["verdict"] == "fallback"
    assert "is left alone" in told(served)[-1].reasons[0]


def test_what_would_wait_too_long_for_a_slow_server_is_turned_away_with_retry_after(
    control: Control, serve: Serve, server: Misbehaving
):
    control.issue(in_front(control, server.url, concurrency=1, timeout_ms=400.0))
    served = serve()
    server.how = "hang"
    body = {"instances": [GOOD]}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: served.http.post("/invocations", json=body), range(8)))
    shed = [a for a in found if a.status_code == 503]
    assert {a.status_code for a in found} == {200, 503}
    assert all(int(a.headers["retry-after"]) >= 1 for a in shed)
    assert all("the upstream risk is busy" in a.json()["error"] for a in shed)
    assert len(told(served)) == len(found) - len(shed)
    served.worker.flush()
    counters = control.body("counters")
    assert (counters.refused, counters.decisions) == (len(shed), len(found) - len(shed))
    server.how = "plain"
    until(lambda: served.score(GOOD)[0]["verdict"] == "pass")


def test_the_kill_switch_works_while_the_server_hangs_and_the_control_plane_is_gone(
    control: Control, serve: Serve, server: Misbehaving
):
    control.issue(in_front(control, server.url, timeout_ms=60_000.0))
    served = serve()
    control.close()
    server.how = "hang"
    line = socket.create_connection(("127.0.0.1", served.port))
    body = json.dumps({"instances": [GOOD]}).encode()
    head = f"POST /invocations HTTP/1.1\r\nhost: g\r\ncontent-length: {len(body)}\r\n\r\n"
    line.sendall(head.encode() + body)
    until(lambda: bool(server.asked))
    admin = {"authorization": f"Bearer {ADMIN}"}
    assert served.http.post("/admin/endpoints/m/kill", headers=admin).status_code == 200
    asked = len(server.asked)
    (answer,) = served.score(GOOD)
    assert (answer["verdict"], answer["label"]) == ("fallback", 0)
    assert answer["reason"] == "switched off; a person decides"
    assert len(server.asked) == asked
    line.close()
    server.how = "reset"


def test_a_gateway_starts_and_serves_while_the_server_is_not_there(control: Control, serve: Serve):
    control.issue(in_front(control, "http://127.0.0.1:9"))
    served = serve()
    assert served.http.get("/readyz").status_code == 200
    assert served.score(GOOD)[0]["verdict"] == "fallback"


def test_a_secret_comes_from_where_the_gateway_runs_and_stands_in_no_bundle(
    control: Control, serve: Serve, server: Misbehaving, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):  # fmt: skip
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("RISK_TOKEN", "t0p-secret")
    headers = {"Authorization": "Bearer ${RISK_TOKEN}", "x-key": f"${{file:{tmp_path}/key}}"}
    control.issue(in_front(control, server.url, headers=headers))
    served = serve()
    served.score(GOOD)
    assert b"Authorization: Bearer t0p-secret\r\n" in server.asked[0]
    assert b"x-key: from-a-file\r\n" in server.asked[0]
    assert not any(b"t0p-secret" in held for held in (*control.objects.values(),
                                                      *control.bundles.values()))  # fmt: skip


def test_a_bundle_whose_secret_is_not_there_is_refused_and_the_last_one_serves_on(
    control: Control, serve: Serve, server: Misbehaving
):
    control.issue(in_front(control, server.url))
    served = serve()
    headers = {"authorization": "Bearer ${NOT_SET_ANYWHERE}"}
    control.issue(in_front(control, server.url, 2, headers=headers))
    served.worker.poll()
    assert served.gateway.holder.refused["m", "model"] == 1
    assert served.score(GOOD)[0]["score"] == 0.25


@pytest.mark.parametrize("how", ["hang", "reset", "plain"])
def test_a_remote_shadow_never_slows_or_fails_a_caller(
    control: Control, serve: Serve, server: Misbehaving, how: str
):
    server.how, server.answer = how, oip([0.5] * 3)
    shadow = remote(control, server.url, "shadow", timeout_ms=150.0 if how == "hang" else 5_000.0)
    control.issue(in_front(control, server.url, arms=(arm(), shadow), fallback=None))
    served = serve()
    answers = served.score(GOOD, GOOD, GOOD)
    assert [a["verdict"] for a in answers] == ["pass"] * 3
    assert not server.asked
    served.worker.flush()
    counters = control.body("counters", "shadow", "m@2")
    failed = 0 if how == "plain" else 3
    assert (counters.decisions, counters.errors) == (3, failed)
    assert control.body("counters").errors == 0


def test_a_canary_elsewhere_and_a_champion_here_share_a_request(
    control: Control, serve: Serve, server: Misbehaving
):
    canary = remote(control, server.url, "canary", weight=0.5)
    arms = (arm(weight=0.5), canary)
    control.issue(in_front(control, server.url, arms=arms, fallback=None))
    server.answer = oip([0.25])
    served = serve()
    found = {a["arm"]: a["score"] for i in range(20) for a in served.score(GOOD, person=f"p{i}")}
    assert found["canary"] == 0.25
    expected = float(model().predict_proba(np.array([[40, 38.5, 1]], np.float32))[0, 1])
    assert found["champion"] == pytest.approx(expected, abs=1e-6)
