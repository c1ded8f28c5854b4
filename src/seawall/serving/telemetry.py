"""What a gateway tells the control plane: additive deltas by endpoint, version, arm and window.

A row's body belongs to one of five streams. `merge` adds two bodies of a stream without knowing
whose they are; it is associative and commutative, so deltas may arrive in any order.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Corrupt, from_ns, to_ns
from seawall.statistics.score import ScoreSummary
from seawall.statistics.summary import ColumnSummary, TableSummary

Stream = Literal["counters", "inputs", "scores", "labels", "shadow"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
WINDOW: dict[Stream, timedelta] = {
    "counters": timedelta(minutes=5),
    "inputs": timedelta(hours=1),
    "scores": timedelta(hours=1),
    "labels": timedelta(hours=1),
    "shadow": timedelta(hours=1),
}
SHADOW_BINS = 20

Row = tuple[str, str, str, str, int, bytes]
"""Endpoint, version, arm, stream, start of the window in nanoseconds, body."""


class Report(msgspec.Struct, frozen=True, array_like=True):
    """What is sent at once: the control plane absorbs each (gateway, sequence) one time."""

    gateway: str
    sequence: int
    rows: tuple[Row, ...]


class Counters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An arm's five minutes. `decisions` counts rows answered, `rejected` rows that were not.

    `errors` are rows for which the model failed, `fallbacks` rows that a fallback answered, `slow`
    rows answered later than the latency objective. `invalid` is by `field: problem` and in rows,
    `guards` by `guard: action`.
    """

    decisions: int = 0
    errors: int = 0
    fallbacks: int = 0
    rejected: int = 0
    slow: int = 0
    invalid: dict[str, int] = {}
    guards: dict[str, int] = {}
    latency_bytes: bytes = b""

    @property
    def latency(self) -> ColumnSummary | None:
        """Milliseconds from request to answer, on the latency grid; None if none was given."""
        return ColumnSummary.from_bytes(self.latency_bytes) if self.latency_bytes else None


class Labels(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The labelled cohort of the decisions of one hour, at the bundle's fixed label age.

    `arrived` counts decisions whose label came in time, `late` those whose came after and are in
    no other number here; what is missing of the hour's decisions has not arrived. A correction is
    counted out (`withdrawn_bytes`) and in again.
    """

    arrived: int = 0
    late: int = 0
    correct: int = 0
    wrong: int = 0
    added_bytes: bytes = b""
    withdrawn_bytes: bytes = b""


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """A shadow's scores beside the champion's on the same inputs.

    `flips` counts rows on which their labels differ. `counts` holds 20 × 20 little-endian uint64:
    row the champion's bin of width 0.05, column the shadow's.
    """

    rows: int
    flips: int
    counts: bytes

    @property
    def table(self) -> NDArray[np.int64]:
        """The counts, 20 × 20; [champion's bin, shadow's bin]."""
        return np.frombuffer(self.counts, "<u8").astype(np.int64).reshape(SHADOW_BINS, SHADOW_BINS)


class Shadow(msgspec.Struct, frozen=True):
    """A shadow's comparison, by the champion's version that it was compared with."""

    against: dict[str, Joint] = {}


Body = Counters | Labels | Shadow | TableSummary | ColumnSummary


def window_start(stream: Stream, moment: datetime) -> int:
    """The start, in nanoseconds, of the stream's window that holds the moment."""
    step = round(WINDOW[stream].total_seconds()) * 1_000_000_000
    return to_ns(moment) // step * step


def encode(body: Body) -> bytes:
    """The bytes of a body of any stream."""
    if isinstance(body, TableSummary | ColumnSummary):
        return body.to_bytes()
    return msgspec.msgpack.encode(body, order="sorted")
