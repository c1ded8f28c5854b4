"""The control plane as one process: REST, pages, reconcilers."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec
from litestar import Litestar, Router
from litestar.config.response_cache import ResponseCacheConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

import seawall
from seawall.adapters.settings import Settings, writable
from seawall.adapters.sql import migrate
from seawall.app.root import App, open_app
from seawall.kernel import Digest, SeawallError, Unavailable
from seawall.server import errors, events, site, topics
from seawall.server.api import audit, decision_log, inventory, running
from seawall.server.auth import Sessions
from seawall.server.events import Hub
from seawall.server.loops import Reconciler

LARGEST_BODY = 64 * 1024**2
"""Bytes of a request; only objects may be larger."""


def create_app(app: App) -> Litestar:
    """The web application over an opened control plane; its loops run while it serves."""
    hub = Hub()
    app.listeners.append(topics.listener(app, hub.tell))
    reconciler = Reconciler(app, app.settings.reconcile_seconds)

    @asynccontextmanager
    async def running_loops(_: Litestar) -> AsyncGenerator[None]:
        hub.open()
        reconciler.start()
        try:
            yield
        finally:
            hub.close()
            reconciler.stop()

    api = Router(
        "/api/v1",
        route_handlers=[
            *inventory.HANDLERS,
            *running.HANDLERS,
            *decision_log.HANDLERS,
            *audit.HANDLERS,
        ],
    )
    return Litestar(
        route_handlers=[api, events.events, *site.HANDLERS],
        state=State({"seawall": app, "sessions": Sessions(), "hub": hub, "reconciler": reconciler}),
        lifespan=[running_loops],
        exception_handlers={
            SeawallError: errors.told,
            HTTPException: errors.refused,
            Exception: errors.unexpected,
        },
        type_encoders={Digest: str},
        request_max_body_size=LARGEST_BODY,
        response_cache_config=ResponseCacheConfig(default_expiration=None),
        openapi_config=OpenAPIConfig(
            title="Seawall control plane",
            version=seawall.__version__,
            path="/schema",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
    )


def run(settings: Settings, ready: Callable[[App], None] | None = None) -> None:
    """Serve until stopped; raises `Unavailable` when the port is taken.

    `ready` is called once the port is bound, with the opened control plane.
    """
    import uvicorn

    class Server(uvicorn.Server):
        """Ends the event streams first, since it waits for every connection to end."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            web.state.hub.close()
            await super().shutdown(sockets)

    bound = _bind(settings.host, settings.port)
    for chatty in ("alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    writable(settings.data_dir, "--data-dir")
    migrate(settings.database_url)
    app = open_app(msgspec.structs.replace(settings, port=bound.getsockname()[1]))
    web = create_app(app)
    config = uvicorn.Config(
        web,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    if ready is not None:
        ready(app)
    Server(config).run(sockets=[bound])


def _bind(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(2048)  # from here on a client waits for us and is not refused
    except OSError as error:
        made.close()
        raise Unavailable(
            f"the control plane cannot listen: {error.strerror}",
            where=f"{host}:{port}",
            remedy="choose another with --port, or end what listens there",
        ) from error
    return made
