from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from seawall.kernel import (
    BadInput,
    Conflict,
    Corrupt,
    Digest,
    Forbidden,
    NotFound,
    SeawallError,
    Unauthenticated,
    Unavailable,
)
from seawall.sdk.client import Client


class _Answers(BaseHTTPRequestHandler):
    status, body = 200, b"{}"
    heard: ClassVar[list[tuple[str, str, str, bytes]]] = []

    def do_GET(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        token = self.headers.get("authorization", "")
        self.heard.append((self.command, self.path, token, self.rfile.read(size)))
        self.send_response(type(self).status)
        self.send_header("content-length", str(len(type(self).body)))
        self.end_headers()
        self.wfile.write(type(self).body)

    do_POST = do_PUT = do_GET  # noqa: N815 -- the names that http.server calls

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def answers() -> Iterator[tuple[type[_Answers], str]]:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    _Answers.heard.clear()
    _Answers.status, _Answers.body = 200, b"{}"
    yield _Answers, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadInput),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (503, Unavailable),
        (500, Unavailable),
    ],
)
def test_an_answer_becomes_the_error_of_the_same_meaning(
    answers: tuple[type[_Answers], str], status: int, kind: type[SeawallError]
) -> None:
    handler, url = answers
    handler.status = status
    handler.body = json.dumps({"error": "no", "where": "there", "remedy": "do"}).encode()
    with Client(url, "swl_x") as client, pytest.raises(kind) as error:
        client.get("/versions")
    assert str(error.value) == "no (there); do"


@pytest.mark.parametrize("body", [b"<html>proxy</html>", b"[]", b""])
def test_an_answer_of_somebody_else_is_told_as_it_is(
    answers: tuple[type[_Answers], str], body: bytes
) -> None:
    handler, url = answers
    handler.status, handler.body = 502, body
    with Client(url, "swl_x") as client, pytest.raises(Unavailable) as error:
        client.get("/versions")
    assert body.decode() in str(error.value) or "answered 502" in str(error.value)


def test_a_call_carries_the_token_and_what_is_asked(
    answers: tuple[type[_Answers], str],
) -> None:
    handler, url = answers
    with Client(url + "/", " swl_x\n") as client:
        client.get("/versions", model="income", count=None)
        client.post("/rollouts", {"endpoint": "income"})
    assert handler.heard == [
        ("GET", "/api/v1/versions?model=income", "Bearer swl_x", b""),
        ("POST", "/api/v1/rollouts", "Bearer swl_x", b'{"endpoint":"income"}'),
    ]


def test_without_a_token_no_header_is_sent(answers: tuple[type[_Answers], str]) -> None:
    handler, url = answers
    with Client(url, "") as client:
        client.post("/claim")
    assert handler.heard[0][2] == ""


def test_an_object_that_changed_on_its_way_is_corrupt(
    answers: tuple[type[_Answers], str],
) -> None:
    handler, url = answers
    handler.body = json.dumps({"digest": Digest.of(b"other")}).encode()
    with Client(url, "swl_x") as client:
        with pytest.raises(Corrupt, match="changed on its way"):
            client.put_object(b"mine")
        with pytest.raises(Corrupt, match="arrived altered"):
            client.get_object(Digest.of(b"mine"))


def test_nobody_there_is_told_in_one_line() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with Client(url, "swl_x") as client, pytest.raises(Unavailable, match="seawall serve"):
            client.get("/whoami")


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://x", "http://", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="not a control plane's address"):
        Client(url, "swl_x")


@pytest.mark.parametrize("token", ["tökén", "swl_a\nb"])
def test_what_no_header_can_carry_is_no_token(token: str) -> None:
    with pytest.raises(BadInput, match="the token is not one"):
        Client("http://127.0.0.1:1", token)
