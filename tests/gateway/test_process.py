"""The gateway as people run it: a process of its own, killed and started again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.gateway.control import Control, bundle
from tests.gateway.process import Process, wait

from seawall.adapters.decisions.query import find, segments


def test_decisions_reach_the_table_and_their_segments_the_control_plane(
    control: Control, start: Callable[..., Process], tmp_path: Path
):
    control.issue(bundle())
    process = start()
    ids = [process.score() for _ in range(5)]
    log = process.end()
    assert process.child.returncode == 0, log
    table = str(tmp_path / "gateway" / "table")
    found = [find(table, i) for i in ids]
    assert [r.id for r in found if r] == ids
    assert [s["id"] for s in control.segments] == [s.id for s in segments(table)]
    assert sum(s["count"] for s in control.segments) == 5
    assert control.body("counters").decisions == 5


def test_after_kill_9_no_decision_is_lost_and_labels_still_find_theirs(
    control: Control, start: Callable[..., Process], tmp_path: Path
):
    control.issue(bundle())
    process = start(flush_seconds=3600.0)
    ids = [process.score() for _ in range(20)]
    process.end(signal.SIGKILL)
    control.bundles.clear()  # the control plane is of no help
    again = start()
    body = [{"decision_id": i, "label": 1} for i in ids]
    assert again.http.post("/outcomes", json=body).json() == {"received": 20, "rejected": []}
    wait(lambda: getattr(control.body("labels"), "arrived", 0) == 20)
    log = again.end()
    assert again.child.returncode == 0, log
    table = str(tmp_path / "gateway" / "table")
    assert all(find(table, i) for i in ids)


def test_the_keeper_ends_with_a_killed_gateway(control: Control, start: Callable[..., Process]):
    import psutil

    control.issue(bundle())
    process = start()
    (keeper,) = psutil.Process(process.child.pid).children()
    os.kill(process.child.pid, signal.SIGKILL)
    keeper.wait(30)
    process.end(signal.SIGKILL)
