"""Signed tree heads: C2SP tlog-checkpoint in a C2SP signed-note with Ed25519."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from seawall.audit.merkle import HASH_SIZE
from seawall.kernel import BadInput, Corrupt

_ED25519 = b"\x01"
_DASH = "— "  # an em dash and a space begin each signature line


def _decode(text: str) -> bytes:
    """Base64 in its one canonical form, so that no two texts mean the same bytes."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


class VerifierKey(msgspec.Struct, frozen=True):
    """A name and a 32-byte Ed25519 public key; as text `name+keyid+base64(0x01 ‖ key)`.

    `VerifierKey.parse(str(k)) == k`; the text is what Go's `sumdb/note` reads.
    """

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(c.isspace() or c < " " for c in self.name):
            raise ValueError(f"a key name has no spaces and no plus sign, unlike {self.name!r}")

    @property
    def id(self) -> bytes:
        """The first 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        key = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{key}"

    @classmethod
    def of(cls, name: str, key: Ed25519PrivateKey | Ed25519PublicKey) -> Self:
        """The verifier key of a key pair under this name."""
        public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
        try:
            return cls(name, public.public_bytes_raw())
        except ValueError as error:
            raise BadInput(str(error), remedy="use a name such as example.com/log") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key; raises `BadInput` when it is malformed or its id does not match."""
        remedy = "write name+keyid+base64, as `seawall audit key` prints it"
        try:
            name, identifier, encoded = text.strip().split("+", 2)
            raw = _decode(encoded)
            key = cls(name, raw[1:])
        except ValueError:
            raise BadInput(f"{text[:80]!r} is not a verifier key", remedy=remedy) from None
        if raw[:1] != _ED25519 or len(raw) != 33 or identifier != key.id.hex():
            raise BadInput(f"{text[:80]!r} is not an Ed25519 verifier key", remedy=remedy)
        return key


class Checkpoint(msgspec.Struct, frozen=True):
    """A tree head: the log's origin, the number of entries, the 32-byte root hash."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a checkpoint's text (the note without signatures); raises `Corrupt`."""
        try:
            lines = body.decode().split("\n")
            origin, size, root = lines[0], int(lines[1]), _decode(lines[2])
        except (ValueError, IndexError):
            raise Corrupt("the text is not a checkpoint of three lines") from None
        exact = lines[1] == str(size) and lines[-1] == "" and all(lines[:-1])
        if not exact or size < 0 or len(root) != HASH_SIZE:
            raise Corrupt("the text is not a checkpoint of origin, size and root hash")
        return cls(origin, size, root)


def checkpoint_body(origin: str, size: int, root: bytes) -> bytes:
    """The text of a checkpoint that is then signed: origin, size, root hash, a line each."""
    if not origin or "\n" in origin or size < 0 or len(root) != HASH_SIZE:
        raise BadInput("a checkpoint needs an origin of one line, a size and a 32-byte root")
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def sign_note(body: bytes, name: str, private_key: Ed25519PrivateKey) -> bytes:
    """The note: the text, a blank line, and one signature line in this name.

    `body` is UTF-8 text that ends in a newline.
    """
    if not body.endswith(b"\n"):
        raise BadInput("the text of a note ends in a newline")
    key = VerifierKey.of(name, private_key)
    return body + b"\n" + _signature_line(key, private_key.sign(body))


def _signature_line(key: VerifierKey, signature: bytes) -> bytes:
    return f"{_DASH}{key.name} {base64.b64encode(key.id + signature).decode()}\n".encode()


def verify_note(note: bytes, keys: VerifierKey | Iterable[VerifierKey]) -> bytes:
    """The text of a note that at least one of these keys signed; raises `Corrupt`.

    Signatures of unknown keys are passed over; a wrong one of a known key rejects the note.
    """
    known = (keys,) if isinstance(keys, VerifierKey) else tuple(keys)
    body, separator, tail = note.rpartition(b"\n\n")
    body += b"\n"
    try:
        lines = tail.decode().split("\n")
        note.decode()
    except UnicodeDecodeError:
        raise Corrupt("the note is not UTF-8 text") from None
    if not separator or lines[-1] or any(c < 0x20 and c != 0x0A for c in note):
        raise Corrupt("the note has no signatures, or holds control characters")
    verified = False
    for line in lines[:-1]:
        name, identifier, signature = _read_signature(line)
        for key in known:
            if (key.name, key.id) == (name, identifier):
                _check(key, signature, body)
                verified = True
    if not verified:
        names = ", ".join(f"{k.name}+{k.id.hex()}" for k in known) or "no key"
        raise Corrupt(f"the note is not signed by {names}", remedy="check the verifier key")
    return body


def _read_signature(line: str) -> tuple[str, bytes, bytes]:
    try:
        name, encoded = line.removeprefix(_DASH).split(" ")
        raw = _decode(encoded)
    except ValueError:
        raise Corrupt(f"not a signature line: {line[:80]!r}") from None
    if not line.startswith(_DASH) or not name or len(raw) < 5:
        raise Corrupt(f"not a signature line: {line[:80]!r}")
    return name, raw[:4], raw[4:]


def _check(key: VerifierKey, signature: bytes, body: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, body)
    except (InvalidSignature, ValueError):
        raise Corrupt(f"the signature of {key.name} does not match the note's text") from None


def open_checkpoint(note: bytes, keys: VerifierKey | Iterable[VerifierKey]) -> Checkpoint:
    """Verify a signed checkpoint and read it; raises `Corrupt`."""
    return Checkpoint.parse(verify_note(note, keys))
