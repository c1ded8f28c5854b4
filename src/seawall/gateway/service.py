"""From a request's rows to decisions that are logged and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter
from typing import Any, NamedTuple

from seawall.adapters.decisions import DecisionLog
from seawall.adapters.decisions.apart import paired
from seawall.adapters.decisions.commit import Then
from seawall.gateway import asking
from seawall.gateway.given import Context, Given, text
from seawall.gateway.live import Live
from seawall.gateway.plain import Came, Plain, Plainly
from seawall.gateway.recorder import Recorder, Served, Turned
from seawall.gateway.telling import Kind, learn
from seawall.gateway.trace import step
from seawall.kernel import BadInput, Clock, Ids, SeawallError, Unavailable, from_ns
from seawall.serving.decide import Answer, Scores, Steps, run
from seawall.serving.observed import ACTION, Observed, observed
from seawall.serving.outcome import OutcomeReport
from seawall.serving.packing import Said
from seawall.serving.route import position, unit_hash
from seawall.serving.validate import REFUSING, Violation


class Invalid(SeawallError):
    """The input does not fit the signature; nothing was decided."""

    def __init__(self, violations: Sequence[Violation], rows: int) -> None:
        wrong = [v for v in violations if v.problem in REFUSING]
        first = wrong[0]
        what = f"{first.field} {first.problem.replace('_', ' ')}, {first.remedy}"
        more = f" ({len(wrong) - 1} more)" if len(wrong) > 1 else ""
        super().__init__(f"the input is not valid: {what}{more}")
        self.fields: dict[str, dict[str, Any]] = {}
        for v in (*wrong, *(v for v in violations if v.problem == "unknown")):
            about = {"problem": v.problem, "count": v.count, "remedy": v.remedy}
            self.fields.setdefault(v.field, about)
        self.rows = rows


class Decided(NamedTuple):
    """The answers of one request and the ids they are logged under."""

    live: Live
    ids: list[str]
    answers: list[Answer]
    logged: bool


class _Rows(NamedTuple):
    """The rows of a request under way, with their ids and routing keys."""

    ids: list[str]
    hashes: list[bytes]
    time_ns: int
    at: datetime


class _Logging:
    """Records, and whether the log took them."""

    __slots__ = ("records", "taken")

    def __init__(self, records: list[bytes]) -> None:
        self.records, self.taken = records, True


class Service:
    """What a gateway does with requests, whatever protocol brought them."""

    def __init__(self, log: DecisionLog, recorder: Recorder, clock: Clock) -> None:
        self._log, self._recorder = log, recorder
        self._clock, self._ids = clock, Ids(clock)
        self.unlogged: Counter[str] = Counter()
        """Rows answered that the disk did not take, by endpoint."""
        self._plain: dict[str, Plain] = {}
        """By endpoint, made for the bundle that it serves."""

    @property
    def trouble(self) -> str | None:
        """Why the disk does not take decisions now; None when it does."""
        trouble = self._log.health().trouble
        return trouble and f"the decision log {trouble}"

    def refuse(self, live: Live) -> None:
        """Count a request that a limit turned away."""
        self._recorder.turned(Turned(live, self._clock.now_ns(), 0, ()))

    def takes_plain(self, live: Live) -> bool:
        """Whether a request may be plain at present."""
        return self._plain_of(live).possible

    def plain(self, live: Live, body: bytes, context: Context) -> Plainly | None:
        """The answer to a plain request, for `keep`, or None; see `gateway.plain`."""
        return self._plain_of(live)(body, context)

    def begin(self, live: Live, body: bytes, context: Context, came: Came) -> bool:
        """Ask a model elsewhere for a plain row; see `gateway.plain`."""
        return self._plain_of(live).begin(body, context, came)

    def keep(self, answered: Sequence[Plainly]) -> Unavailable | None:
        """Log and count what was answered plainly: all of it, or none, and then say why.

        What was not logged counts where the endpoint serves on; elsewhere it must not be answered.
        """
        failed = None
        try:
            self._log.append_packed([one.record for one in answered], durable=False)
        except Unavailable as error:
            failed = error
        self._passed(answered, failed)
        return failed

    def begin_keep(self, answered: Sequence[Plainly], then: Then) -> None:
        """The same durably, from a callback of the event loop: `then` is told why not, if not."""

        def kept(failed: Unavailable | None) -> None:
            self._passed(answered, failed)
            then(failed)

        try:
            self._log.begin_commit([one.record for one in answered], kept)
        except Unavailable as error:
            kept(error)

    async def keep_durably(self, answered: Plainly) -> Unavailable | None:
        """The same for one, waiting on the event loop until it is on the disk."""
        failed = None
        try:
            await self._log.commit([answered.record])
        except Unavailable as error:
            failed = error
        self._passed([answered], failed)
        return failed

    def _passed(self, answered: Sequence[Plainly], failed: Unavailable | None) -> None:
        if failed:
            answered = [one for one in answered if not one.live.refuses_unlogged]
            self.unlogged.update(one.live.bundle.endpoint for one in answered)
        self._recorder.passed(answered, perf_counter())

    def _plain_of(self, live: Live) -> Plain:
        found = self._plain.get(live.bundle.endpoint)
        if found is None or found.live is not live:
            found = self._plain[live.bundle.endpoint] = Plain(live, self._clock, self._ids)
        return found

    def decide(self, live: Live, given: Given, context: Context) -> Decided:
        """Answer every row; when this returns, each decision is in the log.

        Raises `Invalid` when the endpoint rejects inputs that do not fit, and `Unavailable` when
        nothing may answer or the log does not take the decisions.
        """
        rows, steps = self._steps(live, given, context)
        answers = run(steps, live.models)
        return self._kept(live, given, context, rows, answers)

    async def decide_durably(self, live: Live, given: Given, context: Context) -> Decided:
        """The same, waiting on the event loop until the decisions are on the disk."""
        rows, steps = self._steps(live, given, context)
        return await self._committed(live, given, context, rows, run(steps, live.models))

    async def decide_afar(
        self, live: Live, given: Given, context: Context, first: Scores | None = None
    ) -> Decided:
        """The same with remote models; raises `Limited` when a server is too busy.

        `first` is what the first model that will be asked has said already.
        """
        rows, steps = self._steps(live, given, context)
        answers = await asking.answers(steps, live, first)
        if live.durable:
            return await self._committed(live, given, context, rows, answers)
        return self._kept(live, given, context, rows, answers)

    def observe(
        self, live: Live, given: Given, scores: Observed, context: Context, latency: float
    ) -> None:
        """Log and count what a server answered its caller, which took so many milliseconds.

        Raises `Unavailable` when the log does not take it.
        """
        rows = self._rows(live, given, self._clock.now_ns())
        answers = observed(live.decider, given.batch, scores, rows.at)
        said = _said(given, context)._replace(action=ACTION)
        records = self._records(live, given, rows, answers, latency, said)
        try:
            self._log.append_packed(records, durable=False)
        except Unavailable:
            self.unlogged[live.bundle.endpoint] += len(records)
            raise
        finally:
            self._served(live, given, rows, answers, latency)

    def _kept(
        self, live: Live, given: Given, context: Context, rows: _Rows, answers: list[Answer]
    ) -> Decided:
        with self._logging(live, given, context, rows, answers) as logging:
            self._log.append_packed(logging.records, durable=live.durable)
        return self._decided(live, given, context, rows, answers, logged=logging.taken)

    async def _committed(
        self, live: Live, given: Given, context: Context, rows: _Rows, answers: list[Answer]
    ) -> Decided:
        with self._logging(live, given, context, rows, answers) as logging:
            await self._log.commit(logging.records)
        return self._decided(live, given, context, rows, answers, logged=logging.taken)

    @contextmanager
    def _logging(
        self, live: Live, given: Given, context: Context, rows: _Rows, answers: list[Answer]
    ) -> Generator[_Logging]:
        """The records to log in this block; where the endpoint serves on, it may fail."""
        spent = _spent(context)
        with step(context.trace, "log"):
            logging = _Logging(
                self._records(live, given, rows, answers, spent, _said(given, context))
            )
            try:
                yield logging
            except Unavailable:
                if live.refuses_unlogged:
                    raise
                logging.taken = False
                self.unlogged[live.bundle.endpoint] += len(logging.records)

    def _steps(self, live: Live, given: Given, context: Context) -> tuple[_Rows, Steps]:
        bundle, count = live.bundle, len(given.batch.rows)
        if count > bundle.limits.rows:
            raise BadInput(
                f"{count:,} rows", remedy=f"send at most {bundle.limits.rows:,} at a time"
            )
        time_ns = self._clock.now_ns()
        if given.batch.bad and bundle.on_invalid == "reject":
            self._recorder.turned(Turned(live, time_ns, count, given.violations))
            raise Invalid(given.violations, count)
        rows = self._rows(live, given, time_ns)
        positions = [position(h) for h in rows.hashes]
        steps = live.decider.decide(given.batch, positions, rows.at, killed=live.killed)
        return rows, steps if context.trace is None else context.trace.asking(steps, live)

    def _rows(self, live: Live, given: Given, time_ns: int) -> _Rows:
        salt = live.bundle.salt
        ids = [self._ids() for _ in range(len(given.batch.rows))]
        units = ids if given.units is None else given.units
        hashes = [unit_hash(u or own, salt) for u, own in zip(units, ids, strict=True)]
        return _Rows(ids, hashes, time_ns, from_ns(time_ns))

    def _records(
        self,
        live: Live,
        given: Given,
        rows: _Rows,
        answers: list[Answer],
        latency: float,
        said: Said,
    ) -> list[bytes]:
        packed = [
            live.packer(
                answer,
                decision_id=decision_id,
                at=rows.at,
                unit=unit,
                kept=kept,
                latency_ms=latency,
                said=said._replace(subject=subject),
            )
            for decision_id, unit, subject, kept, answer in zip(
                rows.ids, rows.hashes, given.subjects, given.kept, answers, strict=True
            )
        ]
        return [*map(paired, packed, given.apart)]

    def _served(
        self, live: Live, given: Given, rows: _Rows, answers: list[Answer], latency: float
    ) -> None:
        matrix = given.batch.matrix.tobytes()
        self._recorder.served(
            Served(live, rows.time_ns, rows.ids, matrix, answers, latency, given.violations)
        )

    def _decided(
        self,
        live: Live,
        given: Given,
        context: Context,
        rows: _Rows,
        answers: list[Answer],
        *,
        logged: bool,
    ) -> Decided:
        self._served(live, given, rows, answers, _spent(context))
        if all(a.failed and a.label is None for a in answers):
            raise Unavailable(
                "the model failed, and there is no fallback", where=live.bundle.endpoint
            )
        return Decided(live, rows.ids, answers, logged)

    def learn(self, kind: Kind, body: bytes) -> OutcomeReport:
        """Keep durably what is told of decisions; the keeper joins outcomes to them."""
        return learn(self._log, kind, body)


def _said(given: Given, context: Context) -> Said:
    return Said(
        context.caller or text(given.parameters.get("caller")),
        context.purpose or text(given.parameters.get("purpose")),
        context.trace_id,
        action=text(given.parameters.get("action")),
    )


def _spent(context: Context) -> float:
    """Milliseconds since the request came."""
    return (perf_counter() - context.started) * 1e3
