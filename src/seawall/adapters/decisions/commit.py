"""Durable appends from an event loop: everybody who waits is answered by one sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from seawall.adapters.decisions.wal import Ticket, Wal
from seawall.kernel import Unavailable

Then = Callable[[Unavailable | None], None]
"""Called on the event loop with what went wrong, if anything did; it must not raise."""
_Waiting = list[tuple[Ticket, Then]]


class GroupCommit:
    """Writes on the loop, syncs on a thread of its own. Used from one event loop at a time."""

    def __init__(self, wal: Wal) -> None:
        self._wal = wal
        self._thread = ThreadPoolExecutor(1, "sync decision log")
        self._waiting: _Waiting = []
        self._syncing = False

    async def __call__(self, payloads: Sequence[bytes]) -> None:
        """Write the payloads, and return when they are on the disk; raises `Unavailable`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begin(payloads, partial(_resolve, done))
        await done

    def begin(self, payloads: Sequence[bytes], then: Then) -> None:
        """Write the payloads, and call `then` once they are on the disk, or are known not to be.

        Raises `Unavailable` when they could not be written; `then` is not called.
        """
        self._waiting.append((self._wal.write(payloads), then))
        if not self._syncing:
            self._start()

    def _start(self) -> None:
        group, self._waiting = self._waiting, []
        self._syncing = True
        self._thread.submit(self._sync, group, asyncio.get_running_loop())

    def _sync(self, group: _Waiting, loop: asyncio.AbstractEventLoop) -> None:
        """Sync the files that were written to, and tell the loop what went wrong, by file."""
        failed: dict[int, Unavailable] = {}
        for ticket in {ticket.file: ticket for ticket, _ in group}.values():  # each file's last
            try:
                self._wal.sync(ticket)
            except Unavailable as error:
                failed[ticket.file] = error
            except OSError as error:
                failed[ticket.file] = Unavailable(f"the decision log cannot be synced: {error}")
        loop.call_soon_threadsafe(self._settle, group, failed)

    def _settle(self, group: _Waiting, failed: dict[int, Unavailable]) -> None:
        self._syncing = False
        if self._waiting:  # the disk works on while those before are answered
            self._start()
        for ticket, then in group:
            then(failed.get(ticket.file))


def _resolve(done: asyncio.Future[None], error: Unavailable | None) -> None:
    if done.done():  # its caller went away
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
