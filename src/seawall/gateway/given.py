"""What a request gives for its rows: inputs, routing keys, subjects, what may be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seawall.gateway.live import Live
from seawall.gateway.request import Ask
from seawall.gateway.trace import Trace
from seawall.kernel import BadInput
from seawall.serving.decide import Batch, batch_of
from seawall.serving.trace import TraceContext, received
from seawall.serving.typed import LONGEST, TypedRow
from seawall.serving.validate import Violation

_OF_CALLER = (b"seawall-caller", b"seawall-purpose", b"traceparent")
_SCALARS = (str, int, float, bool)


class Context(NamedTuple):
    """What the request's headers say of it."""

    started: float
    """`perf_counter` at its arrival."""
    caller: str | None = None
    purpose: str | None = None
    trace_id: str | None = None
    place: TraceContext | None = None
    """Where it stands in a trace: its caller's, or its own."""
    trace: Trace | None = None
    """Of a sampled request."""


class Given(NamedTuple):
    """A request's rows, read and checked; every sequence has an item for each row."""

    batch: Batch
    units: Sequence[str | None] | None
    """Routing keys; a row without one is its own unit."""
    subjects: Sequence[str | None]
    kept: Sequence[dict[str, Any]]
    """What the log keeps of the inputs, after the privacy rule."""
    apart: Sequence[dict[str, Any]]
    """What it keeps apart from them."""
    parameters: Mapping[str, Any]
    violations: tuple[Violation, ...] = ()


def context_of(headers: Mapping[bytes, bytes], started: float) -> Context:
    """What a request's headers say of it: who asks, as it says itself, why, and in which trace."""
    caller, purpose, parent = map(headers.get, _OF_CALLER)
    place = received(parent, headers.get(b"tracestate")) if parent else None
    trace_id = place.trace_id if place else None
    return Context(started, _short(caller), _short(purpose), trace_id, place)


def given_typed(live: Live, rows: Sequence[TypedRow], parameters: Mapping[str, Any]) -> Given:
    """Rows in which all is well."""
    values = [row.values for row in rows]
    batch = Batch(values, np.array(values, dtype=np.float64))
    unit, count = live.bundle.unit, len(rows)
    units = None
    if unit is not None:
        sent = [row.sent.get(unit) for row in rows]
        units = _for_each(
            sent if any(v is not None for v in sent) else None, unit, parameters, count
        )
    said = [row.sent.get("subject") for row in rows]
    known = any(s is not None for s in said)
    subjects = _for_each(said if known else None, "subject", parameters, count)
    apart = [live.keeping.apart(row.sent) for row in rows]
    kept = [live.keeping.typed(row.sent) for row in rows]
    return Given(batch, units, subjects, kept, apart, parameters)


def given_plainly(live: Live, body: bytes) -> Given | None:
    """The rows of `{"dataframe_records": […]}` in which all is well, read fast; else None."""
    found = live.decider.reader.invocation(body)
    return None if found is None else given_typed(live, *found)


def given_any(live: Live, ask: Ask) -> Given:
    """Rows of any kind, with every violation."""
    validator = live.decider.validator
    if ask.records is not None:
        checked = validator.records(ask.records)
    else:
        checked = validator.columns(ask.columns or {}, ask.rows)
    unit, parameters = live.bundle.unit, ask.parameters
    units = None if unit is None else _for_each(ask.column(unit), unit, parameters, ask.rows)
    subjects = _for_each(ask.column("subject"), "subject", parameters, ask.rows)
    if ask.records is not None:
        rows: Sequence[Mapping[str, Any]] = ask.records
    else:
        there = {n: c for n in live.keeping.names if (c := ask.column(n)) is not None}
        rows = [{n: c[i] for n, c in there.items()} for i in range(ask.rows)]
    kept, apart = map(live.keeping.any, rows), map(live.keeping.apart, rows)
    batch = batch_of(checked)
    return Given(batch, units, subjects, [*kept], [*apart], parameters, checked.counted)


def text(value: Any) -> str | None:
    """What a caller says of itself, as a short text."""
    if value is None:
        return None
    if not isinstance(value, _SCALARS):
        raise BadInput("a routing key, subject, caller or purpose is a text or a number")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)[:LONGEST]


def _for_each(
    column: Sequence[Any] | None, name: str, parameters: Mapping[str, Any], rows: int
) -> list[str | None]:
    """A value for every row: a column of this name, or a parameter for one row or for all."""
    if column is None:
        given = parameters.get(name)
        column = given if isinstance(given, list) else [given] * rows  # pyright: ignore[reportUnknownVariableType]
    values: Sequence[Any] = column
    if len(values) != rows:
        raise BadInput(f"{name} has {len(values)} values for {rows} rows")
    return [text(v) for v in values]


def _short(value: bytes | None) -> str | None:
    return value.decode("latin-1")[:LONGEST] if value else None
