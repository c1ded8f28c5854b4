"""Sealed files of the decision log into Delta tables: each exactly once, whatever is killed when.

For each file: commit its rows, note its segment, delete the file. Each step can be repeated, and a
rerun repeats it, because a file is there until all is done and its number tells what was committed.
"""

from __future__ import annotations

import fcntl
import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from seawall.adapters.decisions.columns import Logged, logged
from seawall.adapters.decisions.erased import WORDED, forget_words, marked, wordless
from seawall.adapters.decisions.erasure import erase_beside, erase_rows, forget
from seawall.adapters.decisions.erasures import Erasing, erasures
from seawall.adapters.decisions.frame import Damage
from seawall.adapters.decisions.keyring import Keyring
from seawall.adapters.decisions.read import corrupt, files_in, told_in
from seawall.adapters.decisions.replacing import delete_replaced
from seawall.adapters.decisions.schema import (
    DECISIONS,
    PROTECTED,
    SEGMENTS,
    SUBJECTS,
    day_of,
    schema,
)
from seawall.adapters.decisions.segment import Segment
from seawall.adapters.decisions.shadows import SHADOWS
from seawall.adapters.decisions.tables import append_once
from seawall.adapters.decisions.told import KINDS, told_row
from seawall.adapters.decisions.wal import WalName, recover, sync_folder
from seawall.audit.merkle import root_hash
from seawall.kernel import Clock, now


def ship(
    folder: Path | str,
    table: str,
    *,
    clock: Clock,
    may_go: Callable[[Path], bool] | None = None,
    keys: Keyring | None = None,
) -> list[Segment]:
    """Ship every sealed file of a log folder, and those that a crashed gateway left open.

    `table` is the folder or URL under which the Delta tables lie (schema.py). A file of which
    `may_go` says no, and its writer's later ones, are left for another time. Returns the segments
    of decisions shipped by this call; `segments(table)` lists them all. One call at a time works on
    a folder, another waits.
    Raises `Unavailable` when storage does not answer, with nothing lost; and `Corrupt`, after
    everything that can be read was shipped, when some could not: the damaged file is kept beside
    the others as `.damaged`.
    """
    root, folder = str(table), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "shipping.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        damaged: list[tuple[Path, Damage]] = []
        for kind in (*KINDS, SHADOWS):
            for path in _sealed(folder / kind, may_go):
                _ship_told(path, root, kind, damaged)
        shipped = [
            _ship_decisions(p, root, now(clock), damaged, keys)
            for p in _sealed(folder / DECISIONS, may_go)
        ]
    if damaged:
        raise corrupt(damaged)
    return [segment for segment in shipped if segment is not None]


def _sealed(folder: Path, may_go: Callable[[Path], bool] | None) -> list[Path]:
    """What may be shipped: of each writer all up to the first file that is not to go yet.

    The tables know of a writer how far its files are there, not which. A file behind a later one
    (its disk was slow in sealing it) would be taken for shipped, and deleted.
    """
    list(recover(folder))
    ready, held = list[Path](), set[str]()
    for path in files_in(folder, ".open", ".wal"):
        log = WalName.parse(path.name).log
        if log not in held and path.suffix == ".wal" and (may_go is None or may_go(path)):
            ready.append(path)
        else:
            held.add(log)
    return ready


def _ship_decisions(
    path: Path,
    root: str,
    shipped: datetime,
    damaged: list[tuple[Path, Damage]],
    keys: Keyring | None,
) -> Segment | None:
    name = WalName.parse(path.name)
    id_ = f"{name.log}-{name.number:06d}"
    known, segment = erasures(root), None
    found = logged(path.read_bytes(), id_, Erasing(known, keys, shipped), keys)
    if isinstance(found, Logged):
        segment = Segment(
            id=id_,
            gateway=name.gateway,
            count=len(found.leaves),
            first_id=found.ids[0],
            last_id=found.ids[1],
            root=root_hash(found.leaves).hex(),
            first_time=found.times[0],
            last_time=found.times[1],
            damaged=len(found.damage),
            shipped=shipped,
        )
        once = functools.partial(append_once, root, log=name.log, number=name.number)
        new = once(DECISIONS, found.decisions)
        for kind, rows in ((SUBJECTS, found.subjects), (PROTECTED, found.protected)):
            if len(rows):
                once(kind, rows)
        if not new or erasures(root) != known:
            _look_again(path.read_bytes(), root, id_, shipped, keys)
        else:
            _erase_beside(root, found)
        once(SEGMENTS, _segment_rows(segment, found.leaves))
    _finish(path, found.damage if isinstance(found, Logged) else found, damaged)
    return segment


def _look_again(
    data: bytes, root: str, segment: str, present: datetime, keys: Keyring | None
) -> None:
    """Erase from rows that were committed before an erasure was known what it says."""
    change = Erasing(erasures(root), keys, present)
    found = logged(data, segment, change, keys)
    if isinstance(found, Logged) and found.changed:
        days = {id_: day_of(id_) for id_ in found.changed}
        erase_rows(root, days, change, keys=keys)
        forget(root, [id_ for id_, gone in found.changed.items() if "subject" in gone])
        delete_replaced(root, (DECISIONS, SUBJECTS))
        _erase_beside(root, found)


def _erase_beside(root: str, found: Logged) -> None:
    """Erase what the tables have beside decisions that were erased as they were shipped."""
    by_fields: dict[frozenset[str], list[str]] = {}
    for id_, gone in found.changed.items():
        by_fields.setdefault(gone, []).append(id_)
    for gone, ids in by_fields.items():
        erase_beside(root, {id_: day_of(id_) for id_ in ids}, gone)


def _segment_rows(segment: Segment, leaves: list[bytes]) -> Any:
    import pyarrow as pa

    row = msgspec.structs.asdict(segment) | {"leaves": b"".join(leaves)}
    return pa.Table.from_pylist([row], schema=schema(SEGMENTS))


def _ship_told(path: Path, root: str, kind: str, damaged: list[tuple[Path, Damage]]) -> None:
    import pyarrow as pa

    name, found = WalName.parse(path.name), told_in(kind, path.read_bytes())
    id_ = f"{name.log}-{name.number:06d}"
    ids = {told.decision_id for told in found.rows} if kind in WORDED else set[str]()
    gone = marked(root, ids)
    kept = [wordless(told) if told.decision_id in gone else told for told in found.rows]
    rows = [told_row(told, id_, position) for position, told in enumerate(kept)]
    if rows:
        data = pa.Table.from_pylist(rows, schema=schema(kind))
        new = append_once(root, kind, data, log=name.log, number=name.number)
        if late := marked(root, ids) - (gone if new else set()):
            forget_words(root, {decision: day_of(decision) for decision in late})
    _finish(path, found.damage, damaged)


def _finish(path: Path, damage: tuple[Damage, ...], damaged: list[tuple[Path, Damage]]) -> None:
    """Delete a shipped file, or keep it aside if some of it could not be read."""
    if damage:
        kept = path.rename(path.with_suffix(".damaged"))
        damaged.extend((kept, span) for span in damage)
    else:
        path.unlink()
    sync_folder(path.parent)
