"""The audit log: its state, its entries, one decision with its proof."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from seawall.server.pages.views.common import Fact, Frame, HistoryEntry, Paging, Status


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """The log as last verified; `checkpoint` is the signed note, `pending` not yet in the tree."""

    status: Status
    sentence: str
    size: int
    root: str
    origin: str
    checkpoint: str = ""
    verified: datetime | None = None
    pending: int = 0


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry in the list; `href` leads to the thing it is about."""

    index: int
    time: datetime
    actor: str
    action: str
    subject: str
    summary: str = ""
    href: str = ""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """The audit page: `q` is what was searched (an id, a subject, an actor, an action)."""

    frame: Frame
    log: LogState
    entries: tuple[EntryRow, ...] = ()
    paging: Paging = Paging()
    q: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """An inclusion proof: `path` holds the hexadecimal sibling hashes from the leaf up to `root`.

    `command` lets the reader verify it with a program that is not the server.
    """

    status: Status
    sentence: str
    index: int
    size: int
    leaf: str
    root: str
    path: tuple[str, ...] = ()
    command: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the log whole: `body` is its canonical JSON, indented for reading."""

    frame: Frame
    entry: EntryRow
    body: str
    proof: Proof | None = None


class InputValue(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a decision as it was kept; `problem` is set where validation objected."""

    name: str
    value: str
    form: Literal["plain", "digest", "token", "dropped", "erased"] = "plain"
    meaning: str = ""
    problem: str = ""


class PrincipalReason(msgspec.Struct, frozen=True, kw_only=True):
    """What moved the score most: a feature and its contribution, positive upwards."""

    feature: str
    contribution: float
    text: str = ""


class GuardResult(msgspec.Struct, frozen=True):
    """What one guard said of this decision."""

    name: str
    status: Status
    message: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision whole. `route` tells how it came to its version; `versions` its digests."""

    frame: Frame
    id: str
    time: datetime
    model: str
    version: str
    status: Status
    sentence: str
    output: str
    score: float | None = None
    threshold: float | None = None
    inputs: tuple[InputValue, ...] = ()
    reasons: tuple[PrincipalReason, ...] = ()
    guards: tuple[GuardResult, ...] = ()
    route: tuple[Fact, ...] = ()
    versions: tuple[Fact, ...] = ()
    outcome: tuple[Fact, ...] = ()
    proof: Proof | None = None
    history: tuple[HistoryEntry, ...] = ()
