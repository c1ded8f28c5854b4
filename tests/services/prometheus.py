"""Debian's Prometheus with its promtool, installed when missing and run privately by a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

PACKAGE = "prometheus"


def install() -> None:
    """See that there are `prometheus` and `promtool`; installs the Debian package if need be."""
    if shutil.which("prometheus") and shutil.which("promtool"):
        return
    apt = ["apt-get", "-y", "-q", "-o", "Dpkg::Use-Pty=0"]
    # the package would start a server of its own; at run level 1 it starts none
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for step in (["update"], ["install", "--no-install-recommends", PACKAGE]):
        subprocess.run([*apt, *step], check=True, env=env, stdout=subprocess.DEVNULL)
    assert shutil.which("promtool"), f"{PACKAGE} was installed, but there is no promtool"


class Prometheus:
    """One private server on a free loopback port that scrapes one target, ever again.

    `scrape` are lines of its scrape configuration, `scheme: https` say. Fails where Prometheus is
    not installed: `make test` installs it.
    """

    def __init__(self, folder: Path, target: str, scrape: tuple[str, ...] = ()) -> None:
        program = shutil.which("prometheus")
        assert program, "no Prometheus here: python -m tests.services.install"
        folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        job = [
            "job_name: gateway",
            "scrape_interval: 250ms",
            "scrape_timeout: 250ms",
            f"static_configs: [{{targets: ['{target}']}}]",
            *scrape,
        ]
        config = folder / "prometheus.yml"
        config.write_text("scrape_configs:\n  - " + "\n    ".join(job) + "\n")
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=self._log,
            stderr=self._log,
            env=os.environ | {"GOMAXPROCS": "1"},
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False)

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """What an expression gives now: labels and value of each series."""
        found = self._get("/query", query=expression)
        return [(one["metric"], float(one["value"][1])) for one in found["result"]]

    def value(self, expression: str) -> float | None:
        """The one value of an expression; None as long as there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def range(self, selector: str) -> list[list[float]]:
        """All that was scraped of each series so far, oldest first."""
        found = self._get("/query", query=f"{selector}[1h]")
        return [[float(value) for _, value in one["values"]] for one in found["result"]]

    def targets(self) -> list[dict[str, Any]]:
        """How the last scrape of each target went."""
        return self._get("/targets")["activeTargets"]

    def wait(self, expression: str, value: float) -> None:
        """Until the expression has this value."""
        until, seen = time.monotonic() + 60, None
        while time.monotonic() < until:
            try:
                seen = self.value(expression)
            except httpx.HTTPError:  # it still starts
                seen = None
            if seen == value:
                return
            time.sleep(0.1)
        raise AssertionError(f"{expression} is {seen}, not {value}; {self.targets()}")

    def stop(self) -> None:
        """End it."""
        self._http.close()
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _get(self, path: str, **asked: str) -> Any:
        answer = self._http.get(path, params=asked)
        answer.raise_for_status()
        return answer.json()["data"]


def check(page: str) -> str:
    """What `promtool check metrics` has to say against a page; nothing when it is clean."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert not said or done.returncode, said
    return said
