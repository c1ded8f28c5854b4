"""A past decision performed again from a gateway's state folder, and compared bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seawall.kernel import NotFound
from seawall.report.document import Document
from seawall.sdk.gateway_state import GatewayState
from seawall.sdk.report import Report
from seawall.serving.again import told_again
from seawall.serving.decision import DecisionRecord

if TYPE_CHECKING:
    from seawall.adapters.decisions import Keyring


class AgainReport(Report, frozen=True):
    """What came of performing a decision again."""

    subject = "decision performed again"

    def _document(self) -> Document:
        from seawall.report.from_again import again_document

        return again_document(self.to_dict())


def again(
    state: Path | str,
    decision_id: str,
    *,
    table: str | None = None,
    public_key: bytes | None = None,
    keys: Path | str | None = None,
) -> AgainReport:
    """Perform a past decision again: same bundle, artefact and input must give the same answer.

    `state` is the folder of the gateway that made it, `table` where its log is shipped to, by
    default within it. Passes when the record made again is the recorded one, bit by bit; fails when
    it differs; is undecided, with the reason, when it cannot be performed: its input was erased or
    hidden, its bundle or an artefact is gone. Raises `NotFound` for an id that is in no log.
    """
    from seawall.adapters.decisions import Keyring, find
    from seawall.adapters.decisions.window import request_of

    place = GatewayState(state, public_key)
    root, waiting = place.table(table), place.folder / "decisions"
    folders = (waiting,) if waiting.is_dir() else ()
    ring: Keyring | None = None if keys is None else Keyring.read(Path(keys))
    record = find(root, decision_id, wal_folders=folders, keys=ring)
    if record is None:
        raise NotFound(f"no decision {decision_id!r} is kept", where=root)

    def siblings() -> list[DecisionRecord]:
        return request_of(root, record, wal_folders=folders, keys=ring)

    verdict, body = told_again(record, place.past, place.models, siblings)
    return AgainReport(verdict, body, {"log": root})
