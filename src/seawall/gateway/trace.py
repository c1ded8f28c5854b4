"""Spans of a sampled request, made while it is answered.

They say where time went and which version answered; never what was asked, who asked, or about whom.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from secrets import token_hex
from time import perf_counter, time_ns

from seawall.adapters.telemetry.otlp import (
    CLIENT,
    INTERNAL,
    SERVER,
    Kind,
    SpanData,
    SpanEvent,
    Value,
)
from seawall.gateway.live import Live
from seawall.serving.decide import Answer, Question, Steps
from seawall.serving.trace import TraceContext, current

_NOTHING: AbstractContextManager[None] = nullcontext()


class Trace:
    """One sampled request under way."""

    def __init__(self, parent: TraceContext | None, started: float) -> None:
        """`started` is `perf_counter` at the request's arrival."""
        trace_id = parent.trace_id if parent else token_hex(16)
        state = parent.state if parent else ""
        self.context = TraceContext(trace_id, token_hex(8), sampled=True, state=state)
        self._parent = parent
        self._offset = time_ns() - int(perf_counter() * 1e9)
        self._started = self._offset + int(started * 1e9)
        self._spans: list[SpanData] = []
        self._attributes: dict[str, Value] = {}
        self._events: list[SpanEvent] = []

    @contextmanager
    def step(self, name: str, kind: Kind = INTERNAL, **attributes: Value) -> Generator[None]:
        """A part of the answer as a span; what is asked of others meanwhile is its child."""
        here, began = self.context._replace(span_id=token_hex(8)), self._now()
        current.set(here)
        failed = True
        try:
            yield
            failed = False
        finally:
            current.set(self.context)
            self._add(name, here.span_id, began, kind, attributes, failed=failed)

    def asking(self, steps: Steps, live: Live) -> Steps:
        """The same questions and answers, each question timed, and what follows the last one."""
        versions = {arm.name: arm.version for arm in live.bundle.arms}
        began = self._now()
        try:
            question: Question = next(steps)
            while True:
                here, began = self.context._replace(span_id=token_hex(8)), self._now()
                current.set(here)
                scores = yield question
                current.set(self.context)
                about: dict[str, Value] = {
                    "seawall.arm": question.arm,
                    "seawall.version": versions.get(question.arm, ""),
                    "seawall.rows": len(question.matrix),
                }
                failed = not isinstance(scores, Sequence)
                self._add("model", here.span_id, began, CLIENT, about, failed=failed)
                began = self._now()
                question = steps.send(scores)
        except StopIteration as done:
            self._add("guards", token_hex(8), began, INTERNAL, {})
            return done.value

    def decided(self, live: Live, ids: Sequence[str], answers: Sequence[Answer]) -> None:
        """Note which arm and version answered, once for each arm."""
        at, endpoint = self._now(), live.bundle.endpoint
        self._attributes["seawall.rows"] = len(answers)
        self._attributes["seawall.decision"] = ids[0]
        if found := {a.fallback for a in answers if a.fallback}:
            self._attributes["seawall.fallback"] = ",".join(sorted(found))
        for arm in {a.arm.name: a.arm for a in answers}.values():
            told: dict[str, Value] = {
                "feature_flag.key": endpoint,
                "feature_flag.provider.name": "seawall",
                "feature_flag.result.variant": arm.name,
                "feature_flag.version": arm.version,
            }
            self._events.append(SpanEvent("feature_flag.evaluation", at, told))

    def end(self, name: str, status: int, attributes: Mapping[str, Value]) -> list[SpanData]:
        """All spans; the request's own is the last."""
        parent, context = self._parent, self.context
        about = {**attributes, "http.response.status_code": status, **self._attributes}
        if status >= 500:
            about["error.type"] = str(status)
        root = SpanData(
            *(context.trace_id, context.span_id, parent.span_id if parent else "", name, SERVER),
            *(self._started, self._now(), about, tuple(self._events)),
            failed=status >= 500,
            remote_parent=parent is not None,
            state=context.state,
        )
        return [*self._spans, root]

    def _now(self) -> int:
        return self._offset + int(perf_counter() * 1e9)

    def _add(
        self,
        name: str,
        span_id: str,
        began: int,
        kind: Kind,
        attributes: Mapping[str, Value],
        *,
        failed: bool = False,
    ) -> None:
        context = self.context
        ids = (context.trace_id, span_id, context.span_id)
        spent = (began, self._now())
        self._spans.append(
            SpanData(*ids, name, kind, *spent, attributes, failed=failed, state=context.state)
        )


def step(trace: Trace | None, name: str) -> AbstractContextManager[None]:
    """A part of the answer as a span, where the request is sampled."""
    return _NOTHING if trace is None else trace.step(name)
