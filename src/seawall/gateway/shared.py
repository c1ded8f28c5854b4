"""Limits that hold for all workers of a gateway together: a small file that they all map.

A worker leases tokens from the one bucket of an endpoint or caller, a few at a time, under the
file's lock. Leased tokens have left the bucket, so all workers together never let more through than
the limit says; what a worker leases and does not spend within `LEASE_SECONDS` is lost, so they may
let through fewer: at most `chunk` for each other worker. Requests under way are one slot for each
worker, which it alone writes, and whoever asks adds up; two workers that ask in the same instant
may both take the last place, so at most (workers − 1) too many are under way.

An endpoint or caller that is busy has one of `COUNTS` places, among the `PROBES` that follow from
its key; nobody else gets it before all have left. Where those are taken by others it is displaced:
until all displaced ones have left it shares one of `SPARE` places with others, and is counted
together with them, which lets in fewer, never more. Who entered at a place leaves at that place.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from seawall.serving.limit import Bucket

BUCKETS, PROBES, COUNTS, SPARE, WORKERS = 4_096, 16, 2_048, 256, 64
LEASE_SECONDS = 0.05
_BUCKET = struct.Struct("<Qdd8x")
_COUNTS_AT = BUCKETS * _BUCKET.size
_KEY, _SLOTS = struct.Struct("<Q"), struct.Struct(f"<{WORKERS}I")
_ROW = _KEY.size + 4 * WORKERS
_PLACES = COUNTS + SPARE
SIZE = _COUNTS_AT + _PLACES * _ROW


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
        self._slots, self._lock = memoryview(self._map).cast("I"), threading.Lock()
        self._mine = (_COUNTS_AT + _KEY.size) // 4 + worker
        self._held: dict[int, tuple[int, int]] = {}
        """Where the requests of each key that are under way here were counted, and how many."""
        self._known: dict[int, int] = {}
        for place in range(_PLACES):  # what a predecessor that was killed had under way is over
            self._slots[self._mine + place * _ROW // 4] = 0

    def close(self) -> None:
        """Unmap the file."""
        self._slots.release()
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
        held = self._held.get(key)
        if held is None:
            if count > 0:
                self._held[key] = self._begin(key, count), count
            return
        place, busy = held
        count = max(count, -busy)
        self._change(place, count)
        if busy + count:
            self._held[key] = place, busy + count
        else:
            del self._held[key]

    def under_way(self, key: int) -> int:
        """Those of all workers, and of those who share the place."""
        if held := self._held.get(key):
            return self._sum(held[0])
        place = self._known.get(key)
        if place is None or self._key(place) != key:
            place = next((p for p in _chain(key) if self._key(p) == key), _spare(key))
        return self._sum(place)

    def _begin(self, key: int, count: int) -> int:
        """Count the first requests under way here, and tell where."""
        place = self._known.get(key)
        if place is not None:
            self._change(place, count)
            if self._key(place) == key:  # a place that is in use is nobody else's to take
                return place
            self._change(place, -count)
        with self._lock:
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
            try:
                place = self._claim(key)
                self._change(place, count)
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)
        if place < COUNTS:
            if len(self._known) >= COUNTS:
                self._known.clear()
            self._known[key] = place
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
        """The key's place: its own, else one where nothing is under way, else one that is shared.

        While others are under way at the shared one, requests of this key may be among them.
        """
        idle: list[int] = []
        for place in _chain(key):
            held = self._key(place)
            if held == key:
                return place
            if not self._sum(place):
                idle.append(place)
        if self._sum(_spare(key)):
            return _spare(key)
        for place in idle:
            before = self._key(place)
            self._put_key(place, key)
            if not self._sum(place):
                return place
            self._put_key(place, before)  # its owner came back in this very moment
        return _spare(key)

    def _key(self, place: int) -> int:
        return _KEY.unpack_from(self._map, _COUNTS_AT + place * _ROW)[0]

    def _put_key(self, place: int, key: int) -> None:
        _KEY.pack_into(self._map, _COUNTS_AT + place * _ROW, key)

    def _sum(self, place: int) -> int:
        return sum(_SLOTS.unpack_from(self._map, _COUNTS_AT + place * _ROW + _KEY.size))

    def _change(self, place: int, count: int) -> None:
        at = self._mine + place * _ROW // 4
        self._slots[at] = max(0, self._slots[at] + count)


def _chain(key: int) -> Iterator[int]:
    """The places that can be a key's own."""
    return ((key + probe) % COUNTS for probe in range(PROBES))


def _spare(key: int) -> int:
    """The place that a displaced key shares."""
    return COUNTS + (key >> 32) % SPARE
