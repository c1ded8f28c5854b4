"""The web pages' routes: every page, the files they need, and what is said when one fails."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router, get
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from seawall.access.action import Action
from seawall.kernel import now
from seawall.server import forms
from seawall.server.auth import session_of
from seawall.server.desk import Asked, app_of, desk_of, html, signed_in, visit_of
from seawall.server.loops import Reconciler
from seawall.server.pages import assets, paths, render, views
from seawall.server.queries import audit as audits
from seawall.server.queries import decision as decisions
from seawall.server.queries import demo as demos
from seawall.server.queries import incidents as incident_pages
from seawall.server.queries import model as models
from seawall.server.queries import overview as overviews
from seawall.server.queries import rollout as rollout_pages
from seawall.server.queries import version as versions
from seawall.server.queries.visit import Visit

# --- pages --------------------------------------------------------------------------------------


@get(paths.OVERVIEW, sync_to_thread=True)
def overview(
    request: Asked,
    q: FromQuery[str] = "",
    tier: FromQuery[str] = "",
    health: FromQuery[str] = "",
    page: FromQuery[int] = 1,
) -> Response[str]:
    """Every model by tier and health, and what needs someone."""
    desk = desk_of(request)
    return html(
        render.overview(
            overviews.overview(
                visit_of(request),
                desk.inventory,
                desk.pulses,
                q=q,
                tier=tier,
                health=health,
                page=page,
            )
        )
    )


@get("/models/{name:str}", sync_to_thread=True)
def model(request: Asked, name: FromPath[str]) -> Response[str]:
    """One model."""
    return html(render.model(models.model(visit_of(request), name)))


@get("/models/{name:str}/versions/{number:str}", sync_to_thread=True)
def version(request: Asked, name: FromPath[str], number: FromPath[str]) -> Response[str]:
    """One version."""
    return html(render.version(versions.version(visit_of(request), name, number)))


@get("/rollouts/{key:str}", sync_to_thread=True)
def rollout(request: Asked, key: FromPath[str]) -> Response[str]:
    """One rollout."""
    return html(render.rollout(rollout_pages.rollout(visit_of(request), key)))


@get(paths.INCIDENTS, sync_to_thread=True)
def incidents(
    request: Asked, model: FromQuery[str] = "", page: FromQuery[int] = 1
) -> Response[str]:
    """The list of incidents, of one model or of all."""
    state = request.query_params.get("state", "open")  # the framework keeps `state` for itself
    view = incident_pages.incidents(visit_of(request), state=state, model=model, page=page)
    return html(render.incidents(view))


@get("/incidents/{key:str}", sync_to_thread=True)
def incident(request: Asked, key: FromPath[str]) -> Response[str]:
    """One incident."""
    return html(render.incident(incident_pages.incident(visit_of(request), key)))


@get(paths.AUDIT, sync_to_thread=True)
def audit(request: Asked, q: FromQuery[str] = "", page: FromQuery[int] = 1) -> Response[Any]:
    """The audit log; a decision's id leads to the decision."""
    visit = visit_of(request)
    visit.app.allow(visit.who, Action.READ_AUDIT)
    if q and (found := audits.decision_named(visit.app, q)):
        return Redirect(paths.decision(found), status_code=303)
    return html(render.audit(audits.audit(visit, q=q, page=page)))


@get("/audit/entries/{index:int}", sync_to_thread=True)
def entry(request: Asked, index: FromPath[int]) -> Response[str]:
    """One entry of the audit log."""
    return html(render.entry(audits.entry(visit_of(request), index)))


@get(paths.CHECKPOINT, sync_to_thread=True)
def checkpoint(request: Asked) -> Response[bytes]:
    """The signed checkpoint as a file."""
    visit = visit_of(request)
    visit.app.allow(visit.who, Action.READ_AUDIT)
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="checkpoint"',
    }
    return Response(visit.app.log.note(), media_type="application/octet-stream", headers=headers)


@get("/decisions/{key:str}", sync_to_thread=True)
def decision(request: Asked, key: FromPath[str]) -> Response[str]:
    """One decision."""
    return html(render.decision(decisions.decision(visit_of(request), key)))


@get(paths.DEMO, sync_to_thread=True)
def demo(request: Asked) -> Response[str]:
    """The demo's controls."""
    _, reply = desk_of(request).said(signed_in(request), paths.DEMO)
    return html(render.demo(demos.demo(visit_of(request), reply)))


# --- files and failures -------------------------------------------------------------------------


@get("/static/{build:str}/{name:str}", sync_to_thread=True)
def static(request: Asked, build: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A file that the pages need; it may be kept for ever, since its address has its digest."""
    asset = assets.load(name)
    headers = dict(assets.ASSET_HEADERS)
    if build != assets.build():  # the page is of another release: answer, but do not keep
        headers["Cache-Control"] = "no-cache"
    body = asset.body
    headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = asset.gzipped
    return Response(body, media_type=asset.media_type, headers=headers)


@get("/favicon.ico", sync_to_thread=True)
def favicon() -> Response[bytes]:
    """The icon of the pages."""
    asset = assets.load("favicon.svg")
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(asset.body, media_type=asset.media_type, headers=headers)


@get("/healthz", sync_to_thread=False)
def healthz(state: State) -> dict[str, Any]:
    """The process answers, and so many rounds of looking at the endpoints have ended."""
    reconciler: Reconciler = state["reconciler"]
    return {"status": "ok", "rounds": reconciler.rounds}


def error_page(
    request: Request[Any, Any, Any], status: int, what: str, where: str, remedy: str
) -> Response[Any]:
    """A failure as a page; whoever is not signed in gets the sign-in form."""
    session = session_of(request)
    if status == 401:
        after = request.url.path
        if request.url.query:
            after += f"?{request.url.query}"
        return html(
            render.login(forms.login_view(request, "", after if request.method == "GET" else "/")),
            401,
        )
    if session is not None:
        frame = Visit(app_of(request), session.identity, session.csrf).frame()
    else:
        frame = views.Frame(now=now(app_of(request).clock), csrf="")
    text = f"{what[:1].upper()}{what[1:]}" if what else "Something went wrong"
    view = views.Failure(frame=frame, status=status, what=text, where=where, remedy=remedy)
    return html(render.failure(view), status)


_ROUTES: list[Any] = [
    overview,
    model,
    version,
    rollout,
    incidents,
    incident,
    audit,
    entry,
    checkpoint,
    decision,
    demo,
    *forms.HANDLERS,
    static,
    favicon,
    healthz,
]
HANDLERS: list[Any] = [Router("/", route_handlers=_ROUTES)]
"""In a router of their own: a path's GET and POST are then registered at once."""
