"""In front of a server that exists already: all is measured and logged, and nothing is changed.

A request and its reply pass through byte for byte, whatever path, method, status or body; only then
is the reply looked at. What goes wrong in looking is counted and costs no caller anything.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, NamedTuple

import structlog

from seawall.adapters.upstream import Passed
from seawall.gateway.asking import INLINE_ROWS
from seawall.gateway.given import Context, context_of
from seawall.gateway.holder import Holder
from seawall.gateway.live import Live
from seawall.gateway.protocol import observed
from seawall.gateway.reply import plain
from seawall.gateway.service import Service
from seawall.gateway.telling import KINDS
from seawall.kernel import SeawallError, Unavailable
from seawall.serving.decide import Unanswered
from seawall.serving.observed import Observed

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
LOOKED_BYTES = 16 << 20
"""What is larger passes through and is not looked at."""
AT_ONCE = 256 << 10
"""A reply up to so many bytes is passed back in one piece; a longer one as it comes."""
WATCH_SECONDS = 1.0
"""A request that takes longer is ended when its caller goes away."""
OWN = {(name,) for name in ("admin", "healthz", "metrics", "readyz")}
"""What is answered here also where the first endpoint is observed."""
TOLD = {(kind,) for kind in KINDS}
"""Where callers `POST` what came of decisions: that is told to us, not to the other server."""
_MODELS = ("v2", "models")
_log: Any = structlog.get_logger("seawall.gateway")


class Asked(NamedTuple):
    """A request to pass on; `path` is it as it came, without the endpoint's own prefix."""

    method: str
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    context: Context

    @property
    def target(self) -> str:
        """Path and query as they came."""
        return (self.path + b"?" + self.query if self.query else self.path).decode("latin-1")


class _Seen(NamedTuple):
    """A request and its reply, whole."""

    asked: Asked
    sent: bytes
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class _Gone(Exception):
    """The caller went away before its request was whole."""


class Observer:
    """Passes requests on for endpoints whose mode is `observe`.

    They are counted by what became of them: `seen` were logged, `failed` were logged and had no
    score in their reply, `passed` ask for nothing that is logged, `unread` could not be looked at,
    `left` had a caller who went away before the server had answered.
    """

    def __init__(self, service: Service, holder: Holder, endpoints: tuple[str, ...]) -> None:
        self._service, self._holder, self._endpoints = service, holder, endpoints
        self._tally = holder.remotes.observed

    def asked(
        self, scope: MutableMapping[str, Any], path: tuple[str, ...], started: float
    ) -> tuple[Live, Asked] | None:
        """The request to pass on and its endpoint, if that is observed.

        `/endpoints/NAME/...` goes to the server of NAME, without this prefix; all that is neither
        our own nor another endpoint's to that of the first.
        """
        raw: bytes = scope["raw_path"]
        if path[:1] == ("endpoints",) and path[1:2] and path[1] in self._endpoints:
            live = self._holder.live.get(path[1])
            raw = b"/" + raw.split(b"/", 3)[3] if raw.count(b"/") > 2 else b"/"
        elif (
            path[:1] in OWN
            or (scope["method"] == "POST" and path in TOLD)
            or (path[:2] == _MODELS and path[2:3] and path[2] in self._endpoints[1:])
        ):
            return None
        else:
            live = self._holder.live.get(self._endpoints[0])
        if live is None or live.bundle.mode != "observe":
            return None
        headers = scope["headers"]
        context = context_of(dict(headers), started)
        return live, Asked(scope["method"], raw, scope["query_string"], headers, context)

    async def __call__(self, live: Live, asked: Asked, receive: Receive, send: Send) -> int:
        """Pass one request through; returns the status of its reply, 0 if its caller went away."""
        if live.killed or live.bundle.killed:
            why = {"error": f"endpoint {live.bundle.endpoint} is switched off"}
            return await _send_whole(send, *plain(503, why, [(b"retry-after", b"1")]))
        try:
            sent, rest = await _body(receive)
        except _Gone:
            return self._left(live)
        watch, came = _Watch(receive, last=rest is None), list[_Seen]()
        try:
            status, seen = await self._pass(live, asked, sent, rest, send, came)
        except _Gone:
            return self._left(live)
        except asyncio.CancelledError:
            if not watch.gone:
                raise
            if not came:
                return self._left(live)
            status, seen = 0, came[0]
        finally:
            watch.end()
        await self._look(live, asked, sent if rest is None else None, seen)
        return status

    def _left(self, live: Live) -> int:
        self._tally[live.bundle.endpoint, "left"] += 1
        return 0

    async def _pass(
        self,
        live: Live,
        asked: Asked,
        sent: bytes,
        rest: _Rest | None,
        send: Send,
        came: list[_Seen],
    ) -> tuple[int, Passed | _Seen | None]:
        """Ask the server and pass its reply back; also what was seen, None without a whole reply.

        A reply that is too large to be looked at is told by its head alone. One that came in one
        piece is in `came` before it is passed back, and stays when its caller goes away meanwhile.
        """
        passage, started = live.remotes["champion"].passage, False
        body = sent if rest is None else _joined(sent, rest)
        try:
            async with passage.ask(asked.method, asked.target, asked.headers, body) as reply:
                if not 200 <= reply.status < 600:
                    raise Unavailable(f"the upstream answered {reply.status}, which is no status")
                if reply.size is not None and reply.size <= AT_ONCE:
                    whole = b"".join([part async for part in reply.parts])
                    started = True
                    came.append(_Seen(asked, sent, reply.status, dict(reply.headers), whole))
                    await _send_whole(send, reply.status, reply.headers, whole, asked.method)
                else:
                    started = True
                    whole = await _send_parts(send, reply, asked.method)
        except Unavailable as error:
            if rest is not None and rest.gone:  # which no server is to blame for
                raise _Gone from None
            _log.warning("observed", endpoint=live.bundle.endpoint, error=str(error))
            if not started:
                await _send_whole(send, *plain(502, {"error": error.what}))
            return 502, None  # half a reply: the server that runs us closes the connection
        if whole is None:
            return reply.status, reply
        return reply.status, _Seen(asked, sent, reply.status, dict(reply.headers), whole)

    async def _look(
        self, live: Live, asked: Asked, sent: bytes | None, seen: Passed | _Seen | None
    ) -> None:
        """Validate, judge, log and count what passed; whatever goes wrong is only counted."""
        latency = (perf_counter() - asked.context.started) * 1e3
        try:
            word = await self._seen(live, asked, sent, seen, latency)
        except Exception as error:  # noqa: BLE001 -- looking on never costs a caller anything
            word = "unread"
            if not isinstance(error, SeawallError):
                _log.exception("observed", endpoint=live.bundle.endpoint)
            elif error.http >= 500:
                _log.error("observed", endpoint=live.bundle.endpoint, error=str(error))
        self._tally[live.bundle.endpoint, word] += 1

    async def _seen(
        self,
        live: Live,
        asked: Asked,
        sent: bytes | None,
        seen: Passed | _Seen | None,
        latency: float,
    ) -> str:
        if asked.method != "POST":
            return "passed" if seen is not None else "failed"
        if sent is None or isinstance(seen, Passed):
            return "unread"
        server, headers = live.remotes["champion"].server, dict(asked.headers)
        sent = _plain(sent, headers)
        given = observed(asked.path, headers, sent, live, server)
        if given is None:
            return "passed" if seen is not None else "failed"
        said: Observed = Unanswered(f"the upstream {server.name} gave no whole answer")
        if seen is not None and seen.status != 200:
            said = Unanswered(f"the upstream {server.name} answered {seen.status}")
        elif seen is not None:
            answered = {n.lower(): v for n, v in seen.headers.items()}
            body, rows = _plain(seen.body, answered), len(given.batch.rows)
            said = live.remotes["champion"].said(body, answered, rows)
        work = (live, given, said, asked.context, latency)
        if len(given.batch.rows) > INLINE_ROWS:
            await asyncio.to_thread(self._service.observe, *work)
        else:
            self._service.observe(*work)
        return "failed" if isinstance(said, Unanswered) else "seen"


class _Watch:
    """Cancels the task that made it when its caller goes away, if it takes long."""

    def __init__(self, receive: Receive, *, last: bool) -> None:
        self._receive, self.gone, self._ended = receive, False, False
        self._task, self._watching = asyncio.current_task(), None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(WATCH_SECONDS, self._start) if last else None

    def end(self) -> None:
        """No longer watch."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _start(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        await self._receive()
        if not self._ended and self._task is not None:
            self.gone = True
            self._task.cancel()


async def _body(receive: Receive) -> tuple[bytes, _Rest | None]:
    """The body so far and what is still to come of one that is too large to be looked at."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts), None
        if size > LOOKED_BYTES:
            return b"".join(parts), _Rest(receive)


class _Rest:
    """What is still to come of a body, and whether its caller went away before it came."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self.gone = receive, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                raise _Gone
            if part := message.get("body", b""):
                yield part
            if not message.get("more_body"):
                return


async def _joined(first: bytes, rest: _Rest) -> AsyncIterator[bytes]:
    yield first
    async for part in rest:
        yield part


async def _send_whole(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, method: str = ""
) -> int:
    # of a HEAD the length is that of the body which is not there, and stays
    if method != "HEAD":
        headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
        if status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return status


async def _send_parts(send: Send, reply: Passed, method: str) -> bytes | None:
    """Pass a reply back as it comes; the whole of it, None when it is too large to be looked at."""
    headers = reply.headers
    if method != "HEAD" and reply.status in (204, 304):
        headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    kept: list[bytes] = []
    size = 0
    async for part in reply.parts:
        size += len(part)
        if size <= LOOKED_BYTES:
            kept.append(part)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    return b"".join(kept) if size <= LOOKED_BYTES else None


def _plain(body: bytes, headers: dict[bytes, bytes]) -> bytes:
    """A body without its compression; raises for one that is not read."""
    coding = headers.get(b"content-encoding", b"identity").strip().lower()
    if coding == b"identity":
        return body
    if coding not in (b"gzip", b"deflate"):
        raise SeawallError(f"a body in {coding[:40]!r} is not read")
    unpacking = zlib.decompressobj(47 if coding == b"gzip" else 15)
    try:
        found = unpacking.decompress(body, LOOKED_BYTES)
    except zlib.error:
        raise SeawallError("a compressed body cannot be read") from None
    if unpacking.unconsumed_tail:
        raise SeawallError("a compressed body is too large to be looked at")
    return found
