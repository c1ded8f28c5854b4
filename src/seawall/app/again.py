"""A past decision performed again from what the control plane keeps: bundles, artefacts, log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.adapters.decisions.window import request_of
from seawall.adapters.runtimes import LoadedModel, load
from seawall.adapters.signing.envelope import unseal
from seawall.app import decisions
from seawall.app.bundles import Deployment
from seawall.app.root import App
from seawall.kernel import NotFound
from seawall.serving.again import told_again
from seawall.serving.bundle import Arm, Bundle
from seawall.serving.decision import DecisionRecord


def again(app: App, who: Identity, decision_id: str) -> dict[str, Any]:
    """Whether the same bundle, artefact and input give the recorded answer, bit by bit.

    Raises `NotFound` for a decision that is in no log.
    """
    app.allow(who, Action.READ_AUDIT, decision=decision_id)
    record = decisions.record_of(app, decision_id)

    def bundle_of(digest: str) -> Bundle:
        return _bundle(app, record, digest)

    def models_of(arms: Sequence[Arm]) -> Mapping[str, LoadedModel]:
        return {a.name: load(app.objects.get(a.artefact), a.format) for a in arms}

    def siblings() -> list[DecisionRecord]:
        folders, keys = decisions.log_folders(app), app.decision_keys
        return request_of(str(app.decisions), record, wal_folders=folders, keys=keys)

    verdict, body = told_again(record, bundle_of, models_of, siblings)
    return {"verdict": verdict.to_dict(), **body}


def _bundle(app: App, record: DecisionRecord, digest: str) -> Bundle:
    """The endpoint's bundle with this digest, the newest at the decision's time looked at first."""
    revisions = app.store.history(Deployment, record.endpoint)
    issued = [r.value for r in revisions if r.value is not None and r.value.bundle is not None]
    for deployment in sorted(issued, key=lambda d: (d.issued > record.time, -d.number)):
        assert deployment.bundle is not None
        _, payload = unseal(app.objects.get(deployment.bundle), [app.key.public_key()])
        bundle = Bundle.from_bytes(payload)
        if bundle.digest == digest:
            return bundle
    raise NotFound(f"no bundle {digest[:19]}… was issued", where=record.endpoint)
