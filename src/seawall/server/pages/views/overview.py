"""The first page: every model by tier and health, and what needs someone."""

from __future__ import annotations

from datetime import datetime

import msgspec

from seawall.server.pages.views.common import Frame, Paging, Shape, Status


class TierCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many models of one tier have each health."""

    tier: str
    good: int = 0
    warning: int = 0
    bad: int = 0
    undecided: int = 0
    none: int = 0


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits for a person: a sentence, where to act, since when."""

    status: Status
    text: str
    href: str
    since: datetime | None = None


class RoleNeeds(msgspec.Struct, frozen=True):
    """What waits for one role, most pressing first."""

    role: str
    needs: tuple[Need, ...]


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model in the list.

    `health` is a few words. `version`: the one with most traffic. `per_hour`: decisions per hour
    now, with `traffic` the hourly counts before it (oldest first). `budget_left`: the share of
    the worst error budget that is left, in [-inf, 1]; None without an SLO. `drifted`: the
    features judged `fail` of those watched.
    """

    name: str
    tier: str
    owner: str
    status: Status
    health: str
    version: str = ""
    per_hour: float | None = None
    traffic: tuple[float, ...] = ()
    budget_left: float | None = None
    drifted: int | None = None
    watched: int = 0
    rollout: str = ""
    rollout_status: str = ""
    open_incidents: int = 0


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The overview page.

    `sentence` tells the state of everything. `models`: the rows of this page after the search
    `q`, `tier` and `health` (empty: all). `counts` and `needs` always cover all models.
    """

    frame: Frame
    status: Status
    sentence: str
    counts: tuple[TierCount, ...] = ()
    needs: tuple[RoleNeeds, ...] = ()
    models: tuple[ModelRow, ...] = ()
    paging: Paging = Paging()
    q: str = ""
    tier: str = ""
    health: Shape | str = ""
