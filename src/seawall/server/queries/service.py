"""How an endpoint answers: latency, errors, fallbacks, what fails validation, which versions."""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta

from seawall.app.bundles import Deployment
from seawall.kernel import BadInput, Estimate, NotFound, Rule
from seawall.registry.version import Version
from seawall.server.pages import views
from seawall.server.pages.views import Judged, Status
from seawall.server.queries.traffic import Traffic
from seawall.server.queries.words import STAGES
from seawall.slo.objective import Objective
from seawall.statistics.intervals import normal_quantile, rate
from seawall.statistics.summary import ColumnSummary

DAY = timedelta(days=1)


def service(traffic: Traffic) -> tuple[Judged, ...]:
    """Latency, errors and fallbacks of the last day against the objectives that bound them."""
    counted = traffic.last(DAY)
    decisions = sum(c.decisions for c in counted)
    rejected = sum(c.rejected for c in counted)
    if not decisions + rejected:
        return ()
    targets = {
        o.indicator: o for o in traffic.app.store.find(Objective, f"{traffic.endpoint.name}/")
    }
    rows: list[Judged] = []
    if latency := _merged([c.latency for c in counted]):
        rows += [_quantile(latency, 0.5, "p50"), _quantile(latency, 0.99, "p99")]
    if decisions:
        slow = sum(c.slow for c in counted)
        limit = traffic.endpoint.latency_objective_ms
        if limit is not None:
            name = f"Slower than {limit:g} ms"
            rows.append(_share(name, slow, decisions, targets.get("latency")))
        errors = sum(c.errors for c in counted)
        rows.append(_share("Errors of the model", errors, decisions, targets.get("availability")))
        given = sum(c.fallbacks for c in counted)
        rows.append(
            _share("Answered by the fallback", given, decisions, targets.get("availability"))
        )
    rows.append(
        _share("Refused as invalid", rejected, decisions + rejected, targets.get("availability"))
    )
    return tuple(rows)


def _merged(parts: list[ColumnSummary | None]) -> ColumnSummary | None:
    total: ColumnSummary | None = None
    for part in parts:
        if part is None:
            continue
        try:
            total = part if total is None else total.merge(part)
        except BadInput:
            total = part
    return total


def _quantile(latency: ColumnSummary, q: float, name: str) -> Judged:
    """A quantile between the order statistics that hold it with 95 %."""
    spread = normal_quantile(0.95) * math.sqrt(q * (1 - q) / latency.n)
    low, high = latency.quantile(max(0.0, q - spread)), latency.quantile(min(1.0, q + spread))
    estimate = Estimate(latency.quantile(q), low, high, 0.95, latency.n, "order statistics")
    return Judged(
        name=f"Latency {name}", status=Status("none", "no objective"), estimate=estimate, unit="ms"
    )


def _share(name: str, bad: int, total: int, objective: Objective | None) -> Judged:
    estimate = rate(bad, total, 0.95)
    if objective is None:
        return Judged(name=name, status=Status("none", "no objective"), estimate=estimate, unit="%")
    outcome = Rule(name, at_most=objective.allowed).judge(estimate).outcome
    return Judged(
        name=name,
        status=views.status_of(outcome),
        estimate=estimate,
        high=objective.allowed,
        unit="%",
        clause=f"SLO {objective.name}",
    )


def invalid(traffic: Traffic) -> tuple[views.FieldFailure, ...]:
    """The fields that failed validation in the last day, most often first."""
    counted: Counter[str] = Counter()
    for body in traffic.last(DAY):
        counted.update(body.invalid)
    minutes = DAY / timedelta(minutes=1)
    found: list[views.FieldFailure] = []
    for problem, count in counted.most_common(12):
        field, _, what = problem.partition(": ")
        found.append(
            views.FieldFailure(
                field="an extra field" if field == "*" else field,
                problem=what or "invalid",
                count=count,
                per_minute=count / minutes,
                suggestion=_suggestion(field, what),
            )
        )
    return tuple(found)


def _suggestion(field: str, problem: str) -> str:
    if problem == "missing":
        return f"a caller left {field} out or sends it under another name"
    if problem == "unknown":
        return "a caller sends what the signature lacks, perhaps a field renamed"
    if "type" in problem:
        return f"a caller sends {field} as another type"
    if "category" in problem:
        return "a value that training never saw"
    return "a value outside of what training saw" if "range" in problem else ""


def versions(traffic: Traffic, deployment: Deployment) -> tuple[views.VersionShare, ...]:
    """The versions that run and the share of the traffic that each decides."""
    rows: list[views.VersionShare] = []
    for arm, (key, share) in deployment.arms.items():
        try:
            version = traffic.app.store.get(Version, key)
        except NotFound:
            continue
        shadow = arm == "shadow"
        mirrored = f"sees {deployment.share:.0%} of requests, decides none" if shadow else ""
        rows.append(
            views.VersionShare(
                version=str(version.number),
                stage=arm,
                status=STAGES[version.stage],
                share=share,
                shadow=shadow,
                since=version.history[-1].at if version.history else None,
                digest=version.artefact.digest.short,
                note=mirrored,
            )
        )
    return tuple(rows)
