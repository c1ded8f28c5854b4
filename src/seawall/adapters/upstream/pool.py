"""The connections to one server: kept open between requests, and no more than there may be."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from seawall.adapters.upstream.wire import Unreachable, Wire
from seawall.kernel import BadInput

IDLE_SECONDS = 2.0
"""Kept open between requests: servers close idle connections after 5 s, some after 2 s, and one
that is closed as it is used may cost a request."""
_SAFE = "/%:@!$&'()*+,;=~"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods that say the length of a body also where there is none (RFC 9110, section 8.6)."""


class Address:
    """`http://HOST:PORT/PREFIX` taken apart; raises `BadInput` for what is none, by `name`."""

    def __init__(self, name: str, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(
                f"{url[:80]!r} is no address of a server",
                where=name,
                remedy="write http://HOST:PORT",
            )
        self.tls = parts.scheme == "https"
        usual = 443 if self.tls else 80
        self.port = port or usual
        plain = parts.hostname.isascii()
        self.host = parts.hostname if plain else parts.hostname.encode("idna").decode()
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self._host = (shown if self.port == usual else f"{shown}:{self.port}").encode()
        self._prefix = quote(parts.path.rstrip("/"), safe=_SAFE).encode()

    def head(
        self, method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], size: int | None
    ) -> bytes:
        """A request's line and headers, with its body's size, or in chunks if that is not known.

        Raises `ValueError` for a line that would end early.
        """
        parts = [method.encode(), b" ", self._prefix, target, b" HTTP/1.1\r\nhost: ", self._host]
        lines = 4
        for name, value in headers:
            parts += (b"\r\n", name, b": ", value)
            lines += 1
        if size is None:
            parts.append(b"\r\ntransfer-encoding: chunked")
        elif size or method in _WITH_BODY:
            parts.append(b"\r\ncontent-length: %d" % size)
        else:
            lines -= 1
        parts.append(b"\r\n\r\n")
        head = b"".join(parts)
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b" " in target:
            raise ValueError("a header or target holds the end of a line")
        return head


class Pool:
    """`take` or `await open()`, and once for each of them `leave` when the request has ended.

    A wire that may be used again comes back by itself. Belongs to one event loop.
    """

    def __init__(self, address: Address, most: int | None = None) -> None:
        self._address, self._most = address, most
        self._idle: deque[tuple[Wire, float]] = deque()
        self._wires: set[Wire] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None
        self._closed = False
        self.under_way = 0

    def take(self) -> Wire | None:
        """A kept connection, if there is one and no need to wait."""
        if self._waiting or (self._most is not None and self.under_way >= self._most):
            return None
        wire = self._kept()
        if wire is not None:
            self.under_way += 1
        return wire

    async def open(self, *, new: bool = False) -> Wire:
        """A connection, a `new` one if asked for; raises `Unreachable`."""
        await self._turn()
        try:
            return (not new and self._kept()) or await self._connect()
        except OSError:
            self.leave()
            raise Unreachable from None
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """A request has ended, whatever became of it."""
        self.under_way -= 1
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self.under_way += 1
                turn.set_result(None)
                return

    async def close(self) -> None:
        """End all connections, also those under way."""
        self._closed = True
        self._idle.clear()
        if self._sweep is not None:
            self._sweep.cancel()
        for wire in self._wires:
            wire.refuse(Unreachable())
        while self._wires:
            await asyncio.sleep(0)
        self._closed = False

    async def _turn(self) -> None:
        if self._most is None or (self.under_way < self._most and not self._waiting):
            self.under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if not turn.cancelled():  # it came as the wait ended
                self.leave()
            raise

    async def _connect(self) -> Wire:
        address = self._address
        if address.tls and self._tls is None:
            self._tls = ssl.create_default_context()
        _, wire = await asyncio.get_running_loop().create_connection(
            lambda: Wire(self._freed, self._wires.discard),
            address.host,
            address.port,
            ssl=self._tls,
        )
        if wire.usable:  # else it is lost already
            self._wires.add(wire)
        return wire

    def _kept(self) -> Wire | None:
        """The one used last: what is not needed any more grows old."""
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle:
            wire, since = self._idle.pop()
            if since >= oldest and wire.usable:
                return wire
            wire.abort()
        return None

    def _freed(self, wire: Wire) -> None:
        if self._closed:
            wire.abort()
            return
        loop = asyncio.get_running_loop()
        self._idle.append((wire, loop.time()))
        if self._sweep is None:
            self._sweep = loop.call_later(IDLE_SECONDS, self._end_idle)

    def _end_idle(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - IDLE_SECONDS
        while self._idle and self._idle[0][1] <= oldest:
            self._idle.popleft()[0].abort()
        self._sweep = None
        if self._idle:
            self._sweep = loop.call_at(self._idle[0][1] + IDLE_SECONDS, self._end_idle)
