"""The audit log as its readers fetch it, and identities."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Response

from seawall.access.action import Action
from seawall.access.role import Role
from seawall.app import identities
from seawall.kernel import BadInput, NotFound, nearest, to_builtins
from seawall.server.api.inventory import Asked, app_of
from seawall.server.auth import who_asks


class NewIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who, with which roles; a service is no person and approves nothing."""

    name: str
    roles: list[str]
    service: bool = False


class GivenTicket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A one-time sign-in token."""

    ticket: str


@get("/whoami", sync_to_thread=True)
def whoami(request: Asked) -> dict[str, Any]:
    """The identity behind the token."""
    return to_builtins(who_asks(request))


@post("/claim", sync_to_thread=True)
def claim(request: Asked, data: JSONBody[GivenTicket]) -> dict[str, str]:
    """Exchange a one-time token for an API token."""
    return {"token": identities.claim(app_of(request), data.ticket)}


@post("/identities", sync_to_thread=True)
def create_identity(request: Asked, data: JSONBody[NewIdentity]) -> dict[str, str]:
    """A new identity; its token is shown once."""
    known = {str(role): role for role in Role}
    for role in data.roles:
        if role not in known:
            raise BadInput(f"there is no role {role!r}", remedy=nearest(role, known))
    roles = [known[role] for role in data.roles]
    token = identities.create_identity(
        app_of(request), who_asks(request), data.name, roles, service=data.service
    )
    return {"identity": data.name, "token": token}


@post("/identities/{name:str}/ticket", sync_to_thread=True)
def ticket(request: Asked, name: FromPath[str]) -> dict[str, str]:
    """A one-time token for signing in to the pages as this identity."""
    return {"ticket": identities.ticket_for(app_of(request), who_asks(request), name)}


@post("/identities/{name:str}/shut-out", sync_to_thread=True, status_code=200)
def shut_out(request: Asked, name: FromPath[str]) -> dict[str, Any]:
    """End an identity's access."""
    return to_builtins(identities.shut_out(app_of(request), who_asks(request), name))


@get("/audit/entries", sync_to_thread=True)
def entries(
    request: Asked,
    first: FromQuery[int | None] = None,
    count: FromQuery[int] = 50,
    subject: FromQuery[str | None] = None,
    action: FromQuery[str | None] = None,
) -> list[dict[str, Any]]:
    """Entries by index, or the newest on a subject or with an action."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ_AUDIT)
    count = max(1, min(count, 1_000))
    if first is not None:
        first = max(0, first)
        found = app.store.audit.entries(first, count)
        return [to_builtins(e) | {"index": first + i} for i, e in enumerate(found)]
    logged = app.store.audit.find(subject=subject, action=action, limit=count)
    return [to_builtins(item.entry) | {"index": item.index} for item in logged]


@get("/audit/key", sync_to_thread=True)
def verifier_key(request: Asked) -> dict[str, Any]:
    """The key that checkpoints are verified with, the log's name and size."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ_AUDIT)
    return {"key": str(app.log.key), "origin": app.log.origin, "size": app.log.size}


@get("/audit/log/{path:path}", sync_to_thread=True)
def log_file(request: Asked, path: FromPath[str]) -> Response[bytes]:
    """A file of the log (tlog-tiles): the checkpoint, a tile, an entry bundle."""
    app = app_of(request)
    app.allow(who_asks(request), Action.READ_AUDIT)
    wanted = path.strip("/")
    if (wanted != "checkpoint" and not wanted.startswith("tile/")) or ".." in wanted:
        raise NotFound("the log has no such file", where=wanted)
    return Response(app.log.read(wanted), media_type="application/octet-stream")


HANDLERS = [whoami, claim, create_identity, ticket, shut_out, entries, verifier_key, log_file]
