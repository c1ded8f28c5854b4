"""A gateway and its keeper killed with -9 at random: no label is lost, none is counted twice."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest
from tests.gateway.control import GOOD, Control, bundle
from tests.gateway.process import Process, wait

ROWS = [GOOD | {"age": age, "sex": "fm"[age % 2]} for age in range(20, 90, 7)]


class Caller:
    """Asks for decisions, and tells the label of each exactly once by its own account."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.waiting: list[tuple[str, float]] = []
        self.told: list[tuple[float, int]] = []

    def go_on(self, process: Process) -> None:
        """A request, and labels of earlier ones."""
        answer = process.http.post("/invocations", json={"instances": ROWS})
        if answer.status_code == 200:
            self.waiting += [(p["decision_id"], p["score"]) for p in answer.json()["predictions"]]
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


def keeper_of(process: Process) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.child.pid).children():
            if "seawall.gateway.keeper" in " ".join(child.cmdline()):
                return child
    return None


def survive(
    control: Control,
    start: Callable[..., Process],
    kills: int,
    seed: int,
) -> None:
    control.issue(bundle())
    process, caller = start(), Caller(seed)
    for _ in range(kills):
        until = time.monotonic() + caller.random.uniform(0.0, 0.6)
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                caller.go_on(process)
        if caller.random.random() < 0.6:
            wait(lambda p=process: keeper_of(p) is not None)  # type: ignore[misc]
            with contextlib.suppress(psutil.Error, AttributeError):
                keeper_of(process).kill()  # type: ignore[union-attr]
        else:
            process.end(signal.SIGKILL)
            process = start()
    while caller.waiting:
        caller.tell(process)

    def labels() -> Any:
        return control.body("labels")

    wait(lambda: labels() is not None and labels().arrived >= len(caller.told))
    log = process.end()
    assert process.child.returncode == 0, log
    right = sum((score >= 0.5) == bool(label) for score, label in caller.told)
    found = labels()
    assert (found.arrived, found.correct, found.late) == (len(caller.told), right, 0)
    scores = found.scores
    assert scores.labelled == len(caller.told)


def test_no_label_is_lost_or_counted_twice_when_gateway_and_keeper_are_killed(
    control: Control,
    start: Callable[..., Process],
):
    survive(control, start, 3, 1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_label_is_lost_or_counted_twice_through_a_hundred_kills(
    control: Control,
    start: Callable[..., Process],
):
    survive(control, start, 100, 2)
