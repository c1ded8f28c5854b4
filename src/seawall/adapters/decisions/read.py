"""What a log folder holds: the rows of its files, whether open, sealed or about to be deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from seawall.adapters.decisions.apart import parted
from seawall.adapters.decisions.frame import HEADER_BYTES, Damage, scan
from seawall.adapters.decisions.keyring import Keyring, opened
from seawall.adapters.decisions.schema import DECISIONS, OUTCOMES
from seawall.adapters.decisions.told import DECODERS, ReceivedOutcome
from seawall.adapters.decisions.wal import WalName
from seawall.kernel import Corrupt
from seawall.serving.decision import DecisionRecord, from_bytes

T = TypeVar("T")


class Rows(msgspec.Struct, Generic[T], frozen=True):
    """The rows of one file in the order they were appended, and the spans that are damaged."""

    rows: tuple[T, ...]
    damage: tuple[Damage, ...]


def decisions_in(data: bytes, keys: Keyring | None = None) -> Rows[DecisionRecord]:
    """The decisions in the bytes of a file."""
    return rows_in(data, lambda payload: from_bytes(opened(parted(payload)[0], keys)))


def told_in(kind: str, data: bytes) -> Rows[Any]:
    """What was told of decisions (told.py) in the bytes of a file of this kind."""
    return rows_in(data, DECODERS[kind])


def rows_in(data: bytes, decode: Callable[[memoryview], T]) -> Rows[T]:
    """The rows in the bytes of a file, each read by `decode`."""
    found = scan(data)
    rows, damage = list[T](), list(found.damage)
    for start, payload in found.payloads.items():
        try:
            rows.append(decode(payload))
        except (Corrupt, msgspec.DecodeError):
            damage.append(Damage(start, start + HEADER_BYTES + len(payload)))
    return Rows(tuple(rows), tuple(sorted(damage, key=lambda d: d.start)))


def read_decisions(folder: Path, keys: Keyring | None = None) -> Iterator[DecisionRecord]:
    """Every decision in a log folder, a writer's oldest first; then `Corrupt` if any is damaged."""
    return _read(folder / DECISIONS, lambda data: decisions_in(data, keys))


def read_told(folder: Path, kind: str) -> Iterator[Any]:
    """All of a kind in a log folder, a writer's oldest first; then `Corrupt` if any is damaged."""
    return _read(folder / kind, lambda data: told_in(kind, data))


def read_outcomes(folder: Path) -> Iterator[ReceivedOutcome]:
    """Every outcome in a log folder, as `read_told` does."""
    return read_told(folder, OUTCOMES)


def files_in(folder: Path, *suffixes: str) -> list[Path]:
    """The log files with one of these suffixes, by writer and number, each once.

    A listing may miss a file that is renamed meanwhile, so it is made until two of them agree.
    """
    last, files = None, _list(folder, suffixes)
    while last != list(files):
        last, files = list(files), _list(folder, suffixes)
    return list(files.values())


def _list(folder: Path, suffixes: tuple[str, ...]) -> dict[tuple[str, int], Path]:
    files: dict[tuple[str, int], Path] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix in suffixes:
            name = WalName.parse(path.name)
            files[name.log, name.number] = path
    return dict(sorted(files.items()))


def corrupt(damaged: list[tuple[Path, Damage]]) -> Corrupt:
    """The error that names the first damaged span, and how many more there are."""
    path, first = damaged[0]
    more = f" and {len(damaged) - 1} more places" if len(damaged) > 1 else ""
    return Corrupt(
        f"bytes {first.start} to {first.end} of the decision log cannot be read{more}",
        where=f"{path}:{first.start}",
        remedy="every other record was kept; look for the lost ones in a backup or replica",
    )


def _read(folder: Path, read: Callable[[bytes], Rows[T]]) -> Iterator[T]:
    damaged: list[tuple[Path, Damage]] = []
    for path in files_in(folder, ".open", ".wal"):
        found = read(_bytes(path))
        yield from found.rows
        damaged.extend((path, damage) for damage in found.damage)
    if damaged:
        raise corrupt(damaged)


def _bytes(path: Path) -> bytes:
    """The file, also when it is sealed meanwhile; nothing once it is shipped and gone."""
    for name in (path, path.with_suffix(".wal")):
        try:
            return name.read_bytes()
        except FileNotFoundError:
            continue
    return b""
