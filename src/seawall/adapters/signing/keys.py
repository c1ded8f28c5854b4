"""Ed25519 key pairs as files: PKCS #8 PEM that only its owner reads, and the public half beside."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from seawall.kernel import BadInput, Conflict, Digest, NotFound


def create_key(path: Path) -> Ed25519PrivateKey:
    """Make a key pair and write it to `path` (mode 0600) and `path` + `.pub`.

    Raises `Conflict` when the file exists: a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    write_pair(path, private_pem(key), public_pem(key.public_key()))
    return key


def write_pair(path: Path, private: bytes, public: bytes) -> None:
    """Write both halves of a key pair; raises `Conflict` when the file exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(private)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # whole or not at all, and never over another
    except FileExistsError:
        raise Conflict("the key exists already", where=str(path)) from None
    finally:
        Path(draft).unlink()
    path.with_name(path.name + ".pub").write_bytes(public)


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key; raises `NotFound`, or `BadInput` when others could read it too."""
    try:
        pem, mode = path.read_bytes(), path.stat().st_mode
    except FileNotFoundError:
        raise NotFound("there is no private key", where=str(path)) from None
    except OSError as error:
        raise BadInput(f"no private key: {error.strerror}", where=str(path)) from None
    if b"PUBLIC KEY" in pem:
        raise BadInput(
            "this is the public half of a key", where=str(path), remedy="name the private one"
        )
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except ValueError:
        raise BadInput("the file is not a private key in PEM", where=str(path)) from None
    except TypeError:
        remedy = "keep it unencrypted, readable by its owner alone"
        raise BadInput("the private key has a password", where=str(path), remedy=remedy) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput("the private key is not an Ed25519 key", where=str(path))
    if mode & 0o077:
        raise BadInput(
            "the private key can be read by other users",
            where=str(path),
            remedy=f"run chmod 600 {path}",
        )
    return key


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """The key in this file, made on first use; safe when several processes start at once."""
    if not path.exists():
        try:
            return create_key(path)
        except Conflict:
            pass  # another process was faster; its key is the one
    return load_key(path)


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key in PEM; raises `NotFound` or `BadInput`."""
    try:
        return read_public_pem(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise NotFound("there is no public key", where=str(path)) from None


def read_public_pem(pem: bytes, where: str = "") -> Ed25519PublicKey:
    """Read a public key from PEM bytes; raises `BadInput`."""
    if b"PRIVATE KEY" in pem:
        remedy = "name the public one, which ends in .pub"
        raise BadInput("this is the private half of a key", where=where, remedy=remedy)
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        raise BadInput("this is not a public key in PEM", where=where) from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput("the public key is not an Ed25519 key", where=where)
    return key


def private_pem(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> bytes:
    """The private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_pem(key: Ed25519PublicKey | EllipticCurvePublicKey) -> bytes:
    """The public key as PEM (SubjectPublicKeyInfo), which `openssl pkey -pubin` reads."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def key_id(key: Ed25519PublicKey) -> str:
    """The digest of the key's SubjectPublicKeyInfo in DER, 64 hexadecimal digits."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Digest.of(der).hex
