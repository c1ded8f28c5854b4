"""From a request's rows to decisions that are logged and counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, NamedTuple

from seawall.adapters.decisions import DecisionLog
from seawall.gateway.given import Context, Given, text
from seawall.gateway.live import Live
from seawall.gateway.plain import Plain, Plainly
from seawall.gateway.recorder import Recorder, Served, Turned
from seawall.kernel import BadInput, Clock, Ids, SeawallError, Unavailable, from_ns
from seawall.serving.decide import Answer, Steps, run
from seawall.serving.outcome import OutcomeReport, Told, checked
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


class _Plan(NamedTuple):
    """A request under way: its rows have their ids and its questions can be asked."""

    ids: list[str]
    hashes: list[bytes]
    time_ns: int
    at: datetime
    steps: Steps


class Service:
    """What a gateway does with requests, whatever protocol brought them."""

    def __init__(self, log: DecisionLog, recorder: Recorder, clock: Clock) -> None:
        self._log, self._recorder = log, recorder
        self._clock, self._ids = clock, Ids(clock)
        self._plain: dict[str, Plain] = {}
        """By endpoint, made for the bundle that it serves."""

    def refuse(self, live: Live) -> None:
        """Count a request that a limit turned away."""
        self._recorder.turned(Turned(live, self._clock.now_ns(), 0, ()))

    def takes_plain(self, live: Live) -> bool:
        """Whether a request may be plain at present."""
        return self._plain_of(live).possible

    def plain(self, live: Live, body: bytes, context: Context) -> Plainly | None:
        """The answer to a plain request, for `keep`, or None; see `gateway.plain`."""
        return self._plain_of(live)(body, context)

    def keep(self, answered: Sequence[Plainly]) -> None:
        """Log and count what was answered plainly: all of it, or none, and raise `Unavailable`."""
        self._log.append_packed([one.record for one in answered], durable=False)
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
        plan = self._plan(live, given)
        answers = run(plan.steps, live.models)
        records = self._records(live, given, context, plan, answers)
        self._log.append_packed(records, durable=live.bundle.log == "durable")
        return self._served(live, given, context, plan, answers)

    async def decide_durably(self, live: Live, given: Given, context: Context) -> Decided:
        """The same, waiting on the event loop until the decisions are on the disk."""
        plan = self._plan(live, given)
        answers = run(plan.steps, live.models)
        await self._log.commit(self._records(live, given, context, plan, answers))
        return self._served(live, given, context, plan, answers)

    def _plan(self, live: Live, given: Given) -> _Plan:
        bundle, rows = live.bundle, len(given.batch.rows)
        if rows > bundle.limits.rows:
            raise BadInput(
                f"{rows:,} rows", remedy=f"send at most {bundle.limits.rows:,} at a time"
            )
        time_ns = self._clock.now_ns()
        if given.batch.bad and bundle.on_invalid == "reject":
            self._recorder.turned(Turned(live, time_ns, rows, given.violations))
            raise Invalid(given.violations, rows)
        at, salt = from_ns(time_ns), bundle.salt
        ids = [self._ids() for _ in range(rows)]
        units = ids if given.units is None else given.units
        hashes = [unit_hash(u or own, salt) for u, own in zip(units, ids, strict=True)]
        positions = [position(h) for h in hashes]
        steps = live.decider.decide(given.batch, positions, at, killed=live.killed)
        return _Plan(ids, hashes, time_ns, at, steps)

    def _records(
        self, live: Live, given: Given, context: Context, plan: _Plan, answers: list[Answer]
    ) -> list[bytes]:
        said = Said(
            context.caller or text(given.parameters.get("caller")),
            context.purpose or text(given.parameters.get("purpose")),
            context.trace_id,
            action=text(given.parameters.get("action")),
        )
        latency = (perf_counter() - context.started) * 1e3
        return [
            live.packer(
                answer,
                decision_id=decision_id,
                at=plan.at,
                unit=unit,
                kept=kept,
                latency_ms=latency,
                said=said._replace(subject=subject),
            )
            for decision_id, unit, subject, kept, answer in zip(
                plan.ids, plan.hashes, given.subjects, given.kept, answers, strict=True
            )
        ]

    def _served(
        self, live: Live, given: Given, context: Context, plan: _Plan, answers: list[Answer]
    ) -> Decided:
        spent = (perf_counter() - context.started) * 1e3
        self._recorder.served(
            Served(
                live,
                plan.time_ns,
                plan.ids,
                given.batch.matrix.tobytes(),
                answers,
                spent,
                given.violations,
            )
        )
        if all(a.failed and a.label is None for a in answers):
            raise Unavailable(
                "the model failed, and there is no fallback", where=live.bundle.endpoint
            )
        return Decided(live, plan.ids, answers)

    def learn(self, told: Sequence[Told]) -> OutcomeReport:
        """Keep outcomes durably in the log; the keeper joins them to their decisions."""
        outcomes, rejected = checked(told)
        self._log.append_outcomes(outcomes)
        return OutcomeReport(received=len(outcomes), rejected=rejected)
