"""A remote model as a worker asks it: with a circuit breaker, in turns, every answer counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.upstream import (
    Answered,
    Forwarded,
    Late,
    Passage,
    RemoteModel,
    Then,
    Upstream,
)
from seawall.gateway.admission import Limited
from seawall.gateway.turns import Turns
from seawall.kernel import Corrupt, Unavailable
from seawall.serving.breaker import Breaker
from seawall.serving.decide import Scores, Unanswered
from seawall.serving.remote import RemoteServer
from seawall.serving.signature import Signature

FULL = (408, 425, 429, 503)
"""Statuses of a server that has too much to do, or says so."""
OF_THE_INPUT = (400, 413, 422)
"""Statuses about what was asked: one caller's odd row must not open the circuit for all."""
RETIRING_SECONDS = 2.0
Tally = Counter[tuple[str, str]]
Said = Callable[[Sequence[float] | Unanswered | Limited], None]


class Remote:
    """One remote model of one worker. Belongs to the event loop it is first asked on.

    `tally` counts what became of each question, by the server's name and a word.
    """

    def __init__(
        self,
        server: RemoteServer,
        signature: Signature,
        tally: Tally,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        seconds = server.timeout_ms / 1e3
        self.server, self._tally, self._clock = server, tally, clock
        self._upstream = Upstream(
            server.name, server.url, timeout=seconds, connections=server.concurrency
        )
        self._model = RemoteModel(self._upstream, server, signature)
        self._passage = Passage(server.name, server.url)
        self.turns = Turns(server.name, server.concurrency, seconds, clock)
        self.breaker = Breaker(server.breaker)
        self._asking: set[asyncio.Task[None]] = set()
        self._retiring: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, matrix: NDArray[np.float32], timeout: float | None = None) -> Scores:
        """The scores of some rows, or why there are none.

        Raises `Limited` when the server has so much to do that the rows would wait too long.
        """
        name, breaker = self.server.name, self.breaker
        if not breaker.allow(self._clock()):
            self._tally[name, "open"] += 1
            return Unanswered(f"the upstream {name} is left alone after failures", asked=False)
        self._loop = asyncio.get_running_loop()
        try:
            await self.turns.take()
        except Limited:
            self._tally[name, "busy"] += 1
            raise
        began = self._clock()
        try:
            reply = await self._model.asked(matrix, timeout)
        except Unavailable as error:
            reply = error
        except BaseException:
            self.turns.give(None)
            raise
        return self._said(reply, len(matrix), began)

    def begin(self, matrix: NDArray[np.float32], then: Said, timeout: float | None = None) -> bool:
        """The same from a callback of the event loop, while the circuit is closed.

        `then` is told what `ask` would return or raise; what can be seen already is raised.
        """
        if self.breaker.state != "closed":
            return False
        self._loop = asyncio.get_running_loop()
        if self.turns.take_now():
            self._begin(matrix, then, timeout)
            return True

        def its_turn(turn: asyncio.Future[None]) -> None:
            if isinstance(error := turn.exception(), Limited):
                self._tally[self.server.name, "busy"] += 1
                then(error)
            else:
                self._begin(matrix, then, timeout)

        self.turns.queue().add_done_callback(its_turn)
        return True

    def _begin(self, matrix: NDArray[np.float32], then: Said, timeout: float | None) -> None:
        began, given = self._clock(), timeout or self.server.timeout_ms / 1e3
        replied = partial(self._replied, matrix, then, given, began)
        if not self._model.begin(matrix, replied, given):
            replied(None)

    def _replied(
        self,
        matrix: NDArray[np.float32],
        then: Said,
        timeout: float,
        began: float,
        reply: Forwarded | Unavailable | None,
    ) -> None:
        if reply is not None:
            then(self._said(reply, len(matrix), began))
            return
        again = partial(self._replied, matrix, then, timeout, began)
        work = self._reply(matrix, timeout, self._clock() - began, again)
        task = asyncio.get_running_loop().create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _reply(
        self, matrix: NDArray[np.float32], timeout: float, spent: float, then: Then
    ) -> None:
        """Over a new connection, or one that is waited for."""
        try:
            then(await self._model.asked(matrix, timeout, spent))
        except Unavailable as error:
            then(error)

    def _said(
        self, reply: Forwarded | Unavailable, rows: int, began: float
    ) -> Sequence[float] | Unanswered:
        breaker, spent = self.breaker, None
        try:
            if isinstance(reply, Unavailable):
                raise reply
            scores = self._model.said(reply, rows)
            spent = self._clock() - began
        except Late as error:
            return self._failed("timeout", error)
        except Answered as error:
            spent = None if error.code in FULL else self._clock() - began
            if error.code in OF_THE_INPUT:
                breaker.record(failed=False, now=self._clock())
                return self._unanswered("refused", error.what)
            return self._failed("status", error)
        except Unavailable as error:
            return self._failed("unreachable", error)
        except Corrupt as error:
            spent = self._clock() - began
            return self._failed("garbage", error)
        finally:
            self.turns.give(spent)
        breaker.record(failed=False, now=self._clock())
        self._tally[self.server.name, "answered"] += 1
        return scores.tolist()

    @property
    def passage(self) -> Passage:
        """The way through to the server, for what is only observed."""
        self._loop = asyncio.get_running_loop()
        return self._passage

    async def close(self) -> None:
        """End the connections."""
        await self._upstream.close()
        await self._passage.close()

    def said(
        self, body: bytes, headers: dict[bytes, bytes], rows: int
    ) -> Sequence[float] | Unanswered:
        """The scores in a reply that was passed through, or what is wrong with it."""
        try:
            return self._model.read(body, headers, rows).tolist()
        except Corrupt as error:
            return Unanswered(error.what)

    def retire(self) -> None:
        """Close once nothing is under way any more; may be called from another thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._retiring = asyncio.run_coroutine_threadsafe(self._retire(), self._loop)

    async def _retire(self) -> None:
        await asyncio.sleep(RETIRING_SECONDS)  # a request may still be about to ask
        while self.turns.under_way or self._passage.under_way:
            await asyncio.sleep(RETIRING_SECONDS)
        await self.close()

    def _failed(self, word: str, error: Unavailable | Corrupt) -> Unanswered:
        self.breaker.record(failed=True, now=self._clock())
        return self._unanswered(word, error.what)

    def _unanswered(self, word: str, why: str) -> Unanswered:
        self._tally[self.server.name, word] += 1
        return Unanswered(why)
