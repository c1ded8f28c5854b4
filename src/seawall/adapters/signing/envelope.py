"""Signed envelopes: DSSE v1 (github.com/secure-systems-lab/dsse) with Ed25519."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from seawall.adapters.signing.keys import key_id
from seawall.kernel import Corrupt


class _Signature(msgspec.Struct, frozen=True):
    sig: str
    keyid: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    payload: str
    payloadType: str  # noqa: N815 -- the field's name in the format
    signatures: tuple[_Signature, ...]


def seal(payload_type: str, payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """The payload in a signed envelope, as JSON that names the key by its id."""
    signature = key.sign(_encoding(payload_type, payload))
    return msgspec.json.encode(
        _Envelope(
            base64.b64encode(payload).decode(),
            payload_type,
            (_Signature(base64.b64encode(signature).decode(), key_id(key.public_key())),),
        )
    )


def unseal(envelope: bytes, keys: Iterable[Ed25519PublicKey]) -> tuple[str, bytes]:
    """The type and payload of an envelope that one of these keys signed; raises `Corrupt`.

    As DSSE asks, a key id is only a hint: it chooses the key, it never vouches.
    """
    try:
        read = msgspec.json.decode(envelope, type=_Envelope)
        payload = _decode(read.payload)
        signatures = [(s.keyid, _decode(s.sig)) for s in read.signatures]
    except (msgspec.MsgspecError, ValueError) as error:
        raise Corrupt(f"not a signed envelope: {error}") from None
    signed = _encoding(read.payloadType, payload)
    for key in keys:
        for named, signature in signatures:
            if named in ("", key_id(key)) and _verifies(key, signature, signed):
                return read.payloadType, payload
    raise Corrupt(
        f"the envelope of {read.payloadType} is signed by no trusted key",
        remedy="check that the sender's public key is among those trusted here",
    )


def _encoding(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding that is signed: lengths keep type and payload apart."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _decode(text: str) -> bytes:
    """Standard or URL-safe base64, both of which the format allows."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)


def _verifies(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True
