"""Protected attributes kept apart from the decision that they belong to, in one frame with it.

A record that its privacy rule keeps a protected attribute out of is logged as a pair, so that it
and what is kept apart are there both or neither:

    [record, {attribute: value}]

The record is MessagePack or sealed, as it is when it stands alone; each value is MessagePack,
sealed under the keys of protected attributes where there are some. A record is a map and what is
sealed begins with 0xC1, so that the array's head tells a pair from them. The shipper files the
values in a table of their own, which is read for fairness audits alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from seawall.adapters.decisions.keyring import Keyring, opened, sealed

Apart = dict[str, bytes]
"""Values by attribute, as they are kept."""
_HEAD = b"\x92"
_pack = msgspec.msgpack.Encoder().encode
_parted = msgspec.msgpack.Decoder(tuple[bytes, Apart]).decode


def paired(record: bytes, values: Mapping[str, Any]) -> bytes:
    """The record with the values that are kept apart, if there are any."""
    if not values:
        return record
    return _pack((record, {name: _pack(value) for name, value in values.items()}))


def parted(payload: bytes | memoryview) -> tuple[bytes | memoryview, Apart]:
    """The record in a payload of the log, and what is kept apart from it."""
    return _parted(payload) if payload[:1] == _HEAD else (payload, {})


def sealed_pair(payload: bytes, keys: Keyring | None, apart_keys: Keyring | None) -> bytes:
    """A payload as it is written: the record under its keys, what is kept apart under its own."""
    record, values = parted(payload)
    kept = sealed(bytes(record), keys)
    if not values:
        return kept
    return _pack((kept, {name: sealed(value, apart_keys) for name, value in values.items()}))


def value_of(content: bytes, apart_keys: Keyring | None) -> Any:
    """A value that was kept apart; raises as `opened` does."""
    return msgspec.msgpack.decode(opened(content, apart_keys))
