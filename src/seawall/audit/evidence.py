"""Proofs as files that a person hands on: C2SP tlog-proof, and the proof of one decision.

A decision is proven in two steps: its leaf is in the tree of its segment, and the entry that
sealed the segment (`SEGMENT_SEALED`, with the segment's root and size) is in the audit log.
`seawall_verify` checks both against the signed checkpoint, with no server and no Seawall.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import msgspec

from seawall.audit.proof import Inclusion
from seawall.kernel import BadInput

SEGMENT_SEALED = "decisions:segment:sealed"
DECISION_PROOF = "seawall-decision-proof/1"


def segment_detail(root: bytes, size: int) -> dict[str, str | int]:
    """What the audit entry of a sealed segment says: its Merkle root and number of leaves."""
    return {"root": root.hex(), "size": size}


def tlog_proof(inclusion: Inclusion, checkpoint: bytes) -> bytes:
    """The text of a `.tlog-proof` file (c2sp.org/tlog-proof) for an entry of the log.

    `checkpoint` is the signed note of the tree of `inclusion.size` entries.
    """
    path = "".join(f"{base64.b64encode(node).decode()}\n" for node in inclusion.path)
    return f"c2sp.org/tlog-proof@v1\nindex {inclusion.index}\n{path}\n".encode() + checkpoint


class _Path(msgspec.Struct, frozen=True):
    index: int
    size: int
    path: tuple[str, ...]

    @classmethod
    def of(cls, inclusion: Inclusion) -> _Path:
        return cls(inclusion.index, inclusion.size, tuple(h.hex() for h in inclusion.path))


class _Shown(msgspec.Struct, frozen=True):
    salt: str
    value: str


class _DecisionProof(msgspec.Struct, frozen=True, kw_only=True):
    format: str = DECISION_PROOF
    leaf: str
    leaf_data: str
    values: dict[str, _Shown]
    segment: _Path
    entry: str
    log: _Path
    checkpoint: str


def decision_proof(
    leaf_data: bytes,
    leaf_hash: bytes,
    shown: Mapping[str, tuple[bytes, bytes]],
    *,
    segment: Inclusion,
    entry: bytes,
    log: Inclusion,
    checkpoint: bytes,
) -> bytes:
    """The JSON file that proves one decision.

    `leaf_data` is what the leaf hash is taken of: canonical MessagePack of a map from path to
    salted digest. `shown` gives the values that are disclosed, by path: the salt, and the
    canonical MessagePack of the value; leave out what the reader may not see. `segment` places
    the leaf in its segment; `entry` holds the canonical bytes of the entry that sealed the
    segment; `log` places that entry in the tree of `checkpoint`, a signed note. Hashes and salts
    are written in hexadecimal, MessagePack in base64.
    """
    if segment.root(leaf_hash) is None:
        raise BadInput("the path within the segment does not fit its index and size")
    proof = _DecisionProof(
        leaf=leaf_hash.hex(),
        leaf_data=base64.b64encode(leaf_data).decode(),
        values={
            path: _Shown(salt.hex(), base64.b64encode(value).decode())
            for path, (salt, value) in sorted(shown.items())
        },
        segment=_Path.of(segment),
        entry=entry.decode(),
        log=_Path.of(log),
        checkpoint=checkpoint.decode(),
    )
    return msgspec.json.format(msgspec.json.encode(proof), indent=2) + b"\n"
