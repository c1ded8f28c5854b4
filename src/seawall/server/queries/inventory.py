"""All models at a glance: which endpoints serve them, and what of them needs attention."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from seawall.app.root import App
from seawall.audit.entry import Entry
from seawall.incidents.alert import Alert
from seawall.registry.model import Model
from seawall.server.pages.views import Shape, Status
from seawall.server.queries.visit import IncidentHead
from seawall.server.queries.words import listed


class EndpointHead(msgspec.Struct, frozen=True):
    """An endpoint's name and model."""

    kind: ClassVar[str] = "endpoint"

    name: str
    model: str

    @property
    def key(self) -> str:
        """The endpoint's name."""
        return self.name


class DeploymentHead(msgspec.Struct, frozen=True):
    """What an endpoint runs now."""

    kind: ClassVar[str] = "deployment"

    endpoint: str
    champion: str
    issued: datetime
    candidate: str | None = None

    @property
    def key(self) -> str:
        """The endpoint's name."""
        return self.endpoint


class Health(msgspec.Struct, frozen=True):
    """A model's health in a mark and a few words."""

    status: Status
    words: str


class Standing(msgspec.Struct, frozen=True):
    """One model with what serves it and what is wrong with it."""

    model: Model
    health: Health
    deployments: tuple[DeploymentHead, ...]
    incidents: tuple[IncidentHead, ...]

    @property
    def shape(self) -> Shape:
        """The shape of its health."""
        return self.health.status.shape


ORDER: Mapping[Shape, int] = {"bad": 0, "warning": 1, "undecided": 2, "good": 3, "none": 4}


def order(standing: Standing) -> tuple[int, str]:
    """Sorts those that need attention first, then by name."""
    return ORDER[standing.shape], standing.model.name


def health(
    serves: bool,
    alerts: Sequence[Alert],
    incidents: Sequence[IncidentHead],
    budget_left: float | None = None,
) -> Health:
    """What open incidents, firing alerts and the worst error budget say of a model."""
    if not serves:
        return Health(Status("none", "not serving"), "no version is in production")
    words = causes(alerts)
    if any(i.severity == "page" and i.state == "open" for i in incidents):
        return Health(Status("bad", "failing"), words or "an incident is open")
    if any(a.severity == "page" for a in alerts):
        return Health(Status("bad", "failing"), words)
    if incidents or alerts:
        return Health(Status("warning", "at risk"), words or "an incident is mitigated, not closed")
    if budget_left is not None and budget_left <= 0:
        return Health(Status("warning", "at risk"), "an error budget is used up")
    return Health(Status("good", "healthy"), "nothing alerts")


def with_budget(standing: Standing, budget_left: float | None) -> Standing:
    """The model's standing once its worst error budget is known."""
    if standing.shape != "good" or budget_left is None or budget_left > 0:
        return standing
    return msgspec.structs.replace(standing, health=health(True, (), (), budget_left))


def causes(alerts: Sequence[Alert]) -> str:
    """What fires, in a few words: `AGEP moved, SCHL fails validation`."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for alert in alerts:
        labels = alert.labels
        name = labels.get("feature") or labels.get("objective") or labels.get("field") or ""
        by_kind[labels.get("alert", "")].append(name.split(":")[0])
    said = {
        "drift": "moved",
        "invalid_input": "fails validation",
        "budget_burn": "burns its budget",
    }
    order = ("budget_burn", "invalid_input", "drift")
    return ", ".join(
        f"{listed(dict.fromkeys(by_kind[kind]), 2)} {said[kind]}" for kind in order if by_kind[kind]
    )


_ALL = 1_000_000
LOOKED = 100
"""How many of the newest audit entries may tell what changed; after more, all is read again."""


class Inventory:
    """Every model as last read. The audit log, which every change is on, tells what to read again.

    Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mark = "-"
        self._models: dict[str, Model] = {}
        self._endpoints: dict[str, EndpointHead] = {}
        self._deployments: dict[str, DeploymentHead] = {}
        self._standings: tuple[Standing, ...] = ()

    def of(self, app: App) -> tuple[Standing, ...]:
        """Every model as it stands now, those that need attention first, then by name."""
        newest = app.store.audit.find(limit=1)
        with self._lock:
            mark = newest[0].entry.id if newest else ""
            if mark != self._mark:
                fresh = self._since(app)
                if fresh is None:
                    self._read_all(app)
                elif not self._read_again(app, fresh):
                    self._mark = mark
                    return self._standings
                self._standings = self._stand(app)
                self._mark = mark
            return self._standings

    def _since(self, app: App) -> list[Entry] | None:
        """The entries after the mark; None when they are too many to look through."""
        entries = [item.entry for item in app.store.audit.find(limit=LOOKED)]
        for at, entry in enumerate(entries):
            if entry.id == self._mark:
                return entries[:at]
        return None

    def _read_all(self, app: App) -> None:
        find = app.store.find
        self._models = {m.name: m for m in find(Model, limit=_ALL)}
        self._endpoints = {e.name: e for e in find(EndpointHead, limit=_ALL)}
        self._deployments = {d.endpoint: d for d in find(DeploymentHead, limit=_ALL)}

    def _read_again(self, app: App, entries: Sequence[Entry]) -> bool:
        """Read what these entries changed; whether any of it is shown."""
        shown = False
        for entry in entries:
            source = entry.action.partition(":")[0]
            declared, _, name = entry.subject.partition("/")
            if source == "serving":
                self._deployments[entry.subject] = app.store.get(DeploymentHead, entry.subject)
            elif source == "declared" and declared == "Model":
                self._models[name] = app.store.get(Model, name)
            elif source == "declared" and declared == "Endpoint":
                self._endpoints[name] = app.store.get(EndpointHead, name)
            elif source != "incidents":
                continue
            shown = True
        return shown

    def _stand(self, app: App) -> tuple[Standing, ...]:
        served: dict[str, list[DeploymentHead]] = defaultdict(list)
        for endpoint in self._endpoints.values():
            if endpoint.name in self._deployments:
                served[endpoint.model].append(self._deployments[endpoint.name])
        firing: dict[str, list[Alert]] = defaultdict(list)
        for alert in app.store.find(Alert):
            if alert.firing:
                firing[alert.labels.get("endpoint", "")].append(alert)
        incidents: dict[str, list[IncidentHead]] = defaultdict(list)
        for incident in app.store.find(IncidentHead):
            if incident.state != "resolved":
                incidents[incident.endpoint].append(incident)
        found: list[Standing] = []
        for model in self._models.values():
            here = tuple(served.get(model.name, ()))
            opened = tuple(i for d in here for i in incidents.get(d.endpoint, ()))
            alerts = [a for d in here for a in firing.get(d.endpoint, ())]
            found.append(Standing(model, health(bool(here), alerts, opened), here, opened))
        return tuple(sorted(found, key=order))
