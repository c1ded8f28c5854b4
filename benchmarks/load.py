"""A small HTTP/1.1 client on bare sockets: one request over and over on several connections."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, cast

import uvloop


class Load(NamedTuple):
    """Requests a second, and the 99th percentile of the time to answer, in milliseconds."""

    rate: float
    p99_ms: float


class _Caller(asyncio.Protocol):
    """One connection; `every` is the seconds from request to request, 0 for as fast as it goes."""

    def __init__(self, request: bytes, deadline: float, every: float, spent: list[float]) -> None:
        self._request, self._deadline, self._every = request, deadline, every
        self._spent = spent
        self._got, self._began = b"", 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if not separator:
            return
        if not head.startswith(b"HTTP/1.1 200") or b"content-length:" not in head.lower():
            self._end(RuntimeError(f"the server answered {head[:80]!r}"))
            return
        if len(body) < _length(head):
            return
        now = time.perf_counter()
        self._spent.append(now - self._began)
        if now < self._deadline:
            wait = self._began + self._every - now
            if wait > 0:
                asyncio.get_running_loop().call_later(wait, self._ask)
            else:
                self._ask()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server closed the connection"))

    def _ask(self) -> None:
        self._got, self._began = b"", time.perf_counter()
        self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)
            self._transport.close()


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0])


def put_load(
    port: int,
    body: bytes,
    connections: int,
    seconds: float,
    path: str = "/invocations",
    rate: float | None = None,
) -> Load:
    """Ask `POST path` for so many seconds; every answer must be a 200.

    Asks as fast as answers come, or `rate` times a second if that is slower.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    every = connections / rate if rate else 0.0
    return uvloop.run(_load(port, head.encode() + body, connections, seconds, every))


async def _load(port: int, request: bytes, connections: int, seconds: float, every: float) -> Load:
    loop, spent = asyncio.get_running_loop(), list[float]()
    began = time.perf_counter()
    callers: list[_Caller] = []
    for _ in range(connections):
        _, caller = await loop.create_connection(
            lambda: _Caller(request, began + seconds, every, spent), "127.0.0.1", port
        )
        callers.append(caller)
    async with asyncio.timeout(seconds + 10):
        await asyncio.gather(*(caller.done for caller in callers))
    took = time.perf_counter() - began
    return Load(len(spent) / took, sorted(spent)[int(len(spent) * 0.99)] * 1e3)
