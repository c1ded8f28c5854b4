"""argon2id of token secrets, with a memory of those that were verified lately.

argon2 is slow by design, some tens of milliseconds, which every request would pay. A secret that
was verified is remembered by SHA-256 over (hash, secret), so that a second request is quick, and
a token whose stored hash changes or goes is not remembered.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

REMEMBERED = 4_096
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's minimum
_lock = threading.Lock()
_verified: OrderedDict[bytes, None] = OrderedDict()


def hash_secret(secret: str) -> str:
    """The argon2id hash of a secret, in PHC string format."""
    return _hasher.hash(secret)


def verify_secret(hash_: str, secret: str) -> bool:
    """Whether this secret has that hash. A wrong one is never remembered."""
    seen = hashlib.sha256(f"{len(hash_)}:{hash_}{secret}".encode()).digest()
    with _lock:
        if seen in _verified:
            _verified.move_to_end(seen)
            return True
    try:
        _hasher.verify(hash_, secret)
    except (VerificationError, InvalidHashError):
        return False
    with _lock:
        _verified[seen] = None
        while len(_verified) > REMEMBERED:
            _verified.popitem(last=False)
    return True
