"""One version of a model: where it came from, what was checked, who approved it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from seawall.server.pages.views.common import (
    Action,
    Fact,
    Frame,
    HistoryEntry,
    Judged,
    Status,
)


class ProvenanceNode(msgspec.Struct, frozen=True, kw_only=True):
    """A thing the version came from; `column` counts from 0 (the oldest) to the right."""

    id: str
    kind: Literal["data", "code", "environment", "person", "run", "artefact", "version"]
    title: str
    column: int
    detail: str = ""
    href: str = ""


class Provenance(msgspec.Struct, frozen=True):
    """What led to what: nodes, and edges (from id, to id); `sentence` says it in words."""

    sentence: str
    nodes: tuple[ProvenanceNode, ...]
    edges: tuple[tuple[str, str], ...]


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of validation and how far its remedy has come."""

    id: str
    severity: str
    title: str
    status: Status
    detail: str = ""
    owner: str = ""
    due: datetime | None = None


class ValidationReport(msgspec.Struct, frozen=True, kw_only=True):
    """The validation of a version: each check with its estimate, and the findings."""

    status: Status
    sentence: str
    checks: tuple[Judged, ...] = ()
    findings: tuple[FindingRow, ...] = ()
    validator: str = ""
    time: datetime | None = None
    data: str = ""


class ApprovalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One approval that is needed or was given; `actor` is empty while it is awaited."""

    role: str
    status: Status
    actor: str = ""
    time: datetime | None = None
    comment: str = ""
    condition: str = ""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's verdict on moving to a stage. Plain facts are `Judged` without an estimate."""

    to: str
    status: Status
    sentence: str
    rules: tuple[Judged, ...] = ()


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """A signed statement about the version and whether its signature holds."""

    kind: str
    signer: str
    status: Status
    time: datetime | None = None
    digest: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one version of a model."""

    frame: Frame
    model: str
    version: str
    status: Status
    sentence: str
    facts: tuple[Fact, ...] = ()
    actions: tuple[Action, ...] = ()
    gate: Gate | None = None
    validation: ValidationReport | None = None
    approvals: tuple[ApprovalRow, ...] = ()
    provenance: Provenance | None = None
    attestations: tuple[Attestation, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
