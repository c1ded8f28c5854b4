"""A log folder followed while it is written: what is new since a position, file by file.

A position is how many bytes of each file were read, by the file's writer and number, so it holds
when a file is sealed and renamed. It is plain data: whoever follows keeps it with what was made of
the rows, and passes it back.

A row that can be read may still be withdrawn: when a disk fills within a batch its writer cuts the
file back and goes on in a new one. Such rows were never acknowledged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from seawall.adapters.decisions.frame import scan
from seawall.adapters.decisions.read import files_in
from seawall.adapters.decisions.wal import WalName

Positions = dict[str, int]
"""Bytes read, by `LOG,NUMBER`."""
CHUNK = 8 << 20


class End(NamedTuple):
    """How far a file went when it was looked at, and where it was."""

    size: int
    path: Path


class New(NamedTuple):
    """Rows that were not read before, the position after them, and unreadable spans among them."""

    payloads: list[memoryview]
    positions: Positions
    damaged: int


def ends(folder: Path) -> dict[str, End]:
    """How far every file of a folder of the log goes now, a writer's oldest first."""
    found: dict[str, End] = {}
    for path in files_in(folder, ".open", ".wal"):
        if (size := _size(path)) is not None:
            found[_key(path)] = End(size, path)
    return found


def behind(positions: Mapping[str, int], upto: Mapping[str, End]) -> int:
    """Bytes that are there and were not read."""
    return sum(max(end.size - positions.get(key, 0), 0) for key, end in upto.items())


def is_read(path: Path, positions: Mapping[str, int]) -> bool:
    """Whether nothing of this file is left to be read."""
    size = _size(path)
    return size is None or positions.get(_key(path), 0) >= size


def read_new(positions: Mapping[str, int], upto: Mapping[str, End], most: int = CHUNK) -> New:
    """The next rows within these ends: about `most` bytes of them, none when all were read.

    The positions returned have no file that is gone.
    """
    payloads, damaged, after = list[memoryview](), 0, Positions()
    for key, end in upto.items():
        after[key] = at = positions.get(key, 0)
        if at >= end.size or most <= 0:
            continue
        size = most
        while True:
            data = _bytes(end.path, at, min(size, end.size - at))
            found = scan(data)
            if found.payloads or found.damage or at + size >= end.size:
                break
            size *= 2  # a row larger than what was read of it
        whole = at + len(data) >= end.size
        payloads.extend(found.payloads.values())
        damaged += len(found.damage)
        # nothing is added to a sealed file: what is torn at its end stays so
        sealed = whole and end.path.suffix == ".wal"
        after[key] = end.size if sealed else at + found.end
        most -= len(data)
    return New(payloads, after, damaged)


def _key(path: Path) -> str:
    name = WalName.parse(path.name)
    return f"{name.log},{name.number}"


def _size(path: Path) -> int | None:
    for name in (path, path.with_suffix(".wal")):
        try:
            return name.stat().st_size
        except FileNotFoundError:
            continue
    return None


def _bytes(path: Path, at: int, size: int) -> bytes:
    """A part of the file, also when it is sealed meanwhile; nothing once it is gone."""
    for name in (path, path.with_suffix(".wal")):
        try:
            fd = os.open(name, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            return os.pread(fd, size, at)
        finally:
            os.close(fd)
    return b""
