"""Rows of the write-ahead log at a fixed width: what joining labels needs of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from seawall.adapters.decisions.apart import Apart, parted
from seawall.adapters.decisions.keyring import Keyring, opened
from seawall.adapters.decisions.shadows import ShadowScore
from seawall.adapters.decisions.tail import End, Positions, read_new
from seawall.gateway.classes import label_number
from seawall.gateway.index import Rows, ids_of
from seawall.gateway.live import Cohort
from seawall.gateway.strata import Bundles, Reader, Strata
from seawall.kernel import Corrupt, to_ns

_ID = ("id", "S16")
DECISION = np.dtype(
    [_ID, ("time", "<i8"), ("score", "<f8"), ("code", "<u4"), ("label", "<f8"), ("state", "u1")]
)
SHADOW = np.dtype([_ID, ("score", "<f8"), ("code", "<u4")])
OUTCOME = np.dtype([_ID, ("label", "<f8"), ("time", "<i8"), ("received", "<i8")])
"""Times in nanoseconds since the epoch."""
BATCH_ROWS = 30_000
"""About so many rows are held in memory at a time."""
_STAMP = b"\xd7\xff"
"""How MessagePack writes a moment with a fraction of a second before 2514: 30 bits of nanoseconds,
34 bits of seconds."""
_log: Any = structlog.get_logger("seawall.gateway.keeper")
_moment = msgspec.msgpack.Decoder(Any).decode


class _Decision(msgspec.Struct, gc=False):
    id: str
    time: msgspec.Raw
    endpoint: str
    bundle_digest: str | None = None
    model: str | None = None
    arm: str | None = None
    threshold: float | None = None
    score: float | None = None
    input: msgspec.Raw = msgspec.Raw(b"\x80")
    probabilities: dict[str, float] | None = None
    apart: Apart = {}
    """Not of the record: what is kept apart from it."""


class _Outcome(msgspec.Struct, gc=False):
    decision_id: str
    label: float | str
    time: msgspec.Raw
    received: msgspec.Raw


_decision = msgspec.msgpack.Decoder(_Decision).decode
_outcome = msgspec.msgpack.Decoder(_Outcome).decode
_shadow = msgspec.msgpack.Decoder(ShadowScore).decode


class Part(NamedTuple):
    """What was read of the log: the decoded rows, the position after them, unreadable spans."""

    rows: list[Any]
    positions: Positions
    damaged: int


def read_part(
    decode: Callable[[memoryview], Any], positions: Positions, upto: Mapping[str, End]
) -> Part:
    """The next rows within these ends, about `BATCH_ROWS`; none when all were read."""
    rows, damaged = list[Any](), 0
    while len(rows) < BATCH_ROWS:
        new = read_new(positions, upto)
        read = _decoded(decode, new.payloads)
        damaged += new.damaged + len(new.payloads) - len(read)
        rows += read
        if new.positions == positions:
            break
        positions = new.positions
    return Part(rows, positions, damaged)


def _decoded(decode: Callable[[memoryview], Any], payloads: list[memoryview]) -> list[Any]:
    """The rows that can be decoded."""
    try:
        return [decode(payload) for payload in payloads]
    except (msgspec.DecodeError, Corrupt) as error:
        if len(payloads) == 1:
            _log.error("decision log", error=str(error))
            return []
        half = len(payloads) // 2
        return _decoded(decode, payloads[:half]) + _decoded(decode, payloads[half:])


def decisions(positions: Positions, upto: Mapping[str, End], keys: Keyring | None = None) -> Part:
    """The next decisions."""

    def read(payload: memoryview) -> _Decision:
        own, apart = parted(payload)
        one = _decision(own if keys is None else opened(own, keys))
        one.apart = apart
        return one

    return read_part(read, positions, upto)


def shadows(positions: Positions, upto: Mapping[str, End]) -> Part:
    """The next scores of shadows."""
    return read_part(_shadow, positions, upto)


def outcomes(positions: Positions, upto: Mapping[str, End]) -> Part:
    """The next outcomes."""
    return read_part(_outcome, positions, upto)


class DecisionRows:
    """Makes decisions into rows; an arm and a model are what makes a cohort."""

    def __init__(self, strata: Strata, bundles: Bundles, apart_keys: Keyring | None) -> None:
        self._strata, self._bundles, self._apart_keys = strata, bundles, apart_keys
        self._readers: dict[Any, Reader] = {}

    def __call__(self, logged: Sequence[_Decision]) -> Rows:
        """The rows of those that have a cohort.

        The score is a probability, a regression's value, or the place of the class that was called;
        what is none of these is NaN.
        """
        logged = [one for one in logged if one.model is not None and one.arm is not None]
        cohorts: dict[Any, tuple[Cohort, Reader]] = {}
        codes: dict[Any, int] = {}
        found: list[int] = []
        said: list[float] = []
        for one in logged:
            key = (one.endpoint, one.bundle_digest, one.model, one.arm, one.threshold)
            cohort = cohorts.get(key)
            if cohort is None:
                cohort = cohorts[key] = self._cohort(one)
            groups = cohort[1](one.input, one.apart)
            code = codes.get((key, groups))
            if code is None:
                code = codes[key, groups] = self._strata.code(cohort[0], groups)
            found.append(code)
            score = np.nan if one.score is None else one.score
            if cohort[0].output.kind == "binary":
                score = score if 0.0 <= score <= 1.0 else np.nan
            elif one.probabilities:
                score = _called(cohort[0], one.probabilities)
            said.append(score)
        rows = np.zeros(len(logged), DECISION)
        rows["id"] = ids_of(one.id for one in logged)
        rows["time"] = times_of([one.time for one in logged])
        rows["score"] = said
        rows["code"] = found
        rows["label"] = np.nan
        return rows

    def _cohort(self, one: _Decision) -> tuple[Cohort, Reader]:
        terms = self._bundles.terms(one.endpoint, one.bundle_digest)
        age = round(terms.label_age_seconds * 1e9)
        assert one.model is not None
        assert one.arm is not None
        threshold = 0.5 if one.threshold is None else one.threshold
        kind = (terms.output, terms.tolerance, terms.value_grid)
        cohort = Cohort(one.endpoint, one.model, one.arm, threshold, terms.columns, age, *kind)
        key = (terms.columns, terms.hidden)
        return cohort, self._readers.setdefault(key, Reader(*key, self._apart_keys))


def _called(cohort: Cohort, probabilities: Mapping[str, float]) -> float:
    """The place of the most probable class, the first of several; NaN for others' classes."""
    chances = [probabilities.get(str(name), np.nan) for name in cohort.output.classes]
    return float(np.argmax(chances)) if chances and np.isfinite(chances).all() else np.nan


def shadow_rows(logged: Sequence[ShadowScore], strata: Strata) -> Rows:
    """Scores of shadows as rows."""
    codes: dict[Any, int] = {}
    found: list[int] = []
    for one in logged:
        key = (one.endpoint, one.version, one.arm, one.threshold)
        code = codes.get(key)
        if code is None:
            code = codes[key] = strata.code(Cohort(*key, (), 0), ())
        found.append(code)
    rows = np.zeros(len(logged), SHADOW)
    rows["id"] = ids_of(one.decision_id for one in logged)
    rows["score"] = [one.score for one in logged]
    rows["code"] = found
    return rows


def outcome_rows(logged: Sequence[_Outcome]) -> Rows:
    """Outcomes as rows; what their labels mean is read when their decisions are found."""
    rows = np.zeros(len(logged), OUTCOME)
    rows["id"] = ids_of(one.decision_id for one in logged)
    rows["label"] = [label_number(one.label) for one in logged]
    rows["time"] = times_of([one.time for one in logged])
    rows["received"] = times_of([one.received for one in logged])
    return rows


def times_of(raws: Sequence[msgspec.Raw]) -> NDArray[np.int64]:
    """MessagePack timestamps as nanoseconds since the epoch, cut to the microsecond."""
    data = b"".join(raws)
    if len(data) == 10 * len(raws):
        table = np.frombuffer(data, np.dtype([("head", "S2"), ("value", ">u8")]))
        if (table["head"] == _STAMP).all():
            value = table["value"].astype(np.uint64)
            seconds = (value & np.uint64((1 << 34) - 1)).astype(np.int64)
            return seconds * 1_000_000_000 + (value >> np.uint64(34)).astype(np.int64)
    return np.array([to_ns(_moment(raw)) for raw in raws], np.int64)
