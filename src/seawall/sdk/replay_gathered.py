"""A replay as evidence for a validation plan."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from seawall.kernel import SystemClock, now, to_json
from seawall.registry.version import Version
from seawall.report.from_verdict import estimate_of
from seawall.sdk.candidate import candidate_of
from seawall.sdk.client import Client
from seawall.validation.evidence import Evidence
from seawall.validation.plan import REPLAY
from seawall.validation.replay import ReplayEvidence, ReplayPlan


def replayed(
    evidence: Evidence,
    client: Client,
    version: Version,
    plan: ReplayPlan,
    state: Path,
    table: str | None,
) -> Evidence:
    """The evidence with what a replay of the plan's window found; its whole JSON is stored.

    Raises `BadInput` when there is nothing to replay, or the version runs on another server.
    """
    from seawall.sdk.replay import replay

    until = now(SystemClock())
    since = until - timedelta(days=plan.days)
    candidate = candidate_of(version.key, client)
    report = replay(
        state, candidate, table=table, since=since, until=until, sample=plan.sample or None,
        client=client,
    )  # fmt: skip
    body = report.to_dict()
    quality = body["quality"] or {}
    told = ReplayEvidence(
        report=client.put_object(to_json(body)),
        endpoint=body["endpoint"],
        bundle=body["bundle"],
        champion=body["champion"] or "",
        since=since,
        until=until,
        decisions=body["window"]["decisions"],
        replayed=body["replayed"],
        labelled=quality.get("labelled", 0),
    )
    return msgspec.structs.replace(
        evidence, estimates=evidence.estimates | estimates(body), replay=told
    )


def estimates(body: dict[str, Any]) -> dict[str, Any]:
    """The measures of a replay by their names in a plan: `flips[replay]`, `ks[replay]`, and of
    outcomes the candidate's quality less the recorded answers', `accuracy_difference[replay]`.
    """
    found = dict(body["measures"])
    if scores := body["scores"]:
        found |= scores["distribution"]["measures"]
        found |= {k: scores[k] for k in ("mean_difference", "mean_absolute_difference")}
    if quality := body["quality"]:
        found |= {f"{k}_difference": m["difference"] for k, m in quality["measures"].items()}
    told = {f"{name}[{REPLAY}]": estimate_of(shape) for name, shape in found.items()}
    return {name: e for name, e in told.items() if e.value == e.value}
