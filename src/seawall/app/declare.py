"""Declared objects: what people write in files and `seawall apply` reconciles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.adapters.declared import KINDS, TYPES, Source, typed
from seawall.app import experiments
from seawall.app.bundles import Deployment, issue
from seawall.app.root import App
from seawall.app.watchable import check_monitor, check_watches
from seawall.kernel import (
    BadInput,
    Conflict,
    Digest,
    NotFound,
    Record,
    Transaction,
    nearest,
    now,
    to_builtins,
    to_json,
)
from seawall.monitoring.plan import MonitorPlan
from seawall.policy.policy import Policy, lint
from seawall.registry.model import Model
from seawall.rollout.experiment import Experiment
from seawall.serving.endpoint import Endpoint


def apply(app: App, who: Identity, document: Mapping[str, Any]) -> tuple[Record, bool]:
    """Make the declared object so; returns it and whether anything changed.

    Raises `BadInput` for an unknown kind or a wrong field, naming the nearest.
    """
    kind = str(document.get("kind", ""))
    value = read(document)
    app.allow(who, Action.APPLY, kind=kind)
    if isinstance(value, Experiment):
        experiments.admit(app, who, value)
    with app.store.transaction(who.actor) as tx:
        before = tx.get(type(value), value.key) if tx.revision(type(value), value.key) else None
        if isinstance(value, Model):
            created = before.created if isinstance(before, Model) else None
            value = msgspec.structs.replace(value, created=created or now(app.clock))
        if before == value:
            return value, False
        _guard(app, who, tx, before, value)
        tx.put(value)
        digest = Digest.of(to_json(value))
        action = "changed" if before is not None else "declared"
        tx.record(f"declared:object:{action}", f"{kind}/{value.key}", {"digest": str(digest)})
        tx.emit(f"declared:object:{action}", f"{kind}/{value.key}", {"digest": str(digest)})
        _follow(app, tx, value)
    return value, True


def _guard(app: App, who: Identity, tx: Transaction, before: Any, value: Any) -> None:
    """Who is judged does not choose the judge: policy, plan and tier are changed by their owners.

    An endpoint that serves is changed by who may deploy. All endpoints of a model are judged by one
    policy and one plan. A monitor watches what there is.
    """
    if isinstance(value, MonitorPlan):
        check_monitor(app, tx, value)
    if isinstance(value, Model) and before is not None and before.tier != value.tier:
        app.allow(who, Action.APPLY, kind="Policy")
    if not isinstance(value, Endpoint):
        return
    if tx.revision(Deployment, value.name):  # gateways will follow it at once
        app.allow(who, Action.DEPLOY, endpoint=value.name)
    for plan in tx.find(MonitorPlan, f"{value.name}/"):
        check_watches(app, tx, plan, value)
    judged = (value.policy, value.plan)
    if before is not None and (before.policy, before.plan) != judged:
        app.allow(who, Action.APPLY, kind="Policy")
    for other in tx.find(Endpoint):
        same_model = other.model == value.model and other.name != value.name
        if same_model and (other.policy, other.plan) != judged:
            raise Conflict(
                f"model {value.model!r} is judged by policy {other.policy!r} and plan "
                f"{other.plan!r} already",
                where=f"endpoint {other.name!r}",
                remedy="name the same ones",
            )


def _follow(app: App, tx: Transaction, value: Any) -> None:
    """What gateways are told of a declaration: a new bundle, at once."""
    if isinstance(value, Experiment):
        experiments.begin(app, tx, value)
    elif isinstance(value, Endpoint) and tx.revision(Deployment, value.name):
        issue(app, tx, tx.get(Deployment, value.name), "the endpoint is declared anew")


def read(document: Mapping[str, Any]) -> Any:
    """The typed object that a document declares."""
    declared = typed(Source(dict(document), "document", {(): 1}), KINDS)
    if isinstance(declared.value, Policy) and (problems := lint(declared.value)):
        raise BadInput(problems[0], where=f"policy {declared.value.name!r}")
    return declared.value


def kind_of(name: str) -> type[Any]:
    """The type behind a kind's name, in whichever case and number it is written."""
    plural = {f"{known.lower().removesuffix('y')}ies": known for known in TYPES if known[-1] == "y"}
    plural |= {f"{known.lower()}s": known for known in TYPES}
    singular = {known.lower(): known for known in TYPES}
    if known := (singular | plural).get(name.lower()):
        return TYPES[known]
    raise NotFound(f"kind {name!r} is unknown", remedy=nearest(name, TYPES))


def listed(app: App, who: Identity, kind: str, name: str = "") -> list[Any]:
    """The declared objects of a kind, or the one of this name."""
    app.allow(who, Action.READ, kind=kind)
    type_ = kind_of(kind)
    if name:
        return [to_builtins(app.store.get(type_, name))]
    return [to_builtins(value) for value in app.store.find(type_)]
