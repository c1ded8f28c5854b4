"""The HTTP server of one worker: uvicorn with our connections, and an end that drops no request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import uvicorn

from seawall.gateway.connection import SWEEP_SECONDS, Connection, Connections
from seawall.gateway.http import GatewayApp
from seawall.gateway.lane import Lane
from seawall.kernel import Unavailable

BACKLOG = 2_048
DRAIN_SECONDS = 1.0
"""For so long a connection that was open may still send a request; it is answered, then closed."""
FINISH_SECONDS = 10.0
"""What is under way has so long to finish."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises `Unavailable` when the port is taken."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise Unavailable(
            f"the gateway cannot listen: {error.strerror}",
            where=f"{host}:{port}",
            remedy="choose another with --port, or end what listens there",
        ) from error
    return made


class Engine(uvicorn.Server):
    """`serve(sockets=[...])` on a running loop, until `stop` was called."""

    def __init__(
        self, app: GatewayApp, limits: Connections, context: ssl.SSLContext | None = None
    ) -> None:
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._draining: list[bool] = []
        self.lane = Lane(app)
        made: Any = partial(Connection, limits=limits, lane=self.lane, draining=self._draining)
        super().__init__(
            uvicorn.Config(
                app,
                http=made,
                ws="none",
                proxy_headers=False,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=round(FINISH_SECONDS),
                backlog=BACKLOG,
                ssl_context_factory=_factory(context) if context else None,
            )
        )
        _raise_file_limit(limits.most)

    def stop(self) -> None:
        """Stop accepting, finish what is under way, and end `serve`."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the caller's business."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """End overdue connections; uvicorn asks ten times a second whether to go on."""
        if counter % round(SWEEP_SECONDS * 10) == 0:
            self._sweep()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept what connected before the end, answer what comes within a while, then close.

        A connection in the kernel's queue, or idle for an instant between two requests, has a
        caller who knows nothing of our end: closing it at once would drop a request.
        """
        self._draining.append(True)
        kept = [listening.dup() for listening in sockets or ()]
        for server in self.servers:
            server.close()
        for listening in kept:
            await self._accept_queued(listening)
            listening.close()
        for connection in self._open():
            connection.drain()
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAIN_SECONDS
        while self.server_state.connections and loop.time() < until:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    async def _accept_queued(self, listening: socket.socket) -> None:
        loop, config = asyncio.get_running_loop(), self.config
        listening.setblocking(False)
        for _ in range(BACKLOG):
            try:
                accepted, _address = listening.accept()
            except OSError:  # there is none left
                return
            accepted.setblocking(False)
            made = partial(
                config.http_protocol_class,
                config=config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )
            await loop.connect_accepted_socket(made, accepted, ssl=config.ssl)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in self._open():
            connection.look(now)

    def _open(self) -> list[Connection]:
        held: Any = self.server_state.connections
        return list(held)


def _factory(context: ssl.SSLContext) -> Callable[..., ssl.SSLContext]:
    def given(_config: uvicorn.Config, _default: object) -> ssl.SSLContext:
        return context

    return given


def _raise_file_limit(connections: int) -> None:
    """Let as many connections be open as are granted, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
