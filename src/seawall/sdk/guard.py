"""The inline safety layer in any process: a bundle's checks, route, models, guards and fallback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np

from seawall.kernel import Clock, Ids, SystemClock, now
from seawall.sdk.gateway_state import GatewayState
from seawall.serving.bundle import Bundle
from seawall.serving.decide import (
    Batch,
    Decider,
    Model,
    RowVerdict,
    batch_of,
    check_models,
    run,
)
from seawall.serving.keeping import Keeping
from seawall.serving.packing import Packer, Said
from seawall.serving.route import position, unit_hash
from seawall.serving.validate import Violation

if TYPE_CHECKING:
    from seawall.adapters.decisions import DecisionLog

_NOTHING = Said()


class GuardDecision(msgspec.Struct, frozen=True, gc=False):
    """What may be acted on: `label` and `score` are None when the verdict is `block`.

    `reason` is there when the verdict is not `pass`, `violations` say what is wrong with the input,
    `guards` the action of each guard that tripped, `fallback` what answered in the model's place.
    """

    decision_id: str
    score: float | None
    label: int | None
    verdict: RowVerdict
    arm: str
    version: str
    reason: str | None = None
    fallback: str | None = None
    guards: dict[str, str] = {}
    violations: tuple[Violation, ...] = ()


class Guard:
    """`Guard.load(path)`, then `decide(record)`: the same code and answers as a gateway's.

    With a log, decisions are kept as a gateway keeps them, and shipped from there; close it at the
    end (`with Guard.load(...) as guard:` does). Without one the decision's id is for the caller to
    log. It counts nothing and enforces no rates.
    """

    def __init__(
        self,
        bundle: Bundle,
        models: Mapping[str, Model],
        *,
        clock: Clock | None = None,
        log: DecisionLog | None = None,
    ) -> None:
        check_models(bundle, models)
        self.bundle, self._log = bundle, log
        self._clock = clock or SystemClock()
        self._models, self._decider = models, Decider(bundle)
        self._packer, self._keeping = Packer(bundle), Keeping(bundle)
        self._ids = Ids(self._clock)

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
        models = state.models(bundle.arms)
        return cls(bundle, models, clock=clock, log=None if log is None else _log(log, clock))

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
        started, decider = perf_counter(), self._decider
        if typed := decider.reader.record(record):
            batch = Batch((typed.values,), np.array((typed.values,), dtype=np.float64))
            violations: tuple[Violation, ...] = ()
        else:
            checked = decider.validator.records([record])
            batch, violations = batch_of(checked), checked.violations
        if unit is None and self.bundle.unit and record.get(self.bundle.unit) is not None:
            unit = str(record[self.bundle.unit])
        if batch.bad and self.bundle.on_invalid == "reject":
            return self._rejected(batch.why_bad, violations)
        decision_id, at = self._ids(), now(self._clock)
        digest = unit_hash(unit or decision_id, self.bundle.salt)
        (answer,) = run(decider.decide(batch, (position(digest),), at), self._models)
        if self._log:
            keeping = self._keeping
            packed = self._packer(
                answer,
                decision_id=decision_id,
                at=at,
                unit=digest,
                kept=keeping.typed(typed.sent) if typed else keeping.any(record),
                latency_ms=(perf_counter() - started) * 1e3,
                said=said,
            )
            self._log.append_packed((packed,), durable=self.bundle.log == "durable")
        return GuardDecision(
            decision_id,
            answer.score,
            answer.label,
            answer.verdict,
            answer.arm.name,
            answer.arm.version,
            answer.reason,
            answer.fallback,
            answer.guards,
            violations,
        )

    def score(
        self,
        columns: Mapping[str, Any],
        *,
        unit: str | None = None,
        subject: str | None = None,
        said: Said = _NOTHING,
    ) -> list[GuardDecision]:
        """Decide many rows at once, given as columns of one length, as `decide` does each.

        `unit` and `subject` name columns. A model is asked of all its rows together, which may move
        a score by a unit in its last 32-bit place. Rows that do not fit are answered too: by the
        fallback, or with the verdict `block`.
        """
        started, bundle = perf_counter(), self.bundle
        values = {name: values_of(column) for name, column in columns.items()}
        rows = len(next(iter(values.values()), ()))
        inputs = {n: c for n, c in values.items() if n in self._decider.validator.known}
        checked = self._decider.validator.columns(inputs, rows)
        batch, at = batch_of(checked), now(self._clock)
        ids = [self._ids() for _ in range(rows)]
        keys = values.get(unit or bundle.unit or "", ids)
        hashes = [
            unit_hash(own if key is None else str(key), bundle.salt)
            for key, own in zip(keys, ids, strict=True)
        ]
        steps = self._decider.decide(batch, [position(h) for h in hashes], at)
        answers = run(steps, self._models) if rows else []
        if self._log and rows:
            subjects = values[subject] if subject else [None] * rows
            spent = (perf_counter() - started) * 1e3 / rows
            self._log.append_packed(
                [
                    self._packer(
                        answer,
                        decision_id=decision_id,
                        at=at,
                        unit=digest,
                        kept=self._keeping.any({n: c[i] for n, c in values.items()}),
                        latency_ms=spent,
                        said=said._replace(subject=None if about is None else str(about)),
                    )
                    for i, (answer, decision_id, digest, about) in enumerate(
                        zip(answers, ids, hashes, subjects, strict=True)
                    )
                ],
                durable=bundle.log == "durable",
            )
        return [
            GuardDecision(
                i, a.score, a.label, a.verdict, a.arm.name, a.arm.version, a.reason, a.fallback,
                a.guards,
            )
            for i, a in zip(ids, answers, strict=True)
        ]  # fmt: skip

    def _rejected(self, why: str, violations: tuple[Violation, ...]) -> GuardDecision:
        champion = self.bundle.arm("champion")
        assert champion is not None
        return GuardDecision(
            self._ids(), None, None, "block", champion.name, champion.version, why,
            violations=violations,
        )  # fmt: skip


def values_of(column: Any) -> Sequence[Any]:
    """A column's values as Python's own; (codes, names) as names, −1 as None."""
    if isinstance(column, tuple):
        codes, names = cast("tuple[Any, Sequence[Any]]", column)
        table = [*names, None]
        return [table[code] for code in np.asarray(codes).tolist()]
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _log(folder: Path | str, clock: Clock | None) -> DecisionLog:
    from seawall.adapters.decisions import DecisionLog

    return DecisionLog(folder, gateway="guard", clock=clock or SystemClock())
