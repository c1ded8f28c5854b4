"""Reads every file of a log and compares it with what the signed root vouches for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from seawall_verify.hashing import leaf_hash
from seawall_verify.note import Checkpoint
from seawall_verify.report import Finding
from seawall_verify.source import ENTRIES, FULL, Source, Tile, read_bundle, required
from seawall_verify.tree import Row, build, trusted

HASH = 32
ALTERED = "is not what was logged"
DOUBT = "neither it nor the tile's hash of it leads to the signed root"


class Content(NamedTuple):
    """What a file holds: its hashes (of entries, the leaf hashes), and a fault in its form."""

    path: str
    hashes: Row
    fault: str | None


class Walk:
    """One pass over a log's files; `truth` holds the rows of hashes, None where in doubt."""

    def __init__(self, source: Source, checkpoint: Checkpoint) -> None:
        self._source, self._checkpoint = source, checkpoint
        self.notes: list[str] = []
        self._needed = {tile: self._content(tile) for tile in required(checkpoint.size)}
        self._used = {content.path for content in self._needed.values()}
        self._built = build(self._row(ENTRIES))
        self._stored = [self._row(level) for level in range(len(self._built))]
        truth = trusted(self._built, self._stored, checkpoint.root)
        self._rooted = truth is not None
        self.truth = truth or [[None] * len(row) for row in self._built]

    @property
    def files(self) -> int:
        """How many tiles and bundles were compared."""
        return len(self._used)

    def findings(self) -> list[Finding]:
        """Everything that is wrong: entries in order, then tiles, then what else stands there."""
        found = [f for tile, content in self._needed.items() for f in self._compare(tile, content)]
        if not self._rooted:
            agree = "" if found else "; entries and tiles agree, so both were rewritten"
            signed = f"its root hash is not that of the {self._checkpoint.size:,} entries{agree}"
            found.insert(0, Finding("checkpoint", signed))
        return found + list(self._others())

    def _row(self, level: int) -> Row:
        return [h for tile, c in self._needed.items() if tile.level == level for h in c.hashes]

    def _content(self, tile: Tile) -> Content:
        """Read a file; where a partial one is gone, the beginning of the full one."""
        full = replace(tile, width=FULL)
        for file in (tile, full):
            data = self._source.read(file.path)
            if data is not None:
                return _read(file, data, tile.width)
        return Content(tile.path, [None] * tile.width, "the file is missing")

    def _compare(self, tile: Tile, content: Content) -> Iterator[Finding]:
        """The differences of one file from the truth, at least one if it has a fault."""
        told = False
        for position, have in enumerate(content.hashes):
            message = self._judge(tile, position, have)
            if message is None:
                continue
            told = True
            yield self._finding(
                tile, content, position, (have is None and content.fault) or message
            )
            if content.fault:  # what follows a broken length cannot be told apart
                return
        if content.fault and not told:
            yield self._finding(tile, content, tile.width, content.fault)
        elif not told and self._doubted(tile):
            yield Finding(content.path, "it and all below it agree, but not with the tile above")

    def _judge(self, tile: Tile, position: int, have: bytes | None) -> str | None:
        """What is wrong with one hash; of leaves in doubt it is told once, of the entry."""
        level, at = max(tile.level, 0), tile.index * FULL + position
        want = self.truth[level][at]
        if want is not None:
            return None if have == want else ALTERED
        apart = self._built[level][at] != self._stored[level][at]
        return DOUBT if apart and tile.level != 0 else None

    def _doubted(self, tile: Tile) -> bool:
        """Whether a full tile below a trusted hash does not lead to it, whichever way it is read.

        Its leaves are in doubt; where entries and tile differ, the entries are named instead.
        """
        level, start = tile.level, tile.index * FULL
        if level == ENTRIES or level + 1 >= len(self.truth) or tile.width < FULL:
            return False
        span = slice(start, start + FULL)
        return (
            self.truth[level + 1][tile.index] is not None
            and None in self.truth[level][span]
            and self._built[level][span] == self._stored[level][span]
        )

    def _finding(self, tile: Tile, content: Content, position: int, message: str) -> Finding:
        if tile.level != ENTRIES:
            return Finding(content.path, message, position=position)
        at = tile.index * FULL + position
        have = content.hashes[position] if position < len(content.hashes) else None
        if message == ALTERED and have in self._places:
            message = f"holds what was logged as entry {self._places[have]}"
        return Finding(content.path, message, entry=at, action=self._action(content.path, position))

    @cached_property
    def _places(self) -> dict[bytes | None, int]:
        """Where each entry belongs, to name one that was moved."""
        leaves = reversed(list(enumerate(self.truth[0])))
        return {leaf: at for at, leaf in leaves if leaf is not None}

    def _action(self, path: str, position: int) -> str | None:
        """What the entry now says of itself, for people."""
        entries = read_bundle(self._source.read(path) or b"").entries
        try:
            entry = json.loads(entries[position])
            return f"{entry['action']} {entry['subject']}"
        except (IndexError, ValueError, KeyError, TypeError):
            return None

    def _others(self) -> Iterator[Finding]:
        """Compare partial files of earlier sizes; note what is ahead of the checkpoint."""
        ahead = 0
        for path in self._source.paths():
            if path in self._used:
                continue
            tile = Tile.parse(path)
            if tile is None:
                self.notes.append(f"{path} is no file of a log and was not read")
                continue
            rows = self.truth
            row = rows[max(tile.level, 0)] if tile.level < len(rows) else []
            covered = max(0, min(tile.width, len(row) - tile.index * FULL))
            ahead += covered < tile.width
            if covered:
                data = self._source.read(path) or b""
                self._used.add(path)
                yield from self._compare(replace(tile, width=covered), _read(tile, data, covered))
        if ahead:
            self.notes.append(f"{ahead} files go beyond the checkpoint; it does not vouch for them")


def _read(tile: Tile, data: bytes, width: int) -> Content:
    """The first `width` hashes of a file that must hold exactly as many as its name says."""
    if tile.level == ENTRIES:
        bundle = read_bundle(data)
        found: Row = [leaf_hash(entry) for entry in bundle.entries]
        fault = f"the file ends within its entry {len(found)}" if bundle.cut else None
        noun = "entries"
    else:
        found = [data[i : i + HASH] for i in range(0, len(data) - HASH + 1, HASH)]
        fault = f"{len(data) % HASH} bytes are left over" if len(data) % HASH else None
        noun = "hashes"
    if fault is None and len(found) != tile.width:
        fault = f"the file holds {len(found)} {noun}, not {tile.width}"
    found += [None] * (width - len(found))
    return Content(tile.path, found[:width], fault)
