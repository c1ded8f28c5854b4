"""Limits that hold for all workers of a gateway together: a small file that they all map.

A worker leases tokens from the one bucket of an endpoint or caller, a few at a time, under the
file's lock. Leased tokens have left the bucket, so all workers together never let more through than
the limit says; what a worker leases and does not spend within `LEASE_SECONDS` is lost, so they may
let through fewer: at most `chunk` for each other worker. Requests under way are one slot for each
worker, which it alone writes, and whoever asks adds up; two workers that ask in the same instant
may both take the last place, so at most (workers − 1) too many are under way. With more than
`COUNTS` endpoints and callers busy at once, some share a place and are counted together.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import threading
from pathlib import Path

from seawall.serving.limit import Bucket

BUCKETS, PROBES, COUNTS, WORKERS = 4_096, 16, 512, 64
LEASE_SECONDS = 0.05
_BUCKET = struct.Struct("<Qdd8x")
_COUNTS_AT = BUCKETS * _BUCKET.size
_KEY, _SLOTS = struct.Struct("<Q"), struct.Struct(f"<{WORKERS}I")
_ROW = _KEY.size + 4 * WORKERS
SIZE = _COUNTS_AT + COUNTS * _ROW


def key_of(*names: str) -> int:
    """A 64-bit key of some names; never 0, which marks an empty place."""
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") or 1


class Shared:
    """The mapped file as one worker, by its number, sees it."""

    def __init__(self, path: Path, worker: int = 0) -> None:
        if not 0 <= worker < WORKERS:
            raise ValueError(f"a gateway has at most {WORKERS} workers")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._fd, SIZE)
        self._map = mmap.mmap(self._fd, SIZE)
        self._mine, self._lock = 4 * worker, threading.Lock()
        self._places: dict[int, int] = {}
        for place in range(COUNTS):  # what a predecessor that was killed had under way is over
            self._put_count(self._count_at(place), 0)

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()
        os.close(self._fd)

    def lease(self, key: int, bucket: Bucket, want: float, now: float) -> tuple[float, float]:
        """Take up to `want` tokens, one at least: (tokens, 0), or (0, seconds to wait)."""
        with self._lock:
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
            try:
                at = self._bucket_at(key, now)
                held, tokens, last = _BUCKET.unpack_from(self._map, at)
                level = bucket.level(tokens, last, now) if held == key else bucket.burst
                taken = float(int(min(want, level)))
                _BUCKET.pack_into(self._map, at, key, level - taken, max(last, now))
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)
        return taken, 0.0 if taken else bucket.wait(level)

    def add(self, key: int, count: int) -> None:
        """Count requests of this worker that began (or, negative, that ended)."""
        at = self._count_at(self._place(key))
        self._put_count(at, max(0, self._get_count(at) + count))

    def under_way(self, key: int) -> int:
        """Those of all workers."""
        return self._sum(self._place(key))

    def _place(self, key: int) -> int:
        place = self._places.get(key)
        if place is None or self._key(place) != key:
            if len(self._places) >= COUNTS:
                self._places.clear()
            with self._lock:
                fcntl.lockf(self._fd, fcntl.LOCK_EX)
                try:
                    place = self._places[key] = self._claim(key)
                finally:
                    fcntl.lockf(self._fd, fcntl.LOCK_UN)
        return place

    def _bucket_at(self, key: int, now: float) -> int:
        """The bucket's place: its own, else an empty one, else that which was used least lately."""
        oldest, oldest_at = now, 0
        for probe in range(PROBES):
            at = (key + probe) % BUCKETS * _BUCKET.size
            held, _, last = _BUCKET.unpack_from(self._map, at)
            if held in (key, 0):
                return at
            if last <= oldest:
                oldest, oldest_at = last, at
        return oldest_at

    def _claim(self, key: int) -> int:
        """The key's place: its own, else one where nothing is under way."""
        idle = None
        for probe in range(COUNTS):
            place = (key + probe) % COUNTS
            held = self._key(place)
            if held == key:
                return place
            if idle is None and (held == 0 or not self._sum(place)):
                idle = place
            if held == 0 or (probe >= PROBES and idle is not None):
                break
        chosen = key % COUNTS if idle is None else idle
        _KEY.pack_into(self._map, _COUNTS_AT + chosen * _ROW, key)
        return chosen

    def _key(self, place: int) -> int:
        return _KEY.unpack_from(self._map, _COUNTS_AT + place * _ROW)[0]

    def _sum(self, place: int) -> int:
        return sum(_SLOTS.unpack_from(self._map, _COUNTS_AT + place * _ROW + _KEY.size))

    def _count_at(self, place: int) -> int:
        return _COUNTS_AT + place * _ROW + _KEY.size + self._mine

    def _get_count(self, at: int) -> int:
        return int.from_bytes(self._map[at : at + 4], "little")

    def _put_count(self, at: int, count: int) -> None:
        self._map[at : at + 4] = count.to_bytes(4, "little")
