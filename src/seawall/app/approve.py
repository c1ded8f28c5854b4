"""Approve or reject a version, as somebody who neither trained nor validated it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.access.separation import require_separation
from seawall.app import standing
from seawall.app.bundles import Deployment, approved_segment, issue, signature_of
from seawall.app.retrain import decided
from seawall.app.root import App
from seawall.approvals.approval import Approval, Conditions
from seawall.approvals.workflow import decide
from seawall.kernel import Conflict, Outcome, Verdict, now, to_builtins
from seawall.registry.lifecycle import move
from seawall.registry.model import Model
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.validation.report import ValidationReport


def approve(
    app: App,
    who: Identity,
    key: str,
    *,
    suitable: bool,
    rating_affirmed: bool,
    conditions: Conditions | None = None,
    comment: str = "",
) -> tuple[Approval, Verdict]:
    """Say that a validated version suits its use and its rating holds.

    Returns the approval and whether the version is now approved. One that serves already is
    approved anew, before an expiry or for a larger share, and its gateways are told. Raises
    `Forbidden` for its author or validator, `Conflict` when it has not passed validation.
    """
    with app.store.transaction(who.actor) as tx:
        version = tx.get(Version, key)
        if conditions:
            segment, signature = conditions.segment, signature_of(app, version)
            approved_segment(segment, signature, f"approval of {key}")
        reports = standing.reports(tx, version)
        _may_be_approved(app, who, version, reports)
        approval = Approval(
            id=app.ids(),
            version=key,
            approver=who.id,
            decision="approve",
            suitable=suitable,
            rating_affirmed=rating_affirmed,
            time=now(app.clock),
            conditions=conditions or Conditions(),
            comment=comment,
            report=reports[-1].digest if reports else None,
        )
        tx.put(approval)
        model = tx.get(Model, version.model)
        verdict = decide(version, standing.approvals(tx, version), model.tier, now(app.clock))
        counts = suitable and rating_affirmed
        if counts and verdict.outcome is Outcome.PASS and version.stage is Stage.VALIDATED:
            tx.put(move(version, Stage.APPROVED, now(app.clock), f"approved by {who.id}"))
            decided(app, tx, version, f"approved by {who.id}")
        tx.record("approvals:version:approved", key, _detail(approval, verdict))
        tx.emit("approvals:version:approved", key, _detail(approval, verdict))
        for deployment in tx.find(Deployment):
            if any(running == key for running, _ in deployment.arms.values()):
                issue(app, tx, deployment, f"{key} is approved anew")
    return approval, verdict


def _may_be_approved(
    app: App, who: Identity, version: Version, reports: Sequence[ValidationReport]
) -> None:
    """Raise `Forbidden` where this identity may not approve it, `Conflict` where nobody may yet."""
    key, author = version.key, version.provenance.author
    validator = reports[-1].validator if reports else None
    for party in {report.validator for report in reports} or {None}:
        require_separation(author=author, validator=party, approver=who.id)
    app.allow(who, Action.APPROVE, version=key, author=author, validator=validator)
    if not (version.stage in (Stage.VALIDATED, Stage.APPROVED) or version.stage.serves):
        raise Conflict(
            f"{key} is {version.stage} and cannot be approved",
            remedy=f"run seawall validate {key}, then seawall gate {key} --to validated",
        )
    if reports and reports[-1].verdict.outcome is Outcome.FAIL:
        raise Conflict(
            f"the latest validation of {key} failed",
            where=reports[-1].key,
            remedy="validate it again, or reject it",
        )


def reject(app: App, who: Identity, key: str, comment: str) -> Approval:
    """Refuse a version for good; it can then only be replaced by another."""
    app.allow(who, Action.REJECT, version=key)
    with app.store.transaction(who.actor) as tx:
        version = tx.get(Version, key)
        approval = Approval(
            id=app.ids(),
            version=key,
            approver=who.id,
            decision="reject",
            suitable=False,
            rating_affirmed=False,
            time=now(app.clock),
            comment=comment,
        )
        tx.put(approval)
        tx.put(move(version, Stage.REJECTED, now(app.clock), comment))
        decided(app, tx, version, f"rejected by {who.id}")
        tx.record("approvals:version:rejected", key, {"comment": comment})
        tx.emit("approvals:version:rejected", key, {"comment": comment})
    return approval


def _detail(approval: Approval, verdict: Verdict) -> dict[str, object]:
    return {
        "approval": approval.id,
        "outcome": verdict.outcome.value,
        "suitable": approval.suitable,
        "rating_affirmed": approval.rating_affirmed,
        "conditions": to_builtins(approval.conditions),
        "report": msgspec.to_builtins(str(approval.report or "")),
    }
