"""A clock that several processes share and one of them moves, for demonstrations and replays."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from seawall.kernel import BadInput, Conflict, Corrupt, NotFound, from_ns, to_ns

_ONE, _BOTH = struct.Struct("=q"), struct.Struct("=qq")


class FileClock:
    """A kernel `Clock` whose time stands in a file of 16 bytes that every process maps.

    The file holds the nanoseconds since the epoch twice, in the machine's byte order. A writer
    writes the first copy, then the second; a reader reads the second, then the first, and takes
    the time when they agree. It only moves forward, and no reader sees it move back.
    """

    def __init__(self, path: Path | str) -> None:
        """Open the file. Raises `NotFound` without one, `Corrupt` when it is not such a file."""
        self._path, self._last = Path(path), 0
        try:
            fd = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            remedy = "make it with FileClock.create"
            raise NotFound("there is no clock file", where=str(path), remedy=remedy) from None
        try:
            if os.fstat(fd).st_size != _BOTH.size:
                raise Corrupt("a clock file has 16 bytes", where=str(path))
            self._map = mmap.mmap(fd, _BOTH.size)
        finally:
            os.close(fd)

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        return type(self), (self._path,)  # another process maps the same file

    @classmethod
    def create(cls, path: Path | str, start: datetime) -> Self:
        """A new clock file that shows `start`; `Conflict` when there is one already."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.{os.getpid()}")
        made.write_bytes(_BOTH.pack(to_ns(start), to_ns(start)))
        try:
            os.link(made, path)  # whole or not at all, and never in the place of another
        except FileExistsError:
            remedy = "open it with FileClock, or remove it"
            raise Conflict("there is a clock file", where=str(path), remedy=remedy) from None
        finally:
            made.unlink()
        return cls(path)

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        while True:
            (second,) = _ONE.unpack_from(self._map, _ONE.size)
            (first,) = _ONE.unpack_from(self._map, 0)
            if first == second:
                self._last = max(self._last, first)
                return self._last

    def advance(self, by: timedelta) -> None:
        """Move the clock forward by this much; `BadInput` when it is negative."""
        if by < timedelta():
            raise BadInput("a shared clock does not run backward", where=str(self._path))
        with self._path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._write(self.now_ns() + by // timedelta(microseconds=1) * 1_000)

    def set(self, moment: datetime) -> None:
        """Move the clock to this moment; `BadInput` when it is past already."""
        with self._path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if to_ns(moment) < self.now_ns():
                shown = from_ns(self.now_ns()).isoformat()
                what = f"the clock shows {shown} and does not run backward"
                raise BadInput(what, where=str(self._path))
            self._write(to_ns(moment))

    def _write(self, ns: int) -> None:
        _ONE.pack_into(self._map, 0, ns)
        _ONE.pack_into(self._map, _ONE.size, ns)
