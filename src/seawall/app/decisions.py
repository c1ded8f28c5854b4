"""One decision shown whole, and proven to be in the audit log."""

from __future__ import annotations

from typing import Any

import msgspec

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.adapters import decisions
from seawall.adapters.decisions import Segment
from seawall.adapters.decisions.told import KINDS, sentence
from seawall.adapters.runtimes import load
from seawall.app.root import App
from seawall.audit.entry import Entry, canonical
from seawall.audit.evidence import SEGMENT_SEALED, decision_proof, segment_detail
from seawall.kernel import BadInput, NotFound, Unavailable, from_json, id_time, to_builtins
from seawall.registry.version import Version
from seawall.serving.decision import DecisionRecord, disclose, leaf_data
from seawall.serving.reasons import METHOD, PrincipalReason, principal_reasons
from seawall.serving.signature import Signature
from seawall.serving.typed import TypedReader
from seawall.statistics.summary import TableSummary


def record_segment(app: App, who: Identity, segment: Segment) -> bool:
    """Put a sealed segment's Merkle root on the audit log, once; False when it was there."""
    app.allow(who, Action.TELEMETRY, gateway=segment.gateway)
    if app.store.audit.find(subject=segment.id, action=SEGMENT_SEALED, limit=1):
        return False
    with app.store.transaction(who.actor) as tx:
        tx.record(
            SEGMENT_SEALED,
            segment.id,
            segment_detail(bytes.fromhex(segment.root), segment.count)
            | {
                "gateway": segment.gateway,
                "first_id": segment.first_id,
                "last_id": segment.last_id,
            },
        )
    return True


def show(app: App, who: Identity, decision_id: str) -> dict[str, Any]:
    """The record, all that was told of it since in the order it happened, and its proof if any."""
    app.allow(who, Action.READ, decision=decision_id)
    record = record_of(app, decision_id)
    told = decisions.story(str(app.decisions), decision_id, wal_folders=log_folders(app))
    shown = to_builtins(
        msgspec.structs.replace(record, salt=b"", salts={}, erased=dict(record.erased))
    )
    for hidden in ("salt", "salts"):
        shown.pop(hidden, None)
    shown["principal_reasons"] = [to_builtins(reason) for reason in reasons(app, record)]
    shown["reasons_method"] = METHOD
    for kind in KINDS:
        shown[kind] = [to_builtins(one) for of, one in told if of == kind]
    shown["story"] = [
        {"time": to_builtins(one.time), "kind": kind, "sentence": sentence(one)}
        for kind, one in told
    ]
    try:
        shown["proof"] = {"state": "proven", **_placed(app, decision_id)}
    except (NotFound, Unavailable) as waiting:
        shown["proof"] = {"state": "waiting", "why": waiting.what}
    return shown


def reasons(app: App, record: DecisionRecord) -> tuple[PrincipalReason, ...]:
    """Why the model answered so; nothing when a fallback answered or an input was not kept."""
    if record.model is None or record.fallback is not None or record.score is None:
        return ()
    version = app.store.get(Version, record.model)
    signature = from_json(app.objects.get(version.objects["signature"]), Signature)
    row = TypedReader(signature).record({n: record.input.get(n) for n in signature.names})
    if row is None:
        return ()
    baseline = TableSummary.from_bytes(app.objects.get(version.objects["baseline"])).columns
    ordered = {n: c for n, c in baseline.items() if n in signature.names and c.grid.ordered}
    if len(ordered) < len(signature.names):
        return ()
    model = load(app.objects.get(version.artefact.digest), version.artefact.format)
    typical = {name: column.quantile(0.5) for name, column in ordered.items()}
    threshold = 0.5 if record.threshold is None else record.threshold
    return principal_reasons(signature.names, row.values, typical, model.scores, threshold)


def prove(app: App, who: Identity, decision_id: str) -> bytes:
    """The JSON proof file of one decision, which `seawall-verify` checks with no server.

    Raises `Unavailable` while the decision's segment is not sealed or not yet in the log.
    """
    app.allow(who, Action.READ_AUDIT, decision=decision_id)
    record_of(app, decision_id)
    proof = decisions.prove(str(app.decisions), decision_id, keys=app.decision_keys)
    entry, index = _segment_entry(app, proof.segment)
    placed, note = app.log.inclusion(index), app.log.note()
    while note != app.log.note() or placed.size != app.log.size:  # the log grew meanwhile
        placed, note = app.log.inclusion(index), app.log.note()
    return decision_proof(
        leaf_data(proof.record),
        proof.leaf_hash,
        disclose(proof.record),
        segment=proof.inclusion,
        entry=canonical(entry),
        log=placed,
        checkpoint=note,
    )


def _placed(app: App, decision_id: str) -> dict[str, Any]:
    proof = decisions.prove(str(app.decisions), decision_id, keys=app.decision_keys)
    _, index = _segment_entry(app, proof.segment)
    return {
        "segment": proof.segment,
        "position": proof.inclusion.index,
        "of": proof.inclusion.size,
        "root": proof.root,
        "entry": index,
        "log_size": app.log.size,
    }


def _segment_entry(app: App, segment_id: str) -> tuple[Entry, int]:
    found = app.store.audit.find(subject=segment_id, action=SEGMENT_SEALED, limit=1)
    if not found or found[0].index is None or found[0].index >= app.log.size:
        raise Unavailable(
            "the decision's segment is not yet in the audit log",
            remedy="ask again in a few seconds",
        )
    return found[0].entry, found[0].index


def record_of(app: App, decision_id: str) -> DecisionRecord:
    """The record of a decision, shipped or not; raises `NotFound`."""
    id_time(decision_id)
    record = decisions.find(
        str(app.decisions), decision_id, wal_folders=log_folders(app), keys=app.decision_keys
    )
    if record is None:
        raise NotFound(f"no decision {decision_id!r} is kept", where=str(app.decisions))
    return record


def log_folders(app: App) -> tuple[str, ...]:
    """The logs of a gateway beside this control plane and of itself, not yet shipped to the end."""
    folders = app.folder / "gateway" / "decisions", app.folder / "decision-log"
    return tuple(str(folder) for folder in folders if folder.is_dir())


def recent(app: App, who: Identity, endpoint: str, limit: int = 50) -> list[DecisionRecord]:
    """The newest decisions of an endpoint, newest first."""
    app.allow(who, Action.READ, endpoint=endpoint)
    if limit < 1:
        raise BadInput("limit is at least 1")
    return decisions.recent(
        str(app.decisions), log_folders(app), endpoint, limit, keys=app.decision_keys
    )
