"""Several workers on one listening socket: `supervise` starts them, and again whatever dies.

All accept from the one socket that the parent holds, so that a connection in the kernel's queue is
taken by whichever worker is alive. What workers share besides is files in the state folder.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from time import monotonic
from typing import Any

import structlog

from seawall.gateway.keeper import KeeperProcess
from seawall.gateway.settings import GatewaySettings
from seawall.gateway.state import State

LOOK_SECONDS = 0.1
LONGEST_PAUSE = 10.0
SETTLED_SECONDS = 10.0
END_SECONDS = 60.0
"""Past that a worker that was told to end is killed."""
_log: Any = structlog.get_logger("seawall.gateway.workers")


class _Slot:
    """A worker's number and its process; one that keeps dying is started ever more slowly."""

    def __init__(self, number: int, settings: GatewaySettings, listening: socket.socket) -> None:
        self._number, self._settings, self._listening = number, settings, listening
        self._pause, self._due = LOOK_SECONDS, 0.0
        self.process = self._start()

    def look(self) -> None:
        """Start another if it died."""
        code, now = self.process.poll(), monotonic()
        if code is None:
            if now - self._began > SETTLED_SECONDS:
                self._pause = LOOK_SECONDS
        elif not self._due:
            self._due = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            _log.error("worker died", worker=self._number, status=code)
        elif now >= self._due:
            self._close()
            self.process, self._due = self._start(), 0.0

    def end(self, until: float) -> None:
        """Wait for its end after SIGTERM."""
        try:
            self.process.wait(max(0.0, until - monotonic()))
        except subprocess.TimeoutExpired:
            _log.error("worker does not end", worker=self._number)
            self.process.kill()
            self.process.wait()
        self._close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._began = monotonic()
        descriptor = self._listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "seawall.gateway.workers"],
            stdin=subprocess.PIPE,
            pass_fds=(descriptor,),
        )
        assert process.stdin is not None
        process.stdin.write(pickle.dumps((self._settings, self._number, descriptor)))
        process.stdin.flush()
        return process

    def _close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


def supervise(settings: GatewaySettings, listening: socket.socket) -> None:
    """Keep `settings.workers` workers and one keeper going until SIGTERM or SIGINT."""
    name = settings.name or State(settings.state_dir).gateway_id()
    stop = threading.Event()

    def told(_number: int, _frame: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    keeper = KeeperProcess(settings, name)
    keeper.start()
    slots = [_Slot(number, settings, listening) for number in range(settings.workers)]
    while not stop.wait(LOOK_SECONDS):
        for slot in slots:
            slot.look()
        keeper.watch()
    listening.close()
    for slot in slots:
        if slot.process.poll() is None:
            slot.process.terminate()
    until = monotonic() + END_SECONDS
    for slot in slots:
        slot.end(until)
    keeper.end()


def main() -> None:
    """Serve as one worker; standard input says how, and stays open as long as the parent lives."""
    import uvloop

    from seawall.adapters.telemetry.logs import set_up_logs
    from seawall.gateway.main import serve

    set_up_logs("info", "json")
    source = sys.stdin.buffer
    settings, number, descriptor = pickle.load(source)  # noqa: S301 -- from our parent
    listening = socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)
    uvloop.run(serve(settings, listening, number, sys.stdin.fileno()))


if __name__ == "__main__":
    main()
