"""What was served since the last flush, summarised into telemetry rows off the reply path."""

from __future__ import annotations

import threading
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from seawall.adapters.decisions import DecisionLog, ShadowScore
from seawall.gateway.live import Live
from seawall.gateway.plain import Plainly
from seawall.kernel import Unavailable
from seawall.serving.bundle import Arm
from seawall.serving.cost import Cost
from seawall.serving.decide import Answer, Question, ask
from seawall.serving.signature import Field
from seawall.serving.telemetry import (
    Body,
    Counters,
    Inputs,
    Row,
    Shadow,
    Stream,
    encode,
    merge,
    window_start,
)
from seawall.serving.validate import Violation
from seawall.statistics.column import Column
from seawall.statistics.counting import summarise, summarise_table
from seawall.statistics.grid import latency_grid

_log: Any = structlog.get_logger("seawall.gateway")


class Served(NamedTuple):
    """Rows of one request that were decided."""

    live: Live
    time_ns: int
    ids: list[str]
    matrix: bytes
    """n × fields, float64: kept small, since many wait for a flush."""
    answers: list[Answer]
    latency_ms: float
    violations: tuple[Violation, ...]


class _Part(NamedTuple):
    """The rows of one arm; a score (`Counting.said`) is NaN where the model was not asked, or
    failed."""

    arm: Arm
    ids: Sequence[str]
    scores: NDArray[np.float64]
    failed: NDArray[np.bool_]
    fallbacks: int
    guards: dict[str, int]
    matrix: NDArray[np.float64]
    latency: NDArray[np.float64]
    calls: dict[str, int]
    """How often models were asked, by arm."""


class Passing:
    """Rows of one arm and window that passed without a word: all that a flush needs of them."""

    def __init__(self, live: Live, arm: Arm, time_ns: int) -> None:
        self.live, self.arm, self.time_ns = live, arm, time_ns
        self.ids: list[str] = []
        self.scores, self.latency, self.inputs = array("d"), array("d"), bytearray()

    def part(self) -> _Part:
        """The same as arrays."""
        count = len(self.scores)
        matrix = np.frombuffer(self.inputs).reshape(count, -1)
        scores, latency = np.array(self.scores), np.array(self.latency)
        failed = np.zeros(count, dtype=bool)
        calls = {self.arm.name: count}
        return _Part(self.arm, self.ids, scores, failed, 0, {}, matrix, latency, calls)


class Turned(NamedTuple):
    """A request that was not decided: rejected rows with why, or refused by a limit."""

    live: Live
    time_ns: int
    rows: int
    violations: tuple[Violation, ...]


class Rows:
    """Telemetry rows by their key; bodies of one key are merged."""

    def __init__(self) -> None:
        self.bodies: dict[tuple[str, str, str, str, int], bytes] = {}

    def put(self, live: Live, arm: Arm, stream: Stream, time_ns: int, body: Body) -> None:
        """Add a body to the window that holds this moment."""
        self.add(live.bundle.endpoint, arm.version, arm.name, stream, time_ns, body)

    def add(
        self, endpoint: str, version: str, arm: str, stream: Stream, time_ns: int, body: Body
    ) -> None:
        """Add a body by the parts of its key."""
        key = (endpoint, version, arm, stream, window_start(stream, time_ns))
        data, held = encode(body), self.bodies.get(key)
        self.bodies[key] = data if held is None else merge(held, data)

    def rows(self) -> tuple[Row, ...]:
        """The rows as they are sent."""
        return tuple((*key, body) for key, body in self.bodies.items())


class Recorder:
    """Buffers what the event loop tells it; a worker calls `flush`."""

    def __init__(self, log: DecisionLog) -> None:
        self._log = log
        self._served: deque[Served] = deque()
        self._turned: deque[Turned] = deque()
        self._passing: dict[tuple[int, str, int], Passing] = {}
        self._lock = threading.Lock()
        """Held while rows are added to what passes, so that a flush takes whole ones."""
        self.waiting = 0
        """Rows served and not flushed, about."""

    def served(self, batch: Served) -> None:
        """Note decided rows."""
        self._served.append(batch)
        self.waiting += len(batch.ids)

    def passed(self, answered: Sequence[Plainly], ended: float) -> None:
        """Note plain rows whose records were kept at this `perf_counter`."""
        with self._lock:
            for row in answered:
                live, arm = row.live, row.answer.arm
                start = window_start("counters", row.time_ns)
                key = id(live), arm.name, start
                held = self._passing.get(key)
                if held is None:
                    held = self._passing[key] = Passing(live, arm, row.time_ns)
                held.scores.append(row.score)
                held.latency.append((ended - row.started) * 1e3)
                held.inputs += row.values
                if live.shadow:
                    held.ids.append(row.decision_id)
        self.waiting += len(answered)

    def turned(self, turned: Turned) -> None:
        """Note a request that was not decided."""
        self._turned.append(turned)

    def flush(self) -> Rows:
        """Everything noted so far as telemetry; shadows are scored here."""
        rows = Rows()
        self.waiting = 0
        groups: dict[Any, list[Served]] = defaultdict(list)
        for batch in _drain(self._served):
            window = window_start("counters", batch.time_ns)
            groups[id(batch.live), window].append(batch)
        for batches in groups.values():
            self._served_rows(rows, batches)
        with self._lock:
            passing, self._passing = self._passing, {}
        for held in passing.values():
            self._arm_rows(rows, held.live, held.time_ns, held.part(), {})
        for turned in _drain(self._turned):
            _turned_rows(rows, turned)
        return rows

    def _served_rows(self, rows: Rows, batches: Sequence[Served]) -> None:
        live, time_ns = batches[0].live, batches[0].time_ns
        ids = [i for b in batches for i in b.ids]
        answers = [a for b in batches for a in b.answers]
        matrix = np.frombuffer(b"".join(b.matrix for b in batches)).reshape(len(ids), -1)
        latency = np.repeat([b.latency_ms for b in batches], [len(b.ids) for b in batches])
        invalid: dict[str, int] = {}
        for batch in batches:
            if batch.violations:
                _count_violations(invalid, batch.violations)
        by_arm: dict[str, list[int]] = {"champion": []}
        for place, answer in enumerate(answers):
            by_arm.setdefault(answer.arm.name, []).append(place)
        for name, mine in by_arm.items():
            counted = invalid if name == "champion" else {}
            if mine:
                known = [ids[i] for i in mine]
                part = _part(live, [answers[i] for i in mine], known, matrix[mine], latency[mine])
                self._arm_rows(rows, live, time_ns, part, counted)
            elif counted:
                rows.put(live, live.champion, "counters", time_ns, Counters(invalid=counted))

    def _arm_rows(
        self, rows: Rows, live: Live, time_ns: int, part: _Part, invalid: dict[str, int]
    ) -> None:
        arm, objective = part.arm, live.bundle.latency_objective_ms
        counters = Counters(
            decisions=len(part.scores),
            errors=int(part.failed.sum()),
            fallbacks=part.fallbacks,
            slow=0 if objective is None else int((part.latency > objective).sum()),
            guards=part.guards,
            invalid=invalid,
            latency_bytes=summarise(part.latency, latency_grid()).to_bytes(),
        )
        rows.put(live, arm, "counters", time_ns, counters)
        if live.costly:
            _cost_rows(rows, live, time_ns, part.calls)
        there = ~np.isnan(part.scores)
        asked = there | part.failed
        if asked.any():
            _model_rows(rows, live, arm, time_ns, part.matrix[asked], part.scores[asked])
        if live.shadow and arm == live.champion and there.any():
            known = [i for i, t in zip(part.ids, there.tolist(), strict=True) if t]
            matrix, scores = part.matrix[there], part.scores[there]
            self._shadow_rows(rows, live, live.shadow, time_ns, matrix, scores, known)

    def _shadow_rows(
        self,
        rows: Rows,
        live: Live,
        shadow: Arm,
        time_ns: int,
        matrix: NDArray[np.float64],
        champion: NDArray[np.float64],
        ids: list[str],
    ) -> None:
        try:
            question = Question("shadow", matrix.astype(np.float32), live.counting.classes)
            scores = live.counting.numbers(ask(live.models["shadow"], question))
        except Exception:  # noqa: BLE001 -- whatever a shadow raises, it is counted and nobody waits
            errors = Counters(decisions=len(ids), errors=len(ids))
            rows.put(live, shadow, "counters", time_ns, errors)
            return
        asked = len(scores)  # of a remote shadow as many rows as there was time for
        ids, matrix, champion = ids[:asked], matrix[:asked], champion[:asked]
        if not asked:
            return
        valid = live.counting.valid(scores) & live.counting.valid(champion)
        costs = _costs(shadow.cost, len(ids))
        counted = Counters(decisions=len(ids), errors=int((~valid).sum()), costs=costs)
        rows.put(live, shadow, "counters", time_ns, counted)
        _model_rows(rows, live, shadow, time_ns, matrix, scores)
        thresholds = (live.champion.threshold, shadow.threshold)
        pair = live.counting.joint(champion[valid], scores[valid], thresholds)
        rows.put(live, shadow, "shadow", time_ns, Shadow({live.champion.version: pair}))
        about = (live.bundle.endpoint, shadow.version, shadow.name, shadow.threshold)
        known = zip(ids, scores.tolist(), valid.tolist(), strict=True)
        try:
            self._log.append_shadows([ShadowScore(i, *about, s) for i, s, v in known if v])
        except Unavailable as error:  # what was counted so far must not be lost with it
            _log.error("shadow scores are not logged", count=len(ids), error=str(error))


def columns_for(fields: Sequence[Field], matrix: NDArray[np.float64]) -> dict[str, Column]:
    """A model's matrix as the columns that a baseline's grids count: categories by their texts."""
    columns: dict[str, Column] = {}
    for place, field in enumerate(fields):
        values = matrix[:, place]
        names: Sequence[Any] = ()
        if field.kind == "boolean":
            names = (False, True)
        elif field.kind == "category" and isinstance(field.categories[0], str):
            names = field.categories
        if names:
            codes = np.where(np.isnan(values), -1.0, values).astype(np.int64)
            columns[field.name] = (codes, names)
        else:
            columns[field.name] = values
    return columns


def _part(
    live: Live,
    answers: Sequence[Answer],
    ids: Sequence[str],
    matrix: NDArray[np.float64],
    latency: NDArray[np.float64],
) -> _Part:
    scores = live.counting.said(answers)
    failed = np.array([a.failed for a in answers])
    fallbacks = sum(a.verdict == "fallback" for a in answers)
    guards = _guards(answers)
    calls = Counter(name for a in answers for name in a.asked) if live.costly else {}
    return _Part(answers[0].arm, ids, scores, failed, fallbacks, guards, matrix, latency, calls)


def _drain(queue: deque[Any]) -> Iterable[Any]:
    for _ in range(len(queue)):
        yield queue.popleft()


def _model_rows(
    rows: Rows,
    live: Live,
    arm: Arm,
    time_ns: int,
    matrix: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> None:
    counting = live.counting
    rows.put(live, arm, "scores", time_ns, summarise(counting.column(scores), counting.grid))
    if live.grids:
        table = summarise_table(columns_for(live.bundle.signature.fields, matrix), live.grids)
        rows.put(live, arm, "inputs", time_ns, Inputs({live.grids_key: table.to_bytes()}))


def _cost_rows(rows: Rows, live: Live, time_ns: int, calls: dict[str, int]) -> None:
    """What the models that were asked cost, each with its own arm."""
    for name, count in calls.items():
        arm = live.bundle.arm(name)
        if arm is not None and (costs := _costs(arm.cost, count)):
            rows.put(live, arm, "counters", time_ns, Counters(costs=costs))


def _costs(cost: Cost | None, calls: int) -> dict[str, int]:
    return {} if cost is None else {cost.currency: cost.micros * calls}


def _guards(answers: Iterable[Answer]) -> dict[str, int]:
    """How often each guard took its action."""
    counts: dict[str, int] = {}
    for answer in answers:
        for name, action in answer.guards.items() if answer.guards else ():
            key = f"{name}: {action}"
            counts[key] = counts.get(key, 0) + 1
    return counts


def _count_violations(counts: dict[str, int], violations: Iterable[Violation]) -> None:
    """By field and problem; unknown fields together, since callers can make up any number."""
    for v in violations:
        key = "*: unknown" if v.problem == "unknown" else f"{v.field}: {v.problem}"
        counts[key] = counts.get(key, 0) + v.count


def _turned_rows(rows: Rows, turned: Turned) -> None:
    invalid: dict[str, int] = {}
    _count_violations(invalid, turned.violations)
    refused = 0 if turned.rows else 1
    counters = Counters(rejected=turned.rows, refused=refused, invalid=invalid)
    rows.put(turned.live, turned.live.champion, "counters", turned.time_ns, counters)
