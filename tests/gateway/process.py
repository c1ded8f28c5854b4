"""A gateway as a process of its own, and callers that ask it without a pause."""

from __future__ import annotations

import http.client
import json
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import httpx
from tests.gateway.control import GOOD

from seawall.gateway.settings import GatewaySettings

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
        self.port = settings.port
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


class Callers(threading.Thread):
    """One caller on a kept connection. `dropped` requests were sent and never answered."""

    def __init__(self, port: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._stop_event = port, stop
        self.ids: list[str] = []
        self.dropped: list[str] = []
        self.refused = False
        self._body = json.dumps({"instances": [GOOD]})

    def run(self) -> None:
        line: http.client.HTTPConnection | None = None
        while not self._stop_event.is_set():
            if line is None:
                line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
                try:
                    line.connect()
                except ConnectionRefusedError:
                    self.refused = True
                    return
            headers = {"content-type": "application/json"}
            try:
                line.request("POST", "/invocations", self._body, headers)
                answer = line.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.dropped.append(repr(error))
                line.close()
                line = None
                continue
            if answer.status != 200:
                self.dropped.append(f"{answer.status} {text!r}")
            else:
                self.ids.append(json.loads(text)["predictions"][0]["decision_id"])
            if answer.will_close:
                line.close()
                line = None
        if line is not None:
            line.close()


@contextmanager
def load(port: int, callers: int = 6) -> Generator[list[Callers]]:
    """So many callers, until the block ends or they are refused."""
    stop = threading.Event()
    threads = [Callers(port, stop) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
