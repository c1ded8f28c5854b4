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
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

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
            return self._start(name, ["seawall", *words], env, log, log)

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
        process = self._start("command", ["seawall", *words, "--json"], env)
        out, errors = self._ended(process)
        if process.returncode not in (0, 1, 3) or not out.strip():
            raise Unavailable(_last(errors), where=f"seawall {' '.join(words)}")
        try:
            return process.returncode, msgspec.json.decode(out)
        except msgspec.DecodeError as error:
            raise Corrupt(f"no JSON: {_last(out)}", where=f"seawall {' '.join(words)}") from error

    def begin(self, name: str, *words: str, **env: str) -> subprocess.Popen[bytes]:
        """Begin `python -m NAME WORDS`; `printed` waits for it."""
        return self._start(name, [name, *words], env)

    def printed(self, process: subprocess.Popen[bytes]) -> str:
        """What a program printed once it has ended; raises `Unavailable` when it failed."""
        out, errors = self._ended(process)
        if process.returncode:
            raise Unavailable(_last(errors), where=" ".join(map(str, process.args[1:])))  # type: ignore[index]
        return out.decode().strip()

    def verifier(self, log: Path, key: Path, decision: Path) -> Any:
        """Run `seawall-verify`, which knows nothing of Seawall, over a log and a decision."""
        words = ["--key", str(key), "--decision", str(decision), "--json"]
        process = self._start("verifier", ["seawall_verify", str(log), *words], {})
        out, errors = self._ended(process)
        if process.returncode not in (0, 1):
            raise Unavailable(_last(errors), where="seawall-verify")
        return msgspec.json.decode(out)

    def _start(
        self,
        name: str,
        words: Sequence[str],
        env: Mapping[str, str],
        out: IO[bytes] | int = subprocess.PIPE,
        errors: IO[bytes] | int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Begin `python -m WORDS`; from its first moment on, `end` knows of it."""
        with _uninterrupted():
            process = subprocess.Popen(  # noqa: S603 -- our own commands
                [sys.executable, "-m", *words],
                env={**self.env, **env},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,  # a Ctrl-C is ours to pass on, in order
            )
            self._running.append((name, process))
        return process

    def _ended(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        """Wait for a program; what it printed on its two outputs."""
        out, errors = process.communicate()
        self._running = [(name, other) for name, other in self._running if other is not process]
        return out, errors

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


@contextlib.contextmanager
def _uninterrupted() -> Generator[None]:
    """A signal that asks the demo to end waits until the block has ended."""
    came: list[int] = []
    asked = (signal.SIGINT, signal.SIGTERM)
    before = {s: signal.signal(s, lambda number, _: came.append(number)) for s in asked}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in came[:1]:
        signal.raise_signal(number)


def free_port() -> int:
    """A port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last(printed: bytes) -> str:
    lines = printed.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("seawall: ") if lines else "it said nothing"
