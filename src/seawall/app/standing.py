"""What still speaks for a version: reports and approvals since it was last rolled back.

A version that was at fault is validated and approved anew (`registry.lifecycle`); what was said
of it before stays on record and counts for nothing.
"""

from __future__ import annotations

from datetime import datetime

from seawall.app.root import App
from seawall.approvals.approval import Approval
from seawall.approvals.workflow import decide, limits
from seawall.kernel import Outcome, Transaction, now
from seawall.registry.model import Model
from seawall.registry.stage import Stage
from seawall.registry.version import Version
from seawall.validation.report import ValidationReport


def since(version: Version) -> datetime:
    """From when on evidence counts."""
    backs = [change.at for change in version.history if change.stage is Stage.ROLLED_BACK]
    return max(backs, default=version.created)


def reports(tx: Transaction, version: Version) -> list[ValidationReport]:
    """The validation reports that count, the latest last."""
    found = tx.find(ValidationReport, f"{version.key}/")
    return [report for report in found if report.time >= since(version)]


def approvals(tx: Transaction, version: Version) -> list[Approval]:
    """The approvals and rejections that count."""
    found = tx.find(Approval, f"{version.key}/")
    return [approval for approval in found if approval.time >= since(version)]


def approved_share(app: App, tx: Transaction, key: str) -> float:
    """The largest share of traffic that approvals in force allow a version: 0 without enough."""
    version, moment = tx.get(Version, key), now(app.clock)
    held = approvals(tx, version)
    verdict = decide(version, held, tx.get(Model, version.model).tier, moment)
    if verdict.outcome is not Outcome.PASS:
        return 0.0
    share = limits(version, held, moment).traffic_share
    return 1.0 if share is None else share
