"""Views as the demo would fill them; `EVERY` maps a name to a function (render function, view)."""

# ruff: noqa: E501 -- rows of a table and sentences of a page stay on one line

from __future__ import annotations

from tests.server.pages.samples.audit import audit, decision, entry
from tests.server.pages.samples.common import BAD, DECISION, GOOD, NOW, WAITING, frame
from tests.server.pages.samples.incident import incident, incidents
from tests.server.pages.samples.model import model
from tests.server.pages.samples.overview import overview
from tests.server.pages.samples.plain import demo, failure, login
from tests.server.pages.samples.rollout import rollout
from tests.server.pages.samples.version import version

from seawall.server.pages import views
from seawall.server.pages.views import Status

EMPTY = {
    "overview-empty": lambda: ("overview", views.Overview(frame=frame(open_incidents=0), status=Status("none", "empty"), sentence="There is nothing to watch yet.")),
    "model-empty": lambda: ("model", views.Model(frame=frame(), name="fresh", status=Status("none", "not watched"), sentence="fresh is registered; it has no version yet.")),
    "version-empty": lambda: ("version", views.Version(frame=frame(), model="fresh", version="v1", status=Status("none", "registered"), sentence="v1 is registered; nothing has been checked.")),
    "rollout-empty": lambda: ("rollout", views.Rollout(frame=frame(), key="fresh/1", model="fresh", incumbent="v1", candidate="v2", status=WAITING, sentence="The shadow has just begun.", steps=rollout().steps)),
    "incidents-empty": lambda: ("incidents", views.Incidents(frame=frame(open_incidents=0), status=GOOD, sentence="No incident is open.")),
    "incident-empty": lambda: ("incident", views.Incident(frame=frame(), key="1", title="Just opened", status=BAD, sentence="Opened a moment ago.")),
    "audit-empty": lambda: ("audit", views.Audit(frame=frame(), log=views.LogState(status=Status("undecided", "empty"), sentence="The log is empty.", size=0, root="", origin="seawall.example/log"), q="nobody")),
    "entry-empty": lambda: ("entry", views.Entry(frame=frame(), entry=audit().entries[0], body="{}")),
    "decision-empty": lambda: ("decision", views.Decision(frame=frame(), id=DECISION, time=NOW, model="fresh", version="v1", status=WAITING, sentence="Just decided.", output="no")),
    "demo-empty": lambda: ("demo", views.Demo(frame=frame(), status=Status("none", "idle"), sentence="The demo has not begun.")),
    "login-wrong": lambda: ("login", login("This token has been used; ask for a new one.")),
}  # fmt: skip
FULL = {
    "overview": lambda: ("overview", overview()),
    "model": lambda: ("model", model()),
    "version": lambda: ("version", version()),
    "rollout": lambda: ("rollout", rollout()),
    "incidents": lambda: ("incidents", incidents()),
    "incident": lambda: ("incident", incident()),
    "audit": lambda: ("audit", audit()),
    "entry": lambda: ("entry", entry()),
    "decision": lambda: ("decision", decision()),
    "login": lambda: ("login", login()),
    "failure": lambda: ("failure", failure()),
    "demo": lambda: ("demo", demo()),
}
EVERY = FULL | EMPTY
