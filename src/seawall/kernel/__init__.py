"""The words every room shares: identity, time, estimates, verdicts, rules, events, errors.

Everything here is a frozen value or a pure function; nothing opens a file or a socket.
"""

from seawall.kernel.errors import (
    BadInput,
    Conflict,
    Corrupt,
    Forbidden,
    NotFound,
    SeawallError,
    Unauthenticated,
    Unavailable,
    nearest,
)
from seawall.kernel.identity import (
    SYSTEM,
    Actor,
    Digest,
    Ids,
    id_time,
)
from seawall.kernel.judgement import (
    Estimate,
    Outcome,
    Reason,
    Rule,
    Validity,
    Verdict,
    all_of,
)
from seawall.kernel.moment import (
    Clock,
    FixedClock,
    SystemClock,
    Window,
    from_ns,
    now,
    to_ns,
)
from seawall.kernel.randomness import random_bytes
from seawall.kernel.state import (
    Event,
    R,
    Record,
    Store,
    Transaction,
)
from seawall.kernel.wire import (
    convert,
    decode_hook,
    encode_hook,
    from_json,
    to_builtins,
    to_json,
)

__all__ = [
    "SYSTEM",
    "Actor",
    "BadInput",
    "Clock",
    "Conflict",
    "Corrupt",
    "Digest",
    "Estimate",
    "Event",
    "FixedClock",
    "Forbidden",
    "Ids",
    "NotFound",
    "Outcome",
    "R",
    "Reason",
    "Record",
    "Rule",
    "SeawallError",
    "Store",
    "SystemClock",
    "Transaction",
    "Unauthenticated",
    "Unavailable",
    "Validity",
    "Verdict",
    "Window",
    "all_of",
    "convert",
    "decode_hook",
    "encode_hook",
    "from_json",
    "from_ns",
    "id_time",
    "nearest",
    "now",
    "random_bytes",
    "to_builtins",
    "to_json",
    "to_ns",
]
