"""Where a request stands in its caller's trace, and how that is passed on (W3C Trace Context)."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import NamedTuple

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MOST_STATE = 512
"""Bytes of `tracestate` that are passed on; the recommendation asks for at least so many."""


class TraceContext(NamedTuple):
    """A place in a trace: lower-case hexadecimal ids, and whether its sender records it."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""
    """The `tracestate` of other tracing systems, which is theirs to read."""

    @property
    def traceparent(self) -> str:
        """The header that tells this place to the next server."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


current: ContextVar[TraceContext | None] = ContextVar("seawall-trace", default=None)
"""Where the request that is being answered stands; None when it is in no trace."""


def received(traceparent: bytes | None, tracestate: bytes | None = None) -> TraceContext | None:
    """What a caller's headers say; None when they say nothing, or nothing valid.

    As the recommendation asks (section 2.2.2 and 4.3), unknown later versions are read as far as
    this one goes, ids of zeros are none, and the state is dropped with an invalid parent.
    """
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more):
        return None
    if not (trace_id.strip(b"0") and span_id.strip(b"0")):
        return None
    state = tracestate or b""
    kept = state.decode("ascii") if len(state) <= _MOST_STATE and state.isascii() else ""
    return TraceContext(trace_id.decode(), span_id.decode(), bool(int(flags, 16) & 1), kept)


def outgoing_headers() -> dict[str, str]:
    """What to send along with a request that is made to answer the present one; often nothing."""
    context = current.get()
    if context is None:
        return {}
    headers = {"traceparent": context.traceparent}
    return headers | {"tracestate": context.state} if context.state else headers
