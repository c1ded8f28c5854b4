"""Reads MessagePack, as far as decision records use it (github.com/msgpack/msgpack spec.md)."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from seawall_verify.report import Malformed

_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_CONSTANTS: dict[int, Any] = {0xC0: None, 0xC2: False, 0xC3: True}
_SIZED = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_COUNTED = {0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}
_TIMES = {0xD6: 4, 0xD7: 8, 0xC7: 12}


def unpack(data: bytes) -> Any:
    """The one value in these bytes; raises `Malformed` for anything else."""
    try:
        value, end = _value(data, 0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError, OverflowError, RecursionError):
        raise Malformed("the bytes are not MessagePack") from None
    if end != len(data):
        raise Malformed("bytes follow the MessagePack value")
    return value


def _value(data: bytes, at: int) -> tuple[Any, int]:
    head = data[at]
    at += 1
    if head < 0x80:
        return head, at
    if head >= 0xE0:
        return head - 0x100, at
    if head in _CONSTANTS:
        return _CONSTANTS[head], at
    if head in _NUMBERS:
        return _number(_NUMBERS[head], data, at)
    if head in _TIMES:
        return _time(data, at, head)
    if 0xA0 <= head < 0xC0:
        return _text(data, at, head & 0x1F)
    if head in _SIZED:
        size, at = _number(_SIZED[head], data, at)
        return _text(data, at, size) if head >= 0xD9 else (_slice(data, at, size), at + size)
    if head < 0xA0:
        return _collection(data, at, head & 0x0F, is_map=head < 0x90)
    if head in _COUNTED:
        count, at = _number(_COUNTED[head], data, at)
        return _collection(data, at, count, is_map=head >= 0xDE)
    raise Malformed(f"MessagePack type {head:#x} has no place in a decision")


def _number(form: str, data: bytes, at: int) -> tuple[Any, int]:
    return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise IndexError
    return data[at : at + size]


def _text(data: bytes, at: int, size: int) -> tuple[str, int]:
    return _slice(data, at, size).decode(), at + size


def _collection(data: bytes, at: int, count: int, *, is_map: bool) -> tuple[Any, int]:
    if not is_map:
        items: list[Any] = []
        for _ in range(count):
            item, at = _value(data, at)
            items.append(item)
        return items, at
    pairs: dict[Any, Any] = {}
    for _ in range(count):
        key, at = _value(data, at)
        if key in pairs:
            raise Malformed(f"{key!r} stands twice in a MessagePack map")
        pairs[key], at = _value(data, at)
    return pairs, at


def _time(data: bytes, at: int, head: int) -> tuple[datetime, int]:
    if head == 0xC7:
        if data[at] != 12:
            raise Malformed("a MessagePack extension has no place in a decision")
        at += 1
    if data[at] != 0xFF:
        raise Malformed("a MessagePack extension has no place in a decision")
    at += 1
    raw = _slice(data, at, _TIMES[head])
    if head == 0xC7:
        nanoseconds, seconds = struct.unpack(">Iq", raw)
    else:
        number = int.from_bytes(raw, "big")
        nanoseconds, seconds = (number >> 34, number & 0x3FFFFFFFF) if head == 0xD7 else (0, number)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=seconds, microseconds=nanoseconds // 1000
    )
    return moment, at + _TIMES[head]
