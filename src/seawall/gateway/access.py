"""Who may ask a gateway for what: callers' tokens, checked without the control plane.

The file holds hashes only. A token has 256 random bits, so that one pass of SHA-256 is enough:
there is no dictionary to try. It is looked up by its hash, and what the time of a look-up tells of
a hash tells nothing of a token that has it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import structlog

from seawall.gateway.state import replace
from seawall.kernel import BadInput, Clock, Conflict, Forbidden, NotFound, Unauthenticated, nearest

Scope = Literal["decide", "outcomes", "actions", "overrides", "events", "kill"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_log: Any = structlog.get_logger("seawall.gateway")


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A caller's name and what it may do; `sha256` is of the whole token, in hexadecimal."""

    name: str
    sha256: str
    endpoints: tuple[str, ...]
    scopes: tuple[Scope, ...]
    expires: datetime | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: tuple[Token, ...]


class Access:
    """The tokens of a file, read again when the file has changed."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._stamp = _stamp(path)
        self._tokens = {t.sha256: t for t in read_tokens(path)}

    def reload(self) -> None:
        """Take a changed file; what cannot be read is logged, and the tokens stay as they were."""
        try:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._tokens = {t.sha256: t for t in read_tokens(self._path)}
        except BadInput as error:
            _log.error("tokens not read; the last ones stay", error=str(error))
        else:
            _log.info("tokens", count=len(self._tokens))

    def caller(self, authorization: bytes | None, endpoints: Sequence[str], scope: Scope) -> str:
        """The name of whoever may do this at all of these endpoints.

        Raises `Unauthenticated` without a valid token, `Forbidden` for one that is not enough.
        """
        kind, _, secret = (authorization or b"").partition(b" ")
        if kind.lower() != b"bearer":
            raise Unauthenticated("no token", remedy="send `authorization: Bearer TOKEN`")
        token = self._tokens.get(hashlib.sha256(secret.strip()).hexdigest())
        if token is None:
            raise Unauthenticated("the token is not known here")
        if token.expires is not None and token.expires.timestamp() * 1e9 <= self._clock.now_ns():
            raise Unauthenticated(f"the token of {token.name} expired at {token.expires}")
        if scope not in token.scopes:
            raise Forbidden(f"the token of {token.name} has no scope {scope}")
        for endpoint in endpoints:
            if endpoint not in token.endpoints:
                raise Forbidden(f"the token of {token.name} is not for endpoint {endpoint}")
        return token.name


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens of a file; raises `BadInput`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).tokens
    except OSError as error:
        raise BadInput(f"no tokens: {error.strerror}", where=str(path)) from None
    except msgspec.DecodeError as error:
        raise BadInput(f"this is no file of tokens: {error}", where=str(path)) from None


def new_token(
    path: Path,
    name: str,
    endpoints: Sequence[str],
    scopes: Sequence[Scope],
    expires: datetime | None,
) -> str:
    """Add a caller to a file and give its token, which is kept nowhere.

    Raises `BadInput` for a name that is none, `Conflict` for one that is there.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name[:80]!r} is no name", remedy="use letters, digits and hyphens")
    tokens = read_tokens(path) if path.exists() else ()
    if any(t.name == name for t in tokens):
        raise Conflict(f"{name} has a token", where=str(path), remedy="choose another name")
    secret = f"swl_{name}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    made = Token(name, digest, tuple(endpoints), tuple(scopes), expires)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, (*tokens, made))
    return secret


def revoke_token(path: Path, name: str) -> None:
    """Take a caller out of a file; raises `NotFound`."""
    tokens = read_tokens(path)
    names = [t.name for t in tokens]
    if name not in names:
        raise NotFound(f"no token of {name[:80]!r}", where=str(path), remedy=nearest(name, names))
    _write(path, tuple(t for t in tokens if t.name != name))


def _write(path: Path, tokens: tuple[Token, ...]) -> None:
    text = msgspec.json.format(msgspec.json.encode(_File(tokens)), indent=2)
    replace(path, text + b"\n")
    path.chmod(0o600)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise BadInput(f"no tokens: {error.strerror}", where=str(path)) from None
    return found.st_mtime_ns, found.st_ino, found.st_size
