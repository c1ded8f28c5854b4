"""The overview: every model by tier and health, and what needs someone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from seawall.access.action import Action
from seawall.kernel import NotFound, Outcome
from seawall.registry.stage import Stage
from seawall.registry.version import VersionRef
from seawall.server.pages import paths, views
from seawall.server.pages.views import Need, Status
from seawall.server.queries.inventory import Inventory, Standing, order, with_budget
from seawall.server.queries.pulse import Pulse, Pulses
from seawall.server.queries.visit import Visit
from seawall.server.queries.words import ROLLOUTS, number, plural

PAGE = 50
RECENT = 40
"""How many of the newest registrations are looked through for versions that wait for somebody."""


class VersionHead(msgspec.Struct, frozen=True):
    """A version's name and stage."""

    kind: ClassVar[str] = "version"

    model: str
    number: int
    stage: Stage
    created: datetime

    @property
    def key(self) -> str:
        """The version's name."""
        return f"{self.model}@{self.number}"


class RolloutHead(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout without its history."""

    kind: ClassVar[str] = "rollout"

    id: str
    endpoint: str
    model: str
    candidate: str
    control: str
    state: str
    step_started: datetime

    @property
    def key(self) -> str:
        """The endpoint, then the id."""
        return f"{self.endpoint}/{self.id}"

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.state in ("running", "paused")

    @property
    def words(self) -> str:
        """`1 → 2, running`."""
        state = ROLLOUTS[self.state].word
        return f"{number(self.control)} → {number(self.candidate)}, {state}"


class FeatureHead(msgspec.Struct, frozen=True):
    """A feature's verdict."""

    outcome: Outcome


class ReadingHead(msgspec.Struct, frozen=True):
    """The verdicts of a look at drift."""

    features: tuple[FeatureHead, ...]


class DriftHead(msgspec.Struct, frozen=True):
    """The newest look at an endpoint's drift, only its verdicts."""

    kind: ClassVar[str] = "drift_look"

    endpoint: str
    reading: ReadingHead

    @property
    def key(self) -> str:
        """The endpoint's name."""
        return self.endpoint


def overview(
    visit: Visit,
    inventory: Inventory,
    pulses: Pulses,
    *,
    q: str = "",
    tier: str = "",
    health: str = "",
    page: int = 1,
) -> views.Overview:
    """The page `page` of the models that match."""
    visit.app.allow(visit.who, Action.READ)
    everything = _with_budgets(visit, inventory.of(visit.app), pulses)
    found = [
        s
        for s in everything
        if (not q or q.lower() in s.model.name or q.lower() in s.model.owner.lower())
        and (not tier or s.model.tier == tier)
        and (not health or s.shape == health)
    ]
    pages = max(1, -(-len(found) // PAGE))
    page = max(1, min(page, pages))
    shown = found[(page - 1) * PAGE : page * PAGE]
    rollouts = _rollouts(visit, everything)
    beating = pulses.of(visit.app, [d.endpoint for s in shown for d in s.deployments])
    status, sentence = _state(everything)
    return views.Overview(
        frame=visit.frame(),
        status=status,
        sentence=sentence,
        counts=_counts(everything),
        needs=_needs(visit, everything, rollouts),
        models=tuple(_row(visit, s, beating, rollouts) for s in shown),
        paging=views.Paging(page=page, pages=pages, total=len(found)),
        q=q,
        tier=tier,
        health=health,
    )


def _with_budgets(
    visit: Visit, everything: Sequence[Standing], pulses: Pulses
) -> Sequence[Standing]:
    """The models with what is known of their error budgets, those that need attention first."""
    serving = [d.endpoint for s in everything for d in s.deployments]
    if len(serving) <= PAGE:
        pulses.of(visit.app, serving)
    known = pulses.known()
    found: list[Standing] = []
    changed = False
    for s in everything:
        left = [p.budget_left for d in s.deployments if (p := known.get(d.endpoint))]
        worst = min((v for v in left if v is not None), default=None)
        after = with_budget(s, worst)
        changed |= after is not s
        found.append(after)
    return sorted(found, key=order) if changed else found


def _state(everything: Sequence[Standing]) -> tuple[Status, str]:
    count = Counter(s.shape for s in everything)
    total = plural(len(everything), "model")
    if not everything:
        return Status("none", "empty"), "No model is registered yet."
    if count["bad"]:
        first = next(s for s in everything if s.shape == "bad")
        more = f", and {plural(count['bad'] - 1, 'other')} fail too" if count["bad"] > 1 else ""
        return Status("bad", "failing"), f"{first.model.name}: {first.health.words}{more}."
    if count["warning"]:
        first = next(s for s in everything if s.shape == "warning")
        at_risk = "is" if count["warning"] == 1 else "are"
        said = f"{count['warning']} of {total} {at_risk} at risk, first {first.model.name}"
        said = f"{first.model.name} is at risk" if len(everything) == 1 else said
        return Status("warning", "at risk"), f"{said}: {first.health.words}."
    if not count["good"]:
        return Status("none", "not serving"), f"None of {total} serves yet."
    serving = count["good"]
    rest = f"; {plural(count['none'], 'model')} serves no traffic" if count["none"] == 1 else ""
    rest = f"; {count['none']} models serve no traffic" if count["none"] > 1 else rest
    all_well = "The one model that serves is" if serving == 1 else f"All {serving:,} that serve are"
    return Status("good", "healthy"), f"{all_well} healthy{rest}."


def _counts(everything: Sequence[Standing]) -> tuple[views.TierCount, ...]:
    count = Counter((s.model.tier, s.shape) for s in everything)
    return tuple(
        views.TierCount(
            tier=tier,
            good=count[tier, "good"],
            warning=count[tier, "warning"],
            bad=count[tier, "bad"],
            undecided=count[tier, "undecided"],
            none=count[tier, "none"],
        )
        for tier in ("high", "medium", "low")
        if any(t == tier for t, _ in count)
    )


def _rollouts(visit: Visit, everything: Sequence[Standing]) -> dict[str, RolloutHead]:
    """The open rollout of each endpoint that has a candidate."""
    found: dict[str, RolloutHead] = {}
    for standing in everything:
        for deployment in standing.deployments:
            if deployment.candidate is None:
                continue
            for head in visit.app.store.find(RolloutHead, f"{deployment.endpoint}/"):
                if head.open:
                    found[head.endpoint] = head
    return found


def _needs(
    visit: Visit, everything: Sequence[Standing], rollouts: dict[str, RolloutHead]
) -> tuple[views.RoleNeeds, ...]:
    by_role: dict[str, list[Need]] = defaultdict(list)
    for incident in (i for s in everything for i in s.incidents):
        page = incident.severity == "page" and incident.state == "open"
        mark = Status("bad", "incident") if page else Status("warning", incident.state)
        by_role["operator"].append(
            Need(
                status=mark,
                text=incident.title,
                href=paths.incident(incident.id),
                since=incident.started,
            )
        )
    for head in rollouts.values():
        if head.state == "paused":
            by_role["operator"].append(
                Need(
                    status=Status("warning", "rollout"),
                    text=f"{head.candidate} waits for a person",
                    href=paths.rollout(head.id),
                    since=head.step_started,
                )
            )
    for version in _newest(visit):
        where = paths.version(version.model, str(version.number))
        if version.stage is Stage.VALIDATED:
            by_role["approver"].append(
                Need(
                    status=Status("undecided", "approval"),
                    text=f"{version.key} waits for an approval",
                    href=where,
                    since=version.created,
                )
            )
        elif version.stage is Stage.REGISTERED:
            by_role["validator"].append(
                Need(
                    status=Status("undecided", "validation"),
                    text=f"{version.key} has not passed validation",
                    href=where,
                    since=version.created,
                )
            )
        elif version.stage is Stage.ROLLED_BACK:
            by_role["developer"].append(
                Need(
                    status=Status("warning", "rolled back"),
                    text=f"{version.key} was rolled back: find out why",
                    href=where,
                    since=version.created,
                )
            )
    roles = ("operator", "approver", "validator", "developer")
    return tuple(views.RoleNeeds(r, tuple(by_role[r][:8])) for r in roles if by_role[r])


def _newest(visit: Visit) -> list[VersionHead]:
    """The versions registered last that nobody has finished with."""
    logged = visit.app.store.audit.find(action="registry:version:registered", limit=RECENT)
    found: list[VersionHead] = []
    for item in logged:
        try:
            found.append(visit.app.store.get(VersionHead, item.entry.subject))
        except NotFound:
            continue
    newest = {v.model: v.number for v in sorted(found, key=lambda v: v.number)}
    return [v for v in found if v.stage is not Stage.ROLLED_BACK or newest[v.model] == v.number]


def _row(
    visit: Visit, s: Standing, beating: dict[str, Pulse], rollouts: dict[str, RolloutHead]
) -> views.ModelRow:
    first = s.deployments[0] if s.deployments else None
    if first is None:
        return views.ModelRow(
            name=s.model.name,
            tier=s.model.tier,
            owner=s.model.owner,
            status=s.health.status,
            health=s.health.words,
        )
    pulse, head = beating.get(first.endpoint), rollouts.get(first.endpoint)
    looks = visit.app.store.find(DriftHead, first.endpoint, limit=1)
    look = looks[0] if looks and looks[0].endpoint == first.endpoint else None
    return views.ModelRow(
        name=s.model.name,
        tier=s.model.tier,
        owner=s.model.owner,
        status=s.health.status,
        health=s.health.words,
        version=str(VersionRef.parse(first.champion).number),
        per_hour=pulse.per_hour if pulse else None,
        traffic=pulse.traffic if pulse else (),
        budget_left=pulse.budget_left if pulse else None,
        drifted=sum(f.outcome is Outcome.FAIL for f in look.reading.features) if look else None,
        watched=len(look.reading.features) if look else 0,
        rollout=head.id if head else "",
        rollout_status=head.words if head else "",
        open_incidents=len(s.incidents),
    )
