"""The gateway's composition root: settings to a running process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

import structlog

from seawall.adapters.decisions import DecisionLog
from seawall.adapters.telemetry.logs import set_up_logs
from seawall.gateway.holder import Holder
from seawall.gateway.http import GatewayApp
from seawall.gateway.keeper import KeeperProcess, read_status
from seawall.gateway.link import Link
from seawall.gateway.metrics import Metrics
from seawall.gateway.outbox import Outbox
from seawall.gateway.recorder import Recorder
from seawall.gateway.service import Service
from seawall.gateway.settings import GatewaySettings
from seawall.gateway.shared import Shared
from seawall.gateway.state import State
from seawall.gateway.worker import Worker

_log: Any = structlog.get_logger("seawall.gateway")


class Gateway:
    """Everything of one gateway but the sockets: `app` is served, `start` and `close` frame it."""

    def __init__(self, settings: GatewaySettings) -> None:
        settings.check()
        self.settings = settings
        state = State(settings.state_dir)
        self.name = settings.name or state.gateway_id()
        self.shared = Shared(settings.state_dir / "limits")
        self.holder = Holder(state, settings.public_keys, self.shared)
        for endpoint in settings.endpoints:
            self.holder.restore(endpoint)
        self.log = DecisionLog(
            settings.log_folder,
            gateway=self.name,
            clock=settings.clock,
            seal_seconds=settings.seal_seconds,
            keys=settings.keyring(),
        )
        self._keeper = KeeperProcess(settings, self.name)
        recorder, metrics = Recorder(self.log), Metrics()
        self.service = Service(self.log, recorder, settings.clock)
        self.worker = Worker(
            endpoints=settings.endpoints,
            link=Link(settings.control_url, settings.token),
            holder=self.holder,
            recorder=recorder,
            status=lambda: read_status(settings),
            watch=self._keeper.watch,
            log=self.log,
            outbox=Outbox(settings.state_dir / "telemetry", self.name),
            metrics=metrics,
            flush_seconds=settings.flush_seconds,
            poll_seconds=settings.poll_seconds,
        )
        self.app = GatewayApp(
            service=self.service,
            holder=self.holder,
            metrics=metrics,
            endpoints=settings.endpoints,
            admin_token=settings.admin_token,
            max_body_bytes=settings.max_body_bytes,
            gauges=self.worker.gauges,
        )

    def start(self) -> None:
        """Begin to poll, flush, and keep the log."""
        self.worker.start()
        self._keeper.start()

    def close(self) -> None:
        """Flush what was counted, seal the log, and let the keeper finish."""
        self.worker.stop()
        self.log.close()
        self._keeper.end()


def run(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, logging to stderr as JSON unless logs are set up already."""
    if not structlog.is_configured():
        set_up_logs("info", "json")
    import uvloop

    uvloop.run(serve(settings))


async def serve(settings: GatewaySettings) -> None:
    """Serve on the running event loop until SIGTERM or SIGINT."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    gateway = Gateway(settings)
    server: Any = Server(
        gateway.app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway.start()
    serving = asyncio.create_task(server.serve())
    _log.info("listening", host=settings.host, port=settings.port, gateway=gateway.name)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopping
        server.stop()
        try:
            await serving
        finally:
            await asyncio.to_thread(gateway.close)
