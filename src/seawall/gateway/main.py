"""The gateway's composition root: settings to a running process."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import structlog

from seawall.adapters.decisions import DecisionLog, sample, segments
from seawall.adapters.telemetry.logs import set_up_logs
from seawall.gateway.holder import Holder
from seawall.gateway.http import GatewayApp
from seawall.gateway.joins import KEEP, Entry, Joins
from seawall.gateway.link import Link
from seawall.gateway.live import Cohort
from seawall.gateway.metrics import Metrics
from seawall.gateway.outbox import Outbox
from seawall.gateway.recorder import Recorder
from seawall.gateway.service import Service
from seawall.gateway.settings import GatewaySettings
from seawall.gateway.state import State
from seawall.gateway.worker import Worker
from seawall.kernel import Corrupt, Unavailable, now, to_ns
from seawall.serving.decision import DecisionRecord
from seawall.serving.outcome import Outcome

MOST_RECOVERED = 1_000_000
"""Decisions of an endpoint that are read back after a kill."""
_log: Any = structlog.get_logger("seawall.gateway")


class Gateway:
    """Everything of one gateway but the sockets: `app` is served, `start` and `close` frame it."""

    def __init__(self, settings: GatewaySettings) -> None:
        settings.check()
        self.settings = settings
        state = State(settings.state_dir)
        self.name = settings.name or state.gateway_id()
        self.holder = Holder(state, settings.public_keys)
        for endpoint in settings.endpoints:
            self.holder.restore(endpoint)
        self.log = DecisionLog(
            settings.log_folder,
            gateway=self.name,
            clock=settings.clock,
            seal_seconds=settings.seal_seconds,
            keys=settings.keyring(),
        )
        self.joins = Joins(settings.state_dir / "joins", settings.clock)
        recorder, metrics = Recorder(self.joins), Metrics()
        self.service = Service(self.log, self.joins, recorder, settings.clock)
        self.worker = Worker(
            endpoints=settings.endpoints,
            link=Link(settings.control_url, settings.token),
            holder=self.holder,
            recorder=recorder,
            joins=self.joins,
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
        self._recover()

    def start(self) -> None:
        """Begin to poll, flush and ship."""
        self.worker.start()
        self._shipper = _start_shipping(self)

    def close(self) -> None:
        """Flush what was counted, seal the log, and let the shipper finish."""
        self.worker.stop()
        self.log.close()
        assert self._shipper.stdin is not None
        self._shipper.stdin.close()
        self._shipper.wait()

    def _recover(self) -> None:
        """Take from the log what a kill kept out of the index of joins.

        The shipper may have put it into the table already, so that is looked at first.
        """
        ages = [live.bundle.label_age_seconds for live in self.holder.live.values()]
        since = now(self.settings.clock) - timedelta(seconds=KEEP * max(ages, default=0.0))
        pending = self.log.pending(since)
        try:
            for record in chain(self._shipped(max(since, self.joins.newest)), pending):
                if record.id not in self.joins and (entry := self._entry(record)):
                    self.joins.add(record.id, entry)
        except (Corrupt, Unavailable) as error:
            _log.error("decision log", error=str(error))
        try:
            outcomes = [
                Outcome(o.decision_id, o.label, o.time) for o in self.log.pending_outcomes(since)
            ]
            self.service.join(outcomes)
        except Corrupt as error:
            _log.error("outcomes", error=str(error))

    def _shipped(self, since: datetime) -> Iterator[DecisionRecord]:
        """What this gateway shipped since the index was last saved."""
        try:
            mine = [s for s in segments(self.settings.table_root) if s.gateway == self.name]
            missed = [s.first_time for s in mine if s.last_time >= since]
            for endpoint in self.settings.endpoints if missed else ():
                first = max(since, min(missed))
                yield from sample(
                    self.settings.table_root,
                    first,
                    MOST_RECOVERED,
                    endpoint=endpoint,
                    keys=self.settings.keyring(),
                )
        except (Corrupt, Unavailable) as error:
            _log.error("decision table", error=str(error))

    def _entry(self, record: DecisionRecord) -> Entry | None:
        live = self.holder.live.get(record.endpoint)
        if live is None or record.model is None or record.arm is None:
            return None
        bundle = live.bundle
        cohort = Cohort(
            record.endpoint,
            record.model,
            record.arm,
            0.5 if record.threshold is None else record.threshold,
            bundle.protected,
            round(bundle.label_age_seconds * 1e9),
        )
        others = bundle.privacy.get("*", "plain")
        groups = tuple(
            None
            if bundle.privacy.get(name, others) != "plain" or record.input.get(name) is None
            else str(record.input[name])
            for name in bundle.protected
        )
        score = float("nan") if record.score is None else record.score
        return Entry(cohort, to_ns(record.time), score, groups)


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


def _start_shipping(gateway: Gateway) -> subprocess.Popen[bytes]:
    """A process of its own ships, so that serving does not wait for it.

    It is told its settings through a pipe, and ends when the pipe does: also if we are killed.
    """
    command = [sys.executable, "-m", "seawall.gateway.ship"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 -- our own module
    assert process.stdin is not None
    process.stdin.write(pickle.dumps((gateway.settings, gateway.name)))
    process.stdin.flush()
    return process
