"""The worker's side: a process without network, files or secrets that holds one model.

It is started by `WorkerModel` as `python -m seawall.adapters.runtimes.child MEMORY SECONDS`, is
sent the model once and then rows, and ends when its pipe does. A call that takes longer than it may
ends it by an alarm, also when nobody is left to do so.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import IO, Any

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38
_LOAD_SECONDS = 60
MOST_BYTES = 1 << 30


def isolate(memory: int) -> str:
    """Give up network, privileges, writing and memory; says what keeps it from the network.

    Called before any thread is started, since a new user namespace needs a process of one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    cut = libc.unshare(_NEW_USER | _NEW_NET) == 0 or libc.unshare(_NEW_NET) == 0
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, memory),
    ):
        resource.setrlimit(limit, (value, value))
    return "network namespace" if cut else "no new descriptors once loaded"


def close_the_door() -> None:
    """No file, pipe or socket can be opened any more; those that are open stay so."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def serve(source: IO[bytes], sink: IO[bytes], isolation: str, seconds: int) -> None:
    """Load what is sent first, then answer rows until the pipe ends."""
    import msgspec
    import numpy as np

    from seawall.adapters.runtimes import frames, native
    from seawall.kernel import SeawallError

    def read(size: int) -> bytes:
        data = source.read(size)
        if len(data) < size:
            sys.exit(0)
        return data

    def send(frame: bytes) -> None:
        sink.write(frame)
        sink.flush()

    signal.alarm(_LOAD_SECONDS)
    _, start = frames.unpack(read, MOST_BYTES)
    assert isinstance(start, bytes)
    format_, _, artefact = start.partition(b"\n")
    try:
        model: Any = native.read(artefact, format_.decode())
        if model.fields:
            model.columns(np.zeros((1, model.fields), np.float32))
    except Exception as error:  # noqa: BLE001 -- somebody else's code and bytes
        first = (str(error).splitlines() or [""])[0][:200]
        kind = "" if isinstance(error, SeawallError) else f"{type(error).__name__}: "
        send(frames.pack(frames.FAILED, f"{kind}{first}".encode()))
        return
    close_the_door()
    told = {"output": model.output, "fields": model.fields, "isolation": isolation}
    send(frames.pack(frames.READY, msgspec.json.encode(told)))
    while True:
        signal.alarm(0)
        _, rows = frames.unpack(read, MOST_BYTES)
        signal.alarm(seconds)
        try:
            send(frames.pack_matrix(frames.ANSWER, model.columns(rows)))
        except Exception as error:  # noqa: BLE001 -- the model's own; the row is not told
            send(frames.pack(frames.FAILED, type(error).__name__.encode()))


def main() -> None:
    """Isolate, then serve; what a model prints does not get between frames."""
    isolation = isolate(int(sys.argv[1]))
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    serve(source, sink, isolation, int(sys.argv[2]))


if __name__ == "__main__":
    main()
