"""Signed checkpoints: C2SP signed-note with Ed25519, C2SP tlog-checkpoint."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from seawall_verify.report import Malformed


@dataclass(frozen=True)
class Key:
    """A log's name, the 4-byte id of its key, and the key."""

    name: str
    id: bytes
    public: Ed25519PublicKey

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}"


@dataclass(frozen=True)
class Checkpoint:
    """What a log signed: its origin, how many entries, the root hash."""

    origin: str
    size: int
    root: bytes


def base64_bytes(text: str) -> bytes:
    """Decode base64; raises ValueError unless it is the one canonical text for its bytes."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


def parse_key(text: str) -> Key:
    """Read a verifier key, `name+keyid+base64(0x01 ‖ key)`; raises `Malformed`."""
    try:
        name, identifier, encoded = text.strip().split("+", 2)
        raw = base64_bytes(encoded)
        key = Ed25519PublicKey.from_public_bytes(raw[1:])
    except ValueError:
        raise Malformed(
            f"{text.strip()[:80]!r} is not a verifier key (name+keyid+base64)"
        ) from None
    expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or raw[0] != 1 or identifier != expected.hex():
        raise Malformed(f"{text.strip()[:80]!r} is not an Ed25519 verifier key with its own id")
    return Key(name, expected, key)


def open_checkpoint(note: bytes, key: Key) -> Checkpoint:
    """Verify the signature of a checkpoint and read it; raises `Malformed`."""
    text, separator, signatures = note.rpartition(b"\n\n")
    text += b"\n"
    try:
        note.decode()
        lines = signatures.decode().split("\n")
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8 text") from None
    if not separator or lines.pop() != "":
        raise Malformed("it has no signature")
    signed = False
    for line in lines:
        dash, name, raw = _signature(line)
        if dash != "—":
            raise Malformed(f"{line[:60]!r} is not a signature")
        if (name, raw[:4]) != (key.name, key.id):
            continue
        try:
            key.public.verify(raw[4:], text)
        except InvalidSignature:
            raise Malformed(f"the signature of {key} does not match the text") from None
        signed = True
    if not signed:
        raise Malformed(f"it is not signed by {key}")
    return _checkpoint(text, key)


def _signature(line: str) -> tuple[str, str, bytes]:
    try:
        dash, name, encoded = line.split(" ")
        return dash, name, base64_bytes(encoded)
    except ValueError:
        raise Malformed(f"{line[:60]!r} is not a signature") from None


def _checkpoint(text: bytes, key: Key) -> Checkpoint:
    lines = text.decode().split("\n")
    try:
        origin, size, root = lines[0], int(lines[1]), base64_bytes(lines[2])
    except (ValueError, IndexError):
        raise Malformed("the text is not that of a checkpoint") from None
    if size < 0 or lines[1] != str(size) or len(root) != 32:
        raise Malformed("the text is not that of a checkpoint")
    if origin != key.name:
        raise Malformed(f"it is of the log {origin!r}, while the key is of {key.name!r}")
    return Checkpoint(origin, size, root)
