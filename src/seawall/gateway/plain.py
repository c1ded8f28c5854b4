"""The plain case, answered with the least work: one row, all well, a model in this process.

Most requests are so, and whether a gateway is fast is decided here. Whenever anything is unusual
(another shape of body, a field that is not plainly valid, a guard that trips, a switch thrown) the
answer is None, and `Service` takes over; what both answer is the same, and what both keep.
"""

from __future__ import annotations

from time import perf_counter
from typing import NamedTuple

import numpy as np

from seawall.adapters.decisions.apart import paired
from seawall.gateway.given import Context, text
from seawall.gateway.live import Live
from seawall.kernel import Clock, Ids, from_ns
from seawall.serving.decide import Answer
from seawall.serving.packing import Said
from seawall.serving.route import position, unit_hash


class Plainly(NamedTuple):
    """What a plain row is answered once its record is kept."""

    decision_id: str
    answer: Answer
    record: bytes
    live: Live
    time_ns: int
    values: bytes
    """The model's inputs, float64."""
    score: float
    started: float
    """`perf_counter` at the request's arrival."""


class Plain:
    """One endpoint's plain case, made anew with every bundle."""

    def __init__(self, live: Live, clock: Clock, ids: Ids) -> None:
        bundle = live.bundle
        self.live, self._clock, self._ids = live, clock, ids
        self._salt, self._unit = bundle.salt, bundle.unit
        self._possible = live.inline and not live.remotes and live.decider.only_scores

    @property
    def possible(self) -> bool:
        """Whether a row can be plain at present."""
        return self._possible and not self.live.killed

    def __call__(self, body: bytes, context: Context) -> Plainly | None:
        """The answer to a request with one plain row, to be kept; nothing is done yet."""
        live, decider = self.live, self.live.decider
        if not self.possible or (row := decider.reader.one(body)) is None:
            return None
        given, sent = row
        time_ns, decision_id = self._clock.now_ns(), self._ids()
        unit = decision_id
        if self._unit is not None:
            unit = text(sent.get(self._unit)) or decision_id
        at, digest = from_ns(time_ns), unit_hash(unit, self._salt)
        chosen = decider.arm_at(position(digest), at)
        if chosen is None:
            return None
        arm, share = chosen
        wide = np.array((given,), dtype=np.float64)
        try:
            score: float = live.models[arm.name].scores(wide.astype(np.float32)).item()
        except Exception:  # noqa: BLE001 -- a model is somebody else's code; `Service` falls back
            return None
        if decider.guards.trips(score, given):
            return None
        answer = Answer(arm, share, score, score, 1 if score >= arm.threshold else 0)
        latency = (perf_counter() - context.started) * 1e3
        subject = text(sent.get("subject"))
        said = Said(context.caller, context.purpose, context.trace_id, subject)
        record = live.packer(
            answer,
            decision_id=decision_id,
            at=at,
            unit=digest,
            kept=live.keeping.typed(sent),
            latency_ms=latency,
            said=said,
        )
        record = paired(record, live.keeping.apart(sent))
        values = wide.tobytes()
        return Plainly(decision_id, answer, record, live, time_ns, values, score, context.started)
