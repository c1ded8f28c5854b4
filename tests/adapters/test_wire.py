"""Connections to servers that break off, send too much or too little, or close when it suits."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.authority import Authority

from seawall.adapters.upstream import Forwarded, Late, Passage, Upstream
from seawall.adapters.upstream.passing import AHEAD_BYTES
from seawall.kernel import Unavailable

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
Script = Callable[["Call"], Awaitable[bool | None]]
POST = [(b"content-type", b"a/b")]


class Call:
    """One request as the server sees it, `number` from 0 over all connections."""

    def __init__(self, number: int, connection: int, head: bytes, reader: Any, writer: Any) -> None:
        self.number, self.connection, self.head = number, connection, head
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close sends RST
        self.writer.transport.abort()


class Server:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.connections = self.open = 0
        self.writers: set[Any] = set()
        self.url = ""


@asynccontextmanager
async def scripted(script: Script, *, tls: Any = None, body: bool = True) -> AsyncGenerator[Server]:
    """Each request, and its body if it says its length, is answered by `script`: true to go on."""
    made = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, made.connections = made.connections, made.connections + 1
        made.open += 1
        made.writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                if body and size:
                    head += await reader.readexactly(int(size))
                call = Call(len(made.calls), connection, head, reader, writer)
                made.calls.append(call)
                if not await script(call):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            made.open -= 1
            made.writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    made.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    try:
        yield made
    finally:
        server.close()
        for writer in list(made.writers):
            writer.transport.abort()
        while made.open:
            await asyncio.sleep(0.01)
        await server.wait_closed()


def using(script: Script, use: Callable[[Server, Upstream], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with scripted(script) as server, Upstream("risk", server.url, timeout=20.0) as up:
            return await use(server, up)

    return asyncio.run(run())


def passing(script: Script, use: Callable[[Server, Passage], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with scripted(script) as server:
            passage = Passage("risk", server.url)
            try:
                return await use(server, passage)
            finally:
                await passage.close()

    return asyncio.run(run())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


def sending(*answers: bytes, then: str = "go on") -> Script:
    """Answers the n-th request with the n-th of these, and the last to all others."""

    async def script(call: Call) -> bool:
        await call.send(answers[min(call.number, len(answers) - 1)])
        if then == "reset":
            call.reset()
        return then == "go on"

    return script


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        CHUNKED + b"5\r\nhal",
        CHUNKED + b"4\r\nhalf\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhi",
    ],
)
@pytest.mark.parametrize("then", ["close", "reset"])
def test_what_is_no_whole_reply_is_unavailable_and_the_next_request_is_answered(
    answer: bytes, then: str
) -> None:
    async def script(call: Call) -> bool:
        if call.number:
            await call.send(OK)
            return True
        return bool(await sending(answer, then=then)(call))

    async def use(_server: Server, upstream: Upstream) -> None:
        with pytest.raises(Unavailable, match="the upstream risk"):
            await upstream.forward("/", {}, b"x")
        assert (await upstream.forward("/", {}, b"x")).body == b"hi"

    using(script, use)


@given(st.lists(st.integers(0, 200), max_size=6), st.sampled_from(["length", "chunks", "interim"]))
@settings(max_examples=40, deadline=None)
def test_a_reply_is_the_same_however_it_is_cut(cuts: list[int], how: str) -> None:
    answer = {
        "length": b"HTTP/1.1 200 OK\r\nX-Own: a\r\ncontent-length: 12\r\n\r\nhello, world",
        "chunks": b"HTTP/1.1 200 OK\r\nX-Own: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"7\r\nhello, \r\n5;x=y\r\nworld\r\n0\r\nX-Late: b\r\n\r\n",
        "interim": b"HTTP/1.1 103 Early\r\nx-early: b\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-Own: a\r\ncontent-length: 12\r\n\r\nhello, world",
    }[how]

    async def script(call: Call) -> bool:
        at = 0
        for cut in sorted({min(c, len(answer)) for c in cuts}):
            await call.send(answer[at:cut])
            await asyncio.sleep(0)
            at = cut
        await call.send(answer[at:])
        return True

    async def use(server: Server, upstream: Upstream) -> None:
        for _ in range(2):
            found = await upstream.forward("/", {}, b"")
            assert found == Forwarded(200, [(b"X-Own", b"a")], b"hello, world")
        assert server.connections == 1

    using(script, use)


@pytest.mark.parametrize("more", [OK, b"junk", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nevil"])
def test_what_comes_after_a_reply_is_given_to_nobody(more: bytes) -> None:
    async def use(server: Server, upstream: Upstream) -> None:
        assert (await upstream.forward("/", {}, b"1")).body == b"hi"
        assert (await upstream.forward("/", {}, b"2")).body == b"hi"
        assert server.connections == 2  # the first is not trusted any more

    using(sending(OK + more, OK), use)


def test_a_body_without_a_length_goes_on_to_the_end_of_the_connection() -> None:
    async def use(_server: Server, upstream: Upstream) -> None:
        assert (await upstream.forward("/", {}, b"")).body == b"all of it"

    using(sending(b"HTTP/1.1 200 OK\r\n\r\nall of it", then="close"), use)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 304 No\r\ncontent-length: 9\r\n\r\n"]
)
def test_replies_without_a_body_keep_the_connection(answer: bytes) -> None:
    async def use(server: Server, upstream: Upstream) -> None:
        for _ in range(3):
            assert (await upstream.forward("/", {}, b"", method="GET")).body == b""
        assert server.connections == 1

    using(sending(answer), use)


@pytest.mark.parametrize(
    "endless",
    [
        (b"HTTP/1.1 200 OK\r\nx: ", b"a" * 1024),
        (b"", b"HTTP/1.1 103 Early\r\nx: " + b"a" * 1024 + b"\r\n\r\n"),
        (CHUNKED + b"1\r\na\r\n0\r\nx: ", b"a" * 1024),
        (CHUNKED + b"1;x=", b"a" * 1024),
    ],
    ids=["header", "interim", "trailer", "extension"],
)
def test_headers_without_end_are_not_read_on(endless: tuple[bytes, bytes]) -> None:
    async def script(call: Call) -> bool:
        await call.send(endless[0])
        for _ in range(100_000):
            await call.send(endless[1])
        return False

    async def use(server: Server, upstream: Upstream) -> None:
        with pytest.raises(Unavailable, match="did not answer in HTTP"):
            await upstream.forward("/", {}, b"")
        await until(lambda: server.open == 0)

    using(script, use)


def test_a_kept_connection_that_closes_as_it_is_used_costs_no_score() -> None:
    async def script(call: Call) -> bool:
        if call.number == 1:
            return False  # it has been read, and nothing is answered
        await call.send(OK)
        return True

    async def use(server: Server, upstream: Upstream) -> None:
        for _ in range(2):
            assert (await upstream.forward("/", {}, b"x")).body == b"hi"
        assert [call.connection for call in server.calls] == [0, 0, 1]

    using(script, use)


@pytest.mark.parametrize(("method", "asked"), [("GET", 3), ("PUT", 3), ("POST", 2)])
def test_what_passes_is_sent_again_only_where_that_is_safe(method: str, asked: int) -> None:
    async def script(call: Call) -> bool:
        if call.number == 1:
            return False
        await call.send(OK)
        return True

    async def use(server: Server, passage: Passage) -> None:
        for number in range(2):
            safe = (
                contextlib.nullcontext()
                if number == 0 or asked == 3
                else pytest.raises(Unavailable)
            )
            with safe:
                async with passage.ask(method, "/", POST, b"x") as reply:
                    assert b"".join([part async for part in reply.parts]) == b"hi"
        assert len(server.calls) == asked

    passing(script, use)


def test_a_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    async def use(server: Server, upstream: Upstream) -> None:
        for _ in range(3):
            assert (await upstream.forward("/", {}, b"x")).body == b"hi"
            await until(lambda: server.open == 0)
        assert len(server.calls) == 3

    using(sending(OK, then="close"), use)


def test_a_caller_who_goes_away_ends_the_request_and_frees_its_place() -> None:
    async def hang(call: Call) -> bool:
        if call.number < 3:
            await call.reader.read()
            return False
        await call.send(OK)
        return True

    async def run() -> None:
        async with (
            scripted(hang) as server,
            Upstream("risk", server.url, timeout=20.0, connections=1) as upstream,
        ):
            for number in range(3):
                task = asyncio.create_task(upstream.forward("/", {}, b"x"))
                waits = asyncio.create_task(upstream.forward("/", {}, b"waits for a place"))
                await until(lambda n=number: len(server.calls) == n + 1)
                waits.cancel()
                task.cancel()
                await asyncio.gather(task, waits, return_exceptions=True)
                await until(lambda: server.open == 0)
            assert (await upstream.forward("/", {}, b"x")).body == b"hi"

    asyncio.run(run())


def test_a_reply_before_the_request_is_whole_is_passed_back_and_ends_the_connection() -> None:
    early = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno"
    asked_for = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"some"
        await asked_for.wait()  # never
        yield b"more"

    async def use(server: Server, passage: Passage) -> None:
        async with passage.ask("POST", "/", [(b"content-length", b"100")], body()) as reply:
            assert (reply.status, [part async for part in reply.parts]) == (413, [b"no"])
        await until(lambda: server.open == 0)
        assert passage.under_way == 0

    async def run() -> None:
        async with scripted(sending(early), body=False) as server:
            passage = Passage("risk", server.url)
            await use(server, passage)
            await passage.close()

    asyncio.run(run())


def test_a_server_waits_while_its_reply_is_not_taken() -> None:
    sent = 0

    async def script(call: Call) -> bool:
        nonlocal sent
        await call.send(CHUNKED)
        for _ in range(1_000):
            await call.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            sent += 0x10000
        await call.send(b"0\r\n\r\n")
        return True

    async def use(_server: Server, passage: Passage) -> None:
        async with passage.ask("GET", "/", [], b"") as reply:
            before = -1
            while before != sent:  # until it stands still
                before = sent
                await asyncio.sleep(0.2)
            assert sent < 24 << 20  # what the system's buffers take, of 64 MiB
            size = 0
            async for part in reply.parts:
                assert len(part) <= 2 * AHEAD_BYTES
                size += len(part)
            assert size == 1_000 * 0x10000
        async with passage.ask("GET", "/", [], b"") as reply:  # and the connection is free again
            assert reply.status == 200

    passing(script, use)


def test_a_slow_reply_is_late_by_the_callback_too_and_its_place_is_free_again() -> None:
    async def script(call: Call) -> bool:
        if call.number == 1:
            await call.send(OK[:-1])
            await call.reader.read()
            return False
        await call.send(OK)
        return True

    async def use(_server: Server, upstream: Upstream) -> None:
        assert not upstream.begin("/", {}, b"x", print)  # there is no connection to ask over
        await upstream.forward("/", {}, b"x")
        told: list[Forwarded | Unavailable | None] = []
        assert upstream.begin("/", {}, b"x", told.append, timeout=0.1)
        await until(lambda: bool(told))
        assert isinstance(told[0], Late)
        assert (await upstream.forward("/", {}, b"x")).body == b"hi"
        assert upstream.begin("/", {}, b"x", told.append)
        await until(lambda: len(told) == 2)
        assert told[1] == Forwarded(200, [], b"hi")

    using(script, use)


@pytest.mark.parametrize(
    ("target", "header"),
    [("/a b", b"x"), ("/\r\nx: y", b"x"), ("/", b"x\r\ny: z"), ("/", b"x\ny: z"), ("/", b"x\ry")],
)
def test_nothing_that_a_caller_says_ends_a_line_early(target: str, header: bytes) -> None:
    async def use(server: Server, upstream: Upstream) -> None:
        with pytest.raises(Unavailable):
            await upstream.forward(target, [(b"x", header)], b"")
        assert not server.calls

    using(sending(OK), use)


@pytest.mark.parametrize(
    ("by", "host", "answers"),
    [("ours", "localhost", True), ("ours", "127.0.0.1", False), ("another", "localhost", False)],
)
def test_a_server_behind_tls_is_asked_only_under_a_name_that_is_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, host: str, answers: bool
) -> None:
    authorities = {name: Authority(tmp_path, name) for name in ("ours", "another")}
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities["ours"].path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authorities[by].issue("server"))

    async def use() -> None:
        async with scripted(sending(OK), tls=context) as server:
            url = server.url.replace("localhost", host)
            async with Upstream("risk", url, timeout=20.0) as upstream:
                if answers:
                    assert (await upstream.forward("/", {}, b"x")).body == b"hi"
                else:
                    with pytest.raises(Unavailable, match="cannot be reached"):
                        await upstream.forward("/", {}, b"x")
                    assert not server.calls

    asyncio.run(use())
