"""Requests passed through to a server and its replies back, byte for byte as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from seawall.adapters.upstream import wire
from seawall.adapters.upstream.pool import Address, Pool
from seawall.adapters.upstream.wire import Broken, Stale, Unreachable, Wire
from seawall.kernel import Unavailable

CONNECT_SECONDS = 30.0
SILENT_SECONDS = 600.0
"""So long a server may be silent: a caller who gives up earlier ends it earlier."""
AHEAD_BYTES = 256 << 10
"""So much of a reply is read before its caller takes it."""
AGAIN = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
"""Methods that may be sent once more when a kept connection was closed before a byte of the reply
came (RFC 9110, section 9.2.2)."""
Headers = Sequence[tuple[bytes, bytes]]
_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer"),
        *(b"transfer-encoding", b"upgrade"),
    }
)
"""What concerns one connection (RFC 9110, section 7.6.1)."""
_FORWARD = _HOP | {b"host", b"expect", b"content-length"}
_BACK = _HOP | {b"date"}
"""A server of ours dates its replies itself."""


class Passed(NamedTuple):
    """A reply whose body is still to come."""

    status: int
    headers: list[tuple[bytes, bytes]]
    size: int | None
    """The body's bytes, where the server says."""
    parts: AsyncIterator[bytes]


class Passage:
    """A server at `url`, with as many connections as there are requests under way."""

    def __init__(self, name: str, url: str) -> None:
        self._name, self._address = name, Address(name, url)
        self._pool = Pool(self._address)

    @property
    def under_way(self) -> int:
        """Requests whose reply is not whole yet."""
        return self._pool.under_way

    @asynccontextmanager
    async def ask(
        self, method: str, target: str, headers: Headers, body: bytes | AsyncIterable[bytes]
    ) -> AsyncGenerator[Passed]:
        """Pass a request on; `target` is path and query as they came.

        Raises `Unavailable` when there is no reply, also half way through its body.
        """
        reply = None
        try:
            reply = await self._asked(method, target, headers, body)
            yield Passed(reply.status, _kept(reply.headers, _BACK), reply.size, reply)
        except (Broken, TimeoutError, ValueError) as error:
            what = f"the upstream {self._name} gave no whole answer ({type(error).__name__})"
            raise Unavailable(what) from None
        finally:
            if reply is not None:
                reply.leave()

    async def close(self) -> None:
        """End all connections."""
        await self._pool.close()

    async def _asked(
        self, method: str, target: str, headers: Headers, body: bytes | AsyncIterable[bytes]
    ) -> _Reply:
        whole = body if isinstance(body, bytes) else None
        size = None if whole is None else len(whole)
        if whole is None:  # its size goes with it, or else it goes in chunks
            size = next((int(v) for n, v in headers if n == b"content-length"), None)
        kept = _kept(headers, _FORWARD)
        data = self._address.head(method, target.encode("latin-1"), kept, size) + (whole or b"")
        try:
            return await self._begun(method, data, body, chunked=size is None, new=False)
        except Stale:
            if whole is None or method not in AGAIN:
                raise
            return await self._begun(method, data, body, chunked=False, new=True)

    async def _begun(
        self,
        method: str,
        data: bytes,
        body: bytes | AsyncIterable[bytes],
        *,
        chunked: bool,
        new: bool,
    ) -> _Reply:
        """The reply, as soon as it has begun."""
        line = None if new else self._pool.take()
        if line is None:
            async with asyncio.timeout(CONNECT_SECONDS):
                line = await self._pool.open(new=new)
        reply = _Reply(line, self._pool)
        try:
            streams = not isinstance(body, bytes)
            line.send(reply, data, bodiless=method == "HEAD", more=streams)
            if not isinstance(body, bytes):
                reply.upload(body, chunked=chunked)
            await reply.begun
        except BaseException:
            reply.leave()
            raise
        return reply


class _Reply:
    """A reply as it comes: `begun`, then an iterator over its parts; `leave` it at the end."""

    def __init__(self, line: Wire, pool: Pool) -> None:
        loop = asyncio.get_running_loop()
        self._line, self._pool = line, pool
        self._parts: deque[bytes] = deque()
        self._ahead, self._paused, self._ended = 0, False, False
        self._error: BaseException | None = None
        self._more: asyncio.Future[None] | None = None
        self._upload: asyncio.Task[None] | None = None
        self.begun: asyncio.Future[None] = loop.create_future()
        self.status, self.size = 0, None
        self.headers: wire.Headers = []
        self._heard = loop.time()
        self._timer = loop.call_later(SILENT_SECONDS, self._silent)

    def head(self, status: int, headers: wire.Headers, size: int | None) -> None:
        """It begins."""
        self._heard = asyncio.get_running_loop().time()
        self.status, self.headers, self.size = status, headers, size
        if not self.begun.done():
            self.begun.set_result(None)

    def body(self, part: bytes) -> None:
        """More of it; the server waits while its caller does not take it."""
        self._heard = asyncio.get_running_loop().time()
        self._parts.append(part)
        self._ahead += len(part)
        if self._ahead > AHEAD_BYTES and not self._paused:
            self._paused = True
            self._line.pause()
        self._wake()

    def end(self) -> None:
        """It is whole."""
        self._ended = True
        if self._paused:  # the connection may go to another
            self._line.resume()
        self._wake()

    def failed(self, error: BaseException) -> None:
        """It will not be."""
        self._ended, self._error = True, error
        if not self.begun.done():
            self.begun.set_exception(error)
        self._wake()

    def leave(self) -> None:
        """Nothing more of it is wanted."""
        self._timer.cancel()
        if self._upload is not None:
            self._upload.cancel()
        if not self._ended:
            self._ended = True
            self._line.abort()
        self._pool.leave()

    def upload(self, parts: AsyncIterable[bytes], *, chunked: bool) -> None:
        """Send the body while the reply may come already."""
        self._upload = asyncio.get_running_loop().create_task(self._send(parts, chunked))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._more = asyncio.get_running_loop().create_future()
            await self._more
        part = self._parts.popleft()
        self._ahead -= len(part)
        if self._paused and not self._ended and self._ahead < AHEAD_BYTES // 2:
            self._paused = False
            self._line.resume()
        return part

    async def _send(self, parts: AsyncIterable[bytes], chunked: bool) -> None:
        try:
            async for part in parts:
                if part:
                    self._heard = asyncio.get_running_loop().time()
                    sent = b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
                    await self._line.write(sent)
            if chunked:
                await self._line.write(b"0\r\n\r\n")
        except Exception as error:  # noqa: BLE001 -- whatever it was is raised where the reply is waited for
            if not self._ended:
                self._line.abort()
                self.failed(error)
        else:
            self._line.written()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def _silent(self) -> None:
        loop = asyncio.get_running_loop()
        if self._parts:  # it is the caller who waits
            self._heard = loop.time()
        if loop.time() - self._heard < SILENT_SECONDS:
            self._timer = loop.call_at(self._heard + SILENT_SECONDS, self._silent)
        elif not self._ended:
            self._line.abort()
            self.failed(Unreachable())


def _kept(headers: Headers, dropped: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """Without what concerns one connection, and what its `Connection` header names."""
    kept = [pair for pair in headers if pair[0].lower() not in dropped]
    named = [v for n, v in headers if len(n) == 10 and n.lower() == b"connection"]
    if named:
        own = {token.strip().lower() for value in named for token in value.split(b",")}
        kept = [pair for pair in kept if pair[0].lower() not in own]
    return kept
