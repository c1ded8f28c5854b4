"""Verifies a whole log: every entry and every stored hash against the signed checkpoint.

The tree is known twice, from the entries and from the tiles. Whichever leads to the signed root
tells, hash by hash, which bytes of the other were altered.
"""

from __future__ import annotations

from pathlib import Path

from seawall_verify.hashing import tree_hash
from seawall_verify.note import Checkpoint, Key, open_checkpoint, parse_key
from seawall_verify.report import Finding, Malformed, Report
from seawall_verify.source import open_source
from seawall_verify.tree import Row, whole
from seawall_verify.walk import Walk


def verify(folder: Path | str, verifier_key: str, *, since: bytes | None = None) -> Report:
    """Check a log's folder (or its URL) against its verifier key, `name+keyid+base64`.

    `since` is an older signed checkpoint that was kept elsewhere: the log must still begin with
    its tree. Raises `Malformed` when there is no such folder, or the key or the older checkpoint
    cannot be read.
    """
    key = parse_key(verifier_key)
    source = open_source(folder)
    older = _older(since, key)
    note = source.read("checkpoint")
    try:
        if note is None:
            raise Malformed("there is none, so nothing is signed")
        checkpoint = open_checkpoint(note, key)
    except Malformed as error:
        finding = Finding("checkpoint", str(error))
        return Report(key.name, 0, "", str(key), 0, (finding,))
    walk = Walk(source, checkpoint)
    findings = walk.findings()
    if older is not None:
        findings += _since(older, checkpoint, walk.truth[0])
    return Report(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root.hex(),
        str(key),
        walk.files + 1,
        tuple(findings),
        tuple(walk.notes),
    )


def _older(note: bytes | None, key: Key) -> Checkpoint | None:
    try:
        return None if note is None else open_checkpoint(note, key)
    except Malformed as error:
        raise Malformed(f"the older checkpoint cannot be used: {error}") from None


def _since(older: Checkpoint, now: Checkpoint, leaves: Row) -> list[Finding]:
    """What contradicts an older checkpoint: a shorter log, or another beginning."""
    if older.size > now.size:
        lost = f"it was rolled back: {older.size:,} entries were signed before, now {now.size:,}"
        return [Finding("checkpoint", lost)]
    begin = whole(leaves[: older.size])
    if begin is None:
        vague = f"its first {older.size:,} entries cannot be compared with the older checkpoint"
        return [Finding("checkpoint", vague)]
    if tree_hash(begin) != older.root:
        changed = f"its first {older.size:,} entries are not those of the older checkpoint"
        return [Finding("checkpoint", changed)]
    return []
