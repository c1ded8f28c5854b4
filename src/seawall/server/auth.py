"""Who is asking: a bearer token for programs, a session cookie for browsers."""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass, replace
from typing import Any

from litestar import Request

from seawall.access.identity import Identity
from seawall.app.identities import authenticate
from seawall.app.root import App
from seawall.kernel import Forbidden, Unauthenticated

COOKIE = "seawall_session"
SESSIONS_HELD = 10_000


@dataclass(frozen=True)
class Session:
    """A browser's sign-in: who, and the secret that its forms carry."""

    identity: Identity
    csrf: str


class Sessions:
    """The browsers signed in to this process; a restart asks them to sign in again."""

    def __init__(self) -> None:
        self._held: dict[str, Session] = {}
        self._lock = threading.Lock()

    def open(self, identity: Identity) -> str:
        """A new session's id, for the cookie."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._held) >= SESSIONS_HELD:
                self._held.pop(next(iter(self._held)))
            self._held[key] = Session(identity, secrets.token_urlsafe(32))
        return key

    def get(self, key: str | None) -> Session | None:
        """The session, if it is open."""
        return self._held.get(key or "")

    def close(self, key: str | None) -> None:
        """Sign out."""
        with self._lock:
            self._held.pop(key or "", None)


def who_asks(request: Request[Any, Any, Any]) -> Identity:
    """The identity behind a request; raises `Unauthenticated`."""
    app: App = request.app.state.seawall
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return authenticate(app, token.strip())
    session = session_of(request)
    if session is None or request.method != "GET":
        raise Unauthenticated(
            "no identity was given", remedy="send the header Authorization: Bearer TOKEN"
        )
    return session.identity


def session_of(request: Request[Any, Any, Any]) -> Session | None:
    """The browser's session, if it is signed in, with the identity as it stands now."""
    app: App = request.app.state.seawall
    sessions: Sessions = request.app.state.sessions
    session = sessions.get(request.cookies.get(COOKIE))
    if session is None:
        return None
    identity = app.store.get(Identity, session.identity.id)
    return replace(session, identity=identity) if identity.active else None


def check_csrf(session: Session, given: str) -> None:
    """Refuse a form that did not come from our own page."""
    if not hmac.compare_digest(session.csrf.encode(), given.encode()):
        raise Forbidden("the form is out of date", remedy="reload the page and try again")
