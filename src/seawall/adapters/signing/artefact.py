"""Signatures of model files that OpenSSF's own tool verifies (model-signing, key mode).

`model_signing verify key --signature S --public_key P MODEL` checks what is signed here. The
format knows NIST curves only, so artefacts have a P-256 key of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from seawall.adapters.signing.keys import private_pem, public_pem, write_pair
from seawall.kernel import BadInput, Corrupt, NotFound, Unavailable


def create_artefact_key(path: Path) -> None:
    """Make a P-256 key pair and write it to `path` (mode 0600) and `path` + `.pub`.

    Raises `Conflict` when the file exists.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    write_pair(path, private_pem(key), public_pem(key.public_key()))


def sign_artefact(artefact: Path, signature: Path, private_key: Path) -> None:
    """Sign a model file or folder into a Sigstore bundle at `signature`.

    Reads the whole artefact, so it belongs to registration, not to serving. Raises `NotFound`,
    or `BadInput` for a key that the format does not know.
    """
    signing, _ = _library()
    _must_exist(artefact, private_key)
    try:
        signing.Config().use_elliptic_key_signer(private_key=private_key).sign(artefact, signature)
    except (ValueError, AttributeError) as error:
        raise BadInput(
            f"the artefact cannot be signed: {error}",
            where=str(private_key),
            remedy="use a P-256 key made by create_artefact_key",
        ) from None


def verify_artefact(artefact: Path, signature: Path, public_key: Path) -> None:
    """Raise `Corrupt` unless this key signed exactly these files; `NotFound` if one is missing."""
    _, verifying = _library()
    _must_exist(artefact, signature, public_key)
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=public_key).verify(
            artefact, signature
        )
    except Exception as error:  # noqa: BLE001 -- the library raises whatever its parsers raise
        raise Corrupt(
            f"the artefact is not what was signed: {error or type(error).__name__}",
            where=str(artefact),
        ) from None


def _must_exist(*paths: Path) -> None:
    for path in paths:
        if not path.exists():
            raise NotFound("there is no such file", where=str(path))


def _library() -> tuple[Any, Any]:
    try:
        from model_signing import signing, verifying
    except ImportError as error:
        raise Unavailable(
            f"signing of artefacts is not installed ({error})",
            remedy="install seawall[signing]",
        ) from None
    return signing, verifying
