"""A model that is not trusted yet, asked about many rows: what it breaks is counted, not suffered.

It runs in a worker (worker.py), ONNX too. Rows on which it dies, hangs or raises are found by
halving, so that it answers for all others; a model that keeps failing is given up after so many
starts.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from seawall.adapters.runtimes.load import FORMATS
from seawall.adapters.runtimes.worker import MEMORY, WorkerModel
from seawall.kernel import BadInput, Unavailable, nearest

STARTS = 16
"""How often a worker is started before the model is given up."""
SECONDS = 10.0
"""That a call may take."""


class Sandbox:
    """A worker of one model; end it with `close`, or use it as a context.

    `failures` counts rows without an answer by why. Raises `BadInput` for a format that is none of
    `FORMATS`, and for bytes that are no model of it.
    """

    def __init__(
        self,
        artefact: bytes,
        format_: str,
        *,
        seconds: float = SECONDS,
        memory: int = MEMORY,
        formats: tuple[str, ...] = FORMATS,
    ) -> None:
        if format_ not in formats:
            raise BadInput(f"no sandbox for {format_!r}", remedy=nearest(format_, formats))
        self._artefact, self._format = artefact, format_
        self._seconds, self._memory = seconds, memory
        self.starts, self.failures = 0, Counter[str]()
        self._worker: WorkerModel | None = None
        worker = self._start()
        self.fields, self.isolation = worker.fields, worker.isolation
        self.output, self._width = worker.output, max(1, len(worker.output.classes))

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The score of each of n rows (n × fields), NaN where there is none."""
        found = self.columns(matrix)
        return found[:, self.output.column if found.shape[1] > 1 else 0]

    def columns(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """All that the model says of n rows, n × classes or n × 1; NaN where it says nothing."""
        parts: list[tuple[int, NDArray[np.float64]]] = []
        waiting = [(0, len(matrix))] if len(matrix) else []
        while waiting:
            first, last = waiting.pop()
            said = self._answer(matrix[first:last])
            middle = (first + last) // 2
            if not isinstance(said, str):
                parts.append((first, said))
                self._width = said.shape[1]
            elif last - first == 1 or self.given_up:
                self.failures[said] += last - first
            else:
                waiting += [(middle, last), (first, middle)]
        answers = np.full((len(matrix), self._width), math.nan)
        for first, said in parts:
            answers[first : first + len(said)] = said
        return answers

    @property
    def given_up(self) -> bool:
        """Whether it failed so often that it is not started again."""
        return self._worker is None and self.starts >= STARTS

    def _answer(self, matrix: NDArray[np.float32]) -> NDArray[np.float64] | str:
        """The answers, or why there are none."""
        if self.given_up:
            return f"given up after {self.starts} starts"
        worker = self._worker or self._start()
        try:
            return worker.columns(matrix)
        except Unavailable as error:
            if worker.restarts:
                self.close()
            return error.what

    def _start(self) -> WorkerModel:
        self.starts += 1
        self._worker = WorkerModel(
            self._artefact, self._format, timeout=self._seconds, memory=self._memory, lasting=False
        )
        return self._worker
