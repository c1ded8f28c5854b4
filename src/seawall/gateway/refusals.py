"""Bundles that were refused: kept on disk until the control plane knows how each one ended."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from seawall.gateway.state import replace
from seawall.kernel import Clock, Digest, now
from seawall.serving.gateways import Refusal

MOST = 32
"""More at once are only counted: what is wrong is known by then."""
_decoder = msgspec.json.Decoder(tuple[Refusal, ...])


class Refusals:
    """Those of one worker, used by its background thread alone. `all` is oldest first."""

    def __init__(self, path: Path, clock: Clock) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path, self._clock = path, clock
        self.all: tuple[Refusal, ...] = ()
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            self.all = _decoder.decode(path.read_bytes())

    def add(
        self,
        endpoint: str,
        envelope: bytes,
        why: str,
        message: str,
        *,
        number: int | None,
        held: int | None,
    ) -> None:
        """An envelope was refused; one that is refused again and again is one refusal."""
        offered = str(Digest.of(envelope))
        if len(self.all) >= MOST or any(
            r.ended is None and (r.endpoint, r.offered, r.why) == (endpoint, offered, why)
            for r in self.all
        ):
            return
        made = Refusal(
            endpoint=endpoint,
            why=why,
            message=message[:500],
            offered=offered,
            number=number,
            held=held,
            at=now(self._clock),
        )
        self._keep((*self.all, made))

    def end(self, endpoint: str, taken: int) -> None:
        """The newest bundle of the control plane is in use."""
        if self.open(endpoint):
            ended = now(self._clock)
            self._keep(
                tuple(
                    msgspec.structs.replace(r, ended=ended, taken=taken)
                    if r.endpoint == endpoint and r.ended is None
                    else r
                    for r in self.all
                )
            )

    def open(self, endpoint: str) -> bool:
        """Whether what was offered last for an endpoint was refused."""
        return any(r.endpoint == endpoint and r.ended is None for r in self.all)

    def told(self, refusals: tuple[Refusal, ...]) -> None:
        """The control plane knows these: those that have ended are done with."""
        done = {r for r in refusals if r.ended is not None}
        if done:
            self._keep(tuple(r for r in self.all if r not in done))

    def _keep(self, refusals: tuple[Refusal, ...]) -> None:
        replace(self._path, msgspec.json.encode(refusals))
        self.all = refusals
