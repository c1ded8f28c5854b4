"""Keys added, rotated and joined by keys of their own, between runs of a real gateway."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.control import GOOD, Control, bundle
from tests.gateway.process import Process, wait

from seawall.adapters.decisions import Keyring, fairness_rows
from seawall.gateway.settings import GatewaySettings
from seawall.gateway.strata import Strata
from seawall.kernel import SystemClock, id_time, now

A, B, C, D = (bytes([letter]) * 32 for letter in b"abcd")
Keys = tuple[bytes, ...]


def key_file(path: Path, keys: Keys) -> Path | None:
    path.write_bytes(b"".join(base64.b64encode(key) + b"\n" for key in keys))
    return path if keys else None


HISTORIES: dict[str, list[tuple[Keys, Keys]]] = {
    "all change": [((A,), ()), ((B, A), (C,))],
    "none, then keys of decisions": [((), ()), ((A,), ())],
    "protected keys are added": [((A,), ()), ((A,), (B,))],
    "protected keys are added to none": [((), ()), ((), (B,))],
    "protected keys are rotated": [((A,), (B,)), ((A,), (B, C)), ((A,), (C, B))],
    "both are rotated": [((A,), ()), ((B, A), (C,)), ((B, A), (D, C))],
    "protected keys are given up": [((A,), (B,)), ((A, B), ())],
}
"""Keys of decisions and of protected attributes, as a gateway is started with them in turn."""
FIRST, *MORE = HISTORIES


@pytest.mark.parametrize(
    "history", [FIRST, *(pytest.param(name, marks=pytest.mark.soak) for name in MORE)]
)
def test_a_gateway_whose_keys_changed_goes_on_with_what_it_wrote_under_the_earlier_ones(
    control: Control,
    start: Callable[..., Process],
    settings: Callable[..., GatewaySettings],
    tmp_path: Path,
    history: str,
):
    control.issue(bundle(privacy={"sex": "drop"}))
    ids: list[str] = []
    for turn, (decisions, protected) in enumerate(HISTORIES[history]):
        keys = {
            "decision_keys": key_file(tmp_path / "decision-keys", decisions),
            "protected_keys": key_file(tmp_path / "protected-keys", protected),
        }
        process = start(**keys)
        row = GOOD | {"sex": f"group {turn}"}
        answer = process.http.post("/invocations", json={"instances": [row]}).json()
        ids.append(answer["predictions"][0]["decision_id"])
        told = [{"decision_id": one, "label": turn % 2} for one in ids]  # of earlier turns again
        assert process.http.post("/outcomes", json=told).status_code == 200
        wait(lambda: getattr(control.body("labels"), "arrived", 0) == len(ids))
        log = process.end()
        assert process.child.returncode == 0, log
        assert '"level": "error"' not in log, log
    groups = [f"group {turn}" for turn in range(len(ids))]
    counted = control.body("labels").scores.family("sex")
    assert sorted(name for (name,) in counted.groups) == groups
    assert counted.counts.sum() == len(ids)
    first = next((ring[0] for ring in HISTORIES[history][-1][::-1] if ring), None)
    assert first is not None
    strata = Strata(tmp_path / "gateway" / "labels" / "strata", Keyring(first))
    assert [group for (group,) in strata.groups] == groups
    given = settings(**keys)
    ended = now(SystemClock()) + timedelta(minutes=1)
    rows: list[dict[str, Any]] = fairness_rows(
        given.table_root,
        "m",
        since=id_time(ids[0]) - timedelta(minutes=1),
        until=ended,
        limit=10,
        apart_keys=given.apart_keyring(),
    )
    assert {row["id"]: row["sex"] for row in rows} == dict(zip(ids, groups, strict=True))
