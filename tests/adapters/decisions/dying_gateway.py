"""Append decisions from four threads until killed; print the id of each that is acknowledged.

Arguments: the folder, `enqueued` or `durable`, and at which write to be killed with part of it
written (0: never, wait for the signal).
"""

import os
import signal
import sys
import threading

from seawall.adapters.decisions import DecisionLog
from seawall.kernel import Ids, SystemClock, now
from seawall.serving.decision import DecisionRecord

folder, acknowledgement, fatal = sys.argv[1], sys.argv[2], int(sys.argv[3])
clock = SystemClock()
ids = Ids(clock)
log = DecisionLog(folder, gateway="edge-1", clock=clock, seal_rows=50)
write, writes = os.write, 0


def part_then_die(fd: int, data: bytes) -> int:
    global writes
    writes += 1
    if writes == fatal:
        write(fd, data[: len(data) * 2 // 3])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(fd, data)


def run() -> None:
    while True:
        made = [DecisionRecord(id=ids(), time=now(clock), endpoint="e", score=0.5) for _ in "ab"]
        log.append(made, durable=acknowledgement == "durable")
        write(1, "".join(f"{record.id}\n" for record in made).encode())


os.write = part_then_die  # pyright: ignore[reportAttributeAccessIssue]
for _ in range(4):
    threading.Thread(target=run).start()
