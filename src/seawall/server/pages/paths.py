"""Where each page and each form of the web interface lives: the one list of its addresses."""

from __future__ import annotations

from urllib.parse import quote, urlencode

OVERVIEW = "/"
INCIDENTS = "/incidents"
AUDIT = "/audit"
CHECKPOINT = "/audit/checkpoint"
LOGIN = "/login"
LOGOUT = "/logout"
DEMO = "/demo"
EVENTS = "/events"


def _join(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="@") for part in parts)


def model(name: str) -> str:
    """The page of one model."""
    return _join("models", name)


def version(name: str, number: str) -> str:
    """The page of one version of a model."""
    return _join("models", name, "versions", number)


def rollout(key: str) -> str:
    """The page of one rollout."""
    return _join("rollouts", key)


def incident(key: str) -> str:
    """The page of one incident."""
    return _join("incidents", key)


def decision(identifier: str) -> str:
    """The page of one decision."""
    return _join("decisions", identifier)


def entry(index: int) -> str:
    """The page of one entry of the audit log."""
    return _join("audit", "entries", str(index))


def query(path: str, **fields: str | int) -> str:
    """The path with those of the fields that are not empty as its query, in the order given."""
    given = {name: value for name, value in fields.items() if value not in ("", 0)}
    return f"{path}?{urlencode(given)}" if given else path
