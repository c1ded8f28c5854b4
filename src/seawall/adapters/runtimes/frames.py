"""What goes through the pipes between a gateway and a worker: lengths, then bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

HEAD = struct.Struct("<BII")
"""Kind, then two numbers: the shape of a matrix, or a length and 0."""
START, READY, ASK, ANSWER, FAILED = range(5)
Read = Callable[[int], bytes]


def pack(kind: int, data: bytes) -> bytes:
    """A frame of bytes."""
    return HEAD.pack(kind, len(data), 0) + data


def pack_matrix(kind: int, matrix: NDArray[np.floating]) -> bytes:
    """A frame of a matrix: single precision when it asks, double when it answers."""
    kept = np.ascontiguousarray(matrix, dtype="<f4" if kind == ASK else "<f8")
    return HEAD.pack(kind, *matrix.shape) + kept.tobytes()


def unpack(read: Read, most: int) -> tuple[int, bytes | NDArray[np.floating]]:
    """The next frame, its bytes or its matrix; raises `ValueError` for what is none."""
    kind, first, second = HEAD.unpack(read(HEAD.size))
    if kind not in (ASK, ANSWER):
        if kind > FAILED or first > most:
            raise ValueError("not a frame")
        return kind, read(first)
    dtype = np.dtype("<f4" if kind == ASK else "<f8")
    if first * second * dtype.itemsize > most:
        raise ValueError("the matrix is too large")
    return kind, np.frombuffer(read(first * second * dtype.itemsize), dtype).reshape(first, second)
