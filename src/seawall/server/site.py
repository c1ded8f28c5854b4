"""The web pages' routes: every page, every form, the files they need."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar import MediaType, Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect

from seawall.access.action import Action
from seawall.app import approve, gate, identities, respond, rollouts
from seawall.app.root import App
from seawall.approvals.approval import Conditions
from seawall.kernel import BadInput, Forbidden, NotFound, Unauthenticated, now
from seawall.server.auth import COOKIE, Session, Sessions, check_csrf, session_of
from seawall.server.pages import assets, paths, render, views
from seawall.server.pages.views import Notice, Reply, Status
from seawall.server.queries import audit as audits
from seawall.server.queries import decision as decisions
from seawall.server.queries import demo as demos
from seawall.server.queries import incidents as incident_pages
from seawall.server.queries import model as models
from seawall.server.queries import overview as overviews
from seawall.server.queries import rollout as rollout_pages
from seawall.server.queries import version as versions
from seawall.server.queries.inventory import Inventory
from seawall.server.queries.pulse import Pulses
from seawall.server.queries.visit import Visit

Asked = Request[Any, Any, Any]
Form = URLEncodedBody[dict[str, str]]
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


def _desk(request: Asked) -> Desk:
    return request.app.state.setdefault("desk", Desk())


def _app(request: Asked) -> App:
    return request.app.state.seawall


def _signed_in(request: Asked) -> Session:
    session = session_of(request)
    if session is None:
        raise Unauthenticated("nobody is signed in", remedy="sign in with a one-time token")
    return session


def _visit(request: Asked) -> Visit:
    session = _signed_in(request)
    notice, _ = _desk(request).said(session, request.url.path)
    return Visit(_app(request), session.identity, session.csrf, notice)


def _html(text: str, status: int = 200) -> Response[str]:
    return Response(
        text, status_code=status, media_type=MediaType.HTML, headers=dict(assets.PAGE_HEADERS)
    )


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
    desk = _desk(request)
    return _html(
        render.overview(
            overviews.overview(
                _visit(request),
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
    return _html(render.model(models.model(_visit(request), name)))


@get("/models/{name:str}/versions/{number:str}", sync_to_thread=True)
def version(request: Asked, name: FromPath[str], number: FromPath[str]) -> Response[str]:
    """One version."""
    return _html(render.version(versions.version(_visit(request), name, number)))


@get("/rollouts/{key:str}", sync_to_thread=True)
def rollout(request: Asked, key: FromPath[str]) -> Response[str]:
    """One rollout."""
    return _html(render.rollout(rollout_pages.rollout(_visit(request), key)))


@get(paths.INCIDENTS, sync_to_thread=True)
def incidents(
    request: Asked, model: FromQuery[str] = "", page: FromQuery[int] = 1
) -> Response[str]:
    """The list of incidents, of one model or of all."""
    state = request.query_params.get("state", "open")  # the framework keeps `state` for itself
    view = incident_pages.incidents(_visit(request), state=state, model=model, page=page)
    return _html(render.incidents(view))


@get("/incidents/{key:str}", sync_to_thread=True)
def incident(request: Asked, key: FromPath[str]) -> Response[str]:
    """One incident."""
    return _html(render.incident(incident_pages.incident(_visit(request), key)))


@get(paths.AUDIT, sync_to_thread=True)
def audit(request: Asked, q: FromQuery[str] = "", page: FromQuery[int] = 1) -> Response[Any]:
    """The audit log; a decision's id leads to the decision."""
    visit = _visit(request)
    visit.app.allow(visit.who, Action.READ_AUDIT)
    if q and (found := audits.decision_named(visit.app, q)):
        return Redirect(paths.decision(found), status_code=303)
    return _html(render.audit(audits.audit(visit, q=q, page=page)))


@get("/audit/entries/{index:int}", sync_to_thread=True)
def entry(request: Asked, index: FromPath[int]) -> Response[str]:
    """One entry of the audit log."""
    return _html(render.entry(audits.entry(_visit(request), index)))


@get(paths.CHECKPOINT, sync_to_thread=True)
def checkpoint(request: Asked) -> Response[bytes]:
    """The signed checkpoint as a file."""
    visit = _visit(request)
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
    return _html(render.decision(decisions.decision(_visit(request), key)))


@get(paths.DEMO, sync_to_thread=True)
def demo(request: Asked) -> Response[str]:
    """The demo's controls."""
    _, reply = _desk(request).said(_signed_in(request), paths.DEMO)
    return _html(render.demo(demos.demo(_visit(request), reply)))


# --- signing in and out -------------------------------------------------------------------------


@get(paths.LOGIN, sync_to_thread=True)
def login_page(request: Asked, ticket: FromQuery[str] = "") -> Response[str]:
    """The sign-in form, filled with the ticket of a link; only sending it uses the ticket up."""
    after = request.query_params.get("next", "/")
    return _html(render.login(_login(request, ticket, after)))


def _login(request: Asked, ticket: str, after: str, error: str = "") -> views.Login:
    frame = views.Frame(now=now(_app(request).clock), csrf="")
    return views.Login(frame=frame, next=_local(after), token=ticket[:200], error=error)


def _local(address: str) -> str:
    """The address, if it lies on this server; else the overview."""
    parts = urlsplit(address)
    plain = all(c.isprintable() and c != "\\" for c in address)
    here = not parts.scheme and not parts.netloc and address.startswith("/")
    return address if here and plain and not address.startswith("//") else paths.OVERVIEW


@post(paths.LOGIN, sync_to_thread=True, status_code=303)
def login(request: Asked, data: Form) -> Response[Any]:
    """Use a one-time token up and open a session of this browser."""
    _same_origin(request)
    after = data.get("next", "/")
    try:
        who = identities.redeem(_app(request), data.get("token", ""))
    except Unauthenticated as refused:
        text = f"{refused.what[:1].upper()}{refused.what[1:]}; {refused.remedy}."
        return _html(render.login(_login(request, "", after, text)), 401)
    sessions: Sessions = request.app.state.sessions
    sessions.close(request.cookies.get(COOKIE))
    cookie = Cookie(
        key=COOKIE,
        value=sessions.open(who),
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return Redirect(_local(after), status_code=303, cookies=[cookie])


@post(paths.LOGOUT, sync_to_thread=True, status_code=303)
def logout(request: Asked, data: Form) -> Response[Any]:
    """Close the session."""
    session = session_of(request)
    if session is not None:
        _check(request, session, data)
        request.app.state.sessions.close(request.cookies.get(COOKIE))
    gone = Cookie(key=COOKIE, value="", path="/", max_age=0, httponly=True, samesite="strict")
    return Redirect(paths.LOGIN, status_code=303, cookies=[gone])


def _same_origin(request: Asked) -> None:
    """Refuse a form that another site sent, by what the browser says of its origin."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    if site not in ("same-origin", "none") or (
        origin not in (None, "null") and urlsplit(origin).netloc != host
    ):
        raise Forbidden("the form came from another site", remedy="open the page here")


def _check(request: Asked, session: Session, data: Mapping[str, str]) -> None:
    _same_origin(request)
    check_csrf(session, data.get("csrf", ""))


# --- forms --------------------------------------------------------------------------------------


def _acted(
    request: Asked, data: Mapping[str, str], act: Callable[[Visit], Notice | Reply], back: str
) -> Response[Any]:
    """Do what a form asks in the visitor's own name, then show the page again."""
    session = _signed_in(request)
    _check(request, session, data)
    done = act(Visit(_app(request), session.identity, session.csrf))
    notice, reply = (done, None) if isinstance(done, Notice) else (None, done)
    _desk(request).say(session, back, notice, reply)
    return Redirect(back, status_code=303)


def _reason(data: Mapping[str, str], name: str = "reason") -> str:
    said = data.get(name, "").strip()
    if not said:
        raise BadInput("a reason is needed", remedy="say why, for the audit log")
    return said[:2_000]


@post("/rollouts/{key:str}", sync_to_thread=True, status_code=303)
def move_rollout(request: Asked, key: FromPath[str], data: Form) -> Response[Any]:
    """Advance, promote, pause, resume or abort a rollout."""

    def act(visit: Visit) -> Notice:
        held = rollout_pages.find(visit.app, key)
        action = data.get("action", "")
        moved = rollouts.by_hand(visit.app, visit.who, held.key, action, _reason(data))
        return Notice(Status("good", "done"), moved.sentence)

    return _acted(request, data, act, paths.rollout(key))


@post("/incidents/{key:str}", sync_to_thread=True, status_code=303)
def move_incident(request: Asked, key: FromPath[str], data: Form) -> Response[Any]:
    """Mitigate or resolve an incident."""

    def act(visit: Visit) -> Notice:
        moves = {"mitigate": respond.mitigate, "resolve": respond.resolve}
        move = moves.get(data.get("action", ""))
        if move is None:
            raise BadInput("an incident is mitigated or resolved")
        moved = move(visit.app, visit.who, key, _reason(data))
        return Notice(Status("good", "done"), f"The incident is {moved.state}.")

    return _acted(request, data, act, paths.incident(key))


@post("/models/{name:str}/versions/{number:str}", sync_to_thread=True, status_code=303)
def move_version(
    request: Asked, name: FromPath[str], number: FromPath[str], data: Form
) -> Response[Any]:
    """Gate, approve, reject a version, or start its rollout."""
    key = f"{name}@{number}"

    def act(visit: Visit) -> Notice:
        match data.get("action", ""):
            case "gate":
                return _gated(visit, key, data.get("to", ""))
            case "approve":
                return _approved(visit, key, data)
            case "reject":
                approve.reject(visit.app, visit.who, key, _reason(data, "comment"))
                return Notice(Status("bad", "rejected"), f"{key} is rejected for good.")
            case "start":
                begun = rollouts.start(visit.app, visit.who, data.get("endpoint", ""), key)
                said = getattr(begun, "sentence", f"{key} serves now.")
                return Notice(Status("good", "started"), said)
            case other:
                raise BadInput(f"a version cannot {other[:40]!r}")

    return _acted(request, data, act, paths.version(name, number))


def _gated(visit: Visit, key: str, to: str) -> Notice:
    result = gate.pass_gate(visit.app, visit.who, key, to)
    word = views.status_of(result.verdict.outcome)
    return Notice(word, f"The gate to {to} says {result.verdict.outcome.value}.")


def _approved(visit: Visit, key: str, data: Mapping[str, str]) -> Notice:
    percent = data.get("share", "").strip()
    try:
        limit = float(percent) / 100 if percent else None
    except ValueError:
        raise BadInput(f"{percent[:20]!r} is no percentage", remedy="write 25") from None
    _, verdict = approve.approve(
        visit.app,
        visit.who,
        key,
        suitable="suitable" in data,
        rating_affirmed="rating" in data,
        conditions=Conditions(traffic_share=limit),
        comment=data.get("comment", "").strip()[:2_000],
    )
    word = views.status_of(verdict.outcome, good="approved", undecided="not yet")
    return Notice(word, f"Your answer is on record: {verdict.reasons[-1].message}.")


@post("/demo/{words:path}", sync_to_thread=True, status_code=303)
def order_demo(request: Asked, words: FromPath[str], data: Form) -> Response[Any]:
    """Inject a fault, end all of them, or send a request."""
    parts = words.strip("/").split("/")

    def act(visit: Visit) -> Notice | Reply:
        if parts[0] not in ("fault", "send", "calm") or len(parts) > 2:
            raise NotFound("the demo has no such control", where=words[:80])
        answered = demos.order(visit, *parts)
        if parts[0] == "send":
            return demos.reply(answered)
        return Notice(Status("warning", "changed"), "The demo's traffic is changed from now on.")

    return _acted(request, data, act, paths.DEMO)


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
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


def error_page(
    request: Request[Any, Any, Any], status: int, what: str, where: str, remedy: str
) -> Response[Any]:
    """A failure as a page; whoever is not signed in gets the sign-in form."""
    session = session_of(request)
    if status == 401:
        after = request.url.path
        if request.url.query:
            after += f"?{request.url.query}"
        return _html(
            render.login(_login(request, "", after if request.method == "GET" else "/")), 401
        )
    if session is not None:
        frame = Visit(_app(request), session.identity, session.csrf).frame()
    else:
        frame = views.Frame(now=now(_app(request).clock), csrf="")
    text = f"{what[:1].upper()}{what[1:]}" if what else "Something went wrong"
    view = views.Failure(frame=frame, status=status, what=text, where=where, remedy=remedy)
    return _html(render.failure(view), status)


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
    login_page,
    login,
    logout,
    move_rollout,
    move_incident,
    move_version,
    order_demo,
    static,
    favicon,
    healthz,
]
HANDLERS: list[Any] = [Router("/", route_handlers=_ROUTES)]
"""In a router of their own: a path's GET and POST are then registered at once."""
