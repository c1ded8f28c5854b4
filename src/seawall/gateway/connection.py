"""One caller's connection, guarded against callers that are slow on purpose or send without end.

A sweep, `look`, ends what took too long; a request pays for it with a few assignments and no timer.
A small request for a decision is held back until all of it is there, and then offered to the lane.
"""

from __future__ import annotations

import asyncio
import http
from typing import Any, Literal, cast

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from seawall.gateway.entered import Entered
from seawall.gateway.lane import Lane
from seawall.gateway.reply import Reply

SWEEP_SECONDS = 0.5
CALLER = b"seawall-caller"


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker grants its callers; an overdue connection ends within a sweep.

    Headers must be complete `head_seconds` after the first byte, or after connecting, and be of at
    most `head_bytes`. A body may take `body_seconds` and, beyond them, as long as `body_rate` bytes
    a second come on average. Between requests a connection is kept for `idle_seconds`; a reply must
    be read within as long. `most` connections are open at a time.
    """

    head_seconds: float = 10.0
    head_bytes: int = 32 * 1024
    body_seconds: float = 10.0
    body_rate: int = 16 * 1024
    idle_seconds: float = 75.0
    most: int = 4_096


class _Owed:
    """Stands for a request that the lane has yet to answer, so that the next waits for it."""

    def __init__(self) -> None:
        self.response_complete = self.disconnected = False
        self.message_event = asyncio.Event()


class _Refused(Exception):
    """Raised through the parser: what is being read is not answered by the application."""


class Connection(HttpToolsProtocol):
    """What is awaited of the caller: a `head`, a `body`, nothing while we `answer`, or `idle`."""

    def __init__(
        self, *given: Any, limits: Connections, lane: Lane, draining: list[bool], **named: Any
    ):
        super().__init__(*given, **named)
        self._limits, self._lane, self._draining = limits, lane, draining
        self._held: bytes | None = None
        """The body so far of a request that may go by the lane."""
        self._owed = False
        """Whether the lane owes a reply."""
        self._last = False
        """Whether what is owed is the last."""
        self._awaits: Literal["head", "body", "answer", "idle"] = "head"
        self._since = self.loop.time()
        self._read = 0
        self._refusal = 400, "this is no HTTP request"
        self._subject: bytes | None = None

    def connection_made(self, transport: Any) -> None:
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.most:
            self._refuse(503, "too many connections")
        elif certificate := transport.get_extra_info("peercert"):
            self._subject = _common_name(certificate)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self.parser is None or self.transport.is_closing():
            return
        self._read += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # answered as HTTP/1.1, and what follows is not read
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
        else:
            if self._awaits == "head" and self._read > self._limits.head_bytes:
                self._refuse(431, "the headers are too large")

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._owed:  # requests one after another without waiting: replies keep the order
            self._lane.settle()  # what is durable is still owed, and the next queues behind it
        self.url, self.headers, self.expect_100_continue = b"", [], False
        if self._awaits == "idle":
            self._awaits, self._since = "head", self.loop.time()

    def on_headers_complete(self) -> None:
        """Begin to answer, while the body may still come."""
        if self._read > self._limits.head_bytes:
            size = len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers)
            if size > self._limits.head_bytes:
                self._refusal = 431, "the headers are too large"
                raise _Refused
        if self._subject is not None:  # a header cannot speak for another than the certificate
            kept = [pair for pair in self.headers if pair[0] != CALLER]
            self.headers[:] = [*kept, (CALLER, self._subject)]
        if self._may_wait():
            self._held = b""
        else:
            self._begin()
        self._awaits, self._since, self._read = "body", self.loop.time(), 0

    def _may_wait(self) -> bool:
        """Whether the lane may be offered this request."""
        cycle: Any = self.cycle  # None before the first request
        parser: Any = self.parser
        return (
            not self._owed
            and self._lane.leads(self.url, self.headers)
            and (cycle is None or cycle.response_complete)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not (
                parser.should_upgrade()
                or self.expect_100_continue
                or self.flow.write_paused
                or self._draining
            )
        )

    def _begin(self, entered: Entered | None = None) -> None:
        """Go the ordinary way, with what has come of the body."""
        held, self._held = self._held, None
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers
        scope: Any = self.scope
        scope["seawall.entered"] = entered
        if self._owed:
            self.cycle = cast("Any", _Owed())
        super().on_headers_complete()
        if self._draining:
            self.cycle.keep_alive = False
        if held:
            super().on_body(held)

    def on_body(self, body: bytes) -> None:
        """Some of the body has come."""
        if self._held is None:
            super().on_body(body)
        else:
            self._held += body

    def on_message_complete(self) -> None:
        """The body has come."""
        if self._held is not None:
            self._owed, self._awaits, self._read = True, "answer", 0
            taken = self._lane.take(self, self.url, self.headers, self._held)
            if taken is True:
                self._held = None
                return
            self._owed = False
            self._begin(taken or None)
        super().on_message_complete()
        answered = self.cycle.response_complete
        self._awaits, self._read = "idle" if answered else "answer", 0

    def answer(self, answered: Reply) -> None:
        """Send what the lane owed."""
        self._owed = False
        if not self.transport.is_closing():
            status, headers, body = answered
            parts = [STATUS_LINE[status]]
            for name, value in (*self.server_state.default_headers, *headers):
                parts += (name, b": ", value, b"\r\n")
            if self._last:
                parts.append(b"connection: close\r\n")
            parts += (b"content-length: %d\r\n\r\n" % len(body), body)
            self.transport.write(b"".join(parts))
            if self._last:
                self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request; what the parent class does, without its timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self._since = self.loop.time()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._awaits == "answer":
            self._awaits = "idle"

    def look(self, now: float) -> None:
        """End the connection if it is overdue."""
        limits, spent = self._limits, now - self._since
        if self._awaits == "head" and spent > limits.head_seconds:
            self._refuse(408, "the headers took too long")
        elif self._awaits == "body" and spent > limits.body_seconds:
            if self._held is not None:
                self._begin()
            if self.cycle.response_complete:  # what is left of a refused body was thrown away
                self.transport.abort()
            elif self._read < limits.body_rate * (spent - limits.body_seconds):
                self._refuse(408, "the body took too long")
        elif spent > limits.idle_seconds and (
            self._awaits == "idle" or self.transport.get_write_buffer_size()
        ):
            self.transport.abort()

    def drain(self) -> None:
        """Answer what is under way, and the next request if one is on its way; then close."""
        if self._held is not None:
            self._begin()
        cycle: Any = self.cycle  # None before the first request
        if cycle:
            cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close, or see to it that what is under way is the last."""
        if self._owed:
            self._lane.settle()
        if self._held is not None:
            self._begin()
        if self._owed and not self.pipeline:
            self._last = True
        else:
            super().shutdown()

    def _refuse(self, status: int, why: str) -> None:
        """Answer without the application, and close; what was refused once is not told again."""
        if self.transport.is_closing():
            return
        body = msgspec.json.encode({"error": why})
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
            "content-type: application/json\r\nconnection: close\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _common_name(certificate: dict[str, Any]) -> bytes | None:
    """The subject's common name, or all of the subject when it has none."""
    named = [pair for part in certificate.get("subject", ()) for pair in part]
    found = dict(named).get("commonName") or ",".join(f"{k}={v}" for k, v in named)
    return found.encode("latin-1", "replace") or None
