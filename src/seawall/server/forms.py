"""What forms do: sign in and out, and what buttons ask for, in the visitor's own name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery, URLEncodedBody
from litestar.response import Redirect

from seawall.app import approve, gate, identities, respond, rollouts
from seawall.approvals.approval import Conditions
from seawall.kernel import BadInput, NotFound, Unauthenticated, now
from seawall.server.auth import COOKIE, Sessions, session_of
from seawall.server.desk import Asked, app_of, checked, desk_of, html, same_origin, signed_in
from seawall.server.pages import paths, render, views
from seawall.server.pages.views import Notice, Reply, Status
from seawall.server.queries import demo as demos
from seawall.server.queries import rollout as rollout_pages
from seawall.server.queries.visit import Visit

Form = URLEncodedBody[dict[str, str]]

# --- signing in and out -------------------------------------------------------------------------


@get(paths.LOGIN, sync_to_thread=True)
def login_page(request: Asked, ticket: FromQuery[str] = "") -> Response[str]:
    """The sign-in form, filled with the ticket of a link; only sending it uses the ticket up."""
    after = request.query_params.get("next", "/")
    return html(render.login(login_view(request, ticket, after)))


def login_view(request: Asked, ticket: str, after: str, error: str = "") -> views.Login:
    """The sign-in page, which leads on to an address of this server."""
    frame = views.Frame(now=now(app_of(request).clock), csrf="")
    return views.Login(frame=frame, next=local(after), token=ticket[:200], error=error)


def local(address: str) -> str:
    """The address, if it lies on this server; else the overview."""
    parts = urlsplit(address)
    plain = all(c.isprintable() and c != "\\" for c in address)
    here = not parts.scheme and not parts.netloc and address.startswith("/")
    return address if here and plain and not address.startswith("//") else paths.OVERVIEW


@post(paths.LOGIN, sync_to_thread=True, status_code=303)
def login(request: Asked, data: Form) -> Response[Any]:
    """Use a one-time token up and open a session of this browser."""
    same_origin(request)
    after = data.get("next", "/")
    try:
        who = identities.redeem(app_of(request), data.get("token", ""))
    except Unauthenticated as refused:
        text = f"{refused.what[:1].upper()}{refused.what[1:]}; {refused.remedy}."
        return html(render.login(login_view(request, "", after, text)), 401)
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
    return Redirect(local(after), status_code=303, cookies=[cookie])


@post(paths.LOGOUT, sync_to_thread=True, status_code=303)
def logout(request: Asked, data: Form) -> Response[Any]:
    """Close the session."""
    session = session_of(request)
    if session is not None:
        checked(request, session, data)
        request.app.state.sessions.close(request.cookies.get(COOKIE))
    gone = Cookie(key=COOKIE, value="", path="/", max_age=0, httponly=True, samesite="strict")
    return Redirect(paths.LOGIN, status_code=303, cookies=[gone])


# --- forms --------------------------------------------------------------------------------------


def _acted(
    request: Asked, data: Mapping[str, str], act: Callable[[Visit], Notice | Reply], back: str
) -> Response[Any]:
    """Do what a form asks in the visitor's own name, then show the page again."""
    session = signed_in(request)
    checked(request, session, data)
    done = act(Visit(app_of(request), session.identity, session.csrf))
    notice, reply = (done, None) if isinstance(done, Notice) else (None, done)
    desk_of(request).say(session, back, notice, reply)
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


HANDLERS: list[Any] = [
    login_page,
    login,
    logout,
    move_rollout,
    move_incident,
    move_version,
    order_demo,
]
