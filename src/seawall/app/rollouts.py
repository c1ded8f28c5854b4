"""Take a candidate to all the traffic of an endpoint by evidence, or back."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.app.bundles import Deployment, first_deployment, issue
from seawall.app.gate import judge as judge_gate
from seawall.app.root import App
from seawall.app.standing import approved_share
from seawall.app.telemetry import arms_evidence, pair_evidence
from seawall.kernel import (
    SYSTEM,
    BadInput,
    Conflict,
    Estimate,
    Forbidden,
    Outcome,
    Transaction,
    now,
)
from seawall.registry.lifecycle import move
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.rollout import rollout as steps
from seawall.rollout.evidence import measure
from seawall.rollout.plan import RolloutPlan
from seawall.rollout.rollout import Rollout
from seawall.serving.endpoint import Endpoint


def start(app: App, who: Identity, endpoint_name: str, candidate: str) -> Rollout | Deployment:
    """Begin the candidate's rollout; an endpoint's first version serves at once.

    Raises `Forbidden` with the gate's reasons when the policy does not let it into production,
    `Conflict` while another rollout is open.
    """
    app.allow(who, Action.DEPLOY, endpoint=endpoint_name, version=candidate)
    through_the_gate(app, who, candidate)
    with app.store.transaction(who.actor) as tx:
        endpoint = tx.get(Endpoint, endpoint_name)
        version = tx.get(Version, candidate)
        if version.model != endpoint.model:
            raise BadInput(
                f"{candidate} is no version of {endpoint.model!r}, which {endpoint.name!r} serves"
            )
        if not tx.revision(Deployment, endpoint.name):
            if (allowed := approved_share(app, tx, candidate)) < 1:
                raise Forbidden(
                    f"the approval of {candidate} allows {allowed:.0%} of traffic at most",
                    remedy="an endpoint's first version takes all the traffic",
                )
            _stage(app, tx, candidate, Stage.PRODUCTION, "the endpoint's first version")
            first = first_deployment(app, endpoint.name, candidate)
            return issue(app, tx, first, f"{candidate} is the first version to serve")
        if opened := [r for r in tx.find(Rollout, f"{endpoint.name}/") if r.open]:
            raise Conflict(
                f"{opened[0].candidate} is already on its way on {endpoint.name!r}",
                where=opened[0].id,
                remedy="promote or abort that rollout first",
            )
        deployment = tx.get(Deployment, endpoint.name)
        rollout = steps.start(
            id=app.ids(),
            endpoint=endpoint.name,
            model=endpoint.model,
            candidate=candidate,
            control=deployment.champion,
            plan=tx.get(RolloutPlan, endpoint.rollout),
            now=now(app.clock),
            actor=who.id,
        )
        settle(app, tx, rollout, "start", who.id)
    app.tell("rollout", rollout.id)
    return rollout


def observe(app: App, key: str) -> Rollout:
    """Judge an open rollout on what its arms did since its step began, and move it."""
    rollout = app.store.get(Rollout, key)
    if not rollout.open:
        return rollout
    estimates, decisions = evidence(app, rollout)
    with app.store.transaction(SYSTEM) as tx:
        current = tx.get(Rollout, key)
        if current != rollout:
            return current  # somebody moved it meanwhile: judge it at the next look
        moved, judgement = steps.observe(rollout, estimates, decisions, now(app.clock))
        if moved is rollout:
            return rollout
        action: str = judgement.action
        if (allowed := approved_share(app, tx, moved.candidate)) < moved.share:
            action, why = "pause", f"its approval allows {allowed:.0%} of traffic at most"
            if rollout.state == "paused":
                return rollout
            moved = steps.pause(rollout, actor="seawall", reason=why, now=now(app.clock))
        settle(app, tx, moved, action, "seawall")
    app.tell("rollout", moved.id)
    return moved


def by_hand(app: App, who: Identity, key: str, action: str, reason: str) -> Rollout:
    """A person advances, promotes, pauses, resumes or aborts a rollout, and says why."""
    acts = {
        "advance": steps.advance,
        "promote": steps.promote,
        "pause": steps.pause,
        "resume": steps.resume,
        "abort": steps.abort,
    }
    if action not in acts:
        raise BadInput(f"a rollout cannot {action!r}", remedy=f"choose {', '.join(acts)}")
    app.allow(who, Action.ROLLBACK if action == "abort" else Action.DEPLOY, rollout=key)
    with app.store.transaction(who.actor) as tx:
        rollout = tx.get(Rollout, key)
        moved = acts[action](rollout, actor=who.id, reason=reason, now=now(app.clock))
        onward = action in ("advance", "promote", "resume")
        if onward and (allowed := approved_share(app, tx, moved.candidate)) < moved.share:
            raise Forbidden(
                f"the approval of {moved.candidate} allows {allowed:.0%} of traffic at most",
                remedy="ask for another approval",
            )
        settle(app, tx, moved, action, who.id)
    app.tell("rollout", moved.id)
    return moved


def evidence(app: App, rollout: Rollout) -> tuple[dict[str, Estimate], int]:
    """The estimates of the present step, and how many decisions the candidate has scored."""
    age = timedelta(seconds=rollout.plan.label_age)
    step = rollout.current
    shadow = step.mode == "shadow"
    arms = (rollout.control, "champion"), (rollout.candidate, "shadow" if shadow else "canary")
    control, candidate = arms_evidence(app, rollout.endpoint, rollout.step_started, arms, age)
    pair = pair_evidence(app, rollout) if shadow else None
    estimates = measure(
        control,
        candidate,
        pair,
        shares=step.shares,
        alpha=rollout.plan.alpha,
        family=rollout.plan.family,
    )
    return estimates, pair.units if pair else candidate.decisions


def through_the_gate(app: App, who: Identity, candidate: str) -> None:
    """The gate's verdict is kept on record even when it stops the rollout."""
    with app.store.transaction(who.actor) as tx:
        result = judge_gate(app, tx, candidate, Stage.PRODUCTION.value, who.id)
    if result.verdict.outcome is not Outcome.PASS:
        against = [r.message for r in result.verdict.reasons if r.outcome is not Outcome.PASS]
        raise Forbidden(
            f"{candidate} may not enter production: {result.verdict.outcome.value}",
            where=f"policy {result.policy}",
            remedy="; ".join(against),
        )


def settle(app: App, tx: Transaction, rollout: Rollout, action: str, actor: str) -> None:
    """Store a rollout's move with what follows from it: stages, the next bundle, the record."""
    tx.put(rollout)
    last = rollout.history[-1]
    if rollout.state == "promoted":
        action = "promote"  # by whatever name: the last step was taken
    detail = {
        "endpoint": rollout.endpoint,
        "candidate": rollout.candidate,
        "control": rollout.control,
        "step": last.step,
        "action": action,
        "decisions": last.decisions,
        "by": actor,
        "sentence": last.sentence[:2_000],
    }
    tx.record(f"rollout:step:{action}", rollout.id, detail)
    if action in ("hold", "pause", "resume"):
        return
    tx.emit(f"rollout:step:{action}", rollout.id, detail)
    before = tx.get(Deployment, rollout.endpoint)
    issue(app, tx, _deployed(before, rollout), f"rollout {action}: {rollout.candidate}")
    if action in ("start", "advance"):
        to = Stage.SHADOW if rollout.current.mode == "shadow" else Stage.CANARY
        _stage(app, tx, rollout.candidate, to, last.sentence)
    elif action == "promote":
        _stage(app, tx, rollout.candidate, Stage.PRODUCTION, last.sentence)
        _stage(app, tx, rollout.control, Stage.APPROVED, f"replaced by {rollout.candidate}")
    elif action == "roll_back":
        _stage(app, tx, rollout.candidate, Stage.ROLLED_BACK, last.sentence)
    elif action == "abort":
        _stage(app, tx, rollout.candidate, Stage.APPROVED, last.sentence)


def _deployed(before: Deployment, rollout: Rollout) -> Deployment:
    """The deployment that a rollout's state asks for."""
    change = msgspec.structs.replace
    if rollout.state == "promoted":
        return change(before, champion=rollout.candidate, candidate=None, mode=None, share=0.0)
    if not rollout.open:
        return change(before, candidate=None, mode=None, share=0.0)
    step = rollout.current
    if step.mode == "shadow":
        return change(before, candidate=rollout.candidate, mode="shadow", share=step.share)
    return change(before, candidate=rollout.candidate, mode="canary", share=step.share)


def _stage(app: App, tx: Transaction, key: str, to: Stage, why: str) -> None:
    version = tx.get(Version, key)
    if version.stage is not to:
        tx.put(move(version, to, now(app.clock), why[:500]))
