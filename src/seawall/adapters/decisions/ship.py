"""Sealed files of the decision log into Delta tables: each exactly once, whatever is killed when.

For each file: commit its rows, note its segment, delete the file. Each step can be repeated, and a
rerun repeats it, because a file is there until all is done and its number tells what was committed.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from seawall.adapters.decisions.frame import Damage
from seawall.adapters.decisions.read import (
    DECISIONS,
    OUTCOMES,
    Rows,
    corrupt,
    decisions_in,
    files_in,
    outcomes_in,
)
from seawall.adapters.decisions.segment import Segment, summarise
from seawall.adapters.decisions.shadows import SHADOWS, shadows_in
from seawall.adapters.decisions.tables import (
    SEGMENTS,
    append_once,
    decision_row,
    segment_row,
    told_row,
)
from seawall.adapters.decisions.wal import WalName, recover, sync_folder
from seawall.kernel import Clock, now
from seawall.serving.decision import leaf_hash


def ship(
    folder: Path | str,
    table: str,
    *,
    clock: Clock,
    may_go: Callable[[Path], bool] | None = None,
) -> list[Segment]:
    """Ship every sealed file of a log folder, and those that a crashed gateway left open.

    `table` is the folder or URL under which the Delta tables `decisions`, `outcomes`, `shadows` and
    `segments` lie. A file of which `may_go` says no is left for another time. Returns the
    segments of decisions shipped by this call; `segments(table)` lists them all.
    One call at a time works on a folder, another waits. Raises `Unavailable` when storage does not
    answer, with nothing lost; and `Corrupt`, after everything that can be read was shipped, when
    some could not: the damaged file is kept beside the others as `.damaged`.
    """
    root, folder = str(table), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "shipping.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        damaged: list[tuple[Path, Damage]] = []
        for path in _sealed(folder / OUTCOMES, may_go):
            _ship_told(path, root, OUTCOMES, outcomes_in, damaged)
        for path in _sealed(folder / SHADOWS, may_go):
            _ship_told(path, root, SHADOWS, shadows_in, damaged)
        shipped = [
            _ship_decisions(p, root, now(clock), damaged)
            for p in _sealed(folder / DECISIONS, may_go)
        ]
    if damaged:
        raise corrupt(damaged)
    return [segment for segment in shipped if segment is not None]


def _sealed(folder: Path, may_go: Callable[[Path], bool] | None) -> list[Path]:
    list(recover(folder))
    return [p for p in files_in(folder, ".wal") if may_go is None or may_go(p)]


def _ship_decisions(
    path: Path, root: str, shipped: datetime, damaged: list[tuple[Path, Damage]]
) -> Segment | None:
    name, found = WalName.parse(path.name), decisions_in(path.read_bytes())
    segment = None
    if found.rows:
        id_ = f"{name.log}-{name.number:06d}"
        leaves = [leaf_hash(record) for record in found.rows]
        segment = summarise(
            id_, name.gateway, found.rows, leaves, damaged=len(found.damage), shipped=shipped
        )
        rows = [
            decision_row(record, id_, position, leaf)
            for position, (record, leaf) in enumerate(zip(found.rows, leaves, strict=True))
        ]
        append_once(root, DECISIONS, rows, log=name.log, number=name.number)
        append_once(root, SEGMENTS, [segment_row(segment)], log=name.log, number=name.number)
    _finish(path, found.damage, damaged)
    return segment


def _ship_told(
    path: Path,
    root: str,
    kind: str,
    read: Callable[[bytes], Rows[Any]],
    damaged: list[tuple[Path, Damage]],
) -> None:
    name, found = WalName.parse(path.name), read(path.read_bytes())
    id_ = f"{name.log}-{name.number:06d}"
    rows = [told_row(told, id_, position) for position, told in enumerate(found.rows)]
    if rows:
        append_once(root, kind, rows, log=name.log, number=name.number)
    _finish(path, found.damage, damaged)


def _finish(path: Path, damage: tuple[Damage, ...], damaged: list[tuple[Path, Damage]]) -> None:
    """Delete a shipped file, or keep it aside if some of it could not be read."""
    if damage:
        kept = path.rename(path.with_suffix(".damaged"))
        damaged.extend((kept, span) for span in damage)
    else:
        path.unlink()
    sync_folder(path.parent)
