"""How a log's disk stands: what it refused last, how slow it is, how much room is left."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import msgspec


class DiskHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller or an operator is told of it."""

    trouble: str | None
    """Why the disk did not take the last of what was written or synced; None when it did."""
    refused: int
    """How often it did not, since the process started."""
    sync_seconds: float
    """How long the last sync took, or the present one has taken so far if that is longer."""
    free_bytes: int


class Disk:
    """The disk below a folder, as its writers find it. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self.trouble: str | None = None
        self._refused, self._last = 0, 0.0
        self._syncing: dict[int, float] = {}

    def refuses(self, why: str) -> None:
        """Note that something was not taken."""
        with self._lock:
            self.trouble, self._refused = why, self._refused + 1

    @contextmanager
    def sync(self) -> Generator[None]:
        """Note how long the sync in this block takes; raises what it raises."""
        began, own = monotonic(), threading.get_ident()
        self._syncing[own] = began
        try:
            yield
        except OSError as error:
            self.refuses(f"cannot be synced: {error.strerror}")
            raise
        finally:
            del self._syncing[own]
            self._last = monotonic() - began

    def look(self) -> None:
        """If something was not taken, see whether the disk takes a few bytes again.

        Where all is refused nobody would send any more, and nobody would find out.
        """
        if self.trouble is None:
            return
        path = self._folder / f".{os.getpid()}.probe"
        try:
            with path.open("wb") as file:
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        except OSError:
            return
        self.trouble = None

    def health(self) -> DiskHealth:
        """How it stands now."""
        now = monotonic()
        present = [now - began for began in list(self._syncing.values())]
        return DiskHealth(
            trouble=self.trouble,
            refused=self._refused,
            sync_seconds=max([self._last, *present]),
            free_bytes=_free(self._folder),
        )


def _free(folder: Path) -> int:
    """Bytes left; 0 where the system does not tell."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize
