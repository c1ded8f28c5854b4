"""One request, and its stay: what let it in, until it leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seawall.gateway.given import Context
from seawall.gateway.live import Live
from seawall.serving.trace import current


class Entered:
    """A request that was let in, until it leaves; cheaper than a generator."""

    __slots__ = ("_ended", "context", "live")

    def __init__(
        self, live: Live, context: Context, ended: Callable[[BaseException | None], None] | None
    ) -> None:
        self.live, self.context, self._ended = live, context, ended

    def leave(self) -> None:
        """Note that it is answered."""
        self.live.admission.leave(self.context.caller or "")

    def __enter__(self) -> Entered:
        if self.context.place is not None:
            current.set(self.context.place)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _: object) -> None:
        self.leave()
        if self.context.place is not None:
            current.set(None)
        if self._ended is not None:
            self._ended(error)


class Request(NamedTuple):
    """One request with its body."""

    method: str
    path: tuple[str, ...]
    headers: dict[bytes, bytes]
    body: bytes
    started: float
    entered: Entered | None = None
    """Where it was let in already."""

    def header(self, name: bytes) -> str | None:
        """A header's text, None without it."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")
