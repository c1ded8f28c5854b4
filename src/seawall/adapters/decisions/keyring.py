"""Encryption at rest of what decisions say of people, under the keys of a file.

A key file has one key a line, 32 bytes in base64. The first encrypts, every one decrypts. To
rotate, put a new key on top; take an old one out when nothing is under it any more, as retention
has it. Encrypted are the records, in the log and in the table; columns that repeat an input or an
output stay empty, and a subject is filed under a keyed hash. Columns that one groups and charts by
(model, arm, score, …) stay readable, and so does what is told of decisions later.

    0xC1 | first 4 bytes of SHA-256(key) | nonce, 12 bytes | AES-256-GCM of the record

0xC1 never begins a MessagePack value, so what is encrypted is told from what is not.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from seawall.kernel import BadInput, Corrupt

KEY_BYTES = 32
_MARK = b"\xc1"
_NAME, _NONCE = 4, 12
_HEAD = len(_MARK) + _NAME + _NONCE


class Keyring:
    """The keys of a decision log, the one that encrypts first."""

    def __init__(self, *keys: bytes) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise BadInput("a key of the decision log has 32 bytes")
        self._ciphers = {sha256(key).digest()[:_NAME]: AESGCM(key) for key in keys}
        self._first = next(iter(self._ciphers))
        self._subject_keys = [hmac.digest(key, b"subject", "sha256") for key in keys]

    @classmethod
    def read(cls, *paths: Path | None) -> Keyring | None:
        """The keys of these files in turn, None when no file is given.

        Raises `BadInput` for a file that cannot be read or is empty, and, naming the line, for a
        key that is none.
        """
        keys = [key for path in paths if path is not None for key in _keys_in(path)]
        return cls(*keys) if keys else None

    @classmethod
    def apart(cls, protected: Path | None, decisions: Path | None) -> Keyring | None:
        """The keys of protected attributes: those of their own file encrypt, where there is one.

        Before there was one they were under the keys of decisions, which therefore still decrypt.
        """
        return cls.read(protected, decisions)

    def seal(self, data: bytes) -> bytes:
        """The bytes under the first key."""
        nonce = secrets.token_bytes(_NONCE)
        return _MARK + self._first + nonce + self._ciphers[self._first].encrypt(nonce, data, None)

    def is_first(self, data: bytes | memoryview) -> bool:
        """Whether this is sealed under the first key."""
        return bytes(data[: len(_MARK) + _NAME]) == _MARK + self._first

    def open(self, data: bytes) -> bytes:
        """What was sealed; raises `BadInput` without its key and `Corrupt` if it was changed."""
        name = data[len(_MARK) : len(_MARK) + _NAME]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise BadInput(
                f"a decision is encrypted under the key {name.hex()}, which is not in the key file",
                remedy="put it back, below the first",
            )
        try:
            return cipher.decrypt(data[_HEAD - _NONCE : _HEAD], data[_HEAD:], None)
        except (InvalidTag, ValueError):
            raise Corrupt("an encrypted decision was changed or cut") from None

    def subject(self, subject: str) -> str:
        """What a subject is filed under: a hash keyed by the first key, 64 hexadecimal digits."""
        return self.subjects(subject)[0]

    def subjects(self, subject: str) -> list[str]:
        """What a subject is, or was before a rotation, filed under."""
        return [hmac.digest(key, subject.encode(), "sha256").hex() for key in self._subject_keys]


def _keys_in(path: Path) -> list[bytes]:
    keys: list[bytes] = []
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("the key file cannot be read", where=str(path)) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            keys.append(base64.b64decode(line.strip(), validate=True))
        except binascii.Error:
            keys.append(b"")
        if len(keys[-1]) != KEY_BYTES:
            raise BadInput(
                "not 32 bytes in base64",
                where=f"{path}:{number}",
                remedy="make a key with: openssl rand -base64 32",
            )
    if not keys:
        raise BadInput("the key file is empty", where=str(path))
    return keys


def sealed(data: bytes, keys: Keyring | None) -> bytes:
    """The bytes as they are kept."""
    return data if keys is None else keys.seal(data)


def opened(data: bytes | memoryview, keys: Keyring | None) -> bytes | memoryview:
    """The record in bytes that may be sealed; raises as `Keyring.open` does."""
    if len(data) < _HEAD or data[:1] != _MARK:
        return data
    if keys is None:
        raise BadInput("the decision log is encrypted", remedy="give its key file")
    return keys.open(bytes(data))


def filed_under(subject: str, keys: Keyring | None) -> list[str]:
    """Every name that a subject may be filed under: its own, and the keyed ones."""
    return [subject, *(keys.subjects(subject) if keys else ())]
