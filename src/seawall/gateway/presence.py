"""The control plane is told what this gateway serves: when it changes, and now and then."""

from __future__ import annotations

from time import monotonic

from seawall.gateway.holder import Holder
from seawall.gateway.link import Link
from seawall.gateway.refusals import Refusals
from seawall.kernel import Clock, now
from seawall.serving.gateways import GatewayStatus, Serving

PRESENT_SECONDS = 30.0
"""So often a status is sent that says nothing new, by the machine's time or the clock's: the
control plane calls a gateway silent by the clock, which may run faster."""


class Presence:
    """What one worker says of itself; used by its background thread alone."""

    def __init__(
        self, gateway: str, software: str, holder: Holder, refusals: Refusals, clock: Clock
    ) -> None:
        self._gateway, self._software = gateway, software
        self._holder, self._refusals, self._started = holder, refusals, now(clock)
        self._clock = clock
        self._told: GatewayStatus | None = None
        self._due, self._due_ns = 0.0, 0

    def tell(self, link: Link) -> None:
        """Send the status if it is due; raises `Unavailable`, to be tried again."""
        status = self.status()
        due = monotonic() >= self._due or self._clock.now_ns() >= self._due_ns
        if status != self._told or due:
            link.present(status)
            self._refusals.told(status.refusals)
            self._told, self._due = self.status(), monotonic() + PRESENT_SECONDS
            self._due_ns = self._clock.now_ns() + round(PRESENT_SECONDS * 1e9)

    def status(self) -> GatewayStatus:
        """How this worker stands now."""
        return GatewayStatus(
            gateway=self._gateway,
            software=self._software,
            started=self._started,
            serving={
                name: Serving(
                    number=live.bundle.number, digest=str(live.digest), killed=live.killed
                )
                for name, live in self._holder.live.items()
            },
            refusals=self._refusals.all,
        )
