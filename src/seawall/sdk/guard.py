"""The inline safety layer in any process: a bundle's checks, route, models, guards and fallback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
import numpy as np

from seawall.kernel import Clock, Ids, SystemClock, now
from seawall.sdk.gateway_state import GatewayState
from seawall.sdk.in_use import Following, InUse
from seawall.serving.bundle import Bundle
from seawall.serving.decide import Answer, Batch, Model, RowVerdict, batch_of, run
from seawall.serving.output import Decision
from seawall.serving.packing import Said
from seawall.serving.route import position, unit_hash
from seawall.serving.validate import Violation

if TYPE_CHECKING:
    from seawall.adapters.decisions import DecisionLog

_NOTHING = Said()


class GuardDecision(msgspec.Struct, frozen=True, gc=False):
    """What may be acted on: `label` and `score` are None when the verdict is `block`.

    `label` is 0 or 1, a class, or the value of a regression; `probabilities` are the model's own,
    by class, where it has several. `reason` is there when the verdict is not `pass`, `violations`
    say what is wrong with the input, `guards` the action of each guard that tripped, `fallback`
    what answered in the model's place.
    """

    decision_id: str
    score: float | None
    label: Decision | None
    verdict: RowVerdict
    arm: str
    version: str
    reason: str | None = None
    fallback: str | None = None
    guards: dict[str, str] = {}
    violations: tuple[Violation, ...] = ()
    probabilities: dict[str, float] = {}


class Guard:
    """`Guard.load(path)`, then `decide(record)`: the same code and answers as a gateway's.

    With a log, decisions are kept as a gateway keeps them, and shipped from there; close it at the
    end (`with Guard.load(...) as guard:` does). Without one the decision's id is for the caller to
    log. It counts nothing and enforces no rates. One that was loaded from a folder follows it: at
    a call, but every 0.2 s at most, it looks whether the endpoint was switched off there (as by
    `/kill` of a gateway on it) or has a newer bundle, which it adopts if signature and artefacts
    hold. A call that adopts one takes as long as its models take to load.
    """

    def __init__(
        self,
        bundle: Bundle,
        models: Mapping[str, Model],
        *,
        clock: Clock | None = None,
        log: DecisionLog | None = None,
        state: GatewayState | None = None,
    ) -> None:
        self._use, self._log = InUse(bundle, models), log
        self._following = None if state is None else Following(state, bundle)
        self._clock = clock or SystemClock()
        self._ids = Ids(self._clock)

    @property
    def bundle(self) -> Bundle:
        """The bundle in use."""
        return self._use.bundle

    @property
    def killed(self) -> bool:
        """Whether the endpoint was switched off, in its bundle or its folder, when last seen."""
        switched = self._following is not None and self._following.killed
        return switched or self._use.bundle.killed

    @property
    def logs(self) -> bool:
        """Whether decisions are logged."""
        return self._log is not None

    @property
    def refused(self) -> str:
        """Why a bundle that came was not adopted; empty when none was refused since."""
        return "" if self._following is None else self._following.refused

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        endpoint: str | None = None,
        public_key: bytes | None = None,
        clock: Clock | None = None,
        log: Path | str | None = None,
    ) -> Guard:
        """Read `bundles/NAME.current` and `objects/HEX` below `path`, as a gateway keeps them.

        `endpoint` is needed when there are several. With a `public_key` (PEM) the bundle must be
        signed by it; without one it is trusted like any other file of the deployment. Artefacts
        are checked against the bundle in either case. `log` is the folder of a decision log.
        Raises `NotFound`, `Corrupt` or `BadInput`.
        """
        state = GatewayState(path, public_key)
        bundle = state.current(endpoint)
        models = state.models(bundle.arms, bundle.signature)
        kept = None if log is None else _log(log, clock)
        return cls(bundle, models, clock=clock, log=kept, state=state)

    def _now(self) -> InUse:
        """What to decide by in this call."""
        if self._following is not None and self._following.due:
            self._use = self._following.look(self._use)
        return self._use

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Seal the log, so that it can be shipped."""
        if self._log:
            self._log.close()

    def decide(
        self, record: Mapping[str, Any], *, unit: str | None = None, said: Said = _NOTHING
    ) -> GuardDecision:
        """Decide one record of fields; when this returns, the decision is in the log.

        `unit` is the routing key if it is not one of the fields; `said` who asks, why, and about
        whom. Raises `Unavailable` when the endpoint is switched off and has no fallback, or the log
        does not take the decision.
        """
        started, use = perf_counter(), self._now()
        bundle, decider = use.bundle, use.decider
        if typed := decider.reader.record(record):
            batch = Batch((typed.values,), np.array((typed.values,), dtype=np.float64))
            violations: tuple[Violation, ...] = ()
        else:
            checked = decider.validator.records([record])
            batch, violations = batch_of(checked), checked.violations
        if unit is None and bundle.unit and record.get(bundle.unit) is not None:
            unit = str(record[bundle.unit])
        if batch.bad and bundle.on_invalid == "reject":
            return self._rejected(use, batch.why_bad, violations)
        decision_id, at = self._ids(), now(self._clock)
        digest = unit_hash(unit or decision_id, bundle.salt)
        steps = decider.decide(batch, (position(digest),), at, killed=self.killed)
        (answer,) = run(steps, use.models)
        if self._log:
            keeping = use.keeping
            packed = use.packer(
                answer,
                decision_id=decision_id,
                at=at,
                unit=digest,
                kept=keeping.typed(typed.sent) if typed else keeping.any(record),
                latency_ms=(perf_counter() - started) * 1e3,
                said=said,
            )
            packed = _paired(packed, keeping.apart(record))
            self._log.append_packed((packed,), durable=bundle.log == "durable")
        return _decision(use, decision_id, answer, violations)

    def score(
        self,
        columns: Mapping[str, Any],
        *,
        unit: str | None = None,
        subject: str | None = None,
        said: Said = _NOTHING,
    ) -> Bulk:
        """Decide many rows at once, given as columns of one length, as `decide` does each.

        `unit` and `subject` name columns. A model is asked of all its rows together, which may move
        a score by a unit in its last 32-bit place. Rows that do not fit are answered by the
        fallback, or, where the endpoint rejects them, refused: they are no decisions and not
        logged.
        """
        started, use = perf_counter(), self._now()
        bundle, validator = use.bundle, use.decider.validator
        values = {name: values_of(column) for name, column in columns.items()}
        rows = len(next(iter(values.values()), ()))
        checked = validator.columns({n: c for n, c in values.items() if n in validator.known}, rows)
        whole, at = batch_of(checked), now(self._clock)
        refused = whole.bad if bundle.on_invalid == "reject" else frozenset[int]()
        taken = [i for i in range(rows) if i not in refused]
        batch = _only(whole, taken) if refused else whole
        ids = [self._ids() for _ in taken]
        units = values.get(unit or bundle.unit or "", [None] * rows)
        hashes = [
            unit_hash(own if units[i] is None else str(units[i]), bundle.salt)
            for i, own in zip(taken, ids, strict=True)
        ]
        places = [position(h) for h in hashes]
        steps = use.decider.decide(batch, places, at, killed=self.killed)
        answers = run(steps, use.models) if taken else []
        if self._log and taken:
            subjects = values[subject] if subject else [None] * rows
            spent = (perf_counter() - started) * 1e3 / rows
            packed: list[bytes] = []
            for i, answer, decision_id, digest in zip(taken, answers, ids, hashes, strict=True):
                row, about = {n: c[i] for n, c in values.items()}, subjects[i]
                record = use.packer(
                    answer,
                    decision_id=decision_id,
                    at=at,
                    unit=digest,
                    kept=use.keeping.any(row),
                    latency_ms=spent,
                    said=said._replace(subject=None if about is None else str(about)),
                )
                packed.append(_paired(record, use.keeping.apart(row)))
            self._log.append_packed(packed, durable=bundle.log == "durable")
        found: list[GuardDecision | None] = [None] * rows
        for i, decision_id, answer in zip(taken, ids, answers, strict=True):
            found[i] = _decision(use, decision_id, answer, ())
        made = [self._rejected(use, whole.why_bad, ()) if one is None else one for one in found]
        return Bulk(made, tuple(sorted(refused)), checked.counted)

    def _rejected(self, use: InUse, why: str, violations: tuple[Violation, ...]) -> GuardDecision:
        champion = use.bundle.arm("champion")
        assert champion is not None
        return GuardDecision(
            self._ids(), None, None, "block", champion.name, champion.version, why,
            violations=violations,
        )  # fmt: skip


class Bulk(NamedTuple):
    """What rows were answered, one for each; the places of those refused; what broke the signature.

    `violations` are counted by field over all rows, those that refuse no row among them.
    """

    answers: list[GuardDecision]
    refused: tuple[int, ...]
    violations: tuple[Violation, ...]


def _only(batch: Batch, places: list[int]) -> Batch:
    return Batch([batch.rows[i] for i in places], batch.matrix[places])


def _decision(
    use: InUse, decision_id: str, a: Answer, violations: tuple[Violation, ...]
) -> GuardDecision:
    found = GuardDecision(
        decision_id, a.score, a.label, a.verdict, a.arm.name, a.arm.version, a.reason,
        a.fallback, a.guards, violations,
    )  # fmt: skip
    if not a.probabilities:
        return found
    return msgspec.structs.replace(found, probabilities=use.packer.by_class(a))


def values_of(column: Any) -> Sequence[Any]:
    """A column's values as Python's own; (codes, names) as names, −1 as None."""
    if isinstance(column, tuple):
        codes, names = cast("tuple[Any, Sequence[Any]]", column)
        table = [*names, None]
        return [table[code] for code in np.asarray(codes).tolist()]
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _paired(packed: bytes, values: dict[str, Any]) -> bytes:
    from seawall.adapters.decisions.apart import paired

    return paired(packed, values)


def _log(folder: Path | str, clock: Clock | None) -> DecisionLog:
    from seawall.adapters.decisions import DecisionLog

    return DecisionLog(folder, gateway="guard", clock=clock or SystemClock())
