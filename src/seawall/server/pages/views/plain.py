"""The pages that show no model: signing in, what went wrong, the demo's controls."""

from __future__ import annotations

import msgspec

from seawall.server.pages.views.common import Action, Fact, Frame, Status


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """The sign-in page; `next` is where to go afterwards, `error` why the last token failed.

    `token` fills the form in, for whoever followed a link that carries one.
    """

    frame: Frame
    next: str = "/"
    token: str = ""
    error: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error: the HTTP status, what is wrong, where, and what to do."""

    frame: Frame
    status: int
    what: str
    where: str = ""
    remedy: str = ""


class DemoStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the demo and what it showed."""

    name: str
    status: Status
    seconds: float | None = None
    facts: tuple[Fact, ...] = ()
    href: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway answered to the request sent from this page."""

    status: Status
    headers: tuple[Fact, ...]
    body: str
    decision: str = ""


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's controls. `request` is the form that sends one, `faults` those that inject."""

    frame: Frame
    status: Status
    sentence: str
    steps: tuple[DemoStep, ...] = ()
    faults: tuple[Action, ...] = ()
    request: Action | None = None
    reply: Reply | None = None
    controls: tuple[Action, ...] = ()
