"""The processes of the demo, each as a user would start it, and all of them ended with it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from seawall.kernel import Corrupt, Unavailable

START_SECONDS = 30.0


class Processes:
    """Starts programs, keeps what they print in a folder, and ends them in reverse order."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder, self._logs = folder, folder / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        # whoever runs the demo may have settings of a control plane that is no demo
        own = {name: v for name, v in os.environ.items() if not name.startswith("SEAWALL_")}
        self.env = own | dict(env)
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, words: Sequence[str], **env: str) -> subprocess.Popen[bytes]:
        """Start `seawall WORDS` in the background."""
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 -- our own command
                [sys.executable, "-m", "seawall", *words],
                env=self.env | env,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is ours to pass on, in order
            )
        self._running.append((name, process))
        return process

    def wait_for(self, name: str, pattern: str) -> re.Match[str]:
        """What a program says when it is ready; raises `Unavailable` when it ends or is silent."""
        process = next(p for n, p in self._running if n == name)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.log(name)):
                return found
            if process.poll() is not None:
                break
            time.sleep(0.02)
        last = (self.log(name).strip().splitlines() or ["it said nothing"])[-1]
        raise Unavailable(f"the {name} did not start: {last}")

    def wait_until_ready(self, name: str, url: str) -> None:
        """Wait until a program answers at an address."""
        import httpx

        process = next(p for n, p in self._running if n == name)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(url, timeout=2, trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        last = (self.log(name).strip().splitlines() or ["it said nothing"])[-1]
        raise Unavailable(f"the {name} did not start: {last}")

    def log(self, name: str) -> str:
        """All that a program has printed."""
        return (self._logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def run(self, words: Sequence[str], **env: str) -> tuple[int, Any]:
        """Run `seawall WORDS --json` to its end; returns exit status and the document it printed.

        Raises `Unavailable` with its last line when it could not do its work.
        """
        done = self._capture([sys.executable, "-m", "seawall", *words, "--json"], env)
        if done.returncode not in (0, 1, 3) or not done.stdout.strip():
            raise Unavailable(_last(done.stderr), where=f"seawall {' '.join(words)}")
        try:
            return done.returncode, msgspec.json.decode(done.stdout)
        except msgspec.DecodeError as error:
            raise Corrupt(
                f"no JSON: {_last(done.stdout)}", where=f"seawall {' '.join(words)}"
            ) from error

    def begin(self, name: str, *words: str, **env: str) -> subprocess.Popen[bytes]:
        """Begin `python -m NAME WORDS`; `printed` waits for it."""
        process = subprocess.Popen(  # noqa: S603 -- our own command
            [sys.executable, "-m", name, *words],
            env=self.env | env,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._running.append((name, process))
        return process

    def printed(self, process: subprocess.Popen[bytes]) -> str:
        """What a program printed once it has ended; raises `Unavailable` when it failed."""
        out, errors = process.communicate()
        self._running = [(name, other) for name, other in self._running if other is not process]
        if process.returncode:
            raise Unavailable(_last(errors), where=" ".join(map(str, process.args[1:])))  # type: ignore[index]
        return out.decode().strip()

    def verifier(self, log: Path, key: Path, decision: Path) -> Any:
        """Run `seawall-verify`, which knows nothing of Seawall, over a log and a decision."""
        words = ["--key", str(key), "--decision", str(decision), "--json"]
        done = self._capture([sys.executable, "-m", "seawall_verify", str(log), *words], {})
        if done.returncode not in (0, 1):
            raise Unavailable(_last(done.stderr), where="seawall-verify")
        return msgspec.json.decode(done.stdout)

    def _capture(
        self, words: Sequence[str], env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603 -- our own commands
            words,
            env={**self.env, **env},
            cwd=self._folder,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def end(self) -> None:
        """Ask every program to end, the last first; kill what does not."""
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(ProcessLookupError):  # what it started itself, if any is left
                os.killpg(process.pid, signal.SIGKILL)
        self._running.clear()


def free_port() -> int:
    """A port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last(printed: bytes) -> str:
    lines = printed.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("seawall: ") if lines else "it said nothing"
