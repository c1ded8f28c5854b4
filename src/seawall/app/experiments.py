"""Versions that answer beside the champion: begun when declared, looked at, stopped by evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.app.bundles import Deployment, issue
from seawall.app.rollouts import through_the_gate
from seawall.app.root import App
from seawall.app.standing import approved_share
from seawall.app.telemetry import arms_evidence
from seawall.kernel import (
    SYSTEM,
    BadInput,
    Conflict,
    Estimate,
    Forbidden,
    Outcome,
    Rule,
    Transaction,
    now,
)
from seawall.registry.lifecycle import move
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.rollout.evidence import ArmEvidence, measure
from seawall.rollout.experiment import Experiment, Run, Stop
from seawall.serving.endpoint import Endpoint

change = msgspec.structs.replace
Found = dict[str, tuple[ArmEvidence, dict[str, Estimate]]]
"""By arm, what it did and how that compares with the champion."""


def admit(app: App, who: Identity, experiment: Experiment) -> None:
    """Let the versions of an experiment past the gate into production, on record.

    Raises `NotFound`, `BadInput` or `Forbidden` for a version that may not answer there.
    """
    endpoint = app.store.get(Endpoint, experiment.endpoint)
    for variant in experiment.variants.values():
        app.allow(who, Action.DEPLOY, endpoint=endpoint.name, version=variant.version)
        version = app.store.get(Version, variant.version)
        if version.model != endpoint.model:
            raise BadInput(
                f"{version.key} is no version of {endpoint.model!r}, which {endpoint.name!r} serves"
            )
        through_the_gate(app, who, version.key)


def begin(app: App, tx: Transaction, experiment: Experiment) -> None:
    """Give the variants their shares; a changed experiment begins anew.

    Raises `Conflict` without a champion or beside another experiment, and `Forbidden` where a share
    is above what an approval allows.
    """
    name = experiment.endpoint
    if not tx.revision(Deployment, name):
        raise Conflict(
            f"{name} has no champion to compare with",
            remedy="start the rollout of a first version",
        )
    for run in tx.find(Run, f"{name}/"):
        if run.key == experiment.key:
            _leave(app, tx, run, tuple(run.experiment.variants), "the experiment is declared anew")
        elif not run.ended:
            raise Conflict(
                f"experiment {run.experiment.name!r} runs on {name} already",
                remedy=f"seawall experiment end {run.key} --reason WHY",
            )
    for arm, variant in experiment.variants.items():
        if (allowed := approved_share(app, tx, variant.version)) < variant.share:
            raise Forbidden(
                f"the approval of {variant.version} allows {allowed:.0%} of traffic at most",
                where=f"variant {arm}, {variant.share:.4g}",
            )
    moment = now(app.clock)
    tx.put(Run(experiment=experiment, since=moment))
    parts = {arm: (v.version, v.share) for arm, v in experiment.variants.items()}
    for arm, variant in experiment.variants.items():
        version = tx.get(Version, variant.version)
        if version.stage in (Stage.APPROVED, Stage.SHADOW):
            tx.put(move(version, Stage.CANARY, moment, f"variant {arm} of {experiment.key}"))
    deployment = change(tx.get(Deployment, name), variants=parts)
    issue(app, tx, deployment, f"experiment {experiment.name} begins")


def observe(app: App, endpoint: Endpoint) -> Run | None:
    """Judge the running experiment of an endpoint; take out the variants that a guard stops."""
    run = running(app, endpoint.name)
    if run is None:
        return None
    why = {
        arm: "; ".join(r.message for v in verdicts if v.outcome is Outcome.FAIL for r in v.reasons)
        for arm, (_, found) in evidence(app, run).items()
        if (verdicts := [rule.judge(found.get(rule.measure)) for rule in run.experiment.guards])
    }
    broken = {arm: said for arm, said in why.items() if said}
    if not broken:
        return run
    with app.store.transaction(SYSTEM) as tx:
        if tx.get(Run, run.key) != run:
            return run  # somebody ended it meanwhile
        moment = now(app.clock)
        run = change(run, stopped=run.stopped | {a: Stop(moment, w) for a, w in broken.items()})
        tx.put(run)
        for arm, said in broken.items():
            version = run.experiment.variants[arm].version
            detail = {"arm": arm, "version": version, "why": said[:2_000]}
            tx.record("rollout:variant:stopped", run.key, detail)
            tx.emit("rollout:variant:stopped", run.key, detail)
            _stage(app, tx, version, Stage.ROLLED_BACK, said)
        deployment = tx.get(Deployment, endpoint.name)
        still = {a: (None, s) if a in broken else (v, s)
                 for a, (v, s) in deployment.variants.items()}  # fmt: skip
        said = f"experiment {run.experiment.name}: {', '.join(broken)} stopped"
        issue(app, tx, change(deployment, variants=still), said)
    app.tell("rollout", run.key)
    return run


def end(app: App, who: Identity, key: str, reason: str) -> Run:
    """End an experiment; the champion answers every unit again."""
    if not reason.strip():
        raise BadInput("ending an experiment needs a reason", remedy="say why")
    app.allow(who, Action.DEPLOY, experiment=key)
    with app.store.transaction(who.actor) as tx:
        run = tx.get(Run, key)
        if run.ended:
            raise Conflict(f"experiment {key} ended already", where=run.ended.why)
        ended = change(run, ended=Stop(now(app.clock), reason))
        tx.put(ended)
        tx.record("rollout:experiment:ended", key, {"why": reason, "by": who.id})
        tx.emit("rollout:experiment:ended", key, {"why": reason, "by": who.id})
        left = tuple(arm for arm in run.experiment.variants if arm not in run.stopped)
        _leave(app, tx, run, left, reason)
        deployment = change(tx.get(Deployment, run.experiment.endpoint), variants={})
        issue(app, tx, deployment, f"experiment {run.experiment.name} ended: {reason}")
    app.tell("rollout", key)
    return ended


def running(app: App, endpoint: str) -> Run | None:
    """The experiment of an endpoint that has not ended, with a variant that was not stopped."""
    found = app.store.find(Run, f"{endpoint}/")
    return next((run for run in found if run.state == "running"), None)


def evidence(app: App, run: Run) -> Found:
    """What each variant that still answers did since the shares are what they are.

    Stretches of unequal shares are not pooled: a base rate that moves over time would look like a
    difference between arms.
    """
    plan, deployment = run.experiment, app.store.get(Deployment, run.experiment.endpoint)
    arms = deployment.arms
    left = [arm for arm in plan.variants if arm not in run.stopped and arm in arms]
    since = max(run.since, deployment.shared or run.since)
    asked = [(arms[name][0], name) for name in ("champion", *left)]
    age = timedelta(seconds=plan.label_age)
    control, *others = arms_evidence(app, plan.endpoint, since, asked, age)
    found: Found = {}
    for arm, one in zip(left, others, strict=True):
        both = arms["champion"][1] + arms[arm][1]
        shares = arms["champion"][1] / both, arms[arm][1] / both
        estimates = measure(control, one, None, shares, plan.alpha, plan.family)
        found[arm] = (one, estimates)
    return found


def standing(app: App, endpoint: str) -> list[dict[str, Any]]:
    """Every experiment of an endpoint, or of all without one, as JSON, the newest first."""
    runs = app.store.find(Run, f"{endpoint}/" if endpoint else "")
    return [_standing(app, run) for run in sorted(runs, key=lambda r: r.since, reverse=True)]


def _standing(app: App, run: Run) -> dict[str, Any]:
    plan = run.experiment
    found = {} if run.ended else evidence(app, run)
    return {
        "experiment": run.key,
        "state": run.state,
        "since": run.since.isoformat(),
        "ended": run.ended and run.ended.why,
        "confidence": 1 - plan.alpha / plan.family,
        "variants": [
            {
                "arm": arm,
                "version": variant.version,
                "share": variant.share,
                "stopped": run.stopped[arm].why if arm in run.stopped else None,
                "decisions": found[arm][0].decisions if arm in found else 0,
                "guards": _judged(plan.guards, found[arm][1]) if arm in found else [],
                "evidence": {n: e.to_dict() for n, e in found[arm][1].items()}
                if arm in found else {},
            }
            for arm, variant in plan.variants.items()
        ],
    }  # fmt: skip


def _judged(guards: tuple[Rule, ...], found: Mapping[str, Estimate]) -> list[dict[str, Any]]:
    verdicts = [(rule, rule.judge(found.get(rule.measure))) for rule in guards]
    return [{"rule": rule.text, "outcome": v.outcome.value} for rule, v in verdicts]


def _leave(app: App, tx: Transaction, run: Run, arms: tuple[str, ...], why: str) -> None:
    for arm in arms:
        _stage(app, tx, run.experiment.variants[arm].version, Stage.APPROVED, why)


def _stage(app: App, tx: Transaction, key: str, to: Stage, why: str) -> None:
    """Move a version that answered as a variant only; one that serves elsewhere stays."""
    version = tx.get(Version, key)
    if version.stage is Stage.CANARY:
        tx.put(move(version, to, now(app.clock), why[:500]))
