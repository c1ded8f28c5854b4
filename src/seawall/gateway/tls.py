"""The server's side of TLS, with callers' certificates where they are asked for."""

from __future__ import annotations

import ssl
from pathlib import Path

from seawall.kernel import BadInput


def context(cert: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later; with `client_ca` only callers with a certificate of it come in.

    Raises `BadInput` for files that are missing or do not fit each other.
    """
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(cert, key)
    except OSError as error:
        what = f"no certificate with its key: {error.strerror or error}"
        raise BadInput(what, where=f"{cert}, {key}") from None
    if client_ca is not None:
        try:
            made.load_verify_locations(client_ca)
        except OSError as error:
            what = f"no certificate authority: {error.strerror or error}"
            raise BadInput(what, where=str(client_ca)) from None
        made.verify_mode = ssl.CERT_REQUIRED
    return made
