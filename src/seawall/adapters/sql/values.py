"""Records as text in a column and back."""

from __future__ import annotations

import math
from typing import Any, cast

import msgspec

from seawall.kernel import (
    BadInput,
    Corrupt,
    R,
    Record,
    decode_hook,
    to_builtins,
    to_json,
)


def encode(value: Record) -> str:
    """The record as JSON; infinite and undefined numbers, which JSON lacks, become strings."""
    body = to_json(value)
    if b"null" in body:
        body = to_json(_spelled(to_builtins(value)))
    return body.decode()


def decode(body: str, type_: type[R], key: str) -> R:
    """The record that the text says; raises `Corrupt` when it is none of this type."""
    for strict in (True, False):  # the second reads "inf" where a number stands
        try:
            return msgspec.json.decode(body, type=type_, strict=strict, dec_hook=decode_hook)
        except msgspec.MsgspecError as error:
            reason = str(error)
        except BadInput as error:
            reason = error.what
    raise Corrupt(
        f"the stored {type_.kind} {key!r} does not read as one: {reason}",
        remedy="it was written by another version, or altered",
    )


def checked_key(key: str) -> str:
    """The key, if both databases can hold it; raises `BadInput`."""
    if not key or "\x00" in key or any("\ud800" <= c <= "\udfff" for c in key):
        raise BadInput(f"{key[:80]!r} cannot be a key", remedy="use printable text")
    return key


def end_of_prefix(prefix: str) -> str | None:
    """The first key after all that begin with the prefix; None when there is no such key."""
    for at in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[at]) + 1
        if point <= 0x10FFFF:
            return prefix[:at] + chr(0xE000 if 0xD800 <= point <= 0xDFFF else point)
    return None


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {k: _spelled(v) for k, v in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_spelled(v) for v in cast("list[Any]", value)]
    return value
