"""For each line `FOLDER TABLE NANOSECONDS STEP [SUBJECT]`: ship, and be killed at that step.

With a subject also erase what is about them, and compact. The steps are the moments before and
after each call of `CALLS`. Writes the exit status of each child, -9 when it was killed; children
are forked so that imports are paid for once.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import deltalake  # noqa: F401 -- imported before the forks
import pandas as _  # noqa: F401 -- which pyarrow imports when it is there
import pyarrow.compute  # noqa: F401

from seawall.kernel import FixedClock, from_ns

CALLS = [
    ("seawall.adapters.decisions.tables", "open_table"),
    ("deltalake", "write_deltalake"),
    ("seawall.adapters.decisions.ship", "append_once"),
    ("seawall.adapters.decisions.ship", "_finish"),
    ("seawall.adapters.decisions.ship", "sync_folder"),
    ("seawall.adapters.decisions.wal", "sync_folder"),
    ("seawall.adapters.decisions.erasures", "append_once"),
    ("seawall.adapters.decisions.erased", "append_once"),
    ("seawall.adapters.decisions.erased", "forget_words"),
    ("seawall.adapters.decisions.erasure", "forget"),
    ("seawall.adapters.decisions.erasure", "delete_replaced"),
    ("seawall.adapters.decisions.compaction", "_merge"),
    ("seawall.adapters.decisions.compaction", "_clean"),
]


def main(folder: str, table: str, start: str, step: str, subject: str = "") -> None:
    left = int(step)

    def moment() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            moment()
            result = call(*args, **options)
            moment()
            return result

        return wrapped

    for module, name in CALLS:
        home = importlib.import_module(module)
        setattr(home, name, watched(getattr(home, name)))
    ship = importlib.import_module("seawall.adapters.decisions.ship").ship
    clock = FixedClock(from_ns(int(start)))
    ship(folder, table, clock=clock)
    if subject:
        erasures = importlib.import_module("seawall.adapters.decisions.erasures")
        wanted = erasures.record_erasure(table, subject, erasures.PERSONAL, clock=clock)
        importlib.import_module("seawall.adapters.decisions.erasure").carry_out(
            table, wanted, clock=clock
        )
        importlib.import_module("seawall.adapters.decisions.compaction").compact(table, clock=clock)


for line in sys.stdin:
    if (child := os.fork()) == 0:
        main(*line.split())
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(1, f"{status}\n".encode())
