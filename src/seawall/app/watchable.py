"""Whether what a monitor is declared to watch is there to be watched."""

from __future__ import annotations

from collections.abc import Mapping

from seawall.app.bundles import Deployment, output_of, signature_of
from seawall.app.root import App
from seawall.kernel import BadInput, Transaction, nearest
from seawall.monitoring.plan import OF_VALUES, SCORE, MonitorPlan, Watch, Watched
from seawall.registry.version import Version
from seawall.serving.endpoint import Endpoint
from seawall.serving.output import Kind, Output
from seawall.serving.signature import Signature

MEASURES: Mapping[Kind, tuple[Watch, ...]] = {
    "binary": ("error_rate", "error_rate_gap", "selection_rate_gap", "calibration", "distribution"),
    "multiclass": ("error_rate", "error_rate_gap", "selection_rate_gap", "distribution"),
    "regression": ("error_rate", "error_rate_gap", *OF_VALUES, "distribution"),
}
KINDS: Mapping[Kind, str] = {
    "binary": "two classes", "multiclass": "several classes", "regression": "values",
}  # fmt: skip


def check_monitor(app: App, tx: Transaction, plan: MonitorPlan) -> None:
    """Raise `BadInput`, with the nearest name, for an endpoint that is not declared, and for an
    input, group or measure that it has not.

    The endpoint need not be deployed. What it takes is read off its champion, else off the newest
    version of its model; while there is none, the monitor's first look says what is lacking.
    """
    where = f"monitor {plan.name!r}"
    if not tx.revision(Endpoint, plan.endpoint):
        raise BadInput(
            f"no endpoint {plan.endpoint!r} is declared",
            where=where,
            remedy=nearest(plan.endpoint, [one.name for one in tx.find(Endpoint)]),
        )
    check_watches(app, tx, plan, tx.get(Endpoint, plan.endpoint))


def check_watches(app: App, tx: Transaction, plan: MonitorPlan, endpoint: Endpoint) -> None:
    """Raise `BadInput` for what this endpoint, as it is or is to be, cannot be watched for."""
    version = _version(tx, endpoint)
    for place, watched in enumerate(plan.watches):
        where = f"monitor {plan.name!r}, watches[{place}]"
        if watched.by and watched.by not in endpoint.protected:
            known = ", ".join(endpoint.protected) or "none"
            raise BadInput(
                f"labels of endpoint {endpoint.name!r} are not grouped by {watched.by!r}",
                where=where,
                remedy=nearest(watched.by, endpoint.protected)
                if endpoint.protected
                else f"name it in the endpoint's `protected`, which has {known}",
            )
        if version is not None:
            signature, output = signature_of(app, version), output_of(app, version)
            _check_names(watched, signature, version, where)
            _check_kind(watched, output, endpoint, where)


def _version(tx: Transaction, endpoint: Endpoint) -> Version | None:
    if tx.revision(Deployment, endpoint.name):
        return tx.get(Version, tx.get(Deployment, endpoint.name).champion)
    return max(tx.find(Version, f"{endpoint.model}@"), key=lambda v: v.number, default=None)


def _check_names(watched: Watched, signature: Signature, version: Version, where: str) -> None:
    for name in watched.of:
        if name not in (*signature.names, SCORE):
            raise BadInput(
                f"{version.key} has no input {name!r}",
                where=where,
                remedy=nearest(name, (*signature.names, SCORE)),
            )
    field = next((f for f in signature.fields if f.name == watched.by), None)
    known = [str(c) for c in field.categories] if field else []
    for group in watched.groups if known else ():
        if group not in known:
            raise BadInput(
                f"{watched.by!r} has no group {group!r}", where=where, remedy=nearest(group, known)
            )


def _check_kind(watched: Watched, output: Output, endpoint: Endpoint, where: str) -> None:
    kind, measure, value = output.kind, watched.measure, endpoint.value
    if measure not in MEASURES[kind]:
        raise BadInput(
            f"{measure} is not watched of a model of {KINDS[kind]}",
            where=where,
            remedy=f"there is {', '.join(MEASURES[kind])}",
        )
    if kind == "regression" and measure.startswith("error_rate") and value.tolerance is None:
        raise BadInput(
            "a value is neither right nor wrong without a tolerance",
            where=where,
            remedy=f"give `value.tolerance` of endpoint {endpoint.name!r}",
        )
    if measure in OF_VALUES:
        if value.minimum is None or value.maximum is None:
            raise BadInput(
                "errors are bounded by the range of the value, and it has none",
                where=where,
                remedy=f"give `value.minimum` and `value.maximum` of endpoint {endpoint.name!r}",
            )
        if watched.allowed >= value.maximum - value.minimum:
            raise BadInput(
                f"a tolerance of {watched.allowed:g} is as large as {value} allows", where=where
            )
    if kind == "multiclass" and measure == "selection_rate_gap":
        known = [str(c) for c in output.classes]
        if str(endpoint.favourable) not in known:
            raise BadInput(
                f"`favourable` of endpoint {endpoint.name!r} is no class of the model",
                where=where,
                remedy=nearest(str(endpoint.favourable or ""), known),
            )
