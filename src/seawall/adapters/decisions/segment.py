"""A shipped file of the decision log, as a Merkle tree over its records."""

from __future__ import annotations

from datetime import datetime

import msgspec

from seawall.audit.proof import Inclusion
from seawall.kernel import Corrupt
from seawall.serving.decision import DecisionRecord, disclose, leaf_data, leaf_hash


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one file, in the order they were appended.

    `root` is the root of the tree over their leaf hashes (RFC 6962), 64 hexadecimal digits: put it
    into the audit log. `damaged` counts the spans of the file that could not be read; what they
    held is not in the segment.
    """

    id: str
    gateway: str
    count: int
    first_id: str
    last_id: str
    root: str
    first_time: datetime
    last_time: datetime
    damaged: int
    shipped: datetime


class DecisionProof(msgspec.Struct, frozen=True):
    """That a record stands in its segment: the leaf, the path to the root, and the root.

    `audit.evidence.decision_proof` takes `leaf_data`, `leaf_hash`, `shown` and `inclusion`.
    """

    record: DecisionRecord
    leaf_hash: bytes
    segment: str
    inclusion: Inclusion
    root: str

    @property
    def leaf_data(self) -> bytes:
        """What the leaf hash is taken of."""
        return leaf_data(self.record)

    @property
    def shown(self) -> dict[str, tuple[bytes, bytes]]:
        """The values that were not erased: salt and canonical MessagePack, by path."""
        return disclose(self.record)

    def check(self) -> None:
        """Raise `Corrupt` unless the record is the one that the segment's root vouches for."""
        where = f"decision {self.record.id}"
        if leaf_hash(self.record) != self.leaf_hash:
            raise Corrupt("the record is not the one that was logged", where=where)
        if not self.inclusion.verify(self.leaf_hash, bytes.fromhex(self.root)):
            raise Corrupt(f"the record is not in segment {self.segment}", where=where)
