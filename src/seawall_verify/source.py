"""Where a log's files are read from, and how they are named (C2SP tlog-tiles)."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from seawall_verify.report import Malformed

FULL = 256
ENTRIES = -1
_PATH = re.compile(r"tile/(entries|\d{1,2})/((?:x\d{3}/)*)(\d{3})(?:\.p/(\d{1,3}))?")


@dataclass(frozen=True)
class Tile:
    """A file of the log: hashes of a level, or entries (level -1); its index and width."""

    level: int
    index: int
    width: int

    @property
    def path(self) -> str:
        """Its path in the log's folder."""
        groups = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        part = "" if self.width == FULL else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(groups)}{part}"

    @classmethod
    def parse(cls, path: str) -> Tile | None:
        """The file a path names, or None when it is none of a log's."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        level = ENTRIES if match[1] == "entries" else int(match[1])
        index = int(match[2].replace("x", "").replace("/", "") + match[3])
        tile = cls(level, index, int(match[4] or FULL))
        return tile if tile.path == path and tile.width else None


class Source(Protocol):
    """Reads files by their path in the log."""

    def read(self, path: str) -> bytes | None:
        """The file's bytes; None when there is none."""
        ...

    def paths(self) -> Iterator[str]:
        """Every file under `tile/`, where that can be listed."""
        ...


class Folder:
    """A log on disk."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise Malformed(f"there is no folder {folder}")
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """The file's bytes; None when there is none."""
        file = self._folder / path
        return file.read_bytes() if file.is_file() else None

    def paths(self) -> Iterator[str]:
        """Every file under `tile/`, in order."""
        for file in sorted((self._folder / "tile").rglob("*")):
            if file.is_file():
                yield file.relative_to(self._folder).as_posix()


class Url:
    """A log served over HTTP. Its files cannot be listed, so only those needed are read."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.rstrip("/")

    def read(self, path: str) -> bytes | None:
        """The file's bytes; None when the server has none."""
        address = f"{self._prefix}/{path}"
        try:
            with urllib.request.urlopen(address, timeout=30) as reply:  # noqa: S310 -- http(s) only
                return reply.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (404, 410):
                    return None
                raise Malformed(f"{address} answers {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise Malformed(f"{address} cannot be read: {error.reason}") from None

    def paths(self) -> Iterator[str]:
        """Nothing."""
        return iter(())


def open_source(place: Path | str) -> Source:
    """A folder, or an address that begins with http:// or https://; raises `Malformed`."""
    if isinstance(place, str) and place.startswith(("http://", "https://")):
        return Url(place)
    return Folder(Path(place))


def required(size: int) -> Iterator[Tile]:
    """The files of a log of this size: entry bundles first, then tiles from level 0 up."""
    levels = [ENTRIES]
    while size >> 8 * len(levels) - 8:
        levels.append(len(levels) - 1)
    for level in levels:
        count = size >> 8 * max(level, 0)
        for index in range(-(-count // FULL)):
            yield Tile(level, index, min(FULL, count - index * FULL))


class Bundle(NamedTuple):
    """The entries of one bundle, and whether it ended within the next."""

    entries: list[bytes]
    cut: bool


def read_bundle(data: bytes) -> Bundle:
    """Split a bundle into its entries, each after its 16-bit big-endian length."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if len(data) - at < 2 or end > len(data):
            return Bundle(entries, cut=True)
        entries.append(data[at + 2 : end])
        at = end
    return Bundle(entries, cut=False)
