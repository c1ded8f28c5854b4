"""Values as JSON and as plain dicts: the one wire form."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from seawall.kernel.errors import BadInput
from seawall.kernel.identity import Digest

T = TypeVar("T")


def encode_hook(value: object) -> str:
    """What msgspec does not know by itself: a `Digest` is its text."""
    if isinstance(value, Digest):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no wire form")


def decode_hook(type_: type, value: object) -> object:
    """The inverse of `encode_hook`."""
    if type_ is Digest:
        if isinstance(value, str):
            return Digest.parse(value)
        raise ValueError("expected a digest")
    raise NotImplementedError(f"{type_.__name__} has no wire form")


def to_json(value: object) -> bytes:
    """A value as JSON with sorted keys: equal values give equal bytes."""
    return msgspec.json.encode(value, enc_hook=encode_hook, order="sorted")


def from_json(data: bytes | str, type_: type[T]) -> T:
    """The value of this type that the JSON says; raises `BadInput` naming the place."""
    try:
        return msgspec.json.decode(data, type=type_, dec_hook=decode_hook)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput(f"not a valid {type_.__name__}: {error}") from error


def to_builtins(value: object) -> Any:
    """A value as plain dicts, lists, strings and numbers, ready for JSON."""
    return msgspec.to_builtins(value, enc_hook=encode_hook)


def convert(value: object, type_: type[T]) -> T:
    """The typed value that plain dicts and lists say; raises `BadInput` naming the place."""
    try:
        return msgspec.convert(value, type_, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise BadInput(f"not a valid {type_.__name__}: {error}") from error
