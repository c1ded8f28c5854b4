"""What can be done, as the permission policies name it."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """One kind of act on the control plane."""

    REGISTER = "register"
    VALIDATE = "validate"
    GATE = "gate"
    APPROVE = "approve"
    REJECT = "reject"
    DEPLOY = "deploy"
    """Start a rollout, promote it, abort it."""
    ROLLBACK = "rollback"
    APPLY = "apply"
    """Declare an object; its `kind` is a fact of the resource."""
    READ = "read"
    READ_AUDIT = "read_audit"
    READ_PROTECTED = "read_protected"
    """Read protected attributes that are kept apart from decisions, for a fairness audit."""
    RECORD_OUTCOME = "record_outcome"
    ERASE = "erase"
    """Erase a person's values from past decisions, and end those past their retention."""
    TELEMETRY = "telemetry"
    RETIRE = "retire"
    MANAGE_IDENTITIES = "manage_identities"
    OPEN_INCIDENT = "open_incident"
    RESOLVE_INCIDENT = "resolve_incident"
    REVIEW = "review"
