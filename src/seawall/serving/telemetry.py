"""What a gateway tells the control plane: additive deltas by endpoint, version, arm and window.

A row's body belongs to one of five streams and says itself to which, so that `merge` adds two
bodies without being told; it is associative and commutative, so deltas may come in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Literal, TypeVar, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.kernel import BadInput, Corrupt, Digest
from seawall.serving.label_groups import Groups, merge_groups
from seawall.serving.labelled import Confusion, less, merge_confusions, values_of
from seawall.statistics.multiclass import MulticlassSummary
from seawall.statistics.regression import RegressionSummary
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
_STEP_NS = {stream: round(w.total_seconds()) * 1_000_000_000 for stream, w in WINDOW.items()}
SHADOW_BINS = 20

Row = tuple[str, str, str, str, int, bytes]
"""Endpoint, version, arm, stream, start of the window in nanoseconds, body."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent at once: the control plane absorbs each (gateway, sequence) one time."""

    gateway: str
    sequence: int
    rows: tuple[Row, ...]


class Counters(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="counters", tag_field="is"
):
    """An arm's five minutes, in rows. `decisions` are answered, `rejected` are not.

    `errors`: the model failed; `fallbacks`: a fallback answered; `slow`: answered later than the
    latency objective; `refused`: requests turned away by a limit. `invalid` is by
    `field: problem`, `guards` by `guard: action`. Rejected rows and refused requests have no arm
    and count with the champion.
    """

    decisions: int = 0
    errors: int = 0
    fallbacks: int = 0
    rejected: int = 0
    refused: int = 0
    slow: int = 0
    invalid: dict[str, int] = {}
    guards: dict[str, int] = {}
    latency_bytes: bytes = b""
    costs: dict[str, int] = {}
    """Millionths of a currency that its model's calls cost, by the currency."""

    @property
    def latency(self) -> ColumnSummary | None:
        """Milliseconds from request to answer, each row's; None if none was answered."""
        return ColumnSummary.from_bytes(self.latency_bytes) if self.latency_bytes else None


class Inputs(msgspec.Struct, frozen=True, tag="inputs", tag_field="is"):
    """Summaries of the scored inputs on the bundle's grids, by the digest of those grids.

    There is more than one only when a new baseline came within the window.
    """

    by_grids: dict[str, bytes]

    @property
    def table(self) -> TableSummary:
        """The summary with the most rows."""
        found = [TableSummary.from_bytes(part) for part in self.by_grids.values()]
        return max(found, key=lambda t: t.rows)


class Labels(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="labels", tag_field="is"
):
    """The labelled cohort of the decisions of one hour, at the bundle's fixed label age.

    `arrived` counts decisions that the arm's model scored and whose label came in time, `late`
    those whose label came after and is in no other number here; the rest of the hour's decisions
    have none. A correction is counted out (`withdrawn`) and in again (`added`); both are score
    summaries by the group columns they were counted by. Of several classes `confusion` counts
    labels by the class called, corrections taken out; of a regression `errors` and
    `errors_withdrawn` are column summaries of error, magnitude, label and relative error, and
    without a tolerance nothing is correct or wrong. `groups` counts both by group.
    """

    arrived: int = 0
    late: int = 0
    correct: int = 0
    wrong: int = 0
    added: dict[str, bytes] = {}
    withdrawn: dict[str, bytes] = {}
    confusion: Confusion = {}
    errors: dict[str, bytes] = {}
    errors_withdrawn: dict[str, bytes] = {}
    groups: Groups = {}

    @property
    def classes(self) -> MulticlassSummary | None:
        """Labels by the class called as they stand now; None without any."""
        names = sorted({*self.confusion, *(c for row in self.confusion.values() for c in row)})
        if not names:
            return None
        counts = [[max(0, self.confusion.get(a, {}).get(b, 0)) for b in names] for a in names]
        return MulticlassSummary(classes=tuple(names), confusion=np.array(counts, np.int64))

    @property
    def values(self) -> RegressionSummary | None:
        """A regression's errors as they stand now; None without any."""
        return values_of(self.errors, self.errors_withdrawn) if self.errors else None

    @property
    def scores(self) -> ScoreSummary | None:
        """Scores by label and group as they stand now; None without any."""
        found: list[ScoreSummary] = []
        for columns, part in self.added.items():
            total = ScoreSummary.from_bytes(part)
            if gone := self.withdrawn.get(columns):
                total = less(total, ScoreSummary.from_bytes(gone))
            found.append(total)
        return max(found, key=lambda s: s.n) if found else None


class Joint(msgspec.Struct, frozen=True, kw_only=True):
    """What a shadow says beside the champion on the same inputs.

    `flips` counts rows on which their answers differ. `counts` holds 20 × 20 little-endian uint64:
    row the champion's bin, column the shadow's; a bin is a twentieth of the range of scores, a
    class, or some range of values.
    """

    rows: int
    flips: int
    counts: bytes

    @property
    def table(self) -> NDArray[np.int64]:
        """The counts, 20 × 20; [champion's bin, shadow's bin]."""
        return np.frombuffer(self.counts, "<u8").astype(np.int64).reshape(SHADOW_BINS, SHADOW_BINS)


class Shadow(msgspec.Struct, frozen=True, tag="shadow", tag_field="is"):
    """A shadow's comparison, by the champion's version that it was compared with."""

    against: dict[str, Joint] = {}


Body = Counters | Inputs | Labels | Shadow | ColumnSummary
_Own = Counters | Inputs | Labels | Shadow
_OF: dict[Stream, type] = {
    "counters": Counters,
    "inputs": Inputs,
    "scores": ColumnSummary,
    "labels": Labels,
    "shadow": Shadow,
}
_own: msgspec.msgpack.Decoder[_Own] = msgspec.msgpack.Decoder(_Own)
_COLUMN = b"SWCS"
V = TypeVar("V")


def window_start(stream: Stream, time_ns: int) -> int:
    """The start of the stream's window that holds the moment, both in nanoseconds."""
    step = _STEP_NS[stream]
    return time_ns - time_ns % step


def encode(body: Body) -> bytes:
    """The bytes of a body of any stream; `read` is its inverse."""
    if isinstance(body, ColumnSummary):
        return body.to_bytes()
    return msgspec.msgpack.encode(body, order="sorted")


def read(data: bytes) -> Body:
    """The body in these bytes; raises `Corrupt` when they are none."""
    if data.startswith(_COLUMN):
        return ColumnSummary.from_bytes(data)
    try:
        return _own.decode(data)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"not a telemetry body: {error}") from None


def decode(
    stream: Stream, data: bytes
) -> Counters | TableSummary | ColumnSummary | Labels | Shadow:
    """What a stream's body says; raises `Corrupt` when it is not one of this stream."""
    body = read(data)
    if not isinstance(body, _OF[stream]):
        raise Corrupt(f"a telemetry body of another stream than {stream}")
    return body.table if isinstance(body, Inputs) else body


def merge(a: bytes, b: bytes) -> bytes:
    """Both bodies' counts as one body; raises `BadInput` when they are of unequal streams."""
    return encode(_add(read(a), read(b)))


def parts_key(names: Mapping[str, Digest]) -> str:
    """A short key of a set of grids, for `Inputs.by_grids`."""
    return Digest.of(msgspec.msgpack.encode({k: str(v) for k, v in sorted(names.items())})).short


def joint(
    champion: NDArray[np.float64],
    shadow: NDArray[np.float64],
    *,
    thresholds: tuple[float, float],
) -> Joint:
    """Count n pairs of scores in [0, 1]; the thresholds are the champion's and the shadow's."""
    a, b = (
        np.clip((s * SHADOW_BINS).astype(np.int64), 0, SHADOW_BINS - 1) for s in (champion, shadow)
    )
    flips = np.count_nonzero((champion >= thresholds[0]) != (shadow >= thresholds[1]))
    return joint_of(a, b, int(flips))


def joint_of(champion: NDArray[np.int64], shadow: NDArray[np.int64], flips: int) -> Joint:
    """Count n pairs of bins, from 0 to 19."""
    size = SHADOW_BINS * SHADOW_BINS
    counts = np.bincount(champion * SHADOW_BINS + shadow, minlength=size)
    return Joint(rows=len(champion), flips=flips, counts=counts.astype("<u8").tobytes())


def _add(a: Body, b: Body) -> Body:
    if isinstance(a, Counters) and isinstance(b, Counters):
        latency = _merge_columns(a.latency_bytes, b.latency_bytes)
        return Counters(
            decisions=a.decisions + b.decisions,
            errors=a.errors + b.errors,
            fallbacks=a.fallbacks + b.fallbacks,
            rejected=a.rejected + b.rejected,
            refused=a.refused + b.refused,
            slow=a.slow + b.slow,
            invalid=_union(a.invalid, b.invalid, int.__add__),
            guards=_union(a.guards, b.guards, int.__add__),
            latency_bytes=latency,
            costs=_union(a.costs, b.costs, int.__add__),
        )
    if isinstance(a, Inputs) and isinstance(b, Inputs):
        return Inputs(_union(a.by_grids, b.by_grids, _merge_tables))
    if isinstance(a, Labels) and isinstance(b, Labels):
        return Labels(
            arrived=a.arrived + b.arrived,
            late=a.late + b.late,
            correct=a.correct + b.correct,
            wrong=a.wrong + b.wrong,
            added=_union(a.added, b.added, _merge_scores),
            withdrawn=_union(a.withdrawn, b.withdrawn, _merge_scores),
            confusion=merge_confusions(a.confusion, b.confusion),
            errors=_union(a.errors, b.errors, _merge_columns),
            errors_withdrawn=_union(a.errors_withdrawn, b.errors_withdrawn, _merge_columns),
            groups=merge_groups(a.groups, b.groups),
        )
    if isinstance(a, Shadow) and isinstance(b, Shadow):
        return Shadow(_union(a.against, b.against, _merge_joints))
    if isinstance(a, ColumnSummary) and isinstance(b, ColumnSummary):
        return a.merge(b)
    raise BadInput(
        f"telemetry of {type(a).__name__} and of {type(b).__name__} do not merge",
        remedy="merge bodies of one stream",
    )


def _union(a: dict[str, V], b: dict[str, V], add: Callable[[V, V], V]) -> dict[str, V]:
    both = dict(a)
    for name, value in b.items():
        both[name] = add(both[name], value) if name in both else value
    return both


def _merge_columns(a: bytes, b: bytes) -> bytes:
    if not (a and b):
        return a or b
    return ColumnSummary.from_bytes(a).merge(ColumnSummary.from_bytes(b)).to_bytes()


def _merge_tables(a: bytes, b: bytes) -> bytes:
    return TableSummary.from_bytes(a).merge(TableSummary.from_bytes(b)).to_bytes()


def _merge_scores(a: bytes, b: bytes) -> bytes:
    return ScoreSummary.from_bytes(a).merge(ScoreSummary.from_bytes(b)).to_bytes()


def _merge_joints(a: Joint, b: Joint) -> Joint:
    counts = np.frombuffer(a.counts, "<u8") + np.frombuffer(b.counts, "<u8")
    return Joint(rows=a.rows + b.rows, flips=a.flips + b.flips, counts=counts.tobytes())
