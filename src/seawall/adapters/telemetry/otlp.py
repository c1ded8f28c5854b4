"""Spans as an OTLP trace export: opentelemetry/proto/collector/trace/v1, in protobuf's encoding.

Written by hand because it is seven messages (docs/decisions/0056-spans-written-by-hand.md). Field
numbers are those of opentelemetry-proto 1.x, which never changes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import pack
from typing import Literal, NamedTuple

Value = str | int | float | bool
Kind = Literal[1, 2, 3]
INTERNAL, SERVER, CLIENT = 1, 2, 3
PATH = "/v1/traces"
CONTENT_TYPE = "application/x-protobuf"


class SpanEvent(NamedTuple):
    """A named moment within a span."""

    name: str
    time_ns: int
    attributes: Mapping[str, Value]


class SpanData(NamedTuple):
    """A span that has ended; ids are hexadecimal, times nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    events: tuple[SpanEvent, ...] = ()
    failed: bool = False
    remote_parent: bool = False
    state: str = ""


def export_request(resource: Mapping[str, Value], scope: str, spans: Iterable[SpanData]) -> bytes:
    """An ExportTraceServiceRequest with one resource and one scope."""
    scoped = _message(1, _text(1, scope)) + b"".join(_message(2, _span(s)) for s in spans)
    resource_spans = _message(1, _attributes(1, resource)) + _message(2, scoped)
    return _message(1, resource_spans)


def _span(span: SpanData) -> bytes:
    # bits 0-7 are the W3C flags, bit 8 says that bit 9, whether the parent is remote, is known
    flags = 0x101 | (0x200 if span.remote_parent else 0)
    return b"".join(
        (
            _message(1, bytes.fromhex(span.trace_id)),
            _message(2, bytes.fromhex(span.span_id)),
            _text(3, span.state),
            _message(4, bytes.fromhex(span.parent_id)) if span.parent_id else b"",
            _text(5, span.name),
            _number(6, span.kind),
            _fixed64(7, span.start_ns),
            _fixed64(8, span.end_ns),
            _attributes(9, span.attributes),
            *(_message(11, _event(e)) for e in span.events),
            _message(15, _number(3, 2)) if span.failed else b"",
            _tag(16, 5) + pack("<I", flags),
        )
    )


def _event(event: SpanEvent) -> bytes:
    return _fixed64(1, event.time_ns) + _text(2, event.name) + _attributes(3, event.attributes)


def _attributes(number: int, attributes: Mapping[str, Value]) -> bytes:
    return b"".join(
        _message(number, _text(1, name) + _message(2, _value(value)))
        for name, value in attributes.items()
    )


def _value(value: Value) -> bytes:
    """An AnyValue."""
    if isinstance(value, str):
        return _message(1, value.encode("utf-8", "replace"))
    if isinstance(value, bool):
        return _tag(2, 0) + _varint(int(value))
    if isinstance(value, int):
        return _tag(3, 0) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    return _tag(4, 1) + pack("<d", value)


def _text(number: int, text: str) -> bytes:
    """A string; an empty one is not written."""
    return _message(number, text.encode("utf-8", "replace")) if text else b""


def _message(number: int, body: bytes) -> bytes:
    return _tag(number, 2) + _varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _tag(number, 0) + _varint(value)


def _fixed64(number: int, value: int) -> bytes:
    return _tag(number, 1) + pack("<Q", value)


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
