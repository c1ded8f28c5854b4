"""`seawall serve` as a process of its own, on a free port of the loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from seawall.sdk.client import Client

PATIENCE = 60.0
HERE = {k: v for k, v in os.environ.items() if not k.startswith("SEAWALL_")} | {"COLUMNS": "200"}


class Served:
    """The process, its address, and the first administrator's token."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "seawall", "serve", "--data-dir", str(folder)]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--no-gateway", *words],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=HERE | {"SEAWALL_RECONCILE_SECONDS": "0.2"},
            cwd=folder,
        )
        self.said: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(PATIENCE), self.said
        self.url = self._found(r"control plane at (\S+),")
        self.ticket = self._found(r"ticket=(\S+)")

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.decode())
            if "identity claim" in self.said[-1]:
                self._ready.set()
        self._ready.set()

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, "".join(self.said))
        assert found, self.said
        return found[1]

    def people(self, roles: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Claim the first ticket and make these identities; tokens by name."""
        with Client(self.url, "") as nobody:
            tokens = {"administrator": nobody.post("/claim", {"ticket": self.ticket})["token"]}
        with Client(self.url, tokens["administrator"]) as root:
            for name, given in roles.items():
                body = {"name": name, "roles": list(given), "service": name == "gateway"}
                tokens[name] = root.post("/identities", body)["token"]
        return tokens

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self._reader.join()
            assert self.process.stderr is not None
            self.process.stderr.close()


def seawall(
    *words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "seawall", *words],
        env={**HERE, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document on standard output."""
    return msgspec.json.decode(done.stdout)
