"""What of an input may be kept in the decision log: each field plain, digested, as a token or not.

A token is the same for the same value of the same field under one key, so that records can be
joined on it. A digest is salted, so that no two are alike; who holds the key can check a claimed
value against either. Both are keyed with HMAC-SHA256: without the key, trying out every value of a
small domain gets nobody anywhere.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from seawall.kernel import BadInput, nearest

PrivacyRule = Literal["plain", "digest", "token", "drop"]

_KEPT = re.compile(r"(?:token|digest:(?P<salt>[0-9a-f]{32})):(?P<mac>[0-9a-f]{64})")
_canonical = msgspec.msgpack.Encoder(order="sorted").encode


def _mac(key: bytes, field: str, salt: bytes, value: Any) -> str:
    return hmac.digest(key, _canonical([field, salt, value]), "sha256").hex()


def token(field: str, value: Any, key: bytes) -> str:
    """The keyed pseudonym of a value, `token:` and 64 hexadecimal digits."""
    return "token:" + _mac(key, field, b"", value)


def digest(field: str, value: Any, key: bytes) -> str:
    """The salted keyed digest of a value, `digest:SALT:` and 64 hexadecimal digits."""
    salt = secrets.token_bytes(16)
    return f"digest:{salt.hex()}:{_mac(key, field, salt, value)}"


def is_value(kept: str, field: str, value: Any, key: bytes) -> bool:
    """Whether a kept token or digest was made of this value; raises `BadInput` if it is neither."""
    form = _KEPT.fullmatch(kept)
    if form is None:
        raise BadInput(f"{kept[:60]!r} is neither a token nor a digest", where=field)
    salt = bytes.fromhex(form["salt"] or "")
    return hmac.compare_digest(form["mac"], _mac(key, field, salt, value))


def apply_privacy(
    input_: Mapping[str, Any], rules: Mapping[str, PrivacyRule], key: bytes
) -> dict[str, Any]:
    """The input as the decision log may keep it.

    `rules` go by field; `*` stands for every field without one of its own, and without `*` those
    are kept plain. An absent value (None) stays None under each rule but `drop`: that it was absent
    is what the model saw. Raises `BadInput` for a rule that does not exist, and for a token or
    digest without a key of at least 16 bytes.
    """
    others = rules.get("*", "plain")
    kept: dict[str, Any] = {}
    for field, value in input_.items():
        rule = rules.get(field, others)
        if rule == "plain":
            kept[field] = value
        elif rule == "drop":
            continue
        elif rule not in ("token", "digest"):
            known = get_args(PrivacyRule)
            raise BadInput(f"no privacy rule {rule!r}", where=field, remedy=nearest(rule, known))
        elif len(key) < 16:
            raise BadInput("the privacy key is too short", where=field, remedy="give 16 bytes")
        elif value is None:
            kept[field] = None
        else:
            kept[field] = token(field, value, key) if rule == "token" else digest(field, value, key)
    return kept
