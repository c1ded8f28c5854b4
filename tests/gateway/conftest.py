from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from tests.gateway.control import ADMIN, START, TOKEN, Control
from tests.gateway.process import Process

from seawall.gateway.engine import Engine, listen
from seawall.gateway.keeper import Keeper
from seawall.gateway.main import Gateway, tls_of
from seawall.gateway.settings import GatewaySettings
from seawall.kernel import FixedClock, SystemClock


@pytest.fixture
def control() -> Iterator[Control]:
    control = Control()
    yield control
    control.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


class Served:
    """A gateway on a real socket. Its worker and keeper do not run: tests do when they want."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.gateway = Gateway(settings)
        self.worker = self.gateway.worker
        self.worker.poll()
        self.keeper = Keeper(settings, self.gateway.name)
        listening = listen("127.0.0.1", 0)
        self.port: int = listening.getsockname()[1]
        self.engine = Engine(self.gateway.app, settings.connections, tls_of(settings))
        serving = self.engine.serve(sockets=[listening])
        self._thread = threading.Thread(target=uvloop.run, args=(serving,), daemon=True)
        self._thread.start()
        url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=url, trust_env=False)
        until = time.monotonic() + 20
        while not self.engine.started and time.monotonic() < until:
            time.sleep(0.01)

    def on_loop(self, work: Callable[[], None]) -> None:
        """Do this on the gateway's event loop, after what is waiting there."""
        done: Future[None] = Future()

        def called() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 -- raised where it was asked for
                done.set_exception(error)

        self.engine.servers[0].get_loop().call_soon_threadsafe(called)
        done.result(20)

    def score(self, *records: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
        answer = self.http.post(
            "/invocations", json={"dataframe_records": list(records), "params": params}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"]

    def stop(self) -> None:
        self.http.close()
        self.engine.stop()
        self._thread.join()
        self.worker.stop()
        self.keeper.close()
        self.gateway.log.close()


Serve = Callable[..., Served]


@pytest.fixture
def settings(control: Control, clock: FixedClock, tmp_path: Path) -> Callable[..., GatewaySettings]:
    def make(**given: Any) -> GatewaySettings:
        defaults: dict[str, Any] = {
            "control_url": control.url,
            "token": TOKEN,
            "endpoints": ("m",),
            "state_dir": tmp_path / "gateway",
            "public_keys": (control.public_key,),
            "admin_token": ADMIN,
            "clock": clock,
        }
        return GatewaySettings(**(defaults | given))

    return make


@pytest.fixture
def serve(settings: Callable[..., GatewaySettings]) -> Iterator[Serve]:
    running: list[Served] = []

    def start(**given: Any) -> Served:
        running.append(Served(settings(**given)))
        return running[-1]

    yield start
    for served in running:
        served.stop()


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
