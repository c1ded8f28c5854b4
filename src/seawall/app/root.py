"""What every command needs, opened once from the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seawall.access.action import Action
from seawall.access.identity import Identity
from seawall.access.permission import permit
from seawall.adapters.clock import clock_of
from seawall.adapters.decisions import Keyring
from seawall.adapters.objects import ObjectStore
from seawall.adapters.settings import Settings
from seawall.adapters.signing.keys import load_or_create_key
from seawall.adapters.sql import SqlStore
from seawall.adapters.tlog import LogFolder
from seawall.kernel import Clock, Forbidden, Ids

ORIGIN = "seawall/audit"


@dataclass(frozen=True)
class App:
    """The control plane's parts. Commands are functions that take it first."""

    settings: Settings
    clock: Clock
    ids: Ids
    store: SqlStore
    objects: ObjectStore
    log: LogFolder
    key: Ed25519PrivateKey
    listeners: list[Callable[[str, str], None]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where this control plane keeps its files."""
        return self.settings.data_dir

    @property
    def decisions(self) -> Path:
        """The Delta table of decisions that the gateways ship to."""
        return self.folder / "decisions"

    @property
    def decision_keys(self) -> Keyring | None:
        """What decisions are encrypted with at rest; None where they are not."""
        return Keyring.read(self.settings.decision_keys)

    @property
    def protected_keys(self) -> Keyring | None:
        """What protected attributes kept apart are under: else, or before, as decisions are."""
        return Keyring.apart(self.settings.protected_keys, self.settings.decision_keys)

    def allow(self, who: Identity, action: Action, **facts: Any) -> None:
        """Let the identity do this, or raise `Forbidden` with the policy's reason."""
        decision = permit(who, action, facts)
        if not decision.allowed:
            raise Forbidden(f"{who.id} may not {action.value}", remedy=decision.reason)

    def tell(self, topic: str, key: str) -> None:
        """Tell the open pages that something of this topic changed."""
        for listener in tuple(self.listeners):
            listener(topic, key)


def open_app(settings: Settings) -> App:
    """Open (on first use make) the database, object store, audit log and signing key."""
    clock = clock_of(settings)
    folder = settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    key = load_or_create_key(folder / "keys" / "seawall.pem")
    log_key = load_or_create_key(folder / "keys" / "audit.pem")
    return App(
        settings=settings,
        clock=clock,
        ids=Ids(clock),
        store=SqlStore(settings.database_url, clock),
        objects=ObjectStore(settings.objects),
        log=LogFolder(folder / "audit", ORIGIN, ORIGIN, log_key),
        key=key,
    )
