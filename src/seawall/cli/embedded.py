"""The gateway beside a control plane: a second process, kept for what is declared."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from seawall.adapters.settings import Settings
from seawall.kernel import SeawallError

LOOK_SECONDS = 1.0
LONGEST_PAUSE = 30.0


class EmbeddedGateway:
    """Starts a gateway once an endpoint is declared, again when another is, and when it died.

    `names` tells the endpoints to serve; it is asked every second. A gateway that keeps dying is
    started ever more slowly, at most every half minute.
    """

    def __init__(
        self,
        settings: Settings,
        token: str,
        names: Callable[[], Sequence[str]],
        tell: Callable[[str], None],
    ) -> None:
        self._settings, self._token, self._names, self._tell = settings, token, names, tell
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._serving: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._keep, name="embedded gateway")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """Stop looking, and end the gateway."""
        self._stop.set()
        self._thread.join()
        self._end_process()

    def _keep(self) -> None:
        pause = LOOK_SECONDS
        while not self._stop.is_set():
            try:
                wanted = tuple(self._names())
            except SeawallError as error:  # the database hiccups: look again
                self._tell(f"cannot see what is declared: {error}")
                self._stop.wait(LOOK_SECONDS)
                continue
            died = self._process is not None and self._process.poll() is not None
            if wanted != self._serving or died:
                pause = min(2 * pause, LONGEST_PAUSE) if died else LOOK_SECONDS
                self._end_process()
                self._serving = wanted
                if wanted:
                    self._process = self._begin(wanted)
            elif not died:
                pause = LOOK_SECONDS
            self._stop.wait(pause)

    def _begin(self, names: Sequence[str]) -> subprocess.Popen[bytes]:
        known, folder = self._settings, Path(self._settings.data_dir)
        tokens = folder / "gateway-tokens.json"
        guarded = tokens.exists()  # without tokens a gateway is open, and on loopback only
        host = known.host if guarded else "127.0.0.1"
        command = [
            *(sys.executable, "-m", "seawall", "gateway"),
            *(word for name in names for word in ("--endpoint", name)),
            *("--trust", str(folder / "keys" / "seawall.pem.pub")),
            *("--state-dir", str(folder / "gateway"), "--table", str(folder / "decisions")),
            *("--url", f"http://{known.host}:{known.port}"),
            *("--host", host, "--port", str(known.gateway_port)),
            *(("--tokens", str(tokens)) if guarded else ()),
        ]
        env = os.environ | {"SEAWALL_TOKEN": self._token, "SEAWALL_CLOCK": known.clock}
        if known.decision_keys:
            env["SEAWALL_DECISION_KEYS"] = str(known.decision_keys.resolve())
        if known.protected_keys:
            env["SEAWALL_PROTECTED_KEYS"] = str(known.protected_keys.resolve())
        process = subprocess.Popen(command, env=env)  # noqa: S603 -- our own command
        self._tell(f"gateway at http://{host}:{known.gateway_port} for {', '.join(names)}")
        return process

    def _end_process(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
