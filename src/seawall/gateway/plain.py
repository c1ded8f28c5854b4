"""The plain case, answered with the least work: one row, all well, a model that answers at once.

Most requests are so, and whether a gateway is fast is decided here. Whenever anything is unusual
(another shape of body, a field that is not plainly valid, a guard that trips, a switch thrown) the
answer is None, and `Service` takes over; what both answer is the same, and what both keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.decisions.apart import paired
from seawall.gateway.admission import Limited
from seawall.gateway.given import Context, text
from seawall.gateway.live import Live
from seawall.kernel import Clock, Ids, from_ns
from seawall.serving.bundle import Arm
from seawall.serving.decide import Answer, Scores, Unanswered
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


Came = Callable[[Plainly | Scores | Limited], None]
"""Of a model elsewhere: the answer; or what the model said, where that is not all; or why it was
not asked."""


class _Row(NamedTuple):
    given: tuple[Any, ...]
    sent: dict[str, Any]
    time_ns: int
    decision_id: str
    at: datetime
    digest: bytes
    arm: Arm
    share: float
    wide: NDArray[np.float64]
    alone: bool
    """Whether it would go to the same arm if it came again."""


class Plain:
    """One endpoint's plain case, made anew with every bundle."""

    def __init__(self, live: Live, clock: Clock, ids: Ids) -> None:
        bundle = live.bundle
        self.live, self._clock, self._ids = live, clock, ids
        self._salt, self._unit = bundle.salt, bundle.unit
        serves = bundle.mode == "serve"
        self._possible = serves and live.inline and live.decider.only_scores

    @property
    def possible(self) -> bool:
        """Whether a row can be plain at present."""
        return self._possible and not self.live.killed

    def __call__(self, body: bytes, context: Context) -> Plainly | None:
        """The answer to a request with one plain row, to be kept; nothing is done yet."""
        row = self._row(body)
        if row is None or (model := self.live.models.get(row.arm.name)) is None:
            return None
        try:
            score: float = model.scores(row.wide.astype(np.float32)).item()
        except Exception:  # noqa: BLE001 -- a model is somebody else's code; `Service` falls back
            return None
        return self._answered(row, score, context)

    def begin(self, body: bytes, context: Context, came: Came) -> bool:
        """Ask a model elsewhere, if that can be done at once; nothing else is done yet."""
        row = self._row(body)
        if row is None or not row.alone or (remote := self.live.remotes.get(row.arm.name)) is None:
            return False

        def said(scores: Sequence[float] | Unanswered | Limited) -> None:
            answered = None
            if not isinstance(scores, (Unanswered, Limited)):
                try:
                    answered = self._answered(row, scores[0], context)
                except Exception:  # noqa: BLE001 -- it will be raised again where it is answered
                    answered = None
            came(answered or scores)

        matrix = row.wide.astype(np.float32)
        return remote.begin(matrix, said, self.live.timeouts.get(row.arm.name))

    def _row(self, body: bytes) -> _Row | None:
        decider = self.live.decider
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
        wide = np.array((given,), dtype=np.float64)
        alone = unit is not decision_id or chosen[1] >= 1.0
        return _Row(given, sent, time_ns, decision_id, at, digest, *chosen, wide, alone)

    def _answered(self, row: _Row, score: float, context: Context) -> Plainly | None:
        live, arm, sent = self.live, row.arm, row.sent
        if live.decider.guards.trips(score, row.given):
            return None
        answer = Answer(arm, row.share, score, score, 1 if score >= arm.threshold else 0)
        latency = (perf_counter() - context.started) * 1e3
        subject = text(sent.get("subject"))
        said = Said(context.caller, context.purpose, context.trace_id, subject)
        record = live.packer(
            answer,
            decision_id=row.decision_id,
            at=row.at,
            unit=row.digest,
            kept=live.keeping.typed(sent),
            latency_ms=latency,
            said=said,
        )
        record = paired(record, live.keeping.apart(sent))
        return Plainly(
            row.decision_id, answer, record, live, row.time_ns, row.wide.tobytes(), score,
            context.started,
        )  # fmt: skip
