"""Which requests are sampled, and the thread that sends their spans, which nobody waits for.

A request is sampled when its caller's `traceparent` says so or, without one, at a declared rate.
What the collector does not take soon enough is dropped and counted.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from time import monotonic
from typing import Any

from seawall.adapters.telemetry.otlp import CONTENT_TYPE, SpanData, export_request
from seawall.gateway.admission import Limited
from seawall.gateway.live import Live
from seawall.gateway.trace import Trace
from seawall.kernel import SeawallError
from seawall.serving.trace import TraceContext

MOST_WAITING = 2_048
"""So many traces wait for the exporter; more are dropped."""
MOST_AT_ONCE = 256
"""Traces in one request to the collector."""
EXPORT_SECONDS, TIMEOUT, LONGEST_PAUSE = 1.0, 5.0, 30.0
_AGAIN = frozenset({429, 502, 503, 504})
"""Answers after which OTLP asks to try again; others will not change."""
Labels = tuple[tuple[str, str], ...]


class Tracer(threading.Thread):
    """Samples requests, and sends their spans to the collector at `url` by OTLP over HTTP.

    `rate` is the share sampled of requests without a caller's trace, in [0, 1].
    """

    def __init__(self, url: str, rate: float, gateway: str, software: str) -> None:
        super().__init__(name="seawall-gateway-tracer", daemon=True)
        self._url, self._rate = url, rate
        self._resource = {
            "service.name": "seawall-gateway",
            "service.instance.id": gateway,
            "service.version": software,
        }
        self._waiting: deque[list[SpanData]] = deque()
        self._batch: list[SpanData] = []
        self._stopping = threading.Event()
        self._http: Any = None
        self._pause, self._due = EXPORT_SECONDS, 0.0
        self._counts = dict.fromkeys(("exported", "full", "refused", "failures"), 0)

    def begin(self, parent: TraceContext | None, started: float) -> Trace | None:
        """The trace of a request that is sampled."""
        if parent is not None:
            sampled = parent.sampled
        else:
            sampled = self._rate > 0.0 and random.random() < self._rate  # noqa: S311 -- no secret
        return Trace(parent, started) if sampled else None

    def take(self, spans: list[SpanData]) -> None:
        """Have the spans of one request sent some time, or dropped where too many wait."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(spans)
        else:
            self._counts["full"] += len(spans)

    def run(self) -> None:
        """Send until told to stop."""
        while not self._stopping.wait(EXPORT_SECONDS):
            self.export()

    def stop(self) -> None:
        """Send what waits, if the collector takes it at once; the rest is lost."""
        self._stopping.set()
        if self.is_alive():
            self.join()
        self._due = 0.0
        self.export()
        if self._http is not None:
            self._http.close()

    def export(self) -> None:
        """Send what waits, unless the collector failed lately."""
        while monotonic() >= self._due and (self._batch or self._waiting):
            if not self._batch:
                count = min(len(self._waiting), MOST_AT_ONCE)
                self._batch = [s for _ in range(count) for s in self._waiting.popleft()]
            if self._send(export_request(self._resource, "seawall.gateway", self._batch)):
                self._counts["failures"] += 1
                self._due = monotonic() + self._pause
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
                return
            self._batch, self._pause = [], EXPORT_SECONDS

    def counts(self) -> dict[tuple[str, Labels], float]:
        """What became of spans since the process started."""
        counts = self._counts
        found: dict[tuple[str, Labels], float] = {
            ("spans_dropped_total", (("reason", why),)): counts[why] for why in ("full", "refused")
        }
        found["spans_exported_total", ()] = counts["exported"]
        found["span_export_failures_total", ()] = counts["failures"]
        return found

    def gauges(self) -> dict[tuple[str, Labels], float]:
        """Traces that wait for the collector."""
        return {("traces_waiting", ()): len(self._waiting)}

    def _send(self, body: bytes) -> bool:
        """Whether this is to be sent again later."""
        import httpx

        if self._http is None:
            self._http = httpx.Client(timeout=TIMEOUT, trust_env=False)
        try:
            answer = self._http.post(
                self._url, content=body, headers={"content-type": CONTENT_TYPE}
            )
        except httpx.HTTPError:
            return True
        if answer.status_code in _AGAIN:
            return True
        kept = "exported" if answer.is_success else "refused"
        self._counts[kept] += len(self._batch)
        return False


def traced(
    tracer: Tracer, trace: Trace, live: Live, method: str, route: str, error: BaseException | None
) -> None:
    """A sampled request is answered, or failed so: hand its spans on."""
    about = {
        "http.request.method": method,
        "http.route": route,
        "seawall.endpoint": live.bundle.endpoint,
        "seawall.bundle": live.bundle.number,
    }
    status = 200 if error is None else _status(error)
    tracer.take(trace.end(f"{method} {route}", status, about))


def _status(error: BaseException) -> int:
    """The status that an error is answered with."""
    if isinstance(error, Limited):
        return error.status
    return error.http if isinstance(error, SeawallError) else 500
