"""The process beside a gateway that keeps its decision log: `python -m seawall.gateway.keeper`.

It joins labels to their decisions, tells the control plane, and ships what was joined. It reads its
settings from standard input and works until that is closed, then once more. Serving comes first: it
runs at a low priority, and shares nothing with the gateway but files.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import select
import signal
import subprocess
import sys
from time import monotonic
from typing import Any

import msgspec
import structlog

from seawall.gateway.settings import GatewaySettings

NICE = 10
PRUNE_SECONDS = 60.0
_log: Any = structlog.get_logger("seawall.gateway.keeper")


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the keeper stands, for the gateway's metrics: counts of outcomes, rows and bytes."""

    joined: int = 0
    corrected: int = 0
    late: int = 0
    unknown: int = 0
    unfit: int = 0
    """Outcomes that are no label of their model's kind."""
    waiting: int = 0
    """Outcomes whose decision was not found yet."""
    decisions: int = 0
    """Decisions held, so that a label finds them."""
    rows_waiting: int = 0
    """Rows of labels that the control plane is not known to have."""
    behind: int = 0
    """Bytes of the log that were not read yet."""

    def gauges(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Names, labels and values as the metrics page shows them."""
        results = ("joined", "corrected", "late", "unknown", "unfit")
        found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
            ("outcomes_total", (("result", name),)): getattr(self, name) for name in results
        }
        return found | {
            ("outcomes_waiting", ()): self.waiting,
            ("decisions_awaiting_labels", ()): self.decisions,
            ("label_rows_waiting", ()): self.rows_waiting,
            ("log_bytes_behind", ()): self.behind,
        }


def read_status(settings: GatewaySettings) -> Status:
    """What the keeper last said; zeros before it said anything."""
    try:
        return msgspec.json.decode((settings.labels_folder / "status").read_bytes(), type=Status)
    except (FileNotFoundError, msgspec.DecodeError):
        return Status()


class KeeperProcess:
    """The keeper as a process, seen from the gateway that starts it."""

    def __init__(self, settings: GatewaySettings, gateway: str) -> None:
        self._told = pickle.dumps((settings, gateway))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it ends when its pipe does, also if we are killed."""
        command = [sys.executable, "-m", "seawall.gateway.keeper"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 -- our own module
        assert self._process.stdin is not None
        self._process.stdin.write(self._told)
        self._process.stdin.flush()

    def watch(self) -> None:
        """Start it again if it has died."""
        if self._process is not None and self._process.poll() is not None:
            _log.error("the keeper died and is started again", status=self._process.returncode)
            self._close()
            self.start()

    def end(self) -> None:
        """Let it join and ship what is left, and wait for that."""
        if self._process is not None:
            self._close()
            self._process.wait()
            self._process = None

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()


class Keeper:
    """Joins, tells and ships for one gateway's state folder."""

    def __init__(self, settings: GatewaySettings, gateway: str) -> None:
        from seawall.gateway.link import Link
        from seawall.gateway.outbox import Outbox
        from seawall.gateway.ship import Shipper

        self._settings = settings
        self._link = Link(settings.control_url, settings.token)
        self._outbox = Outbox(settings.labels_folder / "telemetry", f"{gateway}/labels")
        self._shipper = Shipper(settings, gateway, self._link)
        self._joins = self._open()
        self._said = Status()

    def join(self) -> None:
        """Join what is in the log, and deliver what follows."""
        from seawall.kernel import Unavailable

        try:
            self._joins.work()
        except Exception:
            self._joins = self._open()  # from what was committed
            raise
        try:
            while report := self._outbox.next():
                self._link.report(report)
                self._outbox.acknowledge(report)
        except Unavailable as error:
            _log.debug("labels not told yet", error=str(error))
        self._say()

    def ship(self) -> None:
        """Ship the files of which every row was joined, and give back the memory it took."""
        import pyarrow as pa

        self._shipper.work(self._joins.is_read)
        pa.default_memory_pool().release_unused()

    def prune(self) -> None:
        """Forget decisions too old for any label that is still to come."""
        now = self._settings.clock.now_ns()
        self.join()  # labels may have waited in the log while the clock went on
        self._joins.prune(now)

    def close(self) -> None:
        """Close the connections."""
        self._link.close()

    def _open(self) -> Any:
        from seawall.gateway.joins import Joins
        from seawall.gateway.state import State
        from seawall.gateway.strata import Bundles

        settings = self._settings
        bundles = Bundles(State(settings.state_dir), settings.public_keys)
        folder, log = settings.labels_folder, settings.log_folder
        keys = {"keys": settings.keyring(), "apart_keys": settings.apart_keyring()}
        return Joins(folder, log, bundles, self._outbox, settings.clock, **keys)

    def _say(self) -> None:
        totals = msgspec.structs.asdict(self._joins.totals)
        said = Status(
            **totals,
            waiting=self._joins.waiting,
            decisions=self._joins.decisions,
            rows_waiting=self._outbox.waiting,
            behind=self._joins.behind(),
        )
        if said != self._said:
            path = self._settings.labels_folder / "status"
            draft = path.with_name(".status")
            draft.write_bytes(msgspec.json.encode(said))
            draft.replace(path)
            self._said = said


def main() -> None:
    """Work until standard input is closed."""
    from seawall.adapters.telemetry.logs import set_up_logs

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the gateway closes the pipe when it is done
    os.nice(NICE)
    set_up_logs("info", "json")
    settings, gateway = pickle.load(sys.stdin.buffer)  # noqa: S301 -- from the process that started us
    settings.labels_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.labels_folder / "keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the keeper of a killed gateway may be at its last round
        keep(Keeper(settings, gateway), settings)


def keep(keeper: Keeper, settings: GatewaySettings) -> None:
    """Join, ship and prune in turn until standard input is closed."""
    ship = prune = monotonic()
    ended = False
    while not ended:
        ended = bool(select.select([sys.stdin], [], [], settings.flush_seconds)[0])
        guarded(keeper.join)
        if ended or monotonic() >= ship:
            guarded(keeper.ship)
            ship = monotonic() + settings.ship_seconds
        if monotonic() >= prune:
            guarded(keeper.prune)
            prune = monotonic() + PRUNE_SECONDS


def guarded(work: Any) -> None:
    """Do it, and log what goes wrong: the outermost loop of the process."""
    try:
        work()
    except Exception:  # noqa: BLE001 -- the outermost loop of the process
        _log.exception("keeper", work=work.__name__)


if __name__ == "__main__":
    main()
