"""Server-sent events: a page hears that something it shows has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from litestar import Request, get
from litestar.response import ServerSentEvent, ServerSentEventMessage

from seawall.access.action import Action
from seawall.app.root import App
from seawall.server.auth import who_asks

WAITING = 100
BEAT = 10.0


class Hub:
    """Passes what any thread tells on to every open stream; a stream that lags loses the oldest."""

    def __init__(self) -> None:
        self._streams: set[asyncio.Queue[tuple[str, str]]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closing = asyncio.Event()

    def open(self) -> None:
        """Belong to the running event loop."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """End every stream."""
        self.closing.set()
        for queue in self._streams:
            queue.put_nowait(("close", ""))

    def tell(self, topic: str, key: str) -> None:
        """Called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, topic, key)

    def _spread(self, topic: str, key: str) -> None:
        for queue in self._streams:
            if queue.qsize() >= WAITING:
                queue.get_nowait()
            queue.put_nowait((topic, key))

    async def stream(self) -> AsyncGenerator[ServerSentEventMessage]:
        """Events as they come, and a beat when there are none."""
        queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._streams.add(queue)
        try:
            yield ServerSentEventMessage(event="hello", data="{}", retry=2_000)
            while not self.closing.is_set():
                try:
                    topic, key = await asyncio.wait_for(queue.get(), BEAT)
                except TimeoutError:
                    topic, key = "beat", ""
                data = msgspec.json.encode({"key": key}).decode()
                yield ServerSentEventMessage(event=topic, data=data)
        finally:
            self._streams.discard(queue)


@get("/events")
async def events(request: Request[Any, Any, Any]) -> ServerSentEvent:
    """The stream of changes."""
    app: App = request.app.state.seawall
    app.allow(who_asks(request), Action.READ)
    hub: Hub = request.app.state.hub
    return ServerSentEvent(hub.stream())
