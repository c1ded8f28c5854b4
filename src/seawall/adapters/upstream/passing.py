"""Requests passed through to a server and its replies back, byte for byte as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from seawall.kernel import Unavailable

CONNECT_SECONDS = 30.0
IDLE_SECONDS = 600.0
"""So long a server may be silent: a caller who gives up earlier ends it earlier."""
KEPT_SECONDS = 2.0
"""Less than after which servers end idle connections, see `client.IDLE_SECONDS`."""
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
    """A reply whose body is still to come, as `parts` or at once by `read`."""

    status: int
    headers: list[tuple[bytes, bytes]]
    size: int | None
    """The body's bytes, where the server says."""
    parts: AsyncIterator[bytes]


class Passage:
    """A server at `url`, with as many connections as there are requests under way."""

    def __init__(self, name: str, url: str) -> None:
        self._name, self._url = name, url.rstrip("/")
        self._session: Any = None
        self.under_way = 0
        """Requests whose reply is not whole yet."""
        import aiohttp  # half a second, which no request should wait for
        from yarl import URL

        self._aiohttp, self._address = aiohttp, URL

    @asynccontextmanager
    async def ask(
        self, method: str, target: str, headers: Headers, body: bytes | AsyncIterable[bytes]
    ) -> AsyncGenerator[Passed]:
        """Pass a request on; `target` is path and query as they came.

        Raises `Unavailable` when there is no reply, also half way through its body.
        """
        aiohttp = self._aiohttp
        passed = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in _kept(headers, _FORWARD)]
        if not isinstance(body, bytes):  # its size goes with it, or else it goes in chunks
            passed += [(k.decode(), v.decode()) for k, v in headers if k == b"content-length"]
        self.under_way += 1
        try:
            async with self._open().request(
                method,
                self._address(self._url + target, encoded=True),
                headers=passed,
                data=body or None,
                allow_redirects=False,
            ) as answer:
                back = [(n, v) for n, v in _kept(answer.raw_headers, _BACK)]
                yield Passed(answer.status, back, answer.content_length, answer.content.iter_any())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            what = f"the upstream {self._name} gave no whole answer ({type(error).__name__})"
            raise Unavailable(what) from None
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> Any:
        if self._session is None:
            aiohttp = self._aiohttp
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, ttl_dns_cache=30, keepalive_timeout=KEPT_SECONDS
                ),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            )
        return self._session


def _kept(headers: Headers, dropped: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """Without what concerns one connection, and what its `Connection` header names."""
    named = [v for n, v in headers if n.lower() == b"connection"]
    if named:
        dropped |= {token.strip().lower() for value in named for token in value.split(b",")}
    return [(n, v) for n, v in headers if n.lower() not in dropped]
