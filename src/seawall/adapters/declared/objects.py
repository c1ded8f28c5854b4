"""From documents to typed objects; an error is one line that says where and what was meant."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec

from seawall.adapters.declared.documents import Place, Source, sources
from seawall.kernel import BadInput, Record, SeawallError, convert, nearest

API_VERSION = "seawall/v1"

Reader: TypeAlias = type[Any] | Callable[[Mapping[str, Any]], Any]
"""A type, filled from `metadata.name` and `spec`; or a function of the whole document, for kinds
in another's format (OpenSLO)."""

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.{3})\]")
_ENVELOPE = ("apiVersion", "kind", "metadata", "spec")


class Declared(msgspec.Struct, frozen=True):
    """A declared object: its kind as written, the typed value, and the document it came from."""

    kind: str
    value: Record
    source: Source


def read(path: Path, kinds: Mapping[str, Reader]) -> list[Declared]:
    """The objects declared in a file or folder, in order; `kinds` says how each kind is read.

    Raises `BadInput` at the first fault, with file and line, and the nearest known kind or field.
    """
    return [typed(source, kinds) for source in sources(path)]


def typed(source: Source, kinds: Mapping[str, Reader]) -> Declared:
    """The typed object of one document; raises as `read` does."""
    kind = source.content.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        what = f"kind {kind!r} is unknown" if kind else "the document has no kind"
        raise BadInput(what, where=source.where(("kind",)), remedy=nearest(str(kind), kinds))
    reader = kinds[kind]
    if not (isinstance(reader, type) and issubclass(reader, msgspec.Struct)):
        return Declared(kind, _located(source, lambda: reader(source.content)), source)
    fields = _spec(source, kind)
    try:
        value = _located(source, lambda: _convert(fields, reader))
    except msgspec.ValidationError as error:
        raise _explain(error, source, reader) from error
    return Declared(kind, value, source)


def _convert(fields: dict[str, Any], type_: type[Any]) -> Any:
    """As the kernel's `convert`, with msgspec's own error, whose path names the line."""
    try:
        return convert(fields, type_)
    except BadInput as error:
        if isinstance(error.__cause__, msgspec.ValidationError):
            raise error.__cause__ from None
        raise


def _spec(source: Source, kind: str) -> dict[str, Any]:
    content = source.content
    if content.get("apiVersion") != API_VERSION:
        raise BadInput(
            f"apiVersion {content.get('apiVersion')!r} is unknown",
            where=source.where(("apiVersion",)),
            remedy=f"write apiVersion: {API_VERSION}",
        )
    for field in content:
        if field not in _ENVELOPE:
            raise BadInput(
                f"{field!r} is no part of a document",
                where=source.where((str(field),)),
                remedy=nearest(str(field), _ENVELOPE),
            )
    metadata, spec = content.get("metadata"), content.get("spec")
    name = cast("dict[str, Any]", metadata).get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise BadInput(
            f"this {kind} has no metadata.name",
            where=source.where(("metadata",)),
            remedy="write metadata: {name: …}",
        )
    if not isinstance(spec, dict):
        raise BadInput(f"{kind} {name!r} has no spec", where=source.where(("spec",)))
    fields = cast("dict[str, Any]", spec)
    if "name" in fields:
        raise BadInput(
            "the name stands in metadata, not in spec", where=source.where(("spec", "name"))
        )
    return {"name": name, **fields}


def _located(source: Source, make: Callable[[], Any]) -> Any:
    """What `make` gives; an error of ours without a place gets the document's."""
    try:
        return make()
    except SeawallError as error:
        where = source.where()
        raise error.at(f"{where}, {error.where}" if error.where else where) from error


def _explain(error: msgspec.ValidationError, source: Source, type_: type[Any]) -> BadInput:
    message, _, at = str(error).partition(" - at `$")
    path = tuple(
        name if name else int(index) if index else dots
        for name, index, dots in _STEP.findall(at.rstrip("`"))
    )
    place: Place = ("metadata", "name") if path == ("name",) else ("spec", *path)
    remedy = ""
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", message):
        known = _fields(_type_at(type_, path))
        place = (*place, unknown[1])
        message = f"{unknown[1]!r} is no field here"
        remedy = nearest(unknown[1], known) if known else ""
    elif missing := re.fullmatch(r"Object missing required field `(.+)`", message):
        message = f"{missing[1]!r} is missing"
        remedy = f"add {missing[1]}: …"
    elif enum := re.fullmatch(r"Invalid enum value (.+)", message):
        message = f"{enum[1]} is none of the values allowed"
        remedy = nearest(enum[1].strip("'"), _choices(_type_at(type_, path)))
    dotted = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")
    return BadInput(message, where=f"{source.where(place)}, {dotted}", remedy=remedy)


def _type_at(type_: Any, path: Place) -> Any:
    """The type that msgspec expects at a path; None when it cannot be told."""
    for step in path:
        type_ = _bare(type_)
        if isinstance(step, str) and isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            fields = {f.encode_name: f.type for f in msgspec.structs.fields(type_)}
            type_ = fields.get(step)
        else:
            arguments = typing.get_args(type_)
            last = isinstance(step, str) and len(arguments) == 2
            type_ = arguments[1 if last else 0] if arguments else None
    return _bare(type_)


def _bare(type_: Any) -> Any:
    """A type without `| None`."""
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        return next((a for a in typing.get_args(type_) if a is not type(None)), None)
    return type_


def _fields(type_: Any) -> tuple[str, ...]:
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return tuple(f.encode_name for f in msgspec.structs.fields(type_))
    return ()


def _choices(type_: Any) -> tuple[str, ...]:
    if typing.get_origin(type_) is typing.Literal:
        return tuple(str(a) for a in typing.get_args(type_))
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return tuple(member.value for member in type_)
    return ()
