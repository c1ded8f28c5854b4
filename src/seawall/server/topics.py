"""What a change means for the open pages: which of model, rollout and incident it concerns."""

from __future__ import annotations

from collections.abc import Callable

from seawall.app.root import App
from seawall.serving.endpoint import Endpoint

PAGES = ("model", "rollout", "incident")
"""The names that pages listen to; a key follows them, or none for all of the name."""


def listener(app: App, tell: Callable[[str, str], None]) -> Callable[[str, str], None]:
    """Turns what commands and events tell into what the pages listen to.

    Commands tell `endpoint`, `rollout`, `incident` and `retraining` with a key; events of the
    outbox come by their source (`registry`, `approvals`, …) with their subject.
    """

    def told(topic: str, key: str) -> None:
        for name, of in concerned(app, topic, key):
            tell(name, of)

    return told


def concerned(app: App, topic: str, key: str) -> list[tuple[str, str]]:
    """The pages that a change concerns, as name and key."""
    match topic:
        case "endpoint" | "serving" | "monitoring":
            return [("model", _model(app, key))]
        case "rollout":
            return [("rollout", key), ("model", "")]
        case "incident":
            return [("incident", key)]
        case "incidents":
            return [("incident", ""), ("model", "")]
        case "declared":
            kind, _, name = key.partition("/")
            return [("model", name if kind == "Model" else "")]
        case "retraining":
            return [("model", "")]
        case _:  # registry, validation, policy, approvals: their subject is a version
            return [("model", key.partition("@")[0] if "@" in key else "")]


def _model(app: App, endpoint: str) -> str:
    """The model behind an endpoint; empty, which means every model, when there is none."""
    found = app.store.find(Endpoint, endpoint, limit=1)
    return found[0].model if found and found[0].name == endpoint else ""
