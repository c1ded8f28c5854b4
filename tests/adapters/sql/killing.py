"""Runs a function in a child process that kills itself, as `kill -9` would, at a chosen step."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

Step = Callable[[], None]


def killed_at(step: int, work: Callable[[Step], None]) -> bool:
    """Fork; run `work`, which calls its argument at each step. Whether it was killed there.

    The child must open its own stores: it shares no connection with its parent.
    """
    if child := os.fork():
        status = os.waitpid(child, 0)[1]
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or os.WEXITSTATUS(status) == 0, "the child failed; see its output"
        return killed
    passed = 0

    def count() -> None:
        nonlocal passed
        if passed == step:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    try:
        work(count)
        os._exit(0)
    except BaseException:  # noqa: BLE001 -- a child that returned would run the rest of the tests
        traceback.print_exc()
        os._exit(1)
