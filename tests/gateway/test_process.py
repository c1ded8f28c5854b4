"""The gateway as people run it: a process of its own, killed and started again."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.gateway.control import GOOD, Control, bundle

from seawall.adapters.decisions.query import find, segments
from seawall.gateway.settings import GatewaySettings
from seawall.kernel import SystemClock

MAIN = """
import pickle, sys
from seawall.gateway.main import run
run(pickle.load(sys.stdin.buffer))
"""


class Process:
    def __init__(self, settings: GatewaySettings) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-c", MAIN], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.child.stdin is not None
        self.child.stdin.write(pickle.dumps(settings))
        self.child.stdin.close()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", trust_env=False)
        wait(lambda: self.get("/readyz") == 200)

    def get(self, path: str) -> int:
        try:
            return self.http.get(path).status_code
        except httpx.HTTPError:
            return 0

    def score(self, **params: Any) -> str:
        answer = self.http.post("/invocations", json={"instances": [GOOD], "params": params})
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"][0]["decision_id"]

    def end(self, number: int = signal.SIGTERM) -> str:
        self.http.close()
        self.child.send_signal(number)
        assert self.child.stderr is not None
        text = self.child.stderr.read().decode()
        self.child.stderr.close()
        self.child.wait(30)
        return text


def wait(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def start(settings: Callable[..., GatewaySettings]) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def make(**given: Any) -> Process:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        fast = {"flush_seconds": 0.1, "poll_seconds": 0.1, "ship_seconds": 0.2}
        running.append(Process(settings(**({"port": port, "clock": SystemClock()} | fast | given))))
        return running[-1]

    yield make
    for process in running:
        if process.child.poll() is None:
            process.end(signal.SIGKILL)


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
