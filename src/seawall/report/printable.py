"""Documents without control characters, which steer a terminal and are not allowed in XML."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

_PICTURES = {c: " " if chr(c).isspace() else chr(0x2400 + c) for c in range(0x20)}
_OTHERS = {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), "\ufffd")
_LINES = {0x2028: " ", 0x2029: " "}
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")
"""They turn the direction of text, so that it reads otherwise than it is."""
_SHOWN = _PICTURES | _OTHERS | _LINES | _TURNING
T = TypeVar("T")


def printable(value: T) -> T:
    """The same document, or part of one, whose control characters are seen and do nothing."""
    return _printable(value)


def on_one_line(text: str) -> str:
    """Line ends as spaces, other control characters as their pictures (␛)."""
    return text.translate(_SHOWN)


def _printable(value: Any) -> Any:
    if type(value) is str:  # not Outcome, which is a str as well
        return value if value.isprintable() else on_one_line(value)
    if isinstance(value, (tuple, list)):
        items: Any = value
        return type(items)([_printable(item) for item in items])
    if isinstance(value, dict):
        fields: dict[str, Any] = value
        return {_printable(k): _printable(v) for k, v in fields.items()}
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(
            value, **{f: _printable(getattr(value, f)) for f in value.__struct_fields__}
        )
    return value
