"""What every page and form of a browser's session needs: who visits, what was last said."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar import MediaType, Request, Response

from seawall.app.root import App
from seawall.kernel import Forbidden, Unauthenticated
from seawall.server.auth import Session, check_csrf, session_of
from seawall.server.pages import assets
from seawall.server.pages.views import Notice, Reply
from seawall.server.queries.inventory import Inventory
from seawall.server.queries.pulse import Pulses
from seawall.server.queries.visit import Visit

Asked = Request[Any, Any, Any]
NOTICE_SECONDS = 20.0
"""How long a page goes on saying what the last button did."""


class Desk:
    """What the pages of this process keep between requests; `Sessions` keeps who is signed in."""

    def __init__(self) -> None:
        self.inventory, self.pulses = Inventory(), Pulses()
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, str, Notice | None, Reply | None]] = {}

    def say(self, session: Session, path: str, notice: Notice | None, reply: Reply | None) -> None:
        """Leave a notice for the next looks of this session at the page."""
        fresh = time.monotonic()
        with self._lock:
            self._said = {k: v for k, v in self._said.items() if fresh - v[0] < NOTICE_SECONDS}
            self._said[session.csrf] = (fresh, path, notice, reply)

    def said(self, session: Session, path: str) -> tuple[Notice | None, Reply | None]:
        """What was left for this session at this page lately."""
        with self._lock:
            when, where, notice, reply = self._said.get(session.csrf, (-1e9, "", None, None))
        lately = where == path and time.monotonic() - when < NOTICE_SECONDS
        return (notice, reply) if lately else (None, None)


def desk_of(request: Asked) -> Desk:
    """What this process keeps for its pages."""
    return request.app.state.setdefault("desk", Desk())


def app_of(request: Asked) -> App:
    """The control plane behind this server."""
    return request.app.state.seawall


def signed_in(request: Asked) -> Session:
    """The browser's session; raises `Unauthenticated`."""
    session = session_of(request)
    if session is None:
        raise Unauthenticated("nobody is signed in", remedy="sign in with a one-time token")
    return session


def visit_of(request: Asked) -> Visit:
    """The visit of a page, with what the last button did on it."""
    session = signed_in(request)
    notice, _ = desk_of(request).said(session, request.url.path)
    return Visit(app_of(request), session.identity, session.csrf, notice)


def html(text: str, status: int = 200) -> Response[str]:
    """A page with the headers that every page has."""
    return Response(
        text, status_code=status, media_type=MediaType.HTML, headers=dict(assets.PAGE_HEADERS)
    )


def same_origin(request: Asked) -> None:
    """Refuse a form that another site sent, by what the browser says of its origin."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if site not in ("same-origin", "none") or (
        origin not in (None, "null") and urlsplit(origin).netloc != host
    ):
        raise Forbidden("the form came from another site", remedy="open the page here")


def checked(request: Asked, session: Session, data: Mapping[str, str]) -> None:
    """Refuse a form that did not come from a page of this session."""
    same_origin(request)
    check_csrf(session, data.get("csrf", ""))
