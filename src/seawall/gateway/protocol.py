"""Which protocol a request speaks: how its rows are read, and how they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote_to_bytes

import msgspec

from seawall.gateway.given import Given, given_any, given_plainly
from seawall.gateway.live import Live
from seawall.gateway.reply import Reply, decided_headers, invocation, rows
from seawall.gateway.request import (
    Ask,
    parse_csv,
    parse_infer,
    parse_inputs,
    parse_invocation,
    parse_records,
)
from seawall.gateway.service import Decided
from seawall.gateway.tensors import infer
from seawall.kernel import SeawallError
from seawall.serving.remote import RemoteServer

_JSON, _CSV, _OCTETS = "application/json", "text/csv", "application/octet-stream"
_LENGTH = b"inference-header-content-length"
_encode = msgspec.json.Encoder().encode


class Unsupported(SeawallError):
    """A media type or charset that is not read here."""

    http = 415


class Call(msgspec.Struct, frozen=True):
    """A request for decisions: of which endpoint and version, its rows, and the form of a reply."""

    endpoint: str | None
    """None for the gateway's first."""
    version: str | None
    parse: Callable[[Live], Ask]
    answer: Callable[[Decided, Ask], Reply]


def call_of(path: Sequence[str], headers: Mapping[bytes, bytes], body: bytes) -> Call | None:
    """The call that a POST to this path makes, None when it makes none.

    Raises `Unsupported` for a media type that the protocol does not read.
    """
    match tuple(path):
        case ("invocations",):
            return _invocation(None, headers, body)
        case ("endpoints", name, "invocations"):
            return _invocation(name, headers, body)
        case ("endpoints", name, "decide"):
            if _media_type(headers, _JSON, _CSV) == _CSV:
                return Call(name, None, lambda live: _csv(live, body), _records)
            return Call(name, None, lambda _: parse_records(body), _records)
        case ("v2", "models", name, "infer"):
            return _infer(name, None, headers, body)
        case ("v2", "models", name, "versions", version, "infer"):
            return _infer(name, version, headers, body)
        case _:
            return None


def observed(
    path: bytes, headers: Mapping[bytes, bytes], body: bytes, live: Live, server: RemoteServer
) -> Given | None:
    """What a POST asks of a server in its own protocol, None for other paths.

    Raises `BadInput` and `Unsupported` for what cannot be read.
    """
    if (
        server.protocol == "mlflow"
        and path == b"/invocations"
        and (headers.get(b"content-type") == _JSON.encode())
        and (given := given_plainly(live, body))
    ):
        return given
    parts = tuple(unquote_to_bytes(p).decode("utf-8", "replace") for p in path.split(b"/") if p)
    if server.protocol == "mlflow":
        call = call_of(parts, headers, body) if parts == ("invocations",) else None
        return given_any(live, call.parse(live)) if call else None
    match parts:
        case ("v2", "models", name, "infer"):
            version = server.version
        case ("v2", "models", name, "versions", version, "infer"):
            pass
        case _:
            return None
    if name != server.model or version not in ("", server.version or version):
        return None
    length = headers.get(_LENGTH)
    _media_type(headers, _JSON, *(() if length is None else (_OCTETS,)))
    said = None if length is None else length.decode("latin-1")
    return given_any(live, parse_inputs(body, said, live.names))


def only_json(headers: Mapping[bytes, bytes]) -> None:
    """Raise `Unsupported` unless the body is JSON in UTF-8."""
    _media_type(headers, _JSON)


def _infer(name: str, version: str | None, headers: Mapping[bytes, bytes], body: bytes) -> Call:
    length = headers.get(_LENGTH)
    _media_type(headers, _JSON, *(() if length is None else (_OCTETS,)))
    said = None if length is None else length.decode("latin-1")
    return Call(
        name, version, lambda live: parse_infer(body, said, live.names, live.outputs), infer
    )


def _invocation(name: str | None, headers: Mapping[bytes, bytes], body: bytes) -> Call:
    if _media_type(headers, _JSON, _CSV) == _CSV:
        return Call(name, None, lambda live: _csv(live, body), lambda d, _: invocation(d))
    return Call(
        name, None, lambda live: parse_invocation(body, live.names), lambda d, _: invocation(d)
    )


def _csv(live: Live, body: bytes) -> Ask:
    return parse_csv(body, live.bundle.signature)


def _records(decided: Decided, ask: Ask) -> Reply:
    """An answer for an object, a list of them for a list."""
    answered = rows(decided)
    return Reply(200, decided_headers(decided), _encode(answered[0] if ask.single else answered))


def _media_type(headers: Mapping[bytes, bytes], *allowed: str) -> str:
    """The body's media type, JSON where none is named."""
    given = headers.get(b"content-type", _JSON.encode()).decode("latin-1").lower()
    kind, *options = given.split(";")
    if kind.strip() not in allowed:
        raise Unsupported(
            f"{kind.strip()[:80]!r} is not read here", remedy=f"send {' or '.join(allowed)}"
        )
    for option in options:
        name, _, value = option.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
            raise Unsupported(f"charset {value[:40]!r} is not read here", remedy="send utf-8")
    return kind.strip()
