"""A C2SP tlog-tiles log in a folder: `checkpoint`, `tile/<level>/…`, `tile/entries/…`.

The life of an entry: its bundle and the tiles above it are written, each whole or not at all, and
synced; then the checkpoint that covers them replaces the old one. Until then no reader looks at
them. A writer that was stopped leaves files that the next one writes again, the same or longer.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seawall.audit.checkpoint import (
    Checkpoint,
    VerifierKey,
    checkpoint_body,
    open_checkpoint,
    sign_note,
)
from seawall.audit.merkle import EMPTY_ROOT, leaf_hash, root_hash
from seawall.audit.proof import Consistency, Inclusion
from seawall.audit.reader import TileReader
from seawall.audit.tiles import (
    FULL,
    bundle_bytes,
    bundle_path,
    read_bundle,
    read_tile,
    tile_bytes,
    tile_path,
    tiles_of,
)
from seawall.kernel import BadInput, Corrupt, NotFound, Unavailable

WAIT = 15.0
"""Seconds that a writer waits for another one."""


class LogFolder:
    """The log of this origin, its checkpoints signed with the key under `name`."""

    def __init__(
        self, folder: Path, origin: str, name: str, private_key: Ed25519PrivateKey
    ) -> None:
        self.folder, self.origin = folder, origin
        self.key = VerifierKey.of(name, private_key)
        self._private_key = private_key

    @property
    def size(self) -> int:
        """How many entries the checkpoint covers; 0 before there is one."""
        return self.checkpoint().size

    def note(self) -> bytes:
        """The signed checkpoint as it stands in the folder; raises `NotFound` before the first."""
        return self.read("checkpoint")

    def checkpoint(self) -> Checkpoint:
        """The tree head, its signature and origin verified; raises `Corrupt`."""
        try:
            checkpoint = open_checkpoint(self.note(), self.key)
        except NotFound:
            return Checkpoint(self.origin, 0, EMPTY_ROOT)
        if checkpoint.origin != self.origin:
            raise Corrupt(
                f"the checkpoint is of {checkpoint.origin!r}, not of {self.origin!r}",
                where=str(self.folder / "checkpoint"),
            )
        return checkpoint

    def inclusion(self, index: int) -> Inclusion:
        """The proof that the entry at `index` is in the checkpoint's tree; raises `BadInput`."""
        return TileReader(self.read, self.size).inclusion(index)

    def consistency(self, old: int) -> Consistency:
        """The proof that the tree of `old` entries begins the checkpoint's tree."""
        return TileReader(self.read, self.size).consistency(old)

    def entry(self, index: int) -> bytes:
        """The bytes of one entry that the checkpoint covers; raises `NotFound`, `Corrupt`."""
        size = self.size
        if not 0 <= index < size:
            raise NotFound(f"the log of {size:,} entries has no entry {index:,}")
        bundle, place = divmod(index, FULL)
        return self.bundle(bundle, min(FULL, size - bundle * FULL))[place]

    def bundle(self, index: int, width: int = FULL) -> tuple[bytes, ...]:
        """The first `width` entries of a bundle; raises `NotFound`, `Corrupt`."""
        try:
            entries = read_bundle(self.read(bundle_path(index, width)))
        except NotFound:  # partial files are dropped once the full one stands
            entries = read_bundle(self.read(bundle_path(index)))
        if len(entries) < width:
            raise Corrupt(
                f"the bundle holds {len(entries)} entries, not {width}",
                where=str(self.folder / bundle_path(index, width)),
            )
        return entries[:width]

    def read(self, path: str) -> bytes:
        """A file of the log by its path, such as `tile/0/000.p/5`; raises `NotFound`."""
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound("the log has no such file", where=str(self.folder / path)) from None

    @contextmanager
    def writing(self) -> Generator[LogWriter]:
        """The right to extend the log, which one thread of one process at a time has.

        Raises `Unavailable` when another one keeps it.
        """
        with _explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            _wait_for(lock, self.folder)
            yield LogWriter(self, self._private_key)
        finally:
            os.close(lock)


class LogWriter:
    """Extends a log; given out by `LogFolder.writing`."""

    def __init__(self, log: LogFolder, private_key: Ed25519PrivateKey) -> None:
        self._log, self._private_key = log, private_key
        self._touched: set[Path] = set()

    @property
    def size(self) -> int:
        """How many entries the checkpoint covers."""
        return self._log.size

    def entry(self, index: int) -> bytes:
        """The bytes of one entry that the checkpoint covers."""
        return self._log.entry(index)

    def append(self, entries: Sequence[bytes]) -> Checkpoint:
        """Add entries and return the checkpoint over them.

        Raises `Corrupt` when the present tiles do not lead to the present checkpoint, `BadInput`
        for an entry above 65,535 bytes, `Unavailable` when the disk takes no more; the checkpoint
        then stays as it was.
        """
        old = self._log.checkpoint()
        if TileReader(self._log.read, old.size).root != old.root:
            raise Corrupt(
                "the tiles do not lead to the checkpoint's root",
                where=str(self._log.folder),
                remedy="run seawall-verify on the folder and restore what it names",
            )
        if not entries:
            return old
        size = old.size + len(entries)
        with _explained(self._log.folder):
            self._write_bundles(old.size, entries)
            root = self._write_tiles(old.size, [leaf_hash(entry) for entry in entries])
            self._sync_folders()
            body = checkpoint_body(self._log.origin, size, root)
            self._write("checkpoint", sign_note(body, self._log.key.name, self._private_key))
            self._sync_folders()
            self._drop_partial(old.size, size)
        return Checkpoint(self._log.origin, size, root)

    def _write_bundles(self, old: int, entries: Sequence[bytes]) -> None:
        if any(len(entry) > 65_535 for entry in entries):
            raise BadInput("an entry above 65,535 bytes does not fit the log")
        first, inside = divmod(old, FULL)
        known = self._log.bundle(first, inside) if inside else ()
        rows = [*known, *entries]
        for at in range(0, len(rows), FULL):
            some = rows[at : at + FULL]
            self._write(bundle_path(first + at // FULL, len(some)), bundle_bytes(some))

    def _write_tiles(self, old: int, leaves: list[bytes]) -> bytes:
        """Write the tiles that the new leaves change, lowest level first; the new root hash."""
        size = old + len(leaves)
        fresh: dict[str, bytes] = {}
        new, before, level = leaves, old, 0
        while new:
            first, inside = divmod(before, FULL)
            known = read_tile(self._log.read(tile_path(level, first, inside))) if inside else ()
            row = [*known, *new]
            for at in range(0, len(row), FULL):
                some = row[at : at + FULL]
                fresh[tile_path(level, first + at // FULL, len(some))] = tile_bytes(some)
            full = [row[at : at + FULL] for at in range(0, len(row) - FULL + 1, FULL)]
            new, before, level = [root_hash(hashes) for hashes in full], before // FULL, level + 1
        assert sorted(fresh) == sorted(tile.path for tile in tiles_of(size, old))
        for path, data in fresh.items():
            self._write(path, data)
        return TileReader(lambda path: fresh.get(path) or self._log.read(path), size).root

    def _write(self, path: str, data: bytes) -> None:
        """Put a file in its place, whole or not at all."""
        target, draft = self._log.folder / path, self._log.folder / ".draft"
        self._make_folder(target.parent)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        self._touched.add(target.parent)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            with suppress(FileExistsError):
                folder.mkdir()
            self._touched.add(folder.parent)

    def _sync_folders(self) -> None:
        """Make the names of the files written so far survive power loss."""
        for folder in self._touched:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        self._touched.clear()

    def _drop_partial(self, old: int, size: int) -> None:
        """Remove the partial forms of what is full; from one before, lest one was left over."""
        level = 0
        while size >> 8 * (level + 1):
            first = max(0, (old >> 8 * (level + 1)) - 1)
            for index in range(first, size >> 8 * (level + 1)):
                paths = [tile_path(level, index)] + [bundle_path(index)] * (level == 0)
                for path in paths:
                    shutil.rmtree(self._log.folder / f"{path}.p", ignore_errors=True)
            level += 1


def _wait_for(lock: int, folder: Path) -> None:
    until = time.monotonic() + WAIT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise Unavailable(
                    "another process is writing the audit log", where=str(folder)
                ) from None
            time.sleep(0.02)


@contextmanager
def _explained(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "the disk is full" if full else f"the audit log cannot be written: {error.strerror}"
        raise Unavailable(
            what, where=str(folder), remedy="free space; nothing is lost" if full else ""
        ) from error
