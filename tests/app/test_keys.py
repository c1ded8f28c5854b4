"""The keys that the control plane opens what was kept with."""

from __future__ import annotations

import base64
from pathlib import Path

from seawall.adapters.decisions import Keyring
from seawall.adapters.settings.load import load
from seawall.app.root import open_app

OLD, NEW = bytes(32), bytes([1]) * 32


def test_protected_attributes_are_opened_by_the_keys_of_decisions_too_and_sealed_by_their_own(
    tmp_path: Path,
):
    decisions, protected = tmp_path / "decision-keys", tmp_path / "protected-keys"
    decisions.write_bytes(base64.b64encode(OLD))
    protected.write_bytes(base64.b64encode(NEW))
    given = {"decision_keys": "decision-keys", "protected_keys": "protected-keys"}
    app = open_app(load(given, {}, tmp_path))
    ring, own = app.protected_keys, app.decision_keys
    assert ring is not None
    assert own is not None
    assert ring.open(Keyring(OLD).seal(b"before")) == b"before"
    assert Keyring(NEW).open(ring.seal(b"now")) == b"now"
    assert Keyring(OLD).open(own.seal(b"a record")) == b"a record"
    app.store.close()
