"""`seawall serve` keeps a gateway beside the control plane."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import seawall
from seawall.adapters.declared import KINDS, read
from seawall.adapters.signing.keys import create_key
from seawall.cli.demo.birth import DECLARED


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(found: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (got := found()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert got, "it did not come in time"
    return got


class Served:
    """A running `seawall serve`, with its log."""

    def __init__(self, folder: Path) -> None:
        self.port, self.gateway_port = _free_port(), _free_port()
        self.log = folder / "log"
        ports = ["--port", str(self.port), "--gateway-port", str(self.gateway_port)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "seawall", "serve", "--data-dir", str(folder / "d"), *ports],
                stderr=log,
                stdout=log,
                cwd=folder,
                env={k: v for k, v in os.environ.items() if not k.startswith("SEAWALL_")},
            )
        ticket = _until(lambda: re.search(r"ticket=(\S+)", self.log.read_text()))[1]
        self.url = f"http://127.0.0.1:{self.port}"
        with seawall.Client(self.url, "") as nobody:
            self.token = nobody.post("/claim", {"ticket": ticket})["token"]

    def gateway_answers(self) -> bool:
        """Whether the gateway's process answers at all."""
        try:
            address = f"http://127.0.0.1:{self.gateway_port}/healthz"
            return httpx.get(address, timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def gateways(self) -> list[psutil.Process]:
        """The gateway processes below it."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        alive = [p for p in below if p.status() != psutil.STATUS_ZOMBIE]
        return [p for p in alive if "gateway" in p.cmdline()]

    def declare(self) -> None:
        """Declare what the demo declares, as the roles that may."""
        with seawall.Client(self.url, self.token) as administrator:
            body = {"name": "ops", "roles": ["developer", "operator", "validator"]}
            token = administrator.post("/identities", body)["token"]
        with seawall.Client(self.url, token) as ops:
            for item in read(DECLARED, KINDS):
                ops.apply(item.source.content)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    running = Served(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


def test_a_gateway_comes_with_the_first_endpoint_again_when_killed_and_ends_with_the_server(
    served: Served,
) -> None:
    assert not served.gateways()
    served.declare()
    _until(served.gateway_answers)
    first = served.gateways()[0]
    first.kill()
    _until(lambda: any(p.pid != first.pid for p in served.gateways()) and served.gateway_answers())
    below = psutil.Process(served.process.pid).children(recursive=True)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(40) == 0
    _, alive = psutil.wait_procs(below, timeout=10)
    assert alive == []


@pytest.mark.parametrize("words", [["serve", "--data-dir"], ["gateway", "--state-dir"]])
def test_a_folder_that_cannot_be_written_is_one_line(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    create_key(tmp_path / "key.pem")
    where = str(tmp_path / "file" / "state")
    more = (
        ["--endpoint", "x", "--trust", str(tmp_path / "key.pem.pub")] if "gateway" in words else []
    )
    env = os.environ | {"SEAWALL_URL": "http://127.0.0.1:1", "SEAWALL_TOKEN": "t"}
    done = subprocess.run(
        [sys.executable, "-m", "seawall", *words, where, *more, *_port(words)],
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert where in done.stderr


def _port(words: list[str]) -> list[str]:
    return ["--port", str(_free_port())] if "serve" in words else []
