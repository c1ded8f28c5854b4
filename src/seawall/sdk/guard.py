"""The inline safety layer in any process: a bundle's checks, route, models, guards and fallback."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from seawall.kernel import BadInput, Clock, Corrupt, Digest, Ids, NotFound, SystemClock, now
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
from seawall.serving.route import position, unit_hash
from seawall.serving.validate import Violation


class GuardDecision(msgspec.Struct, frozen=True, kw_only=True):
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

    It keeps no log and counts nothing; the decision's id is for the caller to log.
    """

    def __init__(
        self, bundle: Bundle, models: Mapping[str, Model], *, clock: Clock | None = None
    ) -> None:
        self.bundle = bundle
        self._clock = clock or SystemClock()
        check_models(bundle, models)
        self._models, self._decider = models, Decider(bundle)
        self._ids = Ids(self._clock)

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        endpoint: str | None = None,
        public_key: bytes | None = None,
        clock: Clock | None = None,
    ) -> Guard:
        """Read `bundles/NAME.current` and `objects/HEX` below `path`, as a gateway keeps them.

        `endpoint` is needed when there are several. With a `public_key` (PEM) the bundle must be
        signed by it; without one it is trusted like any other file of the deployment. Artefacts
        are checked against the bundle in either case. Raises `NotFound`, `Corrupt` or `BadInput`.
        """
        from seawall.adapters.runtimes import load

        folder = Path(path)
        bundle = Bundle.from_bytes(_payload(_envelope(folder, endpoint), public_key))
        models: dict[str, Model] = {}
        for arm in bundle.arms:
            file = folder / "objects" / arm.artefact.hex
            if not file.exists():
                raise NotFound(f"the artefact of {arm.version} is not there", where=str(file))
            data = file.read_bytes()
            if Digest.of(data) != arm.artefact:
                raise Corrupt(f"the artefact of {arm.version} has changed", where=str(file))
            models[arm.name] = load(data, arm.format)
        return cls(bundle, models, clock=clock)

    def decide(self, record: Mapping[str, Any], *, unit: str | None = None) -> GuardDecision:
        """Decide one record of fields; `unit` is the routing key if it is not one of the fields.

        Raises `Unavailable` when the endpoint is switched off and has no fallback.
        """
        decider, bundle = self._decider, self.bundle
        decision_id = self._ids()
        if unit is None and bundle.unit and record.get(bundle.unit) is not None:
            unit = str(record[bundle.unit])
        place = position(unit_hash(decision_id if unit is None else unit, bundle.salt))
        violations: tuple[Violation, ...] = ()
        if typed := decider.reader.record(record):
            batch = Batch((typed.values,), np.array((typed.values,), dtype=np.float64))
        else:
            checked = decider.validator.records([record])
            batch, violations = batch_of(checked), checked.violations
        if batch.bad and bundle.on_invalid == "reject":
            champion = bundle.arm("champion")
            assert champion is not None
            return GuardDecision(
                decision_id=decision_id,
                score=None,
                label=None,
                verdict="block",
                arm=champion.name,
                version=champion.version,
                reason=batch.why_bad,
                violations=violations,
            )
        steps = decider.decide(batch, (place,), now(self._clock))
        (answer,) = run(steps, self._models)
        return GuardDecision(
            decision_id=decision_id,
            score=answer.score,
            label=answer.label,
            verdict=answer.verdict,
            arm=answer.arm.name,
            version=answer.arm.version,
            reason=answer.reason,
            fallback=answer.fallback,
            guards=answer.guards,
            violations=violations,
        )


def _envelope(folder: Path, endpoint: str | None) -> bytes:
    bundles = folder / "bundles"
    pattern = "*" if endpoint is None else quote(endpoint, safe="")
    found = sorted(bundles.glob(f"{pattern}.current"))
    if not found:
        raise NotFound("there is no bundle", where=str(bundles / f"{pattern}.current"))
    if len(found) > 1:
        raise BadInput("there are several bundles", where=str(bundles), remedy="name the endpoint")
    return found[0].read_bytes()


def _payload(envelope: bytes, public_key: bytes | None) -> bytes:
    if public_key is not None:
        from seawall.adapters.signing.envelope import unseal
        from seawall.adapters.signing.keys import read_public_pem

        return unseal(envelope, [read_public_pem(public_key)])[1]
    try:
        return base64.b64decode(msgspec.json.decode(envelope)["payload"], validate=True)
    except (msgspec.MsgspecError, KeyError, TypeError, binascii.Error) as error:
        raise Corrupt(f"not a signed envelope: {error}") from None
