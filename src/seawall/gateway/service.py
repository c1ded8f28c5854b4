"""From a request's rows to decisions that are logged, counted and waiting for their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import msgspec
import numpy as np

from seawall.adapters.decisions import DecisionLog
from seawall.gateway.joins import Entry, Joins
from seawall.gateway.live import Live
from seawall.gateway.recorder import Recorder, Served, Turned
from seawall.gateway.request import Ask
from seawall.kernel import BadInput, Clock, Ids, SeawallError, Unavailable, from_ns, id_time
from seawall.serving.decide import Answers
from seawall.serving.decision import DecisionRecord
from seawall.serving.decision_privacy import apply_privacy
from seawall.serving.outcome import Outcome, OutcomeReport
from seawall.serving.route import position, unit_hash
from seawall.serving.validate import REFUSING, Checked, Violation

LONGEST = 128
"""Characters kept of what a caller says of itself."""
_SCALARS = (str, int, float, bool)


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


class Context(msgspec.Struct, frozen=True):
    """What the request's headers say of it."""

    started: float
    """`perf_counter` at its arrival."""
    caller: str | None = None
    purpose: str | None = None
    trace_id: str | None = None


class Decided(msgspec.Struct, frozen=True):
    """The answers of one request and the ids they are logged under."""

    live: Live
    ids: list[str]
    answers: Answers


class Service:
    """What a gateway does with requests, whatever protocol brought them."""

    def __init__(self, log: DecisionLog, joins: Joins, recorder: Recorder, clock: Clock) -> None:
        self._log, self._joins, self._recorder = log, joins, recorder
        self._clock, self._ids = clock, Ids(clock)

    def refuse(self, live: Live) -> None:
        """Count a request that a limit turned away."""
        self._recorder.turned(Turned(live, self._clock.now_ns(), 0, ()))

    def decide(self, live: Live, ask: Ask, context: Context) -> Decided:
        """Answer every row; when this returns, each decision is in the log.

        Raises `Invalid` when the endpoint rejects inputs that do not fit, and `Unavailable` when
        nothing may answer or the log does not take the decisions.
        """
        bundle = live.bundle
        if ask.rows > bundle.limits.rows:
            raise BadInput(
                f"{ask.rows:,} rows", remedy=f"send at most {bundle.limits.rows:,} at a time"
            )
        time_ns = self._clock.now_ns()
        checked = _check(live, ask)
        if bundle.on_invalid == "reject" and checked.bad.any():
            self._recorder.turned(Turned(live, time_ns, ask.rows, checked.counted))
            raise Invalid(checked.violations, ask.rows)
        at = from_ns(time_ns)
        ids = [self._ids() for _ in range(ask.rows)]
        hashes = [unit_hash(u, bundle.salt) for u in _units(live, ask, ids)]
        answers = live.decider.decide(
            checked, [position(h) for h in hashes], at, killed=live.killed
        )
        columns = {name: ask.column(name) for name in bundle.protected}
        subjects = _each(ask, "subject")
        caller = context.caller or _text(ask.parameters.get("caller"))
        purpose = context.purpose or _text(ask.parameters.get("purpose"))
        action = _text(ask.parameters.get("action"))
        latency = (perf_counter() - context.started) * 1e3
        inputs = _inputs(live, ask, checked)
        scores, labels = answers.score.tolist(), answers.label.tolist()
        said_by_model = answers.model_score.tolist()
        arm_of = answers.arm.tolist()
        arms = [answers.arms[i] for i in arm_of]
        records = [
            DecisionRecord(
                id=decision_id,
                time=at,
                endpoint=bundle.endpoint,
                caller=caller,
                purpose=purpose,
                unit=hashes[row].hex(),
                subject=subjects[row],
                model=arms[row].version,
                version_digest=live.version_digests[arms[row].name],
                bundle_digest=live.bundle_digest,
                policy_digest=live.policy_digest,
                arm=arms[row].name,
                arm_probability=answers.probability[arm_of[row]],
                input=inputs[row],
                output=_output(scores[row], labels[row]),
                score=_number(said_by_model[row]),
                threshold=arms[row].threshold,
                reasons=(answers.reason[row],) if row in answers.reason else (),
                guards=answers.guards.get(row, {}),
                fallback=answers.fallback.get(row),
                action=action,
                latency_ms=latency,
                trace_id=context.trace_id,
            )
            for row, decision_id in enumerate(ids)
        ]
        self._log.append(records, durable=bundle.log == "durable")
        self._recorder.served(
            Served(
                live,
                time_ns,
                ids,
                checked.matrix,
                ~checked.bad,
                answers,
                (perf_counter() - context.started) * 1e3,
                checked.counted,
            )
        )
        for row, decision_id in enumerate(ids):
            cohort = live.cohorts[arms[row].name]
            groups = tuple(_group(values[row]) if values else None for values in columns.values())
            score = said_by_model[row]
            valid = score if 0.0 <= score <= 1.0 else math.nan
            self._joins.add(decision_id, Entry(cohort, time_ns, valid, groups))
        if answers.failed.all() and (answers.label < 0).all():
            raise Unavailable("the model failed, and there is no fallback", where=bundle.endpoint)
        return Decided(live, ids, answers)

    def learn(self, outcomes: Sequence[Outcome]) -> OutcomeReport:
        """Keep outcomes in the log and join them to their decisions."""
        self._log.append_outcomes([o for o in outcomes if _is_id(o.decision_id)])
        return self.join(outcomes)

    def join(self, outcomes: Sequence[Outcome]) -> OutcomeReport:
        """Join outcomes that are in the log already."""
        report, counted = self._joins.apply(outcomes)
        self._recorder.labelled(counted)
        return report


def _check(live: Live, ask: Ask) -> Checked:
    validator = live.decider.validator
    if ask.rows == 1:
        fast = validator.row(_record(ask, 0))
        if fast is not None:
            return Checked(np.array([fast], dtype=np.float64), np.zeros(1, dtype=bool))
    if ask.records is not None:
        return validator.records(ask.records)
    assert ask.columns is not None
    return validator.columns(ask.columns, ask.rows)


def _record(ask: Ask, row: int) -> dict[str, Any]:
    if ask.records is not None:
        return ask.records[row]
    assert ask.columns is not None
    return {name: column[row] for name, column in ask.columns.items()}


def _units(live: Live, ask: Ask, ids: list[str]) -> list[str]:
    """The routing key of every row; a row without one is its own unit."""
    if live.bundle.unit is None:
        return ids
    given = _each(ask, live.bundle.unit)
    return [own if unit is None else unit for unit, own in zip(given, ids, strict=True)]


def _each(ask: Ask, name: str) -> list[str | None]:
    """A value for every row: a column of this name, or a parameter for one row or for all."""
    column = ask.column(name)
    if column is None:
        given = ask.parameters.get(name)
        column = given if isinstance(given, list) else [given] * ask.rows  # pyright: ignore[reportUnknownVariableType]
    values: Sequence[Any] = column
    if len(values) != ask.rows:
        raise BadInput(f"{name} has {len(values)} values for {ask.rows} rows")
    return [_text(v) for v in values]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, _SCALARS):
        raise BadInput("a routing key, subject, caller or purpose is a text or a number")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)[:LONGEST]


def _group(value: Any) -> str | None:
    """A protected value as the name of a group."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, _SCALARS) and value == value else None


def _inputs(live: Live, ask: Ask, checked: Checked) -> list[dict[str, Any]]:
    """What is kept of each row's input, after the privacy rule."""
    if ask.records is not None:
        kept = [{n: r[n] for n in live.kept if n in r} for r in ask.records]
    else:
        columns = {n: ask.column(n) for n in live.kept}
        there = {n: c for n, c in columns.items() if c is not None}
        kept = [{n: c[row] for n, c in there.items()} for row in range(ask.rows)]
    strange = checked.bad.any() or any(n not in live.names for n in live.kept)
    if strange or any(_is_huge(v) for row in kept for v in row.values()):
        kept = [{n: _keepable(v) for n, v in row.items()} for row in kept]
    rules = live.bundle.privacy
    if not rules:
        return kept
    key = live.bundle.privacy_key
    return [apply_privacy(row, rules, key) for row in kept]


def _is_huge(value: Any) -> bool:
    return type(value) is int and not -(2**63) <= value < 2**63


def _keepable(value: Any) -> Any:
    """A value that was not checked, such that any log can keep it."""
    if _is_huge(value):
        return float(value) if abs(value) < 10**300 else str(value)[:LONGEST]
    if isinstance(value, str):
        return value[:LONGEST]
    if value is None or isinstance(value, _SCALARS):
        return value
    return f"({type(value).__name__})"


def _output(score: float, label: int) -> dict[str, Any] | None:
    return None if label < 0 else {"score": _number(score), "label": label}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _is_id(text: str) -> bool:
    try:
        id_time(text)
    except BadInput:
        return False
    return True
