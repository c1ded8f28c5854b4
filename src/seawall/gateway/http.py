"""The gateway's routes as a plain ASGI application, for any server of that protocol."""

from __future__ import annotations

import asyncio
import hmac
import math
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache, partial
from importlib.metadata import version
from time import monotonic, perf_counter
from typing import Any
from urllib.parse import unquote

import structlog

from seawall.gateway import access, reply
from seawall.gateway.access import Access
from seawall.gateway.admission import Limited
from seawall.gateway.asking import INLINE_ROWS
from seawall.gateway.entered import Entered, Request
from seawall.gateway.given import Context, Given, context_of, given_any, given_plainly
from seawall.gateway.holder import Holder
from seawall.gateway.lag import LoopLag
from seawall.gateway.live import Live
from seawall.gateway.metrics import Metrics
from seawall.gateway.observe import Observer
from seawall.gateway.protocol import Call, call_of, only_json
from seawall.gateway.reply import Reply, plain
from seawall.gateway.service import Decided, Invalid, Service
from seawall.gateway.telling import KINDS, Kind
from seawall.gateway.trace import step
from seawall.gateway.tracing import Tracer, traced
from seawall.kernel import (
    Conflict,
    Forbidden,
    NotFound,
    SeawallError,
    Unauthenticated,
    Unavailable,
    nearest,
)
from seawall.serving.decide import Scores

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log: Any = structlog.get_logger("seawall.gateway")


class _TooLarge(SeawallError):
    http = 413


class _NotAllowed(SeawallError):
    http = 405


class GatewayApp:
    """`scope, receive, send` in, a reply out. `page` gives the page of metrics."""

    def __init__(
        self,
        *,
        service: Service,
        holder: Holder,
        metrics: Metrics,
        endpoints: tuple[str, ...],
        admin_token: str,
        max_body_bytes: int,
        page: Callable[[], str],
        lag: LoopLag,
        tokens: Access | None,
        tracer: Tracer | None,
    ) -> None:
        self.service, self.holder, self.endpoints = service, holder, endpoints
        self._metrics, self._admin_token = metrics, admin_token
        self.max_body_bytes, self._page = max_body_bytes, page
        self._lag, self._access, self._tracer = lag, tokens, tracer
        self._observer = Observer(service, holder, endpoints)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's start and end."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, self.holder.remotes.close)
            return
        if scope["type"] != "http":
            return
        started = perf_counter()
        path = _parts(scope["path"])
        if self.holder.observes and (found := self._observer.asked(scope, path, started)):
            if entered := scope.get("seawall.entered"):  # as the last bundle had it
                entered.leave()
            status = await self._observer(*found, receive, send)
            if status:
                self._metrics.replies["observed", status] += 1
            return
        answer = await self._answer(scope, path, receive, started)
        if answer is None:
            return  # the caller has gone
        status, headers, body = answer
        self.count(path, status)
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def count(self, path: tuple[str, ...], status: int) -> None:
        """Count a reply."""
        self._metrics.replies[_route(path), status] += 1

    async def _answer(
        self, scope: Scope, path: tuple[str, ...], receive: Receive, started: float
    ) -> Reply | None:
        try:
            headers = dict(scope["headers"])
            length = headers.get(b"content-length", b"0")
            if len(length) > 6 and int(length) > self.max_body_bytes:
                raise _too_large(self.max_body_bytes)  # before any of it is read
            body = await _body(receive, self.max_body_bytes)
            if body is None:
                return None
            entered = scope.get("seawall.entered")
            request = Request(scope["method"], path, headers, body, started, entered)
            return await self._handle(request)
        except Exception as error:  # noqa: BLE001 -- the outermost loop: one request never ends the gateway
            return refusal(error, path)

    async def _handle(self, request: Request) -> Reply:
        match (request.method, *request.path):
            case ("POST", "invocations"):
                return await self._invoke(request, self._live(self.endpoints[0]))
            case ("POST", "endpoints", name, "invocations"):
                return await self._invoke(request, self._live(name))
            case ("POST", "endpoints" | "v2", *_):
                call = call_of(request.path, request.headers, request.body)
                if call is None or call.endpoint is None:
                    raise NotFound("nothing is here", where="/" + "/".join(request.path))
                live = self._live(call.endpoint)
                if call.version is not None:
                    _only_version(live, call.version)
                with self.enter(request, live) as entered:
                    return await self._ask(call, live, entered.context)
            case ("POST", "outcomes" | "actions" | "overrides" | "events" as kind):
                return await self._learn(request, kind)
            case ("POST", "admin", "endpoints", name, "kill" | "unkill" as action):
                return self._switch(request, name, killed=action == "kill")
            case ("GET" | "HEAD", *path):
                return self._look(request, path)
            case _:
                raise _NotAllowed(f"no {request.method} here", where="/" + "/".join(request.path))

    def _look(self, request: Request, path: list[str]) -> Reply:
        match path:
            case ["healthz" | "ping" | "health"] | ["v2", "health", "live"]:
                # to be started again would not help against a full disk
                return plain(200, {"live": True, "log": self.service.trouble or "ok"})
            case ["readyz"] | ["v2", "health", "ready"]:
                live, trouble = self.holder.live, self.service.trouble
                waiting = [n for n in self.endpoints if n not in live]
                refusing = [n for n, e in live.items() if trouble and e.refuses_unlogged]
                ready = not waiting and not refusing
                about = {"waiting_for": waiting, "refusing": refusing, "log": trouble or "ok"}
                return plain(200 if ready else 503, {"ready": ready, **about})
            case ["metrics"]:
                text = self._page().encode()
                return Reply(200, [(b"content-type", b"text/plain; version=0.0.4")], text)
            case ["version"]:
                return plain(200, {"version": version("seawall")})
            case ["v2"]:
                about = {"name": "seawall", "version": version("seawall")}
                return plain(200, about | {"extensions": ["binary_tensor_data"]})
            case ["v2", "models", name, *rest]:
                self._may(request, "decide", name)
                return self._look_at_model(self._live(name), rest)
            case _:
                raise NotFound("nothing is here", where="/" + "/".join(path))

    def _look_at_model(self, live: Live, rest: list[str]) -> Reply:
        if rest[:1] == ["versions"] and len(rest) >= 2:
            _known_version(live, rest[1])
            rest = rest[2:]
        if not rest:
            return plain(200, reply.metadata(live))
        if rest == ["ready"]:
            return plain(200, {"name": live.bundle.endpoint, "ready": True})
        raise NotFound("nothing is here", where="/".join(rest))

    def _live(self, name: str) -> Live:
        if live := self.holder.live.get(name):
            return live
        if name in self.endpoints:
            raise Unavailable(f"endpoint {name} has no bundle yet", remedy="start a rollout for it")
        raise NotFound(f"no endpoint {name[:80]!r}", remedy=nearest(name, self.endpoints))

    async def _invoke(self, request: Request, live: Live) -> Reply:
        with request.entered or self.enter(request, live) as entered:
            live, context = entered.live, entered.context
            json = request.headers.get(b"content-type") == b"application/json"
            if json and context.trace is None:
                if live.remotes:
                    if given := given_plainly(live, request.body):
                        return reply.invocation(await self._decide(live, given, context))
                elif plainly := self.service.plain(live, request.body, context):
                    if live.durable:
                        failed = await self.service.keep_durably(plainly)
                    else:
                        failed = self.service.keep([plainly])
                    if failed and live.refuses_unlogged:
                        raise failed
                    return reply.plain_invocation(plainly, logged=not failed)
            call = call_of(request.path, request.headers, request.body)
            assert call is not None
            return await self._ask(call, live, context)

    async def go_on(self, entered: Entered, body: bytes, first: Scores | Limited) -> Reply:
        """Answer a plain request whose model was asked, and said this, or was too busy."""
        with entered:
            if isinstance(first, Limited):
                self.service.refuse(entered.live)
                raise first
            given = given_plainly(entered.live, body)
            assert given is not None
            decided = await self._decide(entered.live, given, entered.context, first)
            return reply.invocation(decided)

    async def _ask(self, call: Call, live: Live, context: Context) -> Reply:
        with step(context.trace, "validate"):
            ask = call.parse(live)
            given = given_any(live, ask)
        decided = await self._decide(live, given, context)
        if context.trace is not None:
            context.trace.decided(decided.live, decided.ids, decided.answers)
        return call.answer(decided, ask)

    def enter(self, request: Request, live: Live) -> Entered:
        """Let the request in, or raise `Limited`, or what `access` raises."""
        now, context = monotonic(), context_of(request.headers, request.started)
        if self._access is not None:
            context = context._replace(caller=self._may(request, "decide", live.bundle.endpoint))
        ended = None
        if self._tracer and (trace := self._tracer.begin(context.place, request.started)):
            place, route = trace.context, _route(request.path)
            context = context._replace(trace_id=place.trace_id, place=place, trace=trace)
            ended = partial(traced, self._tracer, trace, live, request.method, route)
        try:
            live.admission.enter(context.caller or "", self._lag.seconds(now), now)
        except Limited as error:
            self.service.refuse(live)
            if ended is not None:
                ended(error)
            raise
        return Entered(live, context, ended)

    async def _decide(
        self, live: Live, given: Given, context: Context, first: Scores | None = None
    ) -> Decided:
        if live.remotes:
            try:
                return await self.service.decide_afar(live, given, context, first)
            except Limited:
                self.service.refuse(live)
                raise
        if not live.inline or len(given.batch.rows) > INLINE_ROWS:
            return await asyncio.to_thread(self.service.decide, live, given, context)
        if live.durable:
            return await self.service.decide_durably(live, given, context)
        return self.service.decide(live, given, context)

    async def _learn(self, request: Request, kind: Kind) -> Reply:
        # what is told names a decision by its id, whatever the endpoint
        self._may(request, kind, *self.endpoints)
        only_json(request.headers)
        return plain(200, await asyncio.to_thread(self.service.learn, kind, request.body))

    def _may(self, request: Request, scope: access.Scope, *endpoints: str) -> str | None:
        """The caller's name by its token; None where no tokens are asked for."""
        if self._access is None:
            return None
        return self._access.caller(request.headers.get(b"authorization"), endpoints, scope)

    def _switch(self, request: Request, name: str, *, killed: bool) -> Reply:
        given = request.headers.get(b"authorization", b"")
        admin = f"Bearer {self._admin_token}".encode()
        if not (self._admin_token and hmac.compare_digest(given, admin)):
            if self._access is not None:
                self._may(request, "kill", name)
            elif self._admin_token:
                raise Unauthenticated("that is not the admin token")
            else:
                raise Forbidden(
                    "the kill switch is shut", remedy="start the gateway with an admin token"
                )
        if name not in self.endpoints:
            raise NotFound(f"no endpoint {name[:80]!r}", remedy=nearest(name, self.endpoints))
        self.holder.switch(name, killed=killed)
        return plain(200, {"endpoint": name, "killed": killed})


def refusal(error: Exception, path: tuple[str, ...]) -> Reply:
    """The reply to a request that failed so; what is our fault is logged."""
    match error:
        case Invalid():
            return plain(400, {"error": str(error), "fields": error.fields})
        case Limited():
            wait = str(max(1, math.ceil(error.wait))).encode()
            return plain(error.status, {"error": str(error)}, [(b"retry-after", wait)])
        case SeawallError():
            if error.http >= 500:
                _log.error("request failed", path="/".join(path), error=str(error))
            retry = [(b"retry-after", b"1")] if error.http == 503 else []
            return plain(error.http, {"error": str(error)}, retry)
        case _:
            _log.error("request failed", path="/".join(path), exc_info=error)
            return plain(500, {"error": "the gateway failed on this request; see its log"})


async def _lifespan(receive: Receive, send: Send, close: Callable[[], Awaitable[None]]) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await close()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _body(receive: Receive, most: int) -> bytes | None:
    """The whole body; None when the caller went away. Raises when it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        if part:
            parts.append(part)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(most: int) -> _TooLarge:
    return _TooLarge(f"the body is larger than {most:,} bytes", remedy="send fewer rows")


@lru_cache(maxsize=256)
def _parts(path: str) -> tuple[str, ...]:
    return tuple(unquote(p) for p in path.split("/") if p)


def _known_version(live: Live, version_: str) -> None:
    known = [a.version for a in live.bundle.arms]
    if version_ not in known:
        raise NotFound(f"no version {version_[:80]!r}", remedy=nearest(version_, known))


def _only_version(live: Live, version_: str) -> None:
    """The route chooses the version: one that answers only a share cannot be asked for."""
    _known_version(live, version_)
    routed = {a.version for a in live.bundle.arms if a.weight > 0.0}
    if routed != {version_}:
        raise Conflict(
            f"the route of {live.bundle.endpoint} chooses among {', '.join(sorted(routed))}",
            remedy="ask without a version",
        )


@lru_cache(maxsize=256)
def _route(path: tuple[str, ...]) -> str:
    """The path without names that callers make up, for the counter of replies."""
    return path[-1] if path and path[-1] in _ROUTES else "other"


_ROUTES = frozenset(
    {"invocations", "infer", "kill", "unkill", "metrics", "healthz", "readyz", *KINDS}
)
