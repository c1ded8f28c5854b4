"""The bundle that a `Guard` decides by, and the switch and file of the deployment it follows."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic
from typing import Any

import structlog

from seawall.kernel import SeawallError
from seawall.sdk.gateway_state import GatewayState
from seawall.serving.bundle import Bundle
from seawall.serving.decide import Decider, Model, check_models
from seawall.serving.keeping import Keeping
from seawall.serving.packing import Packer

EVERY_SECONDS = 0.2
"""How often the folder is looked at, at most: in which time a gateway, too, hears of a switch."""
_log: Any = structlog.get_logger("seawall.guard")


class InUse:
    """A bundle with its models, ready to decide: whole, so that no call sees half of another."""

    def __init__(self, bundle: Bundle, models: Mapping[str, Model]) -> None:
        check_models(bundle, models)
        self.bundle, self.models, self.decider = bundle, models, Decider(bundle)
        self.packer, self.keeping = Packer(bundle), Keeping(bundle)


class Following:
    """`bundles/NAME.current` and `kills/NAME` of a state folder, as they change.

    A newer bundle whose signature and artefacts hold takes the place of the old one, in the call
    that first sees it; any other is refused, logged once, and `refused` says why, while the last
    good one serves on. A bundle with a lower number, or of another endpoint, is no newer.
    """

    def __init__(self, state: GatewayState, bundle: Bundle) -> None:
        self._state, self._name = state, bundle.endpoint
        self._lock, self._due = threading.Lock(), 0.0
        self._stamp = state.stamp(self._name)
        self.killed, self.refused = state.killed(self._name), ""

    @property
    def due(self) -> bool:
        """Whether it is time to look again."""
        return monotonic() >= self._due

    def look(self, use: InUse) -> InUse:
        """What is in use now."""
        if not self._lock.acquire(blocking=False):
            return use  # another thread is at it
        try:
            self._due = monotonic() + EVERY_SECONDS
            self.killed = self._state.killed(self._name)
            stamp = self._state.stamp(self._name)
            if stamp is None or stamp == self._stamp:
                return use
            self._stamp = stamp
            return self._newer(use)
        finally:
            self._lock.release()

    def _newer(self, use: InUse) -> InUse:
        try:
            bundle = self._state.current(self._name)
            if bundle.endpoint != self._name or bundle.number <= use.bundle.number:
                return use
            found = InUse(bundle, self._state.models(bundle.arms, bundle.signature))
        except (SeawallError, ValueError) as error:
            self.refused = str(error)
            _log.error("a bundle was refused", endpoint=self._name, why=self.refused)
            return use
        self.refused = ""
        return found
