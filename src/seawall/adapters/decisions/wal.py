"""Append-only files of frames: written under a lock, synced in groups, sealed, recovered.

A file is named `GATEWAY,LOG,NUMBER.open` while it is written and `.wal` once it is sealed. LOG is
new with every start of a writer, so its numbers begin at 1 and no state has to be remembered. The
writer holds an advisory lock on its open file; an open file without one was left by a crash.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec

from seawall.adapters.decisions.frame import frame, scan
from seawall.adapters.decisions.health import Disk
from seawall.kernel import Clock, Corrupt, Unavailable


class WalName(msgspec.Struct, frozen=True):
    """What a file's name says. `WalName.parse(n.file(".wal")) == n`."""

    gateway: str
    log: str
    number: int

    def file(self, suffix: str) -> str:
        """The file's name."""
        return f"{quote(self.gateway, safe='')},{self.log},{self.number:06d}{suffix}"

    @classmethod
    def parse(cls, name: str) -> WalName:
        """Read a name; raises `Corrupt` when it is none."""
        try:
            gateway, log, number = name.rpartition(".")[0].split(",")
            return cls(unquote(gateway), log, int(number))
        except ValueError:
            raise Corrupt("not the name of a write-ahead log file", where=name) from None


class Recovered(msgspec.Struct, frozen=True):
    """A file that a crash left open: how many rows it holds and how many torn bytes were cut."""

    file: str
    rows: int
    torn_bytes: int


class Ticket(NamedTuple):
    """One write: the number of the file it went to, and its own among all writes."""

    file: int
    write: int


class Wal:
    """One writer's files in one folder. Safe to use from several threads.

    A file is full with its `seal_rows`-th row, or when an append finds it `seal_after` old by the
    clock. It is synced and renamed on a thread of its own, so that no append waits for it.
    """

    def __init__(
        self,
        folder: Path,
        name: WalName,
        clock: Clock,
        disk: Disk,
        *,
        seal_rows: int,
        seal_after: timedelta,
    ) -> None:
        self._folder, self._name, self._clock, self._disk = folder, name, clock, disk
        self._seal_rows = seal_rows
        self._seal_ns = round(seal_after.total_seconds() * 1e9)
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._fd: int | None = None
        self._path = folder
        self._length = self._rows = self._opened_ns = 0
        self._written = self._synced = 0
        self._sealing: dict[int, threading.Thread] = {}
        self._failed: set[int] = set()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.recovered = tuple(recover(folder))

    def append(self, payloads: Sequence[bytes], *, durable: bool) -> None:
        """Write all of the payloads or none; return when they are written, or synced if durable.

        Raises `Unavailable` when the disk does not take them. After a failed write none of them is
        kept; after a failed sync they may be, as after any commit whose answer was lost.
        """
        if payloads:
            ticket = self.write(payloads)
            if durable:
                self.sync(ticket)

    def write(self, payloads: Sequence[bytes]) -> Ticket:
        """Write all of the payloads (one or more) or none; the ticket is for `sync`."""
        data = frame(payloads[0]) if len(payloads) == 1 else b"".join(map(frame, payloads))
        with self._lock:
            if self._due():
                self._rotate()
            fd = self._open() if self._fd is None else self._fd
            self._write(fd, data)
            self._rows += len(payloads)
            self._written += 1
            ticket = Ticket(self._name.number, self._written)
            if self._rows >= self._seal_rows:
                self._rotate()
        return ticket

    def seal(self) -> None:
        """Seal the present file, if it has rows, and return when every full file is sealed."""
        with self._lock:
            self._rotate()
            sealing = list(self._sealing.values())
        for thread in sealing:
            thread.join()

    def seal_if_due(self) -> None:
        """Seal the file if it is old enough, for a log to which nothing is appended any more."""
        with self._lock:
            if self._due():
                self._rotate()

    def _due(self) -> bool:
        # a clock that was set back would keep the file open for as long as it went back
        age = self._clock.now_ns() - self._opened_ns
        return self._fd is not None and not 0 <= age < self._seal_ns

    def _open(self) -> int:
        name = msgspec.structs.replace(self._name, number=self._name.number + 1)
        path = self._folder / name.file(".open")
        self._name = name  # also after a failure: the next attempt has a name of its own
        fd = -1
        try:
            fd = _create_locked(path)
            sync_folder(self._folder)
        except OSError as error:
            if fd >= 0:
                _drop(fd, path)
            raise self._refused("opened", path, error) from error
        self._fd, self._path, self._length, self._rows = fd, path, 0, 0
        self._opened_ns = self._clock.now_ns()
        return fd

    def _write(self, fd: int, data: bytes) -> None:
        try:
            done = os.write(fd, data)
            while done < len(data):
                done += os.write(fd, data[done:])
        except OSError as error:
            with suppress(OSError):  # what is left of it is a torn end
                os.ftruncate(fd, self._length)
            self._rotate()  # whoever follows the file may have read more of it than is left
            raise self._refused("written", self._path, error) from error
        self._length += len(data)
        if self._disk.trouble is not None:
            self._disk.trouble = None

    def sync(self, ticket: Ticket) -> None:
        """Return when this write, and all before it in its file, are on the disk.

        Group commit: whoever gets the lock first syncs for all that wrote before. Raises
        `Unavailable` when the disk did not take them.
        """
        number, mine = ticket
        with self._syncing:
            with self._lock:
                sealing = self._sealing.get(number)
                ours = self._fd is not None and self._name.number == number
                done = self._synced >= mine
                target, path = self._written, self._path
                fd = _dup(self._fd, path) if ours and not done and self._fd is not None else None
            if sealing is not None:
                sealing.join()
            elif fd is not None:
                self._sync_open(fd, number, target)
            with self._lock:
                if number in self._failed:
                    raise Unavailable("the decision log cannot be synced", where=str(path))

    def _sync_open(self, fd: int, number: int, target: int) -> None:
        try:
            with self._disk.sync():
                os.fdatasync(fd)
        except OSError:
            # the pages may be gone and the next sync would say nothing: write to a new file
            with self._lock:
                self._failed.add(number)
                if self._fd is not None and self._name.number == number:
                    _close(self._fd)
                    self._fd = None
        else:
            with self._lock:
                self._synced = max(self._synced, target)
        finally:
            _close(fd)

    def _rotate(self) -> None:
        if self._fd is None:
            return
        if self._length:
            work = (self._fd, self._path, self._name.number, self._written)
            thread = threading.Thread(target=self._finish, args=work, name="seal decision log")
            self._sealing[self._name.number] = thread
            thread.start()
        else:
            _drop(self._fd, self._path)
        self._fd = None

    def _refused(self, done: str, path: Path, error: OSError) -> Unavailable:
        self._disk.refuses(f"cannot be {done}: {error.strerror}")
        return _unavailable(done, path, error)

    def _finish(self, fd: int, path: Path, number: int, target: int) -> None:
        """Sync and rename a full file. One that fails stays open, for `recover` to take up."""
        try:
            with self._disk.sync():
                os.fsync(fd)
            path.rename(path.with_suffix(".wal"))
            sync_folder(self._folder)
        except OSError:
            with self._lock:
                self._failed.add(number)
        else:
            with self._lock:
                self._synced = max(self._synced, target)
        finally:
            _close(fd)
            with self._lock:
                del self._sealing[number]


def recover(folder: Path) -> Iterator[Recovered]:
    """Seal the files that crashed writers left open, cutting off only a frame torn at the end."""
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("*.open")):
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue  # its writer has sealed it
        with os.fdopen(fd, "r+b") as file:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its writer lives
            if not _is_at(fd, path):
                continue
            data = file.read()
            found = scan(data)
            if found.end < len(data):
                file.truncate(found.end)
            os.fsync(fd)
            if found.end:
                path.rename(path.with_suffix(".wal"))
            else:
                path.unlink()
        yield Recovered(path.name, len(found.payloads), len(data) - found.end)
    sync_folder(folder)


def _create_locked(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if _is_at(fd, path):
            return fd
        os.close(fd)  # a recovery saw it before it was locked, and removed it


def _drop(fd: int, path: Path) -> None:
    """Close an empty file and remove it; if it cannot be removed, `recover` does so."""
    with suppress(OSError):
        path.unlink()
    _close(fd)


def _close(fd: int) -> None:
    """Close; a system that reports an earlier failure here has closed it all the same."""
    with suppress(OSError):
        os.close(fd)


def _dup(fd: int, path: Path) -> int:
    try:
        return os.dup(fd)
    except OSError as error:
        raise _unavailable("synced", path, error) from error


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Make new, renamed and removed names in the folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _unavailable(done: str, path: Path, error: OSError) -> Unavailable:
    what = f"the decision log cannot be {done}: {error.strerror}"
    return Unavailable(what, where=str(path), remedy="free some space or use another disk")
