"""One decision of a model as it is kept: what was asked, what answered, and what came of it.

The record's leaf hash is what an inclusion proof proves:

    salt(path)   = bytes 16·i to 16·i + 16 of SHAKE128(record salt), i being the path's place
                   among the record's paths in code-point order, from 0
    digest(path) = SHA-256(salt(path) ‖ canonical MessagePack of the value)
    leaf hash    = SHA-256(0x00 ‖ canonical MessagePack of the map path -> digest)

A path is a field's name, or `input.NAME` for one field of the input. A field that is absent (None
or empty) has no path, so fields that are added later leave old hashes as they are. Canonical means
map keys in code-point order, integers in their shortest form, floats in 64 bits, times as the
timestamp extension in UTC. `leaf.py` takes the same hash straight from a record's bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from seawall.kernel import BadInput, Corrupt, nearest, random_bytes
from seawall.serving.decision_privacy import PrivacyRule as PrivacyRule
from seawall.serving.decision_privacy import apply_privacy as apply_privacy

SALT_BYTES = 16
LASTING = frozenset({"id", "time", "endpoint"})  # by these a record is found; they stay
_HIDDEN = frozenset({"salt", "salts", "erased"})  # what the proof is made with, not of

canonical = msgspec.msgpack.Encoder(order="sorted").encode


def new_salt() -> bytes:
    """Sixteen random bytes."""
    return random_bytes()


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One decision. What does not apply is None or empty; `time` carries its zone.

    `salt` makes the digests of the values unguessable. Once a value has been erased, `salt` is
    empty, `salts` holds the salt of each value that is left, and `erased` the digest of each that
    is gone: the salt of an erased value is gone with it, so nobody can try values against it.
    """

    id: str
    time: datetime
    endpoint: str
    caller: str | None = None
    purpose: str | None = None
    """What the caller declared the decision to be for."""
    unit: str | None = None
    """Keyed hash of the routing key."""
    subject: str | None = None
    """Pseudonym of the person decided about; for complaints, access and erasure."""
    model: str | None = None
    """The version that answered, as people name it: `income@3`."""
    version_digest: str | None = None
    bundle_digest: str | None = None
    policy_digest: str | None = None
    arm: str | None = None
    arm_probability: float | None = None
    input: dict[str, Any] = {}
    """By field, after the privacy rule."""
    output: Any = None
    score: float | None = None
    threshold: float | None = None
    reasons: tuple[str, ...] = ()
    """Principal reasons, the strongest first."""
    guards: dict[str, str] = {}
    """What each guard said, by its name."""
    fallback: str | None = None
    """Which fallback answered in the model's place, if one did."""
    action: str | None = None
    """What was done with the output."""
    override: str | None = None
    override_reason: str | None = None
    reviewer: str | None = None
    notice: str | None = None
    """The id of the notice sent to the subject."""
    latency_ms: float | None = None
    trace_id: str | None = None
    kept_probability: float | None = None
    """The probability with which such a decision is kept (sampling.py); None when all are."""
    salt: bytes = msgspec.field(default_factory=new_salt)
    salts: dict[str, bytes] = {}
    erased: dict[str, bytes] = {}

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise ValueError("a decision's time needs its zone")


_NAMES = tuple(name for name in DecisionRecord.__struct_fields__ if name not in _HIDDEN)
_EMPTY: dict[str, Any] = {"reasons": (), "guards": {}}
_SCALARS = tuple((name, _EMPTY.get(name)) for name in _NAMES if name != "input")
_decode = msgspec.msgpack.Decoder(DecisionRecord).decode


def to_bytes(record: DecisionRecord) -> bytes:
    """The record as compact canonical MessagePack; `from_bytes` is its inverse.

    Raises `TypeError` or `OverflowError` for a value that has no canonical form.
    """
    return canonical(record)


def from_bytes(data: bytes | memoryview) -> DecisionRecord:
    """Read a record; raises `Corrupt` when the bytes are not one."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise Corrupt(f"not a decision record: {error}") from None


def values(record: DecisionRecord) -> dict[str, Any]:
    """Every value that is present, by its path, in the order of the paths."""
    present = {
        name: value
        for name, absent in _SCALARS
        if (value := getattr(record, name)) is not None and value != absent
    }
    for name, value in record.input.items():
        present["input." + name] = value
    return dict(sorted(present.items()))


def salt_stream(salt: bytes, count: int) -> bytes:
    """The salts of so many values, one after another, 16 bytes each (SHAKE128, FIPS 202)."""
    return hashlib.shake_128(salt).digest(SALT_BYTES * count)


def value_salts(record: DecisionRecord) -> dict[str, bytes]:
    """The 16 bytes that salt each value that is present, by path.

    Raises `Corrupt` when the record has none for one of them.
    """
    paths = list(values(record))
    if record.salt:
        stream = salt_stream(record.salt, len(paths))
        return {p: stream[SALT_BYTES * i :][:SALT_BYTES] for i, p in enumerate(paths)}
    salts = {path: record.salts.get(path, b"") for path in paths}
    for path, salt in salts.items():
        # a longer salt could swallow the head of a list and pass its tail off as the value
        if len(salt) != SALT_BYTES:
            where = f"decision {record.id}"
            raise Corrupt(f"no salt of {SALT_BYTES} bytes for {path!r}", where=where)
    return salts


def value_digests(record: DecisionRecord) -> dict[str, bytes]:
    """The salted SHA-256 of every value by its path, the erased ones included.

    Raises `Corrupt` for a record that shows a value and says that it is erased: the digest would
    then vouch for a value it was not made of.
    """
    digests = {p: hashlib.sha256(salt + v).digest() for p, (salt, v) in disclose(record).items()}
    if both := digests.keys() & record.erased.keys():
        raise Corrupt(f"{min(both)!r} is erased and yet shown", where=f"decision {record.id}")
    return digests | record.erased


def leaf_data(record: DecisionRecord) -> bytes:
    """What the leaf hash is taken of: canonical MessagePack of path -> digest."""
    return canonical(value_digests(record))


def leaf_hash(record: DecisionRecord) -> bytes:
    """The record's 32-byte leaf in its segment's Merkle tree (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + leaf_data(record)).digest()


def disclose(record: DecisionRecord) -> dict[str, tuple[bytes, bytes]]:
    """Each value that is present, by path, as its salt and its canonical MessagePack."""
    salts = value_salts(record)
    return {path: (salts[path], canonical(v)) for path, v in values(record).items()}


def erase(record: DecisionRecord, fields: Iterable[str]) -> DecisionRecord:
    """The record without these values, and with the same leaf hash.

    A field is named by its path (`subject`, `input.age`); `input` means every field of the input.
    Naming one that is absent or erased already changes nothing. Raises `BadInput` for an unknown
    field, and for `id`, `time` and `endpoint`, by which the record is found.
    """
    present = values(record)
    known = {*_NAMES, *present, *record.erased}
    gone: set[str] = set()
    for name in fields:
        if name in LASTING:
            raise BadInput(f"{name!r} cannot be erased", remedy="a record is found by it")
        if name not in known:
            where = f"decision {record.id}"
            raise BadInput(f"no field {name!r}", where=where, remedy=nearest(name, known))
        gone.update(p for p in present if p == name or (name == "input" and p[:6] == "input."))
    if not gone:
        return record
    digests, salts = value_digests(record), value_salts(record)
    cleared = {p: _EMPTY.get(p) for p in gone if p[:6] != "input."}
    return msgspec.structs.replace(
        record,
        **cleared,
        input={k: v for k, v in record.input.items() if "input." + k not in gone},
        salt=b"",
        salts={p: salt for p, salt in salts.items() if p not in gone},
        erased=record.erased | {p: digests[p] for p in sorted(gone)},
    )
