from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from tests.server.api.served import HERE, Served, seawall

from seawall.sdk.client import Client
from seawall_verify import verify


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    process = Served(tmp_path)
    yield process
    process.stop()


def test_a_signal_ends_every_process_and_stream_and_leaves_a_clean_state(
    served: Served, tmp_path: Path
) -> None:
    tokens = served.people({"iris": ("auditor",)})
    heard: list[str] = []
    hello = threading.Event()

    def listen() -> None:
        with httpx.stream(
            "GET",
            f"{served.url}/events",
            headers={"authorization": f"Bearer {tokens['iris']}"},
            timeout=60,
            trust_env=False,
        ) as answer:
            heard.append(answer.headers["content-type"])
            for line in answer.iter_lines():
                heard.append(line)
                hello.set()

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    assert hello.wait(30)
    family = psutil.Process(served.process.pid).children(recursive=True)
    assert served.stop(signal.SIGTERM) == 0
    listening.join(30)
    assert not listening.is_alive()
    assert heard[0].startswith("text/event-stream")
    assert "event: hello" in heard
    assert not any(child.is_running() for child in family)
    assert not any("Traceback" in line for line in served.said), served.said
    with sqlite3.connect(tmp_path / "seawall.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_server_that_was_killed_comes_back_with_all_that_it_had(tmp_path: Path) -> None:
    first = Served(tmp_path)
    tokens = first.people({"iris": ("auditor",)})
    first.stop(signal.SIGKILL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    again = subprocess.Popen(
        [sys.executable, "-m", "seawall", "serve", "--data-dir", str(tmp_path),
         "--port", str(port), "--no-gateway"],
        env=HERE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(f"{url}/healthz", trust_env=False)
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        with Client(url, tokens["iris"]) as iris:
            assert iris.get("/whoami")["id"] == "iris"
            actions = [e["action"] for e in iris.get("/audit/entries", count=100)]
            assert "access:identity:created" in actions
            key = iris.get("/audit/key")["key"]
    finally:
        again.terminate()
        assert again.wait(60) == 0
    assert verify(tmp_path / "audit", key).ok


def test_a_port_that_is_taken_is_one_line_and_status_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = seawall("serve", "--data-dir", str(tmp_path), "--port", str(port), "--no-gateway")
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("seawall: the control plane cannot listen")
    assert f"127.0.0.1:{port}" in line
    assert "--port" in line


def test_the_first_ticket_is_printed_until_it_was_used(served: Served) -> None:
    assert any("/login?ticket=" in line for line in served.said)
    served.people({})
    with Client(served.url, "") as nobody, pytest.raises(Exception, match="was used"):
        nobody.post("/claim", {"ticket": served.ticket})
