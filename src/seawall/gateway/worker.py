"""The gateway's background threads: one polls bundles and flushes telemetry, one sees switches.

The control plane may be gone for any time: polls fail, reports wait on disk, serving goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from time import monotonic
from typing import Any

import structlog

from seawall.adapters.decisions import DecisionLog
from seawall.gateway.access import Access
from seawall.gateway.holder import Holder
from seawall.gateway.keeper import Status
from seawall.gateway.link import Denied, Link
from seawall.gateway.metrics import Labels, Metrics
from seawall.gateway.outbox import Outbox
from seawall.gateway.presence import Presence
from seawall.gateway.process import Process
from seawall.gateway.recorder import Recorder
from seawall.gateway.refusals import Refusals
from seawall.gateway.tracing import Tracer
from seawall.kernel import Unavailable

MANY_ROWS = 100_000
"""So many rows are flushed before their time."""
NOTICE_SECONDS = 0.2
"""So soon a worker notices what another worker or the operator changed on disk."""
CIRCUIT = {"closed": 0, "half-open": 1, "open": 2}
AGAIN_SECONDS = 30.0
"""So long after a bundle was refused it is asked for again, the same or another."""
_log: Any = structlog.get_logger("seawall.gateway")


class Worker(threading.Thread):
    """`start`, then `stop`, which flushes once more."""

    def __init__(
        self,
        *,
        endpoints: tuple[str, ...],
        link: Link,
        holder: Holder,
        recorder: Recorder,
        status: Callable[[], Status],
        watch: Callable[[], None],
        log: DecisionLog,
        outbox: Outbox,
        presence: Presence,
        refusals: Refusals,
        metrics: Metrics,
        flush_seconds: float,
        poll_seconds: float,
        access: Access | None = None,
        process: Process,
        unlogged: Mapping[str, int],
        tracer: Tracer | None = None,
    ) -> None:
        super().__init__(name="seawall-gateway-worker", daemon=True)
        self._endpoints, self._link, self._holder = endpoints, link, holder
        self._recorder, self._outbox = recorder, outbox
        self._status, self._watch = status, watch
        self._log, self._metrics = log, metrics
        self._presence, self._refusals = presence, refusals
        self._again: dict[str, float] = {}
        self._denied: dict[str, str] = {}
        self._gone = False
        self._flush_seconds, self._poll_seconds = flush_seconds, poll_seconds
        self._access, self._process, self._tracer = access, process, tracer
        self._unlogged = unlogged
        self._etags: dict[str, str] = {}
        self._stopping = threading.Event()
        self.connected: bool | None = None
        """Whether the control plane answered last; None before it was asked."""

    def run(self) -> None:
        """Work until told to stop."""
        threading.Thread(target=self._notice, daemon=True).start()
        flush = poll = monotonic()
        while not self._stopping.is_set():
            now = monotonic()
            if now >= poll:
                self._guarded(self.poll)
                self._guarded(self._watch)
                poll = monotonic() + self._poll_seconds
            if now >= flush or self._recorder.waiting > MANY_ROWS:
                self._guarded(self.flush)
                flush = monotonic() + self._flush_seconds
            self._stopping.wait(
                max(0.01, min(flush, poll, monotonic() + NOTICE_SECONDS) - monotonic())
            )
        self._guarded(self.flush)

    def _notice(self) -> None:
        """Beside the rest, which may wait for a control plane or a shadow that hangs."""
        while not self._stopping.wait(NOTICE_SECONDS):
            self._guarded(self.notice)

    def stop(self) -> None:
        """Flush and end."""
        self._stopping.set()
        if self.is_alive():
            self.join()
        self._link.close()

    def notice(self) -> None:
        """Take up what changed on disk: endpoints switched by another worker, callers' tokens."""
        self._holder.look_at_switches()
        if self._access is not None:
            self._access.reload()

    def poll(self) -> None:
        """Ask for every endpoint's bundle."""
        for endpoint in self._endpoints:
            due = monotonic() + AGAIN_SECONDS
            if not self._refusals.open(endpoint):
                self._again.pop(endpoint, None)
            elif self._again.setdefault(endpoint, due) <= monotonic():
                self._etags.pop(endpoint, None)  # what was wrong may be right by now
                self._again[endpoint] = due
            try:
                answer = self._link.bundle(endpoint, self._etags.get(endpoint, ""))
                if answer is not None:
                    envelope, etag = answer
                    self._holder.offer(endpoint, envelope, self._link.artefact)
                    self._etags[endpoint] = etag
                self._heard()
                self._denied.pop(endpoint, None)
            except Unavailable as error:
                self._missed(error, endpoint)

    def flush(self) -> None:
        """Summarise what was served, keep it, and deliver what waits."""
        rows = self._recorder.flush().rows()
        try:
            self._log.seal_if_due()
            self._metrics.absorb(rows, self.counts(), self.gauges())
        finally:
            self._outbox.add(rows)
        try:
            while report := self._outbox.next():
                self._link.report(report)
                self._outbox.acknowledge(report)
                self._heard()
            self._presence.tell(self._link)
            self._denied.pop("telemetry", None)
        except Unavailable as error:
            self._missed(error, "telemetry")

    def counts(self) -> dict[tuple[str, Labels], float]:
        """What happened since the process started, beside what was served."""
        found = self._process.counts()
        if self._tracer is not None:
            found |= self._tracer.counts()
        if self._access is not None:
            found["token_files_refused_total", ()] = self._access.refused
        found["log_refused_total", ()] = self._log.health().refused
        for name, count in list(self._unlogged.items()):
            found["unlogged_total", (("endpoint", name),)] = count
        for (name, why), count in self._holder.refused.items():
            found["bundles_refused_total", (("endpoint", name), ("reason", why))] = count
        for (name, outcome), count in list(self._holder.remotes.tally.items()):
            about: Labels = (("upstream", name), ("outcome", outcome))
            found["upstream_requests_total", about] = count
        for (name, outcome), count in list(self._holder.remotes.observed.items()):
            about = (("endpoint", name), ("outcome", outcome))
            found["observed_requests_total", about] = count
        return found

    def gauges(self) -> dict[tuple[str, Labels], float]:
        """How this worker stands."""
        found: dict[tuple[str, Labels], float] = {
            ("control_plane_up", ()): int(bool(self.connected)),
            ("telemetry_rows_waiting", ()): self._outbox.waiting,
        }
        disk = self._log.health()
        found["log_failing", ()] = int(disk.trouble is not None)
        found["log_sync_seconds", ()] = disk.sync_seconds
        found["log_free_bytes", ()] = disk.free_bytes
        for name, live in self._holder.live.items():
            label: Labels = (("endpoint", name),)
            found["bundle_number", label] = live.bundle.number
            found["killed", label] = int(live.killed or live.bundle.killed)
            found["requests_under_way", label] = live.admission.here
        for remote in self._holder.remotes.in_use():
            label = (("upstream", remote.server.name),)
            found["upstream_circuit", label] = CIRCUIT[remote.breaker.state]
            found["upstream_limit", label] = remote.turns.limit
            found["upstream_under_way", label] = remote.turns.under_way
        if self._tracer is not None:
            found |= self._tracer.gauges()
        return found | self._process.gauges()

    def shared(self) -> dict[tuple[str, Labels], float]:
        """How the keeper stands, the same whichever worker is asked."""
        return self._status().gauges() | {("build_info", (("version", version("seawall")),)): 1}

    def _heard(self) -> None:
        if self._gone:
            _log.info("control plane is back")
        self.connected, self._gone = True, False

    def _missed(self, error: Unavailable, what: str) -> None:
        if isinstance(error, Denied):  # once for each, since it is asked again and again
            if self._denied.get(what) != str(error):
                _log.warning("not given; what is here serves on", what=what, error=str(error))
            self._denied[what] = str(error)
        elif not self._gone:
            _log.warning("control plane is gone; serving goes on", error=str(error))
            self._gone = True
        self.connected = False

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except OSError as error:
            _log.error("the disk does not take it", work=work.__name__, error=error.strerror)
        except Exception:  # noqa: BLE001 -- the outermost loop of the worker
            _log.exception("worker", work=work.__name__)
