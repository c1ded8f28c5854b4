"""The steps of a decision driven on the event loop: remote models are awaited, others called."""

from __future__ import annotations

import asyncio

from seawall.gateway.admission import Limited
from seawall.gateway.live import Live
from seawall.serving.decide import Answer, Question, Scores, Steps, Unanswered, ask
from seawall.serving.question import LATE

INLINE_ROWS = 64
"""Up to so many rows are scored on the event loop; more go to a thread."""


async def answers(steps: Steps, live: Live, first: Scores | None = None) -> list[Answer]:
    """Answer by the same rules as `serving.decide.run`; `first` is said to the first question.

    Raises `Limited` when a server that has the rows by the route is busy; nothing is decided then.
    """
    try:
        question = next(steps)
        if first is not None:
            question = steps.send(first)
        while True:
            question = steps.send(await _said(question, live))
    except StopIteration as done:
        return done.value


async def _said(question: Question, live: Live) -> Scores:
    remote = live.remotes.get(question.arm)
    if remote is None:
        if live.inline and len(question.matrix) <= INLINE_ROWS:
            return _local(question, live)
        return await asyncio.to_thread(_local, question, live)
    try:
        async with asyncio.timeout(question.seconds):
            return await remote.ask(question.matrix, live.timeouts.get(question.arm))
    except TimeoutError:
        return Unanswered(LATE)
    except Limited as busy:
        if question.own:
            raise
        return Unanswered(busy.what, asked=False)


def _local(question: Question, live: Live) -> Scores:
    try:
        return ask(live.models[question.arm], question)
    except Exception:  # noqa: BLE001 -- a model is somebody else's code
        return Unanswered()
