"""What a gateway keeps on disk, so that it starts and serves with the control plane gone.

gateway-id               its name in telemetry
bundles/NAME.current     the envelope in use      bundles/NAME.safe   the last one marked safe
bundles/past/HEX         every envelope that was adopted, by its bundle's digest: decisions name it
objects/HEX              artefacts by digest      kills/NAME          endpoints switched off
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from seawall.kernel import Corrupt, Digest

Kept = Literal["current", "safe"]


class State:
    """The folder of one gateway; every file is replaced whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("bundles", "bundles/past", "objects", "kills"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def gateway_id(self) -> str:
        """The name made when the folder was new."""
        path = self.folder / "gateway-id"
        with contextlib.suppress(FileNotFoundError):
            return path.read_text().strip()
        name = f"gateway-{secrets.token_hex(6)}"
        replace(path, name.encode())
        return name

    def envelope(self, endpoint: str, kept: Kept) -> bytes | None:
        """The envelope kept for an endpoint, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            return self._bundle(endpoint, kept).read_bytes()
        return None

    def keep_envelope(self, endpoint: str, envelope: bytes, *, safe: bool) -> None:
        """Keep an envelope that was adopted."""
        if safe:
            replace(self._bundle(endpoint, "safe"), envelope)
        replace(self._bundle(endpoint, "current"), envelope)

    def keep_past(self, digest: Digest, envelope: bytes) -> None:
        """Keep the envelope of the bundle with this digest for as long as the folder."""
        replace(self.folder / "bundles" / "past" / digest.hex, envelope)

    def artefact(self, digest: Digest) -> bytes | None:
        """The artefact if it is here; raises `Corrupt` if its bytes have another digest."""
        try:
            data = (self.folder / "objects" / digest.hex).read_bytes()
        except FileNotFoundError:
            return None
        if Digest.of(data) != digest:
            raise Corrupt("an artefact on disk has changed", where=digest.short)
        return data

    def keep_artefact(self, data: bytes) -> None:
        """Keep an artefact under its digest."""
        replace(self.folder / "objects" / Digest.of(data).hex, data)

    def killed(self, endpoint: str) -> bool:
        """Whether an operator switched the endpoint off here."""
        return self._kill(endpoint).exists()

    def kill(self, endpoint: str) -> None:
        """Switch an endpoint off, also after a restart."""
        replace(self._kill(endpoint), b"")

    def unkill(self, endpoint: str) -> None:
        """Switch an endpoint on again."""
        self._kill(endpoint).unlink(missing_ok=True)

    def _bundle(self, endpoint: str, kept: Kept) -> Path:
        return self.folder / "bundles" / f"{quote(endpoint, safe='')}.{kept}"

    def _kill(self, endpoint: str) -> Path:
        return self.folder / "kills" / quote(endpoint, safe="")


def replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, also through a power cut."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
