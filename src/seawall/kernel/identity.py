"""Names of things: content digests, actors, identifiers that sort by time."""

from __future__ import annotations

import hashlib
import re
import threading
from datetime import datetime
from typing import Literal, Self

import msgspec

from seawall.kernel.errors import BadInput
from seawall.kernel.moment import Clock, from_ns
from seawall.kernel.randomness import random_bytes

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(str):
    """A content address, `sha256:` and 64 hexadecimal digits. `Digest.parse(str(d)) == d`."""

    __slots__ = ()

    @classmethod
    def of(cls, data: bytes | memoryview) -> Self:
        """The digest of these bytes."""
        return cls("sha256:" + hashlib.sha256(data).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a digest; raises `BadInput` when the text is not one."""
        if not _DIGEST.fullmatch(text):
            raise BadInput(
                f"{text[:80]!r} is not a digest", remedy="write sha256: and 64 hexadecimal digits"
            )
        return cls(text)

    @property
    def hex(self) -> str:
        """The 64 hexadecimal digits alone."""
        return self[7:]

    @property
    def short(self) -> str:
        """Twelve digits, for people."""
        return self[7:19]


class Actor(msgspec.Struct, frozen=True):
    """Who does something: a person or a service, by a name that is proven by a token."""

    id: str
    kind: Literal["person", "service", "system"] = "person"

    def __str__(self) -> str:
        return self.id


SYSTEM = Actor("seawall", "system")


class Ids:
    """Makes UUIDv7 identifiers (RFC 9562, 5.7) that sort by time and never repeat.

    Within one millisecond, and when the clock stands still or jumps back, a 12-bit counter and
    then the millisecond itself are carried on, so identifiers of one `Ids` strictly increase.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._last, self._lock = clock, 0, threading.Lock()

    def __call__(self) -> str:
        """A new identifier, greater than every one before it."""
        tick = (self._clock.now_ns() // 1_000_000) << 12
        with self._lock:
            self._last = tick = max(tick, self._last + 1)
        made, rest = f"{tick >> 12:012x}", random_bytes()[:8].hex()
        variant = "89ab"[int(rest[0], 16) & 3]
        return f"{made[:8]}-{made[8:]}-7{tick & 0xFFF:03x}-{variant}{rest[1:4]}-{rest[4:]}"


_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def id_time(identifier: str) -> datetime:
    """The moment a UUIDv7 was made, to the millisecond; raises `BadInput` on anything else."""
    try:
        if _UUID7.fullmatch(identifier):
            return from_ns(int(identifier[:13].replace("-", ""), 16) * 1_000_000)
    except OverflowError:  # the field reaches the year 10889, a datetime does not
        pass
    raise BadInput(
        f"{identifier[:60]!r} is not a Seawall id", remedy="ids look like 0198c0de-....-7...-"
    )
