"""The short way of plain requests: from the parser to the log and back, without a task.

A connection offers each small request for a decision. What is plain is answered at once, but its
record is written, and its reply sent, when the event loop has read from every connection that had
something to say: requests that came together share one write to the log. Whatever is not plain
goes the ordinary way, through the application.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import NamedTuple, Protocol

from seawall.gateway import reply
from seawall.gateway.admission import Limited
from seawall.gateway.entered import Entered, Request
from seawall.gateway.given import Context
from seawall.gateway.http import GatewayApp, refusal
from seawall.gateway.live import Live
from seawall.gateway.plain import Came, Plainly
from seawall.gateway.reply import Reply
from seawall.kernel import SeawallError, Unavailable
from seawall.serving.decide import Scores
from seawall.serving.trace import current

MOST_DIGITS = 4
"""Of the length of a body that may go this way: up to 9,999 bytes."""
Pairs = list[tuple[bytes, bytes]]


class Caller(Protocol):
    """A connection that waits for its reply."""

    def answer(self, answered: Reply) -> None:
        """Send it."""
        ...


class _Waiting(NamedTuple):
    caller: Caller
    entered: Entered
    path: tuple[str, ...]
    plainly: Plainly


class Lane:
    """`take` requests, all on one event loop; each has its reply within the same turn of it."""

    def __init__(self, app: GatewayApp) -> None:
        self._app, self._service = app, app.service
        named = {f"/endpoints/{name}/invocations": name for name in app.endpoints}
        named["/invocations"] = app.endpoints[0]
        self._named = {
            path.encode(): (name, tuple(path[1:].split("/"))) for path, name in named.items()
        }
        self._waiting: list[_Waiting] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def leads(self, url: bytes, headers: Pairs) -> bool:
        """Whether a request with these headers may go this way at present."""
        if url not in self._named:
            return False
        for name, value in headers:
            if name == b"content-length":
                if len(value) > MOST_DIGITS or int(value) > self._app.max_body_bytes:
                    return False
                break
        else:
            return False
        live = self._app.holder.live.get(self._named[url][0])
        return live is not None and self._service.takes_plain(live)

    def take(self, caller: Caller, url: bytes, headers: Pairs, body: bytes) -> Entered | bool:
        """Answer soon, and say True; else what the ordinary way begins with: entered, or not."""
        name, path = self._named[url]
        request = Request("POST", path, dict(headers), body, perf_counter())
        live = self._app.holder.live[name]
        if request.headers.get(b"content-type") != b"application/json":
            return False
        try:
            entered = self._app.enter(request, live)
        except SeawallError as error:
            self._answer(caller, path, refusal(error, path))
            return True
        if entered.context.trace is not None:
            return entered
        if live.remotes:
            came = partial(self._came, caller, entered, path, body)
            return self._begin(live, body, entered.context, came) or entered
        try:
            plainly = self._service.plain(live, body, entered.context)
        except Exception:  # noqa: BLE001 -- it will be raised again where it is answered
            plainly = None
        if plainly is None:
            return entered
        self._wait(_Waiting(caller, entered, path, plainly))
        return True

    def _wait(self, one: _Waiting) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.settle)
        self._waiting.append(one)

    def _begin(self, live: Live, body: bytes, context: Context, came: Came) -> bool:
        """Ask a model elsewhere; what goes to it says where in a trace it stands."""
        current.set(context.place)
        try:
            return self._service.begin(live, body, context, came)
        except Exception:  # noqa: BLE001 -- it will be raised again where it is answered
            return False
        finally:
            current.set(None)

    def _came(
        self,
        caller: Caller,
        entered: Entered,
        path: tuple[str, ...],
        body: bytes,
        came: Plainly | Scores | Limited,
    ) -> None:
        """A model elsewhere has answered: that is all, or a task goes on with it."""
        if isinstance(came, Plainly):
            self._wait(_Waiting(caller, entered, path, came))
        else:
            work = self._go_on(caller, entered, path, body, came)
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _go_on(
        self,
        caller: Caller,
        entered: Entered,
        path: tuple[str, ...],
        body: bytes,
        said: Scores | Limited,
    ) -> None:
        try:
            answered = await self._app.go_on(entered, body, said)
        except Exception as error:  # noqa: BLE001 -- whatever happened, who waits is answered
            answered = refusal(error, path)
        self._answer(caller, path, answered)

    def settle(self) -> None:
        """Keep what was answered, in one write, and reply; to the durable when they are synced."""
        waiting, self._waiting = self._waiting, []
        durable = [one for one in waiting if one.plainly.live.durable]
        if durable:
            waiting = [one for one in waiting if not one.plainly.live.durable]
            then = partial(self._reply, durable)
            try:
                self._service.begin_keep([one.plainly for one in durable], then)
            except Exception as error:  # noqa: BLE001 -- whatever happened, who waits is answered
                self._refuse(durable, error)
        if waiting:
            try:
                failed = self._service.keep([one.plainly for one in waiting])
            except Exception as error:  # noqa: BLE001 -- as above
                self._refuse(waiting, error)
            else:
                self._reply(waiting, failed)

    def _reply(self, waiting: list[_Waiting], failed: Unavailable | None) -> None:
        for one in waiting:
            if failed and one.plainly.live.refuses_unlogged:
                said = refusal(failed, one.path)
            else:
                said = reply.plain_invocation(one.plainly, logged=not failed)
            one.entered.leave()
            self._answer(one.caller, one.path, said)

    def _refuse(self, waiting: list[_Waiting], error: Exception) -> None:
        for one in waiting:
            one.entered.leave()
            self._answer(one.caller, one.path, refusal(error, one.path))

    def _answer(self, caller: Caller, path: tuple[str, ...], said: Reply) -> None:
        self._app.count(path, said.status)
        caller.answer(said)
