"""Leaf hashes taken straight from records' bytes, as the shipper takes them by the million.

The definition is that of `decision.py`; nothing here is decoded but the places where values begin
and end. What is erased already goes the long way.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache

import msgspec

from seawall.kernel import Corrupt
from seawall.serving.decision import SALT_BYTES, canonical, from_bytes, leaf_hash, salt_stream

_split = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode
_salt = msgspec.msgpack.Decoder(bytes).decode
_FRESH = hashlib.sha256()
_DIGEST = b"\xc4\x20"
"""MessagePack's head of 32 bytes."""


def leaf_of(data: bytes) -> bytes:
    """The 32-byte leaf hash of the record in these bytes, which `to_bytes` has written.

    Equal to `leaf_hash(from_bytes(data))`; raises `Corrupt` when the bytes are no record.
    """
    try:
        fields = _split(data)
        if "erased" in fields or "salts" in fields or "salt" not in fields:
            return leaf_hash(from_bytes(data))
        salt = _salt(fields.pop("salt"))
        if not salt:
            return leaf_hash(from_bytes(data))
        names = tuple(fields)
        inputs = _split(fields["input"]) if "input" in fields else {}
    except msgspec.DecodeError as error:
        raise Corrupt(f"not a decision record: {error}") from None
    heads, first = _heads(names, tuple(inputs))
    packed = list(fields.values())
    if inputs:
        packed[first : first + 1] = inputs.values()
    salts = _cuts(len(packed)).unpack(salt_stream(salt, len(packed)))
    parts = [b"\x00"]
    add, fresh = parts.append, _FRESH.copy
    for head, own, value in zip(heads, salts, packed, strict=True):
        # copying a state is cheaper than looking the algorithm up again
        digest = fresh()
        digest.update(own + value)
        add(head)
        add(digest.digest())
    return hashlib.sha256(b"".join(parts)).digest()


@lru_cache(maxsize=256)
def _cuts(count: int) -> struct.Struct:
    """Takes a stream of salts apart."""
    return struct.Struct(f"{SALT_BYTES}s" * count)


@lru_cache(maxsize=4096)
def _heads(names: tuple[str, ...], inputs: tuple[str, ...]) -> tuple[tuple[bytes, ...], int]:
    """What stands before each digest in the leaf's data, and the first input's place.

    Both arguments are in code-point order, as canonical bytes have them; no field's name lies
    between `input` and `input.`, so the paths are in order when the inputs stand in its place.
    """
    first = names.index("input") if inputs else len(names)
    paths = [*names[:first], *("input." + name for name in inputs), *names[first + 1 :]]
    whole = canonical(dict.fromkeys(paths, b""))
    start = len(whole) - sum(len(canonical(path)) + 2 for path in paths)
    heads = [canonical(path) + _DIGEST for path in paths]
    heads[0] = whole[:start] + heads[0]
    return tuple(heads), first
