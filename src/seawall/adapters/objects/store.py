"""Bytes stored under their digest: written once, whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from seawall.kernel import BadInput, Conflict, Corrupt, Digest, NotFound, Unavailable

CHUNK = 4 * 1024 * 1024


class ObjectStore:
    """A folder, or a url of object storage: `s3://…`, `gs://…`, `az://…`, `file:///…`.

    Objects stand at `sha256/<2 digits>/<64 digits>`. Safe to use from many threads and processes:
    all who write one path write the same bytes. Raises `Unavailable` when the storage does not
    answer or is full.
    """

    def __init__(self, location: str | Path) -> None:
        text = str(location)
        self.folder: Path | None = None
        if "://" not in text:
            self.folder = Path(text)
        elif text.startswith("file://"):
            self.folder = Path(text.removeprefix("file://"))
        self.where = text.split("?")[0]
        with self._explained():
            self._store: Any = (
                from_url(text)
                if self.folder is None
                else LocalStore(self.folder.absolute(), mkdir=True)
            )

    def put(self, data: bytes) -> Digest:
        """Store bytes and return their digest; does nothing when they are there already."""
        digest = Digest.of(data)
        if self._size(digest) != len(data):
            with self._explained():
                obstore.put(self._store, _path(digest), data, use_multipart=False)
            self._sync(digest)
        return digest

    def put_file(self, path: Path) -> Digest:
        """Store a file of any size, a few megabytes of memory at a time.

        Raises `NotFound`, and `Conflict` when the file changes meanwhile; nothing is then stored.
        """
        try:
            digest, size = _measure(path)
        except (FileNotFoundError, IsADirectoryError):
            raise NotFound("there is no such file", where=str(path)) from None
        if self._size(digest) != size:
            with self._explained():
                obstore.put(
                    self._store,
                    _path(digest),
                    _unchanged(path, digest),
                    chunk_size=CHUNK,
                    max_concurrency=2,
                )
            self._sync(digest)
        return digest

    def get(self, digest: Digest) -> bytes:
        """The bytes of this digest; raises `NotFound`, or `Corrupt` when they are others."""
        with self._explained(digest):
            data = bytes(obstore.get(self._store, _path(digest)).bytes())
        if Digest.of(data) != digest:
            raise self._corrupt(digest)
        return data

    def get_file(self, digest: Digest, target: Path) -> None:
        """Write the object to a file, in steps; the file appears only when the digest is right.

        Raises `NotFound`, `Corrupt`, and `Unavailable` when the disk is full.
        """
        seen = hashlib.sha256()
        with self._explained(digest):
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            draft = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    for chunk in obstore.get(self._store, _path(digest)).stream(CHUNK):
                        seen.update(chunk)
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                if seen.hexdigest() != digest.hex:
                    raise self._corrupt(digest)
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)

    def has(self, digest: Digest) -> bool:
        """Whether there is an object of this digest; its bytes are not read."""
        return self._size(digest) is not None

    def _size(self, digest: Digest) -> int | None:
        try:
            with self._explained(digest):
                return int(obstore.head(self._store, _path(digest))["size"])
        except NotFound:
            return None

    def _sync(self, digest: Digest) -> None:
        """Make an object in a folder survive power loss; object storage does so by itself."""
        if self.folder is None:
            return
        path = self.folder / _path(digest)
        with self._explained(digest):
            for place in (path, path.parent, path.parent.parent, self.folder):
                handle = os.open(place, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def _corrupt(self, digest: Digest) -> Corrupt:
        return Corrupt(
            f"the object {digest} holds other bytes than its digest says",
            where=f"{self.where}/{_path(digest)}",
            remedy="restore it from a backup, or remove it and store it again",
        )

    @contextmanager
    def _explained(self, digest: Digest | None = None) -> Generator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if digest is None:
                raise BadInput(
                    f"the object store cannot be opened: {error}", where=self.where
                ) from error
            raise NotFound(f"there is no object {digest}", where=self.where) from None
        except (BaseError, OSError) as error:
            text = str(error)
            full = "No space left" in text or "File too large" in text or "quota" in text.lower()
            what = "the disk is full" if full else f"the object store fails: {text.splitlines()[0]}"
            remedy = "free space and try again" if full else ""
            raise Unavailable(what, where=self.where, remedy=remedy) from error


def _path(digest: Digest) -> str:
    return f"sha256/{digest.hex[:2]}/{digest.hex}"


def _measure(path: Path) -> tuple[Digest, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Digest(f"sha256:{digest}"), file.tell()


def _unchanged(path: Path, digest: Digest) -> Iterator[bytes]:
    """The file's bytes; raises `Conflict` at the end when they are no longer of this digest."""
    seen = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            seen.update(chunk)
            yield chunk
    if seen.hexdigest() != digest.hex:
        raise Conflict("the file changed while it was stored", where=str(path))
