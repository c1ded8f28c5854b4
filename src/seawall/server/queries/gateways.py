"""The gateways of an endpoint, and which bundle each serves."""

from __future__ import annotations

from seawall.app.gateways import Standing, State, standings
from seawall.app.root import App
from seawall.server.pages import views
from seawall.server.pages.views import Status

_STATUS: dict[State, Status] = {
    "current": Status("good", "current"),
    "behind": Status("warning", "behind"),
    "refuses": Status("bad", "refuses"),
    "waiting": Status("undecided", "no bundle yet"),
    "silent": Status("bad", "silent"),
}


def gateways(app: App, endpoint: str) -> tuple[views.GatewayRow, ...]:
    """One row for each gateway that serves the endpoint, those that need someone first."""
    found = sorted(standings(app, endpoint), key=lambda s: (s.state == "current", s.gateway))
    return tuple(
        views.GatewayRow(
            name=s.gateway,
            status=_STATUS[s.state],
            bundle=s.bundle,
            software=s.software,
            heard=s.heard,
            since=s.since,
            note=_note(s),
        )
        for s in found
    )


def _note(s: Standing) -> str:
    if s.refusal is not None:
        number = "a bundle" if s.refusal.number is None else f"bundle {s.refusal.number}"
        return f"refused {number}: {s.refusal.message}"
    if s.killed:
        return "the endpoint is switched off here"
    return ""
