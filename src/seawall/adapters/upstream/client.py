"""One pooled client to one server, each of whose faults becomes one error with its name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

from seawall.adapters.upstream.pool import Address, Pool
from seawall.adapters.upstream.wire import Broken, Garbled, Headers, Oversized, Stale, Wire
from seawall.kernel import Unavailable

CONNECTIONS = 64
"""Kept open at most to one server; more requests wait for one, within their time-out."""
MOST_BYTES = 16 << 20
_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te"),
        *(b"trailer", b"transfer-encoding", b"upgrade", b"content-length", b"host"),
    }
)
"""What concerns one connection and is not passed on (RFC 9110, section 7.6.1)."""


class Late(Unavailable):
    """No whole reply came in time."""


class Answered(Unavailable):
    """A reply of another status than 200 came."""

    code = 0


class Forwarded(NamedTuple):
    """What a server answered, as it stood."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


Then = Callable[[Forwarded | Unavailable | None], None]


class Upstream:
    """A server at `url` (`http://host:port/prefix`), told in errors by `name`.

    Belongs to the event loop it is first used on. `timeout` in seconds bounds each request whole,
    from the wait for a connection to the last byte of the reply; `most_bytes` bounds the reply.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        timeout: float = 1.0,
        connections: int = CONNECTIONS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.name, self.timeout = name, timeout
        self._address, self._most = Address(name, url), most_bytes
        self._pool = Pool(self._address, connections)

    async def forward(
        self,
        path: str,
        headers: Mapping[str, str] | Headers,
        body: bytes,
        *,
        method: str = "POST",
        timeout: float | None = None,
        spent: float = 0.0,
    ) -> Forwarded:
        """Pass a request on and return the reply byte for byte, whatever its status.

        Headers of one connection alone are left out in both directions. A question for a score
        changes nothing at the server: where a kept connection turns out closed before a byte of
        the reply came, it is asked once more on a new one. Raises `Unavailable` when the server
        does not answer in time, of which so many seconds are `spent`, answers no HTTP, or more than
        is let in.
        """
        given = timeout or self.timeout
        until = asyncio.get_running_loop().time() + given - spent
        try:
            data = self._request(method, path, headers, body)
            try:
                whole = await self._ask(data, method, until, new=False)
            except Stale:
                whole = await self._ask(data, method, until, new=True)
        except (Broken, TimeoutError, ValueError) as error:
            raise self._unavailable(error, given) from None
        return whole.forwarded()

    def begin(
        self,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        then: Then,
        *,
        timeout: float | None = None,
    ) -> bool:
        """Post the same from a callback of the event loop, if a kept connection is free.

        `then` is told what `forward` would return or raise; None where the connection turned out
        closed before a byte of the reply came, and it must be asked again.
        """
        given = timeout or self.timeout
        try:
            data = self._request("POST", path, headers, body)
        except ValueError:
            return False
        wire = self._pool.take()
        if wire is None:
            return False

        def told(done: asyncio.Future[None]) -> None:
            whole.timer.cancel()
            self._pool.leave()
            match done.exception():
                case None:
                    then(whole.forwarded())
                case Stale():
                    then(None)
                case error:
                    then(self._unavailable(error, given))

        whole = _Whole(wire, self._most, asyncio.get_running_loop().time() + given)
        whole.done.add_done_callback(told)
        wire.send(whole, data)
        return True

    async def close(self) -> None:
        """End all connections."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask(self, data: bytes, method: str, until: float, *, new: bool) -> _Whole:
        wire = None if new else self._pool.take()
        if wire is None:
            async with asyncio.timeout_at(until):
                wire = await self._pool.open(new=new)
        whole = _Whole(wire, self._most, until)
        try:
            wire.send(whole, data, bodiless=method == "HEAD")
            await whole.done
        except asyncio.CancelledError:
            wire.abort()
            raise
        finally:
            whole.timer.cancel()
            self._pool.leave()
        return whole

    def _request(
        self, method: str, path: str, headers: Mapping[str, str] | Headers, body: bytes
    ) -> bytes:
        target, passed = path.encode("ascii"), _passed_on(headers)
        return self._address.head(method, target, passed, len(body)) + body

    def _unavailable(self, error: BaseException, timeout: float) -> Unavailable:
        match error:
            case TimeoutError():
                return Late(f"the upstream {self.name} gave no answer within {timeout:g} s")
            case Oversized():
                what = f"answered more than {self._most:,} bytes"
            case Garbled() | ValueError():
                what = "did not answer in HTTP"
            case _:
                what = "cannot be reached, or closed the connection"
        return Unavailable(f"the upstream {self.name} {what}")


class _Whole:
    """A reply that is waited for until it is whole, as `done` says, or it is late."""

    __slots__ = ("_most", "_parts", "_read", "_wire", "done", "headers", "status", "timer")

    def __init__(self, wire: Wire, most: int, until: float) -> None:
        loop = asyncio.get_running_loop()
        self._wire, self._most = wire, most
        self._parts: list[bytes] = []
        self._read, self.status = 0, 0
        self.headers: Headers = []
        self.done: asyncio.Future[None] = loop.create_future()
        self.timer = loop.call_at(until, self._late)

    def forwarded(self) -> Forwarded:
        """What came, without what concerns the connection."""
        content = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        back = [pair for pair in self.headers if pair[0].lower() not in _HOP]
        return Forwarded(self.status, back, content)

    def head(self, status: int, headers: Headers, size: int | None) -> None:
        """It begins; refused at once if it is known to be too large."""
        self.status, self.headers = status, headers
        if size is not None and size > self._most:
            self._wire.refuse(Oversized())

    def body(self, part: bytes) -> None:
        """More of it."""
        self._parts.append(part)
        self._read += len(part)
        if self._read > self._most:
            self._wire.refuse(Oversized())

    def end(self) -> None:
        """It is whole."""
        if not self.done.done():
            self.done.set_result(None)

    def failed(self, error: Broken) -> None:
        """It will not be."""
        if not self.done.done():
            self.done.set_exception(error)

    def _late(self) -> None:
        if not self.done.done():
            self._wire.abort()
            self.done.set_exception(TimeoutError())


def _passed_on(headers: Mapping[str, str] | Headers) -> Iterable[tuple[bytes, bytes]]:
    if isinstance(headers, Mapping):
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    else:
        pairs = headers
    return [pair for pair in pairs if pair[0].lower() not in _HOP]
