"""Past decisions: what is told of them, a subject's, erasing, upkeep."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from seawall.app import decision_log
from seawall.kernel import to_builtins
from seawall.server.api.running import Asked, app_of, who_asks


class Told(Struct, forbid_unknown_fields=True):
    """Rows of one kind, in bulk."""

    rows: list[dict[str, Any]]


class Erase(Struct, forbid_unknown_fields=True):
    """Whose values, which of them (by default those about a person), and why."""

    subject: str
    reason: str
    fields: list[str] = []


class Audit(Struct, forbid_unknown_fields=True):
    """Decisions of which endpoint and span (times with their zone), and what for."""

    endpoint: str
    since: datetime
    until: datetime
    reason: str


@post("/decisions/told/{kind:str}", sync_to_thread=True, status_code=200)
def tell(request: Asked, kind: FromPath[str], data: JSONBody[Told]) -> dict[str, int]:
    """Keep outcomes, actions, overrides or events of decisions: all or none."""
    return {"kept": decision_log.tell(app_of(request), who_asks(request), kind, data.rows)}


@get("/decisions", sync_to_thread=True)
def of_subject(request: Asked, subject: FromQuery[str]) -> list[dict[str, Any]]:
    """Every decision about a subject, oldest first."""
    found = decision_log.of_subject(app_of(request), who_asks(request), subject)
    names = ("id", "time", "endpoint", "model", "arm", "score", "output", "fallback", "action")
    return [to_builtins({name: getattr(r, name) for name in names}) for r in found]


@post("/decisions/audit", sync_to_thread=True, status_code=200)
def audit(request: Asked, data: JSONBody[Audit]) -> dict[str, Any]:
    """Decisions beside the protected attributes that are kept apart from them; goes on record."""
    app, who = app_of(request), who_asks(request)
    rows = decision_log.audit(app, who, data.endpoint, data.since, data.until, data.reason)
    return {"rows": to_builtins(rows)}


@post("/decisions/erase", sync_to_thread=True, status_code=200)
def erase(request: Asked, data: JSONBody[Erase]) -> dict[str, Any]:
    """Erase a subject's values from every past decision."""
    app, who = app_of(request), who_asks(request)
    return to_builtins(decision_log.erase(app, who, data.subject, data.fields, data.reason))


@post("/decisions/compact", sync_to_thread=True, status_code=200)
def compact(request: Asked) -> dict[str, Any]:
    """Merge small files, end days past their retention, finish erasures."""
    return to_builtins(decision_log.compact(app_of(request), who_asks(request)))


HANDLERS = [tell, of_subject, audit, erase, compact]
