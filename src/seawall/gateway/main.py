"""The gateway's composition root: settings to a running process."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import structlog

from seawall.adapters.decisions import DecisionLog
from seawall.adapters.signing.keys import read_public_pem
from seawall.adapters.telemetry.logs import set_up_logs
from seawall.gateway.access import Access
from seawall.gateway.engine import Engine, listen
from seawall.gateway.holder import Holder
from seawall.gateway.http import GatewayApp
from seawall.gateway.keeper import KeeperProcess, read_status
from seawall.gateway.lag import LoopLag
from seawall.gateway.link import Link
from seawall.gateway.metrics import Metrics
from seawall.gateway.outbox import Outbox
from seawall.gateway.presence import Presence
from seawall.gateway.process import Process
from seawall.gateway.recorder import Recorder
from seawall.gateway.refusals import Refusals
from seawall.gateway.service import Service
from seawall.gateway.settings import GatewaySettings
from seawall.gateway.shared import Shared
from seawall.gateway.state import State
from seawall.gateway.tls import context
from seawall.gateway.tracing import Tracer
from seawall.gateway.worker import Worker

_log: Any = structlog.get_logger("seawall.gateway")


class Gateway:
    """Everything of one worker but the sockets: `app` is served, `start` and `close` frame it."""

    def __init__(
        self,
        settings: GatewaySettings,
        worker: int = 0,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        settings.check()
        self.settings = settings
        state = State(settings.state_dir)
        self.name = settings.name or state.gateway_id()
        self.shared = Shared(settings.state_dir / "limits", worker)
        # each worker numbers its reports, and so is a gateway of its own to the control plane
        suffix = f"-{worker}" if worker else ""
        refusals = Refusals(settings.state_dir / "refusals" / str(worker), settings.clock)
        self.holder = Holder(state, settings.public_keys, self.shared, refusals)
        for endpoint in settings.endpoints:
            self.holder.restore(endpoint)
        self.log = DecisionLog(
            settings.log_folder,
            gateway=self.name,
            clock=settings.clock,
            seal_seconds=settings.seal_seconds,
            keys=settings.keyring(),
            apart_keys=settings.apart_keyring(),
        )
        lag, tokens, url = LoopLag(), settings.tokens, settings.trace_endpoint
        access = None
        if tokens is not None:
            keys = [read_public_pem(pem) for pem in settings.public_keys]
            access = Access(tokens, settings.clock, keys, settings.state_dir / "callers")
        recorder = Recorder(self.log)
        metrics = Metrics(settings.state_dir / "metrics", worker, settings.workers)
        self.process = Process(worker, lag)
        self.service = Service(self.log, recorder, settings.clock)
        software, rate = version("seawall"), settings.trace_rate
        self.tracer = Tracer(url, rate, self.name + suffix, software) if url else None
        self.worker = work = Worker(
            endpoints=settings.endpoints,
            link=Link(settings.control_url, settings.token),
            holder=self.holder,
            recorder=recorder,
            status=lambda: read_status(settings),
            watch=watch,
            log=self.log,
            presence=Presence(self.name + suffix, software, self.holder, refusals, settings.clock),
            refusals=refusals,
            outbox=Outbox(settings.state_dir / f"telemetry{suffix}", self.name + suffix),
            metrics=metrics,
            flush_seconds=settings.flush_seconds,
            poll_seconds=settings.poll_seconds,
            access=access,
            process=self.process,
            tracer=self.tracer,
            unlogged=self.service.unlogged,
        )
        self.app = GatewayApp(
            service=self.service,
            holder=self.holder,
            metrics=metrics,
            endpoints=settings.endpoints,
            admin_token=settings.admin_token,
            max_body_bytes=settings.max_body_bytes,
            page=lambda: metrics.text(work.gauges(), work.shared()),
            lag=lag,
            tokens=access,
            tracer=self.tracer,
        )

    def close(self) -> None:
        """Flush what was counted, seal the log, and send the last spans."""
        if self.tracer is not None:
            self.tracer.stop()
        self.worker.stop()
        self.log.close()


def run(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, logging to stderr as JSON unless logs are set up already."""
    if not structlog.is_configured():
        set_up_logs("info", "json")
    settings.check()
    listening = listen(settings.host, settings.port)
    if settings.workers > 1:
        from seawall.gateway.workers import supervise

        supervise(settings, listening)
        return
    import uvloop

    name = settings.name or State(settings.state_dir).gateway_id()
    keeper = KeeperProcess(settings, name)
    keeper.start()
    try:
        uvloop.run(serve(settings, listening, watch=keeper.watch))
    finally:
        keeper.end()


async def serve(
    settings: GatewaySettings,
    listening: socket.socket,
    worker: int = 0,
    lifeline: int = -1,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Serve on the running event loop until SIGTERM, SIGINT, or the end of the `lifeline`.

    `watch` is called now and then, off the loop.
    """
    gateway = Gateway(settings, worker, watch)
    engine = Engine(gateway.app, settings.connections, tls_of(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, engine.stop)
    if lifeline >= 0:
        loop.add_reader(lifeline, _ended, loop, lifeline, engine)
    if any(name not in gateway.holder.live for name in settings.endpoints):
        await asyncio.to_thread(gateway.worker.poll)  # another worker may answer already
    gateway.worker.start()
    if gateway.tracer is not None:
        gateway.tracer.start()
    _spare_collections()
    host, port = listening.getsockname()[:2]
    _log.info("listening", host=host, port=port, gateway=gateway.name, worker=worker)
    gateway.process.ready()
    try:
        await engine.serve(sockets=[listening])
    finally:
        await asyncio.to_thread(gateway.close)


def tls_of(settings: GatewaySettings) -> ssl.SSLContext | None:
    """What TLS is served with, if any; raises `BadInput` for files that do not fit."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return context(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def _ended(loop: asyncio.AbstractEventLoop, lifeline: int, engine: Engine) -> None:
    """Whoever started this worker is gone: end as on SIGTERM."""
    loop.remove_reader(lifeline)
    engine.stop()


def _spare_collections() -> None:
    """Keep the cyclic collector from walking what stays and what a flush is about to free.

    A full collection visits every row that waits for a flush, and cost up to half of a request's
    time; what is loaded by now lives as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
