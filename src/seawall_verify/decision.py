"""Verifies the proof of one decision: its values, its segment, the audit log, the signature."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from seawall_verify.hashing import leaf_hash, path_root
from seawall_verify.msgpack import unpack
from seawall_verify.note import Checkpoint, base64_bytes, open_checkpoint, parse_key
from seawall_verify.report import Malformed

FORMAT = "seawall-decision-proof/1"
FIELDS = {"format", "leaf", "leaf_data", "values", "segment", "entry", "log", "checkpoint"}
SEALED = "decisions:segment:sealed"
SALT = 16


@dataclass(frozen=True)
class DecisionReport:
    """A proven decision. `values` are those disclosed; `hidden` the paths of those that are not.

    `entry` is the index in the audit log of the entry that sealed the decision's segment at
    `sealed`. With `finding`, which says the first step that does not hold, nothing is proven.
    """

    finding: str | None = None
    leaf: str = ""
    values: tuple[tuple[str, Any], ...] = ()
    hidden: tuple[str, ...] = ()
    segment: str = ""
    sealed: str = ""
    entry: int = 0
    origin: str = ""
    size: int = 0
    root: str = ""

    @property
    def ok(self) -> bool:
        """Whether every step holds."""
        return self.finding is None

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        if self.finding is not None:
            return {"ok": False, "finding": self.finding}
        rest = {k: v for k, v in vars(self).items() if k not in ("finding", "values")}
        return {"ok": True, "values": {path: _json(value) for path, value in self.values}} | rest


def verify_decision(proof: bytes, verifier_key: str) -> DecisionReport:
    """Check a decision proof against the log's verifier key; `finding` says what fails.

    Raises `Malformed` when the key or the file's form cannot be read.
    """
    key = parse_key(verifier_key)
    read = _Proof(proof)
    try:
        digests = _digests(read)
        values = _values(read, digests)
        segment = _segment(read)
        checkpoint = open_checkpoint(read.text("checkpoint").encode(), key)
        _logged(read, checkpoint)
    except Malformed as error:
        return DecisionReport(finding=str(error))
    return DecisionReport(
        leaf=read.text("leaf"),
        values=values,
        hidden=tuple(sorted(digests.keys() - dict(values))),
        segment=str(segment.get("subject")),
        sealed=str(segment.get("time")),
        entry=read.path("log")[0],
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
    )


class _Proof:
    """Typed access to the fields of the file."""

    def __init__(self, data: bytes) -> None:
        try:
            self._fields: Any = json.loads(data)
        except ValueError:
            raise Malformed("the proof is not JSON") from None
        if not isinstance(self._fields, dict) or self._get("format") != FORMAT:
            raise Malformed(f"the file is not of the format {FORMAT}")
        if set(self._fields) != FIELDS or not isinstance(self._get("values"), dict):
            raise Malformed(f"a proof has exactly the fields {', '.join(sorted(FIELDS))}")

    def _get(self, *names: str) -> Any:
        value = self._fields
        for name in names:
            value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
        return value

    def text(self, *names: str) -> str:
        value = self._get(*names)
        if not isinstance(value, str):
            raise Malformed(f"the proof has no text {'.'.join(names)}")
        return value

    def bytes(self, *names: str) -> bytes:
        text = self.text(*names)
        try:
            data = bytes.fromhex(text)
        except ValueError:
            data = b""
        if data.hex() != text:
            raise Malformed(f"{'.'.join(names)} is not hexadecimal")
        return data

    def packed(self, *names: str) -> bytes:
        try:
            return base64_bytes(self.text(*names))
        except ValueError:
            raise Malformed(f"{'.'.join(names)} is not base64") from None

    def path(self, name: str) -> tuple[int, int, list[bytes]]:
        index, size, path = (self._get(name, field) for field in ("index", "size", "path"))
        try:
            hashes = [bytes.fromhex(node) for node in path]
        except (TypeError, ValueError):
            raise Malformed(f"{name}.path is not a list of hashes") from None
        if type(index) is not int or type(size) is not int or [h.hex() for h in hashes] != path:
            raise Malformed(f"{name} is not an inclusion path")
        return index, size, hashes

    def shown(self) -> list[str]:
        return sorted(self._get("values"))


def _digests(proof: _Proof) -> dict[str, bytes]:
    """The salted digest of every value, once the leaf hash is shown to be taken of them."""
    data = proof.packed("leaf_data")
    if leaf_hash(data) != proof.bytes("leaf"):
        raise Malformed("the leaf hash is not that of the decision's digests")
    digests = unpack(data)
    if not isinstance(digests, dict):
        raise Malformed("the leaf is not a map from path to digest")
    return cast("dict[str, bytes]", digests)


def _values(proof: _Proof, digests: dict[str, bytes]) -> tuple[tuple[str, Any], ...]:
    """The disclosed values, each shown to be the one that was digested."""
    values: list[tuple[str, Any]] = []
    for path in proof.shown():
        salt, value = proof.bytes("values", path, "salt"), proof.packed("values", path, "value")
        # a salt of another length could take up the head of the value
        same = len(salt) == SALT and hashlib.sha256(salt + value).digest() == digests.get(path)
        if not same:
            raise Malformed(f"the value of {path!r} is not the one that was recorded")
        values.append((path, unpack(value)))
    return tuple(values)


def _segment(proof: _Proof) -> dict[str, Any]:
    """The entry that sealed the segment, once the leaf is shown to be in the segment."""
    try:
        entry: Any = json.loads(proof.text("entry"))
        action, root, size = entry["action"], entry["detail"]["root"], entry["detail"]["size"]
    except (ValueError, KeyError, TypeError):
        raise Malformed("the entry is not one that seals a segment") from None
    index, leaves, path = proof.path("segment")
    computed = path_root(proof.bytes("leaf"), index, leaves, path)
    if action != SEALED:
        raise Malformed(f"the entry is of {action}, not of {SEALED}")
    if computed is None or computed.hex() != root or leaves != size:
        raise Malformed("the decision is not in the segment that the entry sealed")
    return entry


def _logged(proof: _Proof, checkpoint: Checkpoint) -> None:
    index, size, path = proof.path("log")
    root = path_root(leaf_hash(proof.text("entry").encode()), index, size, path)
    if size != checkpoint.size or root != checkpoint.root:
        raise Malformed("the entry that sealed the segment is not in the signed log")


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value
