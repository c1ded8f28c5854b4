"""A model in a process of its own: what it does to itself, its caller survives."""

from __future__ import annotations

import math
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from seawall.adapters.runtimes import frames
from seawall.kernel import BadInput, SeawallError, Unavailable
from seawall.serving.output import Output
from seawall.serving.question import Model

MEMORY = 4 << 30
"""Bytes of address space, of which a library's code and thread stacks take the most."""
_KEPT = ("PATH", "LANG", "LC_ALL", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONPATH")
_LOAD_SECONDS, _MOST_BYTES, _LONGEST_WAIT = 60.0, 1 << 30, 60.0


class _Told(msgspec.Struct):
    output: Output
    fields: int | None
    isolation: str


class _Gone(Exception):
    pass


class _Child:
    """One process with its pipes; every wait ends at its deadline."""

    def __init__(self, memory: int, seconds: float) -> None:
        environment = {n: os.environ[n] for n in _KEPT if n in os.environ}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        limit = math.ceil(seconds) + 1  # should this process be gone by then
        self.process = subprocess.Popen(  # noqa: S603 -- our own module
            [
                sys.executable,
                "-P",
                "-m",
                "seawall.adapters.runtimes.child",
                str(memory),
                str(limit),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a library's words may hold a row
            env=environment | threads,
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self.due, self.owes = 0.0, False
        """When the last answer is due, and whether it has still to be read."""

    def ask(self, frame: bytes, seconds: float) -> tuple[int, Any]:
        """Send a frame and read the answer; raises `TimeoutError`, or `_Gone` when it has died."""
        self.send(frame, seconds)
        return self.answer()

    def send(self, frame: bytes, seconds: float) -> None:
        """Send a frame, whose answer is due after so many seconds; raises as `ask` does."""
        self.due = time.monotonic() + seconds
        try:
            rest = memoryview(frame)
            while rest:
                _wait(self._in, select.POLLOUT, self.due)
                rest = rest[os.write(self._in, rest[: 1 << 20]) :]
        except BrokenPipeError:
            raise _Gone from None
        self.owes = True

    def has_answered(self, until: float) -> bool:
        """Whether the answer begins to come until then; raises `TimeoutError` if it was due."""
        try:
            _wait(self._out, select.POLLIN, min(until, self.due))
        except TimeoutError:
            if time.monotonic() >= self.due:
                raise
            return False
        return True

    def answer(self) -> tuple[int, Any]:
        """The answer to what was sent; raises as `ask` does."""
        try:
            found = frames.unpack(lambda size: self._read(size, self.due), _MOST_BYTES)
        except (BrokenPipeError, ValueError):
            raise _Gone from None
        self.owes = False
        return found

    def end(self) -> None:
        """Kill it and take its pipes down; it has nothing to save."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self, size: int, until: float) -> bytes:
        parts: list[bytes] = []
        while size:
            _wait(self._out, select.POLLIN, until)
            part = os.read(self._out, min(size, 1 << 20))
            if not part:
                raise _Gone
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class WorkerModel:
    """The model's face in the serving process, with the same `scores` as one that is in process.

    A call that takes longer than `timeout` seconds, a worker that dies or a model that raises is
    `Unavailable` at once; the worker is then started again beside the serving, ever more slowly
    while it keeps dying, and calls until it is back are `Unavailable` without a wait. One call is
    under way at a time. Raises `BadInput` when the artefact is no model of its format. With
    `lasting` false a worker that was lost stays lost, for callers that start another themselves.
    """

    def __init__(
        self,
        artefact: bytes,
        format_: str,
        *,
        timeout: float = 0.5,
        memory: int = MEMORY,
        lasting: bool = True,
    ) -> None:
        self._start = frames.pack(frames.START, format_.encode() + b"\n" + artefact)
        self._memory, self._timeout, self._lasting = memory, timeout, lasting
        self._lock, self._restarting = threading.Lock(), False
        self._children: list[_Child] = []
        self._failures, self.restarts = 0, 0
        self._end = weakref.finalize(self, _end_all, self._children)
        told = self._load()
        self.output, self.fields, self.isolation = told.output, told.fields, told.isolation

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of label 1, or the value, for each of n rows (n × fields)."""
        return self.columns(matrix)[:, self.output.column]

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """All that the model says of n rows: n × classes, or n × 1."""
        return self._asked(matrix, self._timeout)

    def within(self, seconds: float) -> Model:
        """The same for a caller who waits no longer than this; the worker lives on and ends it."""
        return _Within(self, min(seconds, self._timeout))

    def _asked(self, matrix: NDArray[np.float32], seconds: float) -> NDArray[np.float64]:
        until = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            raise Unavailable("the model's worker is busy")
        try:
            if not self._children:
                raise Unavailable("the model's worker is starting again")
            child = self._children[0]
            try:
                frame = frames.pack_matrix(frames.ASK, matrix)
                if child.owes:  # to somebody who did not wait
                    if not child.has_answered(until):
                        raise Unavailable("the model's worker is busy")
                    child.answer()
                child.send(frame, self._timeout)
                if not child.has_answered(until):
                    raise Unavailable(f"the model's worker gave no answer within {seconds:g} s")
                kind, found = child.answer()
            except TimeoutError:
                self._replace()
                what = f"the model's worker gave no answer within {self._timeout:g} s"
                raise Unavailable(what) from None
            except _Gone:
                self._replace()
                raise Unavailable("the model's worker died") from None
        finally:
            self._lock.release()
        if kind != frames.ANSWER or len(found) != len(matrix):
            raise Unavailable("the model's worker raised an error")
        self._failures = 0
        return found

    def close(self) -> None:
        """End the worker."""
        self._end()

    def _load(self) -> _Told:
        child = _Child(self._memory, self._timeout)
        try:
            kind, answer = child.ask(self._start, _LOAD_SECONDS)
            if kind != frames.READY:
                raise BadInput(f"the model cannot be loaded: {answer.decode(errors='replace')}")
            told = msgspec.json.decode(answer, type=_Told)
        except (TimeoutError, _Gone):
            child.end()
            raise BadInput(
                "the model cannot be loaded: its worker died or took too long",
                remedy=f"it has {self._memory >> 20:,} MiB and {_LOAD_SECONDS:g} s",
            ) from None
        except BaseException:
            child.end()
            raise
        if self._end.alive:
            self._children.append(child)
        else:
            child.end()
        return told

    def _replace(self) -> None:
        """End the worker and, if it is to last, start another beside us; the lock is held."""
        self._children.pop().end()
        self._failures += 1
        self.restarts += 1
        if not self._lasting:
            return
        weak = weakref.ref(self)
        wait = min(2.0 ** (self._failures - 1) - 1.0, _LONGEST_WAIT)
        threading.Thread(target=_start_again, args=(weak, wait), daemon=True).start()


class _Within:
    """A worker's model for a caller in a hurry."""

    def __init__(self, model: WorkerModel, seconds: float) -> None:
        self._model, self._seconds = model, seconds

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        return self.columns(matrix)[:, self._model.output.column]

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        return self._model._asked(matrix, self._seconds)  # pyright: ignore[reportPrivateUsage]


def _start_again(weak: weakref.ref[WorkerModel], wait: float) -> None:
    while True:
        time.sleep(wait)
        model = weak()
        if model is None or not model._end.alive:  # pyright: ignore[reportPrivateUsage]
            return
        try:
            model._load()  # pyright: ignore[reportPrivateUsage]
        except SeawallError:
            wait = min(2 * wait + 1, _LONGEST_WAIT)
        else:
            return
        del model


def _end_all(children: list[_Child]) -> None:
    while children:
        children.pop().end()


def _wait(descriptor: int, event: int, until: float) -> None:
    polled = select.poll()
    polled.register(descriptor, event)
    if not polled.poll(max(0.0, until - time.monotonic()) * 1e3):
        raise TimeoutError
