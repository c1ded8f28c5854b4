"""How a record lies in a write-ahead log file: a checked header, then the payload.

    magic "\\xC1SW1" | payload length | CRC-32 of the payload | CRC-32 of the twelve bytes before

All numbers are 32 bits, little-endian. 0xC1 never begins a MessagePack value. The header has a sum
of its own so that a frame cut short by a crash (its header is right, its payload ends early) is
told from one that has rotted; after rot the next magic is looked for, and reading goes on there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import msgspec

MAGIC = b"\xc1SW1"
_HEAD = struct.Struct("<4sII")
_SUM = struct.Struct("<I")
HEADER_BYTES = _HEAD.size + _SUM.size


class Damage(msgspec.Struct, frozen=True):
    """A span of bytes, `start <= i < end`, that holds no readable row."""

    start: int
    end: int


class Scan(msgspec.Struct, frozen=True):
    """What a file holds: payloads by the offset of their frame, the damage between them, its end.

    `end` is the length of the file without a frame that was being written when it ended.
    """

    payloads: dict[int, memoryview]
    damage: tuple[Damage, ...]
    end: int


def frame(payload: bytes) -> bytes:
    """The payload with its header."""
    head = _HEAD.pack(MAGIC, len(payload), zlib.crc32(payload))
    return head + _SUM.pack(zlib.crc32(head)) + payload


def scan(data: bytes) -> Scan:
    """Read every frame that can be read. What is neither a frame nor a torn end is damage."""
    view, payloads, damage = memoryview(data), dict[int, memoryview](), list[Damage]()
    at = 0
    while at < len(data):
        length = _length(data, at)
        if length is not None and _whole(data, at, length):
            start = at + HEADER_BYTES
            payloads[at] = view[start : start + length]
            at = start + length
            continue
        after = next(_frames_after(data, at), None)
        if after is None:
            if _torn(data, at, length):
                return Scan(payloads, tuple(damage), at)
            after = len(data)
        damage.append(Damage(at, after))
        at = after
    return Scan(payloads, tuple(damage), len(data))


def _length(data: bytes, at: int) -> int | None:
    """The payload length in the header at this offset, if there is a right header."""
    if len(data) - at < HEADER_BYTES or not data.startswith(MAGIC, at):
        return None
    (expected,) = _SUM.unpack_from(data, at + _HEAD.size)
    if zlib.crc32(data[at : at + _HEAD.size]) != expected:
        return None
    return _HEAD.unpack_from(data, at)[1]


def _whole(data: bytes, at: int, length: int) -> bool:
    start = at + HEADER_BYTES
    payload = data[start : start + length]
    return len(payload) == length and zlib.crc32(payload) == _HEAD.unpack_from(data, at)[2]


def _frames_after(data: bytes, at: int) -> Iterator[int]:
    while (at := data.find(MAGIC, at + 1)) >= 0:
        length = _length(data, at)
        if length is not None and _whole(data, at, length):
            yield at


def _torn(data: bytes, at: int, length: int | None) -> bool:
    """Whether a write that was under way when the file ended explains the bytes from here on.

    After a power cut a file may have grown by bytes that were never written and read as zeros.
    """
    left = len(data) - at
    if left < HEADER_BYTES:
        return data[at : at + 4] == MAGIC[:left] or not any(data[at:])
    if length is not None:
        return left < HEADER_BYTES + length
    return not any(data[at:])
