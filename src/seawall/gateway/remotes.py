"""The remote models of a worker, kept while a bundle needs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from seawall.gateway.remote import Remote, Tally
from seawall.gateway.shadowing import RemoteShadow
from seawall.kernel import BadInput, Digest
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.remote import FORMAT, RemoteServer
from seawall.serving.signature import Signature

Asked = TypeVar("Asked", Remote, RemoteShadow)
Key = tuple[Digest, Signature]
"""An artefact, and the fields that it is asked about."""


class Remotes:
    """By what they are asked for, so that a new bundle finds circuit and connections as they are.

    `tally` outlives them: what became of every question, by the server's name and a word.
    """

    def __init__(self) -> None:
        self.tally: Tally = Counter()
        self.observed: Tally = Counter()
        """What became of requests that were passed through, by endpoint and a word."""
        self._asked: dict[Key, Remote] = {}
        self._shadows: dict[Key, RemoteShadow] = {}
        self._retired: list[Remote] = []

    def of(self, bundle: Bundle, read: Callable[[Digest], bytes]) -> dict[str, Remote]:
        """Those of a bundle's arms that callers wait for, by arm; raises `BadInput`."""
        return {
            arm.name: _fitting(self._asked.get(key) or self._made(key, read), arm, bundle)
            for arm, key in _keys(bundle)
            if arm.name != "shadow"
        }

    def shadow(self, bundle: Bundle, read: Callable[[Digest], bytes]) -> RemoteShadow | None:
        """The bundle's shadow, if it has a remote one."""
        for arm, key in _keys(bundle):
            if arm.name == "shadow":
                server = RemoteServer.from_bytes(read(key[0]))
                made = self._shadows.get(key) or RemoteShadow(server, key[1], self.tally)
                self._shadows[key] = made
                return _fitting(made, arm, bundle)
        return None

    def keep(self, bundles: Iterable[Bundle]) -> None:
        """Let go of what none of these needs, once what is under way has ended."""
        used = {key for bundle in bundles for _, key in _keys(bundle)}
        for key in self._asked.keys() - used:
            self._retired.append(gone := self._asked.pop(key))
            gone.retire()
        self._shadows = {key: made for key, made in self._shadows.items() if key in used}

    def in_use(self) -> list[Remote]:
        """Those that may be asked now."""
        return list(self._asked.values())

    async def close(self) -> None:
        """End all connections; on the loop that asked."""
        for remote in (*self._asked.values(), *self._retired):
            await remote.close()

    def _made(self, key: Key, read: Callable[[Digest], bytes]) -> Remote:
        made = Remote(RemoteServer.from_bytes(read(key[0])), key[1], self.tally)
        self._asked[key] = made
        return made


def _fitting(asked: Asked, arm: Arm, bundle: Bundle) -> Asked:
    """It, if it answers as the bundle says; raises `BadInput`."""
    said = asked.server.answers
    if said.kind != bundle.output.kind or said.classes not in ((), bundle.output.classes):
        raise BadInput(
            f"the server {asked.server.name} answers {said.kind}, the bundle {bundle.output.kind}",
            where=arm.version,
            remedy="register the version again",
        )
    return asked


def _keys(bundle: Bundle) -> list[tuple[Arm, Key]]:
    return [(arm, (arm.artefact, bundle.signature)) for arm in bundle.arms if arm.format == FORMAT]
