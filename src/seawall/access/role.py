"""What a person or a service is trusted with."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A set of actions; `policies.cedar` says which. An identity may hold several."""

    DEVELOPER = "developer"
    VALIDATOR = "validator"
    APPROVER = "approver"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    GATEWAY = "gateway"
