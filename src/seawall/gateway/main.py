"""The gateway's composition root: settings to a running process."""

from __future__ import annotations

import asyncio
import gc
import signal
from typing import Any

import structlog

from seawall.adapters.decisions import DecisionLog
from seawall.adapters.telemetry.logs import set_up_logs
from seawall.gateway.engine import Engine, listen
from seawall.gateway.holder import Holder
from seawall.gateway.http import GatewayApp
from seawall.gateway.keeper import read_status, start_keeper
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
        )
        recorder, metrics = Recorder(self.log), Metrics()
        self.service = Service(self.log, recorder, settings.clock)
        self.worker = Worker(
            endpoints=settings.endpoints,
            link=Link(settings.control_url, settings.token),
            holder=self.holder,
            recorder=recorder,
            status=lambda: read_status(settings),
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
        self._keeper = start_keeper(self.settings, self.name)

    def close(self) -> None:
        """Flush what was counted, seal the log, and let the keeper finish."""
        self.worker.stop()
        self.log.close()
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait()


def run(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, logging to stderr as JSON unless logs are set up already."""
    if not structlog.is_configured():
        set_up_logs("info", "json")
    import uvloop

    uvloop.run(serve(settings))


async def serve(settings: GatewaySettings) -> None:
    """Serve on the running event loop until SIGTERM or SIGINT."""
    listening = listen(settings.host, settings.port)
    gateway = Gateway(settings)
    engine = Engine(gateway.app, settings.connections)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, engine.stop)
    gateway.start()
    _spare_collections()
    _log.info("listening", host=settings.host, port=settings.port, gateway=gateway.name)
    try:
        await engine.serve(sockets=[listening])
    finally:
        await asyncio.to_thread(gateway.close)


def _spare_collections() -> None:
    """Keep the cyclic collector from walking what stays and what a flush is about to free.

    A full collection visits every row that waits for a flush, and cost up to half of a request's
    time; what is loaded by now lives as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
