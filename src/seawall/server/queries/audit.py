"""The audit log: its verified state, its entries, and one with its proof."""

from __future__ import annotations

import json
import re

from seawall.access.action import Action as Permission
from seawall.adapters.sql.audit import Logged
from seawall.app.decisions import log_folders
from seawall.app.root import App
from seawall.audit.entry import canonical
from seawall.audit.merkle import leaf_hash
from seawall.audit.reader import TileReader
from seawall.kernel import NotFound, SeawallError
from seawall.server.pages import views
from seawall.server.pages.views import EntryRow, LogState, Status
from seawall.server.queries import history
from seawall.server.queries.inventory import EndpointHead
from seawall.server.queries.visit import Visit

PAGE = 50
SCANNED = 5_000
"""How many of the newest entries a search for a word looks through."""


def audit(visit: Visit, *, q: str = "", page: int = 1) -> views.Audit:
    """The newest entries, or those that `q` finds."""
    app = visit.app
    app.allow(visit.who, Permission.READ_AUDIT)
    endpoints = _endpoints(app)
    state = _state(visit)
    if q:
        found = _search(app, q.strip())
        rows = tuple(_row(item, endpoints) for item in found if item.index is not None)
        paging = views.Paging(total=len(rows))
    else:
        size = state.size
        pages = max(1, -(-size // PAGE))
        page = max(1, min(page, pages))
        first, last = max(0, size - page * PAGE), size - (page - 1) * PAGE
        entries = app.store.audit.entries(first, last - first)
        rows = tuple(
            _row(Logged(e, first + i), endpoints) for i, e in reversed(list(enumerate(entries)))
        )
        paging = views.Paging(page=page, pages=pages, total=size)
    return views.Audit(frame=visit.frame(), log=state, entries=rows, paging=paging, q=q)


def decision_named(app: App, q: str) -> str:
    """The id of the decision that was searched for; empty when the words name none."""
    from seawall.adapters.decisions import find

    text = q.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", text):
        return ""
    folders, keys = log_folders(app), app.decision_keys
    kept = find(str(app.decisions), text, wal_folders=folders, keys=keys)
    return text if kept is not None else ""


def _state(visit: Visit) -> LogState:
    """The log with its checkpoint's signature and its root checked now."""
    app, pending = visit.app, visit.app.store.audit.pending()
    try:
        checkpoint = app.log.checkpoint()
        whole = TileReader(app.log.read, checkpoint.size).root == checkpoint.root
        note = app.log.note().decode() if checkpoint.size else ""
    except SeawallError as error:
        status, sentence = Status("bad", "broken"), f"The log does not verify: {error}"
        return LogState(
            status=status, sentence=sentence, size=0, root="", origin=app.log.origin,
            pending=pending,
        )  # fmt: skip
    if not whole:
        status = Status("bad", "broken")
        sentence = "The tiles do not lead to the root that the checkpoint signs."
    else:
        status = Status("good", "verified")
        sentence = (
            f"All {checkpoint.size:,} entries lead to the root hash that the checkpoint signs; "
            "none can be changed or taken out unseen."
        )
    return LogState(
        status=status,
        sentence=sentence,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        origin=checkpoint.origin,
        checkpoint=note,
        verified=visit.moment,
        pending=pending,
    )


def _search(app: App, q: str) -> list[Logged]:
    """Entries on exactly this subject or action, and the newest ones that hold the words."""
    found = {
        item.entry.id: item
        for item in (
            *app.store.audit.find(subject=q, limit=200),
            *app.store.audit.find(action=q, limit=200),
        )
    }
    word, size = q.lower(), app.log.size
    first = max(0, size - SCANNED)
    for i, entry in enumerate(app.store.audit.entries(first, size - first)):
        told = f"{entry.id} {entry.actor} {entry.action} {entry.subject} {history.told(entry)}"
        if word in told.lower():
            found[entry.id] = Logged(entry, first + i)
    newest = sorted(found.values(), key=lambda item: item.index or 0, reverse=True)
    return newest[:200]


def _endpoints(app: App) -> dict[str, str]:
    return {e.name: e.model for e in app.store.find(EndpointHead)}


def _row(item: Logged, endpoints: dict[str, str]) -> EntryRow:
    entry = item.entry
    return EntryRow(
        index=item.index or 0,
        time=entry.time,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        summary=history.told(entry),
        href=history.href(entry, endpoints),
    )


def entry(visit: Visit, index: int) -> views.Entry:
    """One entry whole, with the proof that it is in the log; raises `NotFound`."""
    app = visit.app
    app.allow(visit.who, Permission.READ_AUDIT)
    found = app.store.audit.entries(index, 1)
    if not found:
        raise NotFound(f"the log of {app.log.size:,} entries has no entry {index:,}")
    whole = json.dumps(json.loads(canonical(found[0])), indent=2, ensure_ascii=False)
    return views.Entry(
        frame=visit.frame(),
        entry=_row(Logged(found[0], index), _endpoints(app)),
        body=whole,
        proof=proof(app, index, canonical(found[0])) if index < app.log.size else None,
    )


def proof(app: App, index: int, body: bytes) -> views.Proof:
    """The inclusion proof of an entry, checked against the signed root."""
    leaf = leaf_hash(body)
    checkpoint = app.log.checkpoint()
    path = TileReader(app.log.read, checkpoint.size).inclusion(index)
    holds = path.verify(leaf, checkpoint.root)
    said = (
        "The leaf and these hashes lead to the root that the checkpoint signs."
        if holds
        else "The leaf does not lead to the root that the checkpoint signs."
    )
    return views.Proof(
        status=Status("good", "verified") if holds else Status("bad", "broken"),
        sentence=said,
        index=index,
        size=checkpoint.size,
        leaf=leaf.hex(),
        root=checkpoint.root.hex(),
        path=tuple(h.hex() for h in path.path),
        command="seawall audit export FOLDER && seawall-verify FOLDER --key FOLDER/key",
    )
