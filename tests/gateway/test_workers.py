"""Several workers on one port: killed, switched, drained, scraped."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from tests.gateway.control import ADMIN, GOOD, Control, arm, bundle
from tests.gateway.process import Process, load, wait

from seawall.adapters.decisions.query import find

Start = Callable[..., Process]
BODY = {"instances": [GOOD]}


def workers(process: Process) -> list[psutil.Process]:
    children = psutil.Process(process.child.pid).children()
    alive = [c for c in children if c.status() != psutil.STATUS_ZOMBIE]
    return [c for c in alive if "seawall.gateway.workers" in c.cmdline()]


def metric(process: Process, name: str) -> float:
    text = httpx.get(f"http://127.0.0.1:{process.port}/metrics", trust_env=False).text
    lines = re.findall(rf"^seawall_{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, lines))


def test_all_decisions_of_all_workers_are_counted_and_logged(
    control: Control, start: Start, tmp_path: Path
):
    control.issue(bundle())
    process = start(workers=2)
    with load(process.port) as callers:
        wait(lambda: all(len(c.ids) >= 20 for c in callers))
    ids = [i for caller in callers for i in caller.ids]
    assert not [c.dropped for c in callers if c.dropped]
    wait(lambda: metric(process, "decisions_total") == len(ids))
    log = process.end()
    assert process.child.returncode == 0, log
    table = str(tmp_path / "gateway" / "table")
    assert all(find(table, i) for i in ids[::10])
    assert control.body("counters").decisions == len(ids)


def test_a_killed_worker_loses_no_acknowledged_decision_and_another_takes_its_place(
    control: Control, start: Start, tmp_path: Path
):
    control.issue(bundle())
    process = start(workers=2)
    wait(lambda: len(workers(process)) == 2)
    with load(process.port) as callers:
        wait(lambda: all(len(c.ids) >= 5 for c in callers))
        before = metric(process, "decisions_total")
        killed, other = workers(process)
        killed.send_signal(signal.SIGKILL)
        had = [len(c.ids) for c in callers]
        wait(lambda: all(len(c.ids) > n + 5 for c, n in zip(callers, had, strict=True)))
        assert other.is_running()
        seen = [before]
        while len(workers(process)) < 2 or killed.pid in {w.pid for w in workers(process)}:
            seen.append(metric(process, "decisions_total"))
        seen += [metric(process, "decisions_total") for _ in range(10)]
        assert seen == sorted(seen)
    ids = [i for caller in callers for i in caller.ids]
    # a caller may have had one request at the worker that died
    assert all(len(c.dropped) <= 1 for c in callers)
    log = process.end()
    assert process.child.returncode == 0, log
    assert "worker died" in log
    table = str(tmp_path / "gateway" / "table")
    assert all(find(table, i) for i in ids)


def test_a_switch_told_to_one_worker_holds_for_all(control: Control, start: Start):
    control.issue(bundle())
    process = start(workers=2)
    url = f"http://127.0.0.1:{process.port}"

    def statuses() -> set[int]:
        asked = [httpx.post(f"{url}/invocations", json=BODY, trust_env=False) for _ in range(12)]
        return {answer.status_code for answer in asked}

    for action, status in (("kill", 503), ("unkill", 200)):
        admin = {"authorization": f"Bearer {ADMIN}"}
        httpx.post(f"{url}/admin/endpoints/m/{action}", headers=admin, trust_env=False)
        wait(lambda status=status: statuses() == {status})


@pytest.mark.parametrize("count", [1, 2])
def test_told_to_end_under_load_a_gateway_drops_no_request(
    control: Control, start: Start, count: int, tmp_path: Path
):
    control.issue(bundle())
    process = start(workers=count)
    with load(process.port) as callers:
        wait(lambda: all(len(c.ids) >= 5 for c in callers))
        log = process.end()
        wait(lambda: all(c.refused for c in callers))
    assert process.child.returncode == 0, log
    assert [c.dropped for c in callers] == [[]] * len(callers)
    table = str(tmp_path / "gateway" / "table")
    assert all(find(table, i) for c in callers for i in c.ids[-2:])


def test_a_new_bundle_under_load_drops_no_request(control: Control, start: Start):
    control.issue(bundle())
    process = start()
    with load(process.port) as callers:
        for number in range(2, 6):
            seed = 3 + number % 2
            control.issue(bundle(number, arms=(arm(version=f"m@{number}", seed=seed),)))
            wait(lambda number=number: metric(process, "bundle_number") == number)
        had = [len(c.ids) for c in callers]
        wait(lambda: all(len(c.ids) > n for c, n in zip(callers, had, strict=True)))
    assert [c.dropped for c in callers] == [[]] * len(callers)


def test_workers_end_when_their_parent_is_killed(control: Control, start: Start):
    control.issue(bundle())
    process = start(workers=2)
    children = psutil.Process(process.child.pid).children()
    os.kill(process.child.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert (len(gone), alive) == (3, [])
    process.end(signal.SIGKILL)
