"""A shadow on another server, asked off the reply path: nobody waits for it, or fails by it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.upstream import RemoteModel, Upstream
from seawall.kernel import Corrupt, Unavailable
from seawall.serving.breaker import Breaker
from seawall.serving.remote import RemoteServer
from seawall.serving.signature import Signature

ROWS = 256
"""So many are asked at a time."""
AT_ONCE = 4
SECONDS = 1.0
"""No more is asked of it in one flush."""
LONGEST_SECONDS = 2.0
"""A reply to it may take, whatever its time-out is: telemetry waits for it."""


class RemoteShadow:
    """`scores` for the thread that flushes, over connections of its own."""

    def __init__(
        self,
        server: RemoteServer,
        signature: Signature,
        tally: Counter[tuple[str, str]],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.server, self._signature = server, signature
        self._tally, self._clock = tally, clock
        self._breaker, self._width = Breaker(server.breaker), len(server.classes) or 1

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The scores of as many of the first rows as there is time for, NaN where it failed."""
        return self.columns(matrix)[:, -1]

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same as n × 1, or of several classes n × classes."""
        return asyncio.run(self._scores(matrix)).reshape(-1, self._width)

    async def _scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        until = self._clock() + SECONDS
        timeout = min(self.server.timeout_ms / 1e3, LONGEST_SECONDS)
        found: list[NDArray[np.float64]] = []
        async with Upstream(
            self.server.name, self.server.url, timeout=timeout, connections=AT_ONCE
        ) as upstream:
            model = RemoteModel(upstream, self.server, self._signature)
            for start in range(0, len(matrix), ROWS * AT_ONCE):
                now = self._clock()
                if now >= until or not self._breaker.allow(now):
                    break
                some = matrix[start : start + ROWS * AT_ONCE]
                parts = [some[i : i + ROWS] for i in range(0, len(some), ROWS)]
                found += await asyncio.gather(*(self._part(model, part) for part in parts))
        return np.concatenate(found) if found else np.empty((0, self._width))

    async def _part(self, model: RemoteModel, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        try:
            scores = await model.scores(rows)
        except (Unavailable, Corrupt):
            scores = None
        self._tally[self.server.name, "shadow failed" if scores is None else "shadow"] += 1
        self._breaker.record(failed=scores is None, now=self._clock())
        nothing = np.full((len(rows), self._width), np.nan)
        return nothing if scores is None else scores.reshape(len(rows), self._width)
