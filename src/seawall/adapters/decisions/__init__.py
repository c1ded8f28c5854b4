"""The decision log: a write-ahead log beside the gateway, and the Delta tables it is shipped to.

The life of one record. `DecisionLog.append` frames it (frame.py) and writes it to the gateway's
open file (wal.py); the reply waits for that write, or for the sync after it. After so many rows or
seconds the file is sealed. `ship` (ship.py) hashes a sealed file's records into a Merkle tree, adds
them to `TABLE/decisions` in one Delta commit that carries the file's number, notes the tree's root
in `TABLE/segments`, and only then deletes the file; outcomes go to `TABLE/outcomes` likewise, what
shadows said to `TABLE/shadows`. Any of these steps may be the last before a crash: the next run
takes up where it stopped, and every acknowledged record is in the table exactly once. Who follows
the log while it is written (tail.py) may keep a file from being shipped before it was read. `find`,
`prove` and the others (query.py) read the tables, and the files that are still to be shipped.
"""

from seawall.adapters.decisions.audit import fairness_rows
from seawall.adapters.decisions.compaction import Compacted, compact
from seawall.adapters.decisions.erasure import carry_out
from seawall.adapters.decisions.erasures import record_erasure
from seawall.adapters.decisions.keyring import Keyring
from seawall.adapters.decisions.log import DecisionLog
from seawall.adapters.decisions.query import (
    find,
    find_subject,
    outcomes_of,
    prove,
    recent,
    sample,
    segments,
    story,
    told_of,
)
from seawall.adapters.decisions.segment import Segment
from seawall.adapters.decisions.shadows import ShadowScore
from seawall.adapters.decisions.ship import ship
from seawall.adapters.decisions.told import check_told

__all__ = [
    "Compacted",
    "DecisionLog",
    "Keyring",
    "Segment",
    "ShadowScore",
    "carry_out",
    "check_told",
    "compact",
    "fairness_rows",
    "find",
    "find_subject",
    "outcomes_of",
    "prove",
    "recent",
    "record_erasure",
    "sample",
    "segments",
    "ship",
    "story",
    "told_of",
]
