"""Who looks at which control plane, and the frame that stands around every page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.access.permission import permit
from seawall.app.root import App
from seawall.kernel import now
from seawall.server.pages import views


class IncidentHead(msgspec.Struct, frozen=True, kw_only=True):
    """An incident without its timeline, for lists."""

    kind: ClassVar[str] = "incident"

    id: str
    title: str
    severity: str
    endpoint: str
    started: datetime
    model: str = ""
    state: str = "open"
    mitigated: datetime | None = None
    resolved: datetime | None = None

    @property
    def key(self) -> str:
        """The incident's id."""
        return self.id


@dataclass(frozen=True)
class Visit:
    """One request for a page: the control plane, the visitor, and the secret of their forms."""

    app: App
    who: Identity
    csrf: str
    notice: views.Notice | None = None

    @property
    def moment(self) -> datetime:
        """The kernel clock now."""
        return now(self.app.clock)

    def open_incidents(self) -> list[IncidentHead]:
        """Incidents that are not resolved, oldest first."""
        return [i for i in self.app.store.find(IncidentHead) if i.state != "resolved"]

    def frame(self) -> views.Frame:
        """What stands around the page."""
        return views.Frame(
            now=self.moment,
            csrf=self.csrf,
            user=views.User(self.who.id, tuple(str(role) for role in self.who.roles)),
            open_incidents=len(self.open_incidents()),
            demo=self.app.settings.demo_panel is not None,
            notice=self.notice,
        )

    def may(self, action: Action, **facts: Any) -> bool:
        """Whether the visitor's roles allow this."""
        return permit(self.who, action, facts).allowed

    def refused(self, action: Action, **facts: Any) -> str:
        """Why the visitor may not do this; empty when they may."""
        decision = permit(self.who, action, facts)
        return "" if decision.allowed else f"{decision.reason}."
