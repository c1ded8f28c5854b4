"""One pooled client to one server, each of whose faults becomes one error with its name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from seawall.kernel import BadInput, Unavailable

CONNECTIONS = 64
"""Kept open at most to one server; more requests wait for one, within their time-out."""
MOST_BYTES = 16 << 20
IDLE_SECONDS = 2.0
"""Kept open between requests: servers close idle connections after 5 s, some after 2 s, and one
that is closed as it is used costs a request."""
_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "transfer-encoding", "upgrade", "content-length", "host"),
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
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(
                f"{url[:80]!r} is no address of a server",
                where=name,
                remedy="write http://HOST:PORT",
            )
        self.name, self.timeout = name, timeout
        self._url = url.rstrip("/")
        self._connections, self._most = connections, most_bytes
        self._session: Any = None
        import aiohttp  # half a second, which no request should wait for
        from yarl import URL

        self._aiohttp, self._address = aiohttp, URL

    async def forward(
        self,
        path: str,
        headers: Mapping[str, str] | list[tuple[bytes, bytes]],
        body: bytes,
        *,
        method: str = "POST",
        timeout: float | None = None,
    ) -> Forwarded:
        """Pass a request on and return the reply byte for byte, whatever its status.

        Headers of one connection alone are left out in both directions. Raises `Unavailable` when
        the server does not answer in time, answers no HTTP, or more than is let in.
        """
        session, given, aiohttp = self._open(), timeout or self.timeout, self._aiohttp
        try:
            async with (
                asyncio.timeout(given),
                session.request(
                    method,
                    self._address(self._url + path, encoded=True),
                    headers=_passed_on(headers),
                    data=body or None,
                    allow_redirects=False,
                ) as answer,
            ):
                received = await self._read(answer)
                return Forwarded(answer.status, _to_pass_back(answer.raw_headers), received)
        except TimeoutError:
            what = f"the upstream {self.name} gave no answer within {given:g} s"
            raise Late(what) from None
        except (aiohttp.ClientConnectionError, OSError):
            raise self._unavailable("cannot be reached, or closed the connection") from None
        except (aiohttp.ClientError, ValueError):
            raise self._unavailable("did not answer in HTTP") from None

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        await self.close()

    async def _read(self, answer: Any) -> bytes:
        """The whole body, refused as soon as it is known to be too large."""
        if (answer.content_length or 0) > self._most:
            raise self._too_large()
        whole = bytearray()
        async for part in answer.content.iter_any():
            whole += part
            if len(whole) > self._most:
                raise self._too_large()
        return bytes(whole)

    def _open(self) -> Any:
        if self._session is None:
            aiohttp = self._aiohttp
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, ttl_dns_cache=30, keepalive_timeout=IDLE_SECONDS
                ),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            )
        return self._session

    def _too_large(self) -> Unavailable:
        return self._unavailable(f"answered more than {self._most:,} bytes")

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable(f"the upstream {self.name} {what}")


def _passed_on(headers: Mapping[str, str] | list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    if isinstance(headers, Mapping):
        pairs = list(headers.items())
    else:
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
    return [(name, value) for name, value in pairs if name.lower() not in _HOP]


def _to_pass_back(headers: Any) -> list[tuple[bytes, bytes]]:
    return [(n, v) for n, v in headers if n.decode("latin-1").lower() not in _HOP]
