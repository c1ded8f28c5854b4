"""One line of the audit log: who did what to what, and the facts of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import rfc8785

from seawall.audit.tiles import MAX_ENTRY
from seawall.kernel import BadInput, Corrupt, to_builtins

_LARGEST = 2**53 - 1  # above it RFC 8785 knows floats only
_ACTION = re.compile(r"[a-z_]+:[a-z_]+:[a-z_]+")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An act and its facts. `action` reads source:subject:action; `time` has a zone.

    `detail` holds JSON values; payloads stand there as digests, personal data never.
    """

    id: str
    time: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not _ACTION.fullmatch(self.action):
            raise ValueError(f"audit action {self.action!r} must read source:subject:action")


def canonical(entry: Entry) -> bytes:
    """The entry as canonical JSON (RFC 8785); its leaf hash is taken over these bytes.

    Times are UTC with six decimals. Raises `BadInput` above 65,535 bytes, for a time without
    zone, and for values that JSON cannot say (not a number, integers beyond ±2⁵³).
    """
    if entry.time.tzinfo is None:
        raise BadInput("an audit entry's time has no zone", where=entry.action)
    time = entry.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    try:
        data = rfc8785.dumps(
            {
                "id": entry.id,
                "time": time,
                "actor": entry.actor,
                "action": entry.action,
                "subject": entry.subject,
                "detail": to_builtins(entry.detail),
            }
        )
    except (rfc8785.CanonicalizationError, TypeError, NotImplementedError) as error:
        raise BadInput(
            f"an audit entry's detail cannot be written as JSON: {error}", where=entry.action
        ) from None
    if len(data) > MAX_ENTRY:
        raise BadInput(
            f"an audit entry of {len(data):,} bytes is above {MAX_ENTRY:,}",
            where=entry.action,
            remedy="store the payload as an object and log its digest",
        )
    return data


def parse(data: bytes) -> Entry:
    """Read an entry; raises `Corrupt` unless the bytes are exactly its canonical form."""
    try:
        entry = msgspec.json.decode(data, type=Entry)
        entry = msgspec.structs.replace(entry, detail=_numbers(entry.detail))
        same = canonical(entry) == data
    except (msgspec.MsgspecError, BadInput) as error:
        raise Corrupt(f"the bytes are not an audit entry: {error}") from None
    if not same:
        raise Corrupt("the bytes are not the canonical form of the entry they hold")
    return entry


def _numbers(value: Any) -> Any:
    """JSON values as they were: a whole number that only a float could have been is one."""
    if isinstance(value, dict):
        return {name: _numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if type(value) is int and abs(value) > _LARGEST:
        return float(value)
    return value
