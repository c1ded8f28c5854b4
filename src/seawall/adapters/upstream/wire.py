"""One connection to a server: requests of HTTP/1.1 go out on it one at a time, replies come back.

A reply is given to a receiver as it comes, from the event loop's own callbacks, without a task.
What the server sends unasked, or after a reply, is nobody's and ends the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import httptools

MOST_HEAD_BYTES = 64 << 10
"""Of a reply's headers with those of interim replies before it, and of what comes between two parts
of its body: the parser keeps a header until it ends."""
Headers = list[tuple[bytes, bytes]]


class Broken(Exception):
    """No whole reply came, for the reason of the class."""


class Unreachable(Broken):
    """No connection could be made, or it was closed before the reply was whole."""


class Stale(Unreachable):
    """A kept connection was closed before any byte of a reply came."""


class Garbled(Broken):
    """What came is no HTTP/1.1."""


class Oversized(Broken):
    """The reply is larger than is let in."""


class Receiver(Protocol):
    """Whoever waits for a reply; all is called on the event loop."""

    def head(self, status: int, headers: Headers, size: int | None) -> None:
        """The reply begins; `size` is that of its body, where the server says."""
        ...

    def body(self, part: bytes) -> None:
        """Some of its body has come."""
        ...

    def end(self) -> None:
        """It is whole. The connection is free by now, or closed."""
        ...

    def failed(self, error: Broken) -> None:
        """It will not be whole."""
        ...


class Wire(asyncio.Protocol):
    """`send` asks; `freed` is called when the wire may be asked again, `lost` when never more."""

    def __init__(self, freed: Callable[[Wire], None], lost: Callable[[Wire], None]) -> None:
        self._freed, self._lost = freed, lost
        self._parser = httptools.HttpResponseParser(self)
        self._receiver: Receiver | None = None
        self._transport: Any = None
        self._writable: asyncio.Future[None] | None = None
        self._again = self._bodiless = self._uploading = False
        self._heard = self._headed = self._whole = self._keep = False
        self._to_the_end = self._wrong = False
        self._head_bytes = 0
        self._headers: Headers = []
        self._size: int | None = None

    @property
    def usable(self) -> bool:
        """Whether it may be asked, as far as can be seen from here."""
        return self._receiver is None and not self._transport.is_closing()

    def send(
        self, receiver: Receiver, data: bytes, *, bodiless: bool = False, more: bool = False
    ) -> None:
        """Send a request, or its begin if there is `more`; `bodiless` if the reply has no body."""
        self._receiver, self._bodiless, self._uploading = receiver, bodiless, more
        self._heard = self._headed = self._whole = self._keep = self._wrong = False
        self._head_bytes, self._headers = 0, []
        if self._transport.is_closing():  # and may have been lost before there was a receiver
            asyncio.get_running_loop().call_soon(self._lose)
        else:
            self._transport.write(data)

    async def write(self, part: bytes) -> None:
        """Send more of a request, as fast as the server takes it."""
        if not self._transport.is_closing():
            self._transport.write(part)
            if self._writable is not None:
                await self._writable

    def written(self) -> None:
        """The request is whole."""
        self._uploading = False

    def abort(self) -> None:
        """Close at once; the receiver is told nothing more."""
        self._receiver = None
        self._transport.abort()

    def pause(self) -> None:
        """Let the server wait."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Some bytes of a reply."""
        if self._receiver is None:
            self._transport.abort()
            return
        self._heard = True
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._wrong = True  # nothing was asked for that would change the protocol
        except httptools.HttpParserError:
            self._wrong = True
        if self._whole:
            self._end(keep=self._keep and not self._wrong)
        elif self._wrong or self._head_bytes > MOST_HEAD_BYTES:
            self._fail(Garbled())

    def eof_received(self) -> None:
        """The server sends no more; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone; a body that goes on to the end of the connection is whole by that."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._receiver is not None:
            if self._headed and self._to_the_end and exc is None:
                self._end(keep=False)
            else:
                self._lose()
        self._lost(self)

    def pause_writing(self) -> None:
        """The server does not keep up."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It does again."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def on_message_begin(self) -> None:
        """A reply, or another after it, which nobody asked for."""
        self._wrong = self._whole
        if not self._headed:  # what is interim before it is not passed on
            self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, as it was written; what comes after the body is not passed on."""
        if not self._headed:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """What comes now is the body."""
        status = self._parser.get_status_code()
        if self._whole or 100 <= status < 200:
            return
        self._size, chunked = None, False
        for name, value in self._headers:
            if len(name) == 14 and name.lower() == b"content-length":
                self._size = int(value)
            elif len(name) == 17 and name.lower() == b"transfer-encoding":
                chunked = True
                self._wrong |= value.strip().lower() != b"chunked"
        self._headed = True
        self._to_the_end = not chunked and self._size is None
        if self._bodiless:
            self._whole = True  # the parser would wait for a body: this connection ends here
        if self._receiver is not None and not self._wrong:
            self._receiver.head(status, self._headers, self._size)

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._head_bytes = 0
        if self._receiver is not None and not self._whole:
            self._receiver.body(body)

    def on_message_complete(self) -> None:
        """All of it, or an interim reply."""
        if self._headed and not self._whole:
            self._whole, self._keep = True, self._parser.should_keep_alive()

    def refuse(self, error: Broken) -> None:
        """Take no more of this reply; its receiver is told so."""
        self._fail(error)

    def _end(self, *, keep: bool) -> None:
        receiver, self._receiver = self._receiver, None
        unsent = self._uploading or self._transport.get_write_buffer_size()
        if keep and not unsent and not self._transport.is_closing():
            self._again = True
            self._freed(self)
        else:
            self._transport.abort()
        if receiver is not None:
            receiver.end()

    def _lose(self) -> None:
        self._fail(Stale() if self._again and not self._heard else Unreachable())

    def _fail(self, error: Broken) -> None:
        receiver, self._receiver = self._receiver, None
        self._transport.abort()
        if receiver is not None:
            receiver.failed(error)
