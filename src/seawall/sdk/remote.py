"""A model on another server, for code that waits: registration, validation, `Guard`."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.runtimes import LoadedModel
from seawall.adapters.upstream import Late
from seawall.kernel import BadInput, Unavailable
from seawall.serving.breaker import Breaker
from seawall.serving.output import Output
from seawall.serving.question import Model
from seawall.serving.remote import FORMAT, RemoteServer
from seawall.serving.signature import Signature

ROWS = 1_000
"""So many are asked in one request."""
SUFFIXES = (".yaml", ".yml")


def read_remote(path: Path) -> RemoteServer:
    """The one remote model that a file declares; raises `BadInput` naming the wrong line."""
    from seawall.adapters.declared import read

    declared = read(path, {"RemoteModel": RemoteServer})
    if len(declared) != 1:
        what = f"{len(declared)} documents, and a version is one model"
        raise BadInput(what, where=str(path), remedy="write one RemoteModel")
    server: Any = declared[0].value
    return server


def load_model(artefact: bytes, format_: str, signature: Signature) -> LoadedModel:
    """The model of an artefact of any format; raises `BadInput` when it is none."""
    from seawall.adapters.runtimes import load

    if format_ == FORMAT:
        return BlockingModel(RemoteServer.from_bytes(artefact), signature)
    return load(artefact, format_)


class BlockingModel:
    """A remote model that any thread may ask and wait for, also one that runs an event loop.

    Raises `Unavailable` when the server does not answer, and without asking while its circuit is
    open; `Corrupt` when it answers something else than is declared of it.
    """

    def __init__(self, server: RemoteServer, signature: Signature) -> None:
        if find_spec("httptools") is None:
            raise BadInput(
                "remote models need the package httptools",
                where=server.name,
                remedy="pip install 'seawall[gateway]'",
            )
        from seawall.adapters.upstream import RemoteModel, Upstream

        self.fields: int | None = len(signature.fields)
        self.output: Output = server.answers
        self._server = server
        self._breaker, self._lock = Breaker(server.breaker), threading.Lock()
        self._upstream = Upstream(
            server.name,
            server.url,
            timeout=server.timeout_ms / 1e3,
            connections=server.concurrency,
        )
        self._model = RemoteModel(self._upstream, server, signature)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=_run, args=(self._loop,), daemon=True).start()
        self._end = weakref.finalize(self, _end, self._loop, self._upstream)

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The score or value of each of n rows (n × fields), asked a thousand at a time."""
        return self.columns(matrix)[:, self.output.column]

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """All that is said of n rows: n × classes, or n × 1."""
        return self._asked(matrix, None)

    def within(self, seconds: float) -> Model:
        """The same for a caller who waits no longer than this."""
        return _Within(self, seconds)

    def close(self) -> None:
        """End the connections."""
        self._end()

    def _asked(self, matrix: NDArray[np.float32], seconds: float | None) -> NDArray[np.float64]:
        until = None if seconds is None else monotonic() + seconds
        parts = [self._part(matrix[i : i + ROWS], until) for i in range(0, len(matrix), ROWS)]
        width = len(self.output.classes) or 1
        return np.concatenate(parts).reshape(-1, width) if parts else np.empty((0, width))

    def _part(self, rows: NDArray[np.float32], until: float | None) -> NDArray[np.float64]:
        with self._lock:
            if not self._breaker.allow(monotonic()):
                what = f"the upstream {self._server.name} is left alone after failures"
                raise Unavailable(what)
        failed, left = True, None
        if until is not None and (rest := until - monotonic()) < self._server.timeout_ms / 1e3:
            left = max(rest, 1e-3)
        try:
            found = _wait(self._loop, self._model.scores(rows, left))
            failed = False
        except Late:
            failed = None if left else True  # it was in time for others
            raise
        finally:
            if failed is not None:
                with self._lock:
                    self._breaker.record(failed=failed, now=monotonic())
        return found


class _Within:
    """A remote model for a caller in a hurry."""

    def __init__(self, model: BlockingModel, seconds: float) -> None:
        self._model, self._seconds = model, seconds

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        return self.columns(matrix)[:, self._model.output.column]

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._model._asked(matrix, self._seconds)  # pyright: ignore[reportPrivateUsage]


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _wait(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(work, loop).result()


def _end(loop: asyncio.AbstractEventLoop, upstream: Any) -> None:
    _wait(loop, upstream.close())
    loop.call_soon_threadsafe(loop.stop)
