"""Which bundle each endpoint holds: adopted only when signature, number and artefacts are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import structlog

from seawall.adapters.runtimes import load
from seawall.adapters.signing.envelope import unseal
from seawall.adapters.signing.keys import read_public_pem
from seawall.gateway.live import Live
from seawall.gateway.shared import Shared
from seawall.gateway.state import State
from seawall.kernel import BadInput, Corrupt, Digest, SeawallError
from seawall.serving.bundle import PAYLOAD_TYPE, Arm, Bundle
from seawall.serving.decide import Model
from seawall.serving.signature import Signature

Fetch = Callable[[Digest], bytes]
_log: Any = structlog.get_logger("seawall.gateway")


class Refused(SeawallError):
    """A bundle that is not adopted; `why` is one word for the counter."""

    def __init__(self, why: str, what: str) -> None:
        super().__init__(what)
        self.why = why


class Holder:
    """The live endpoints by name; a worker changes them, the event loop reads them."""

    def __init__(self, state: State, public_keys: Sequence[bytes], shared: Shared) -> None:
        self._state, self._shared = state, shared
        self._keys = [read_public_pem(pem) for pem in public_keys]
        self._models: dict[Digest, Model] = {}
        self.live: dict[str, Live] = {}
        self.refused: Counter[tuple[str, str]] = Counter()
        """By endpoint and reason."""

    def restore(self, endpoint: str) -> None:
        """Serve what is on disk: the bundle last in use, else the last one marked safe."""
        for kept in ("current", "safe"):
            envelope = self._state.envelope(endpoint, kept)
            if envelope is None:
                continue
            try:
                self._serve(self._read(endpoint, envelope), self._on_disk)
            except SeawallError as error:
                self._refuse(endpoint, error)
            else:
                return

    def offer(self, endpoint: str, envelope: bytes, fetch: Fetch) -> bool:
        """Adopt an envelope, or refuse it and keep what is held; True when it was adopted.

        Raises `Unavailable` when an artefact cannot be fetched now: offer it again.
        """
        held = self.live.get(endpoint)
        try:
            bundle = self._read(endpoint, envelope)
            if held and bundle.number == held.bundle.number and bundle.digest == held.digest:
                return False
            if held and bundle.number <= held.bundle.number:
                what = (
                    f"bundle {bundle.number} is not newer than {held.bundle.number}, which is held"
                )
                raise Refused("number", what)
            for arm in bundle.arms:
                self._keep(arm, fetch)
            live = self._prepare(bundle, self._on_disk)
        except (BadInput, Corrupt, Refused) as error:
            self._refuse(endpoint, error)
            return False
        self._state.keep_past(live.digest, envelope)
        self._state.keep_envelope(endpoint, envelope, safe=bundle.safe)
        self._adopt(live)
        return True

    def switch(self, endpoint: str, *, killed: bool) -> None:
        """Kill or unkill an endpoint here; it stays so after a restart."""
        if killed:
            self._state.kill(endpoint)
        else:
            self._state.unkill(endpoint)
        if live := self.live.get(endpoint):
            live.killed = killed
        _log.warning("switched", endpoint=endpoint, killed=killed)

    def look_at_switches(self) -> None:
        """Follow what another worker of this gateway was told."""
        for endpoint, live in self.live.items():
            killed = self._state.killed(endpoint)
            if live.killed != killed:
                live.killed = killed
                _log.warning("switched", endpoint=endpoint, killed=killed)

    def _read(self, endpoint: str, envelope: bytes) -> Bundle:
        try:
            kind, payload = unseal(envelope, self._keys)
        except Corrupt as error:
            raise Refused("signature", str(error)) from None
        if kind != PAYLOAD_TYPE:
            raise Refused("type", f"the envelope holds {kind[:80]!r}, no bundle")
        try:
            bundle = Bundle.from_bytes(payload)
        except Corrupt as error:
            raise Refused("content", str(error)) from None
        if bundle.endpoint != endpoint:
            raise Refused("endpoint", f"the bundle is for {bundle.endpoint!r}")
        return bundle

    def _keep(self, arm: Arm, fetch: Fetch) -> None:
        """Have the artefact on disk, fetched again if what is there has changed."""
        try:
            if self._state.artefact(arm.artefact) is not None:
                return
        except Corrupt as error:
            _log.error("artefact", error=str(error))
        try:
            self._state.keep_artefact(fetch(arm.artefact))
        except Corrupt as error:
            raise Refused("digest", str(error)) from None

    def _on_disk(self, digest: Digest) -> bytes:
        data = self._state.artefact(digest)
        if data is None:
            raise Refused("artefact", f"the artefact {digest.short} is not here")
        return data

    def _serve(self, bundle: Bundle, read: Fetch) -> None:
        self._adopt(self._prepare(bundle, read))

    def _prepare(self, bundle: Bundle, read: Fetch) -> Live:
        """Everything that can go wrong, before anything live is touched."""
        models: dict[str, Model] = {}
        for arm in bundle.arms:
            model = self._models.get(arm.artefact) or load(read(arm.artefact), arm.format)
            try_model(model, bundle.signature, arm.version)
            self._models[arm.artefact] = model
            models[arm.name] = model
        killed = self._state.killed(bundle.endpoint)
        return Live(bundle, models, self._shared, killed=killed)

    def _adopt(self, live: Live) -> None:
        bundle = live.bundle
        self.live = {**self.live, bundle.endpoint: live}
        used = {a.artefact for other in self.live.values() for a in other.bundle.arms}
        self._models = {d: m for d, m in self._models.items() if d in used}
        arms = {a.name: f"{a.version} {a.weight:g}" for a in bundle.arms}
        _log.info("serving", endpoint=bundle.endpoint, number=bundle.number, **arms)

    def _refuse(self, endpoint: str, error: SeawallError) -> None:
        why = error.why if isinstance(error, Refused) else "model"
        self.refused[endpoint, why] += 1
        held = self.live.get(endpoint)
        number = held.bundle.number if held else None
        _log.error("bundle refused", endpoint=endpoint, why=why, error=str(error), held=number)


def try_model(model: Model, signature: Signature, version: str) -> None:
    """Score two rows of zeros; raises `BadInput` when the model does not fit the signature."""
    width = len(signature.fields)
    try:
        scores = model.scores(np.zeros((2, width), dtype=np.float32))
    except Exception as error:  # noqa: BLE001 -- whatever the model raises, it does not fit
        what = f"the model does not take {width} fields: {str(error).splitlines()[0][:200]}"
        raise BadInput(what, where=version) from None
    if scores.shape != (2,):
        raise BadInput(f"the model gives {scores.shape} for two rows", where=version)
