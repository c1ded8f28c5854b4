"""A whole gateway killed with -9 at random under load, process by process or all at once.

No durable decision that was acknowledged is lost and none is there twice, in the table at the end;
no label is lost and none is counted twice.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.gateway.control import GOOD, Control, bundle
from tests.gateway.process import Process, wait

from seawall.adapters.decisions import prove
from seawall.adapters.decisions.schema import DECISIONS
from seawall.adapters.decisions.tables import open_table

ROWS = [GOOD | {"age": age, "sex": "fm"[age % 2]} for age in range(20, 90, 7)]
Start = Callable[..., Process]


class Asker(threading.Thread):
    """Asks for one decision after another, whatever happens to the gateway."""

    def __init__(self, form: str) -> None:
        super().__init__(daemon=True)
        self._body = json.dumps({form: [GOOD]})
        self.port, self.ended = 0, False
        self.acknowledged: list[str] = []

    def run(self) -> None:
        headers = {"content-type": "application/json"}
        while not self.ended:
            line = HTTPConnection("127.0.0.1", self.port, timeout=20)
            with contextlib.suppress(OSError, HTTPException):
                while not self.ended:
                    line.request("POST", "/invocations", self._body, headers)
                    answer = line.getresponse()
                    text = answer.read()
                    if answer.status == 200:
                        found = json.loads(text)["predictions"]
                        self.acknowledged += [p["decision_id"] for p in found]
            line.close()
            time.sleep(0.01)


class Caller:
    """Asks for decisions, and tells the label of each exactly once by its own account."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.acknowledged: list[str] = []
        self.waiting: list[tuple[str, float]] = []
        self.told: list[tuple[float, int]] = []

    def go_on(self, process: Process) -> None:
        """A request, and labels of earlier ones."""
        answer = process.http.post("/invocations", json={"instances": ROWS})
        if answer.status_code == 200:
            found = answer.json()["predictions"]
            self.acknowledged += [p["decision_id"] for p in found]
            self.waiting += [(p["decision_id"], p["score"]) for p in found]
        self.random.shuffle(self.waiting)
        self.tell(process)

    def tell(self, process: Process) -> None:
        """The next labels; what was not acknowledged is told again."""
        part = self.waiting[:12]
        labels = [int(i[-1], 16) & 1 for i, _ in part]
        body = [{"decision_id": i, "label": t} for (i, _), t in zip(part, labels, strict=True)]
        answer = process.http.post("/outcomes", json=body)
        if answer.status_code == 200:
            assert answer.json() == {"received": len(part), "rejected": []}
            self.told += [(s, t) for (_, s), t in zip(part, labels, strict=True)]
            self.waiting = self.waiting[12:]


def processes(process: Process, module: str) -> list[psutil.Process]:
    """The living processes of this module that a gateway started."""
    with contextlib.suppress(psutil.Error):
        return [
            child
            for child in psutil.Process(process.child.pid).children()
            if f"seawall.gateway.{module}" in child.cmdline()
        ]
    return []


def kill(process: Process, start: Start, which: float) -> Process:
    """Kill the keeper (which ships), a worker, or everything at once; go on when it serves."""
    if which < 0.8:
        module = "keeper" if which < 0.4 else "workers"
        wait(lambda: processes(process, module) != [])
        with contextlib.suppress(psutil.Error, IndexError):
            processes(process, module)[0].kill()
        return process
    everything = [*processes(process, "workers"), *processes(process, "keeper")]
    process.child.send_signal(signal.SIGKILL)
    for one in everything:
        with contextlib.suppress(psutil.Error):
            one.kill()
    process.end(signal.SIGKILL)
    return start(workers=2)


def survive(control: Control, start: Start, table: str, kills: int, seed: int) -> None:
    control.issue(bundle(log="durable"))
    process, caller = start(workers=2), Caller(seed)
    askers = [Asker("instances"), Asker("dataframe_records")]  # the ordinary and the short way
    for asker in askers:
        asker.port = process.port
        asker.start()
    for _ in range(kills):
        until = time.monotonic() + caller.random.uniform(0.0, 0.6)
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                caller.go_on(process)
        process = kill(process, start, caller.random.random())
        for asker in askers:
            asker.port = process.port
    for asker in askers:
        asker.ended = True
        asker.join(60)
    while caller.waiting:
        with contextlib.suppress(httpx.HTTPError):
            caller.tell(process)

    def labels() -> Any:
        return control.body("labels")

    wait(lambda: labels() is not None and labels().arrived >= len(caller.told))
    log = process.end()
    assert process.child.returncode == 0, log
    right = sum((score >= 0.5) == bool(label) for score, label in caller.told)
    found = labels()
    assert (found.arrived, found.correct, found.late) == (len(caller.told), right, 0)
    assert found.scores.labelled == len(caller.told)
    acknowledged = {*caller.acknowledged, *(i for a in askers for i in a.acknowledged)}
    shipped: Any = open_table(table, DECISIONS)
    kept = shipped.to_pyarrow_table(columns=["id"])["id"].to_pylist()
    assert acknowledged - set(kept) == set()
    assert len(kept) == len(set(kept))
    assert len(acknowledged) > 10 * kills
    for id_ in caller.random.sample(sorted(acknowledged), 5):
        prove(table, id_)


def test_no_decision_or_label_is_lost_or_doubled_when_processes_are_killed(
    control: Control, start: Start, tmp_path: Path
):
    survive(control, start, str(tmp_path / "gateway" / "table"), 4, 1)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_no_decision_or_label_is_lost_or_doubled_through_two_hundred_kills(
    control: Control, start: Start, tmp_path: Path
):
    survive(control, start, str(tmp_path / "gateway" / "table"), 200, 2)
