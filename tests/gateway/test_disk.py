"""A disk that is full, slow or read-only: what callers get, and what operators see at once."""

from __future__ import annotations

import errno
import os
import resource
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.gateway.conftest import Serve
from tests.gateway.control import GOOD, Control, bundle
from tests.gateway.process import Process, wait

from seawall.adapters.decisions.query import find

BODY = {"instances": [GOOD]}
PLAIN = {"dataframe_records": [GOOD]}


def metrics(http: httpx.Client) -> dict[str, float]:
    families = text_string_to_metric_families(http.get("/metrics").text)
    return {s.name: s.value for family in families for s in family.samples}


def refuse_writes(patch: pytest.MonkeyPatch, number: int) -> None:
    """Let no file be written or opened for writing, as the system does with this error."""
    opens = os.open

    def no_write(fd: int, data: Any) -> int:
        raise OSError(number, os.strerror(number))

    def no_open(path: Any, flags: int, *more: Any, **how: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(number, os.strerror(number))
        return opens(path, flags, *more, **how)

    def no_path_open(self: Path, mode: str = "r", *more: Any, **how: Any) -> Any:
        if set(mode) & set("wax+"):
            raise OSError(number, os.strerror(number))
        return open(self, mode, *more, **how)  # noqa: PTH123 -- what is replaced

    patch.setattr(os, "write", no_write)
    patch.setattr(os, "open", no_open)
    patch.setattr(Path, "open", no_path_open)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("log", ["enqueued", "durable"])
def test_a_disk_that_takes_nothing_refuses_says_so_at_once_and_is_tried_again(
    control: Control, serve: Serve, log: Any, number: int
):
    control.issue(bundle(log=log))
    served = serve()
    kept = [row["decision_id"] for row in served.score(GOOD)]
    assert served.http.get("/healthz").json() == {"live": True, "log": "ok"}
    with pytest.MonkeyPatch.context() as patch:
        refuse_writes(patch, number)
        for body in (BODY, PLAIN):
            answer = served.http.post("/invocations", json=body)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert os.strerror(number) in answer.json()["error"]
        told = served.http.post("/outcomes", json={"decision_id": kept[0], "label": 1})
        assert told.status_code == 503
        health = served.http.get("/healthz")
        assert (health.status_code, os.strerror(number) in health.json()["log"]) == (200, True)
        ready = served.http.get("/readyz")
        assert (ready.status_code, ready.json()["refusing"]) == (503, ["m"])
        assert metrics(served.http)["seawall_log_failing"] == 1
        with pytest.raises(OSError, match=os.strerror(number)):
            served.worker.flush()
        assert served.http.get("/readyz").status_code == 503
    served.worker.flush()  # nobody asks where all is refused, so it looks by itself
    assert served.http.get("/readyz").json() == {
        "ready": True, "waiting_for": [], "refusing": [], "log": "ok",
    }  # fmt: skip
    kept += [row["decision_id"] for row in served.score(GOOD)]
    served.gateway.log.seal()
    folder = served.gateway.settings.log_folder
    assert all(find(served.gateway.settings.table_root, i, wal_folders=[folder]) for i in kept)
    served.worker.flush()
    assert control.body("counters").decisions == 2
    found = metrics(served.http)
    assert found["seawall_log_failing"] == 0
    assert found["seawall_log_refused_total"] >= 3


@pytest.mark.parametrize("log", ["enqueued", "durable"])
def test_where_the_bundle_serves_on_the_answer_says_that_it_was_not_logged(
    control: Control, serve: Serve, log: Any, monkeypatch: pytest.MonkeyPatch
):
    control.issue(bundle(log=log, log_failure="serve"))
    served = serve()
    assert "seawall-logged" not in served.http.post("/invocations", json=PLAIN).headers
    with pytest.MonkeyPatch.context() as patch:
        refuse_writes(patch, errno.ENOSPC)
        for body in (BODY, PLAIN):
            answer = served.http.post("/invocations", json=body)
            assert (answer.status_code, answer.headers["seawall-logged"]) == (200, "no")
            assert answer.json()["predictions"][0]["score"] > 0
        health = served.http.get("/healthz").json()
        assert "No space left" in health["log"]
        assert served.http.get("/readyz").status_code == 200
    served.worker.flush()
    assert metrics(served.http)["seawall_unlogged_total"] == 2
    assert control.body("counters").decisions == 3
    assert "seawall-logged" not in served.http.post("/invocations", json=PLAIN).headers


@pytest.mark.parametrize("body", [BODY, PLAIN])
def test_a_slow_disk_holds_up_who_waits_for_it_and_nobody_else_and_shows(
    control: Control, serve: Serve, monkeypatch: pytest.MonkeyPatch, body: Any
):
    control.issue(bundle(log="durable"))
    control.issue(bundle(endpoint="n"))
    served = serve(endpoints=("m", "n"))
    reached, go_on, real = threading.Event(), threading.Event(), os.fdatasync

    def slow(fd: int) -> None:
        reached.set()
        assert go_on.wait(60)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    url = f"http://127.0.0.1:{served.port}"

    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{url}/invocations", json=body, timeout=60, trust_env=False)

    with ThreadPoolExecutor(4) as callers:
        waiting = [callers.submit(ask, i) for i in range(4)]
        assert reached.wait(60)
        for _ in range(5):
            assert served.http.post("/endpoints/n/invocations", json=body).status_code == 200
        wait(lambda: metrics(served.http)["seawall_log_sync_seconds"] >= 0.2)
        assert not any(one.done() for one in waiting)
        assert served.http.get("/healthz").json() == {"live": True, "log": "ok"}
        go_on.set()
        assert [one.result().status_code for one in waiting] == [200] * 4


def processes(process: Process) -> list[psutil.Process]:
    """The workers of a gateway, or its one process."""
    own = psutil.Process(process.child.pid)
    found = [c for c in own.children() if "seawall.gateway.workers" in c.cmdline()]
    return found or [own]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_gateway_whose_disk_is_full_for_a_while_loses_nothing_that_it_acknowledged(
    control: Control, start: Callable[..., Process], tmp_path: Path, workers: int
):
    control.issue(bundle(log="durable"))
    process = start(workers=workers)
    wait(lambda: len(processes(process)) == workers)

    def ask() -> httpx.Response:
        # a connection of its own each time, so that every worker is asked
        url = f"http://127.0.0.1:{process.port}/invocations"
        return httpx.post(url, json=BODY, trust_env=False)

    kept = [ask() for _ in range(20)]
    full = processes(process)
    for one in full:
        one.rlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    refused = [ask() for _ in range(20)]
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    wait(lambda: "cannot be" in process.http.get("/healthz").json()["log"])
    assert all(one.is_running() for one in full)
    for one in full:
        one.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait(lambda: ask().status_code == 200)
    kept += [answer for answer in (ask() for _ in range(20)) if answer.status_code == 200]
    log = process.end()
    assert process.child.returncode == 0, log
    table = str(tmp_path / "gateway" / "table")
    ids = [answer.json()["predictions"][0]["decision_id"] for answer in kept]
    assert len(ids) >= 20
    assert all(find(table, id_) for id_ in ids)
